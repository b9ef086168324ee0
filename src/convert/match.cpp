#include "convert/match.h"

#include <fmt/format.h>

#include <map>

#include "arch/facts.h"
#include "convert/carry.h"
#include "model/optimizer.h"

namespace recast {

ComparedModel open_compared(const std::string& path, const std::string& from) {
  ComparedModel side{.path = path, .source = open_source(path, ReadMode::mapped)};
  side.detection = detect(*side.source, from);
  side.model = side.detection.format->read(side.source, {});
  std::erase_if(side.model.tensors, is_optimizer_tensor);
  side.known = recognise(side.model, "");
  return side;
}

namespace {

// The family of both. A GGUF calls families that its runtime computes alike by one name, so the
// other side may know better. Null: none is known. Throws other_architecture.
const Architecture* common_architecture(const ComparedModel& a, const ComparedModel& b) {
  const Architecture *first = a.known.arch, *second = b.known.arch;
  if (!first || !second || first == second) return first ? first : second;
  if (first->gguf.empty() || first->gguf != second->gguf)
    fail(codes::other_architecture,
         {.where = b.known.evidence,
          .expected = fmt::format("{}, as {} is", first->name, printable(a.path)),
          .found = std::string(second->name),
          .file = b.path});
  return a.model.convention == Convention::gguf ? second : first;
}

ModelFacts facts_of(const ComparedModel& side, const Architecture& arch) {
  std::vector<Finding> ignored;
  if (side.model.convention == Convention::hf)
    return facts_from_config(arch, language_config(side.model.config), side.model.config_file,
                             ignored);
  const json::Value carried = beyond_gguf(believed_config(side.model, arch, ignored), arch);
  return facts_from_gguf(arch, side.model, carried, ignored);
}

// What a way through the roles leaves over.
std::map<std::string, std::string> leftovers(const Canonical& canonical) {
  std::map<std::string, std::string> out;
  for (const Canonical::Dropped& dropped : canonical.dropped) out[dropped.name] = dropped.rule;
  for (const std::string& name : canonical.other_modalities)
    out[name] = "no part of the language model";
  for (const std::string& name : canonical.unknown) out[name] = "no role in the architecture";
  return out;
}

Match match_by_role(const ComparedModel& a, const ComparedModel& b, const Architecture& arch) {
  // A file of bare weights is what the other side says.
  const ComparedModel& stating = has_own_facts(a.model) ? a : b;
  std::vector<Finding> ignored;
  const ModelFacts facts_a = facts_of(stating, arch);
  const ModelFacts facts_b = has_own_facts(b.model) ? facts_of(b, arch) : facts_a;
  const Canonical from = held_by(to_canonical(a.model, facts_a, ignored), b.model.convention);
  const Canonical to = held_by(to_canonical(b.model, facts_b, ignored), a.model.convention);
  Pairing pairing = pair_by_role(from, to);
  Match out{.pairs = std::move(pairing.pairs), .arch = &arch, .by_role = true};
  for (const Pairing::Single& single : pairing.only_source)
    out.only_a.push_back({single.name, "nothing of this role"});
  for (const Pairing::Single& single : pairing.only_target)
    out.only_b.push_back({single.name, "nothing of this role"});
  const auto rest_a = leftovers(from), rest_b = leftovers(to);
  const bool one_convention = a.model.convention == b.model.convention;
  for (const auto& [name, why] : rest_a) {
    const Tensor *left = a.model.find(name), *right = b.model.find(name);
    if (one_convention && left && right && rest_b.contains(name))
      out.pairs.push_back({name, name, {}, left->value, right->value});
    else
      out.only_a.push_back({name, why});
  }
  for (const auto& [name, why] : rest_b)
    if (!one_convention || !rest_a.contains(name)) out.only_b.push_back({name, why});
  return out;
}

Match match_by_name(const ComparedModel& a, const ComparedModel& b, const Architecture* arch,
                    std::string note) {
  Pairing pairing = pair_by_name(a.model.tensors, b.model.tensors);
  Match out{.pairs = std::move(pairing.pairs), .arch = arch, .note = std::move(note)};
  for (Pairing::Single& single : pairing.only_source) out.only_a.push_back({single.name, ""});
  for (Pairing::Single& single : pairing.only_target) out.only_b.push_back({single.name, ""});
  return out;
}

}  // namespace

Match match(const ComparedModel& a, const ComparedModel& b) {
  const Architecture* arch = common_architecture(a, b);
  const bool one_convention = a.model.convention == b.model.convention;
  if (one_convention && !arch) return match_by_name(a, b, nullptr, "no architecture is known");
  if (one_convention && !has_own_facts(a.model) && !has_own_facts(b.model))
    return match_by_name(a, b, arch, "no config says what the tensors are");
  if (!arch) arch = require_architecture(a.model, "").arch;
  if (!one_convention) return match_by_role(a, b, *arch);
  try {
    return match_by_role(a, b, *arch);
  } catch (const Error& error) {
    return match_by_name(a, b, arch, error.what());
  }
}

}  // namespace recast
