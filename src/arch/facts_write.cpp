#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "arch/facts.h"
#include "arch/key_tables.h"
#include "arch/rope.h"

// The way from facts to the metadata of a GGUF and to config.json.
namespace recast {

namespace {

MetaValue meta_of(const KeyRow& row, const ModelFacts& model) {
  const Facts& f = model.facts;
  const auto convert = [&](double value) {
    return row.conversion ? row.conversion->to_gguf(value, model) : value;
  };
  switch (row.kind) {
    case KeyKind::flag: return MetaValue::boolean(f.flag(row.fact));
    case KeyKind::text: return MetaValue::string(std::string(f.text(row.fact)));
    case KeyKind::real:
    case KeyKind::optional_real:
      return MetaValue::f32(static_cast<float>(convert(f.real(row.fact))));
    case KeyKind::layer_types: {
      const auto list = f.list(row.fact);
      return MetaValue::booleans({list.begin(), list.end()});
    }
    case KeyKind::layer_flags:
    case KeyKind::layer_indices: {
      const auto list = f.list(row.fact);
      return MetaValue::i32s({list.begin(), list.end()});
    }
    case KeyKind::integer:
    case KeyKind::count:
    case KeyKind::optional_integer: break;
  }
  return MetaValue::u32(
      static_cast<uint32_t>(std::llround(convert(static_cast<double>(f.integer(row.fact))))));
}

// Whether GGUF has a key for a row.
bool is_held(const KeyRow& row) {
  return !row.gguf.empty() && row.gguf_written && !is_tensor_rule(row.gguf);
}

bool is_written(const KeyRow& row, const ModelFacts& model) {
  if (!is_held(row) || !model.facts.has(row.fact)) return false;
  if (row.kind == KeyKind::optional_integer) return model.facts.integer(row.fact) > 0;
  if (row.kind == KeyKind::layer_types) {
    const auto list = model.facts.list(row.fact);
    return std::find(list.begin(), list.end(), 1) != list.end();
  }
  return true;
}

}  // namespace

Metadata gguf_metadata(const ModelFacts& model) {
  const Architecture& arch = *model.arch;
  const std::string prefix = std::string(arch.gguf) + ".";
  Metadata out;
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group)
      if (is_written(row, model)) out.set(prefix + std::string(row.gguf), meta_of(row, model));
  for (const auto& group : arch.gguf_keys)
    for (const GgufKey& row : group)
      if (auto value = row.value(model)) out.set(prefix + std::string(row.key), *value);
  write_rope_metadata(model, prefix, out);
  return out;
}

namespace {

json::Value number_of(const KeyRow& row, const Facts& facts) {
  switch (row.kind) {
    case KeyKind::flag: return facts.flag(row.fact);
    case KeyKind::text: return facts.text(row.fact);
    case KeyKind::real:
    case KeyKind::optional_real:
      return facts.has(row.fact) ? json::Value(facts.real(row.fact)) : json::Value(nullptr);
    case KeyKind::layer_types: {
      json::Array names;
      for (const int64_t window : facts.list(row.fact))
        names.emplace_back(window ? "sliding_attention" : "full_attention");
      return names;
    }
    case KeyKind::layer_flags: {
      json::Array flags;
      for (const int64_t flag : facts.list(row.fact)) flags.emplace_back(flag);
      return flags;
    }
    case KeyKind::layer_indices: {
      json::Array layers;
      const auto list = facts.list(row.fact);
      for (size_t i = 0; i < list.size(); ++i)
        if (list[i]) layers.emplace_back(static_cast<int64_t>(i));
      return layers;
    }
    case KeyKind::optional_integer:
      if (facts.integer(row.fact) == 0) return nullptr;
      break;
    case KeyKind::integer:
    case KeyKind::count: break;
  }
  return facts.integer(row.fact);
}

// Members of `constants` that the config does not have, those of objects inside too.
void add_missing(const json::Value& constants, json::Value& config) {
  for (const auto& [key, value] : *constants.as_object())
    if (json::Value* own = config.find(key); !own)
      config.set(key, value);
    else if (own->is_object() && value.is_object())
      add_missing(value, *own);
}
void add_constants(const Architecture& arch, json::Value& config) {
  add_missing(json::parse(arch.constants, {}), config);
}

void set_dtype(json::Value& config, std::string_view dtype) {
  if (dtype.empty()) return;
  config.set("dtype", dtype);
  config.set("torch_dtype", dtype);
}

void sort_members(json::Value& config) {
  std::sort(config.as_object()->begin(), config.as_object()->end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [key, value] : *config.as_object())
    if (value.is_object()) sort_members(value);
}

}  // namespace

json::Value config_from_facts(const ModelFacts& model, std::string_view dtype,
                              const Vocabulary* vocabulary) {
  const Architecture& arch = *model.arch;
  json::Value config{json::Object{}};
  config.set("architectures", json::Array{json::Value(words(arch.classes).front())});
  config.set("model_type", arch.name);
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group)
      if (!row.hf.empty() && !is_rope_fact(row.fact) && model.facts.has(row.fact))
        set_member(config, words(row.hf).front(), number_of(row, model.facts));
  write_rope_config(model, config);
  add_constants(arch, config);
  set_dtype(config, dtype);
  if (vocabulary) {
    const auto id = [&](std::string_view role) -> json::Value {
      const auto value = vocabulary->special_id(role);
      return value ? json::Value(static_cast<int64_t>(*value)) : json::Value(nullptr);
    };
    config.set("bos_token_id", id("bos"));
    config.set("eos_token_id", id("eos"));
    config.set("pad_token_id", id("padding"));
  }
  sort_members(config);
  return config;
}

json::Value complete_config(json::Value config, const ModelFacts& model, std::string_view dtype) {
  for (const auto& group : model.arch->keys)
    for (const KeyRow& row : group)
      if (!row.hf.empty() && !is_rope_fact(row.fact) && model.facts.has(row.fact) &&
          !spelled(config, row))
        set_member(config, words(row.hf).front(), number_of(row, model.facts));
  add_constants(*model.arch, config);
  set_dtype(config, dtype);
  return config;
}

void warn_of_runtime(const ModelFacts& model, const json::Value& config, const std::string& file,
                     std::vector<Finding>& warnings) {
  const Architecture& arch = *model.arch;
  const auto warn = [&](const ErrorCode& code, std::string_view key, std::string found,
                        std::string does) {
    add_warning(warnings, Error(code, {.where = key_where(key),
                                       .expected = "llama.cpp " + std::move(does),
                                       .found = printable(found),
                                       .file = file}));
  };
  const json::Value constants = json::parse(arch.constants, {});
  for (const IgnoredByGguf& row : arch.ignored) {
    const json::Value* value = member(config, row.key);
    const json::Value absent =
        row.key == "sliding_window" && model.facts.has(Fact::sliding_window)
            ? number_of(*find_key(arch, Fact::sliding_window), model.facts)
            : json::Value(nullptr);
    const std::string text = json::write(value ? *value : absent);
    if (!value && member(constants, row.key)) continue;  // the class default is what llama.cpp does
    if (!has_word(row.harmless, text)) warn(codes::runtime_ignores, row.key, text, std::string(row.what));
  }
  const Rope& rope = model.rope;
  const bool has_alpha = std::any_of(rope.unknown.begin(), rope.unknown.end(),
                                     [](const auto& member) { return member.first == "alpha"; });
  if (rope.type == "dynamic" && !has_alpha)
    warn(codes::runtime_ignores, "rope_scaling", "dynamic", "does not scale the positions");
  if (rope.type == "longrope" && !arch.gguf_longrope)
    warn(codes::runtime_ignores, "rope_scaling", "longrope", "does not scale the positions");
  if (rope.type == "yarn" && rope.attention_factor)
    warn(codes::runtime_ignores, "attention_factor", fmt::format("{}", *rope.attention_factor),
         "computes it from the factor");
  for (const auto& [key, value] : rope.unknown)
    if (key == "truncate" && value.as_bool() == false)
      warn(codes::runtime_ignores, key, "false", "rounds the bounds of yarn");
  for (const GgufLimit& limit : arch.limits) {
    if (!limit.applies(model)) continue;
    const json::Value* value = member(config, limit.key);
    const std::string found = value ? json::write(*value) : "the class default";
    if (limit.kind == GgufLimit::Kind::refused)
      fail(codes::gguf_cannot_say, {.where = key_where(limit.key),
                                    .expected = std::string(limit.what),
                                    .found = printable(found),
                                    .file = file});
    warn(limit.kind == GgufLimit::Kind::ignored ? codes::runtime_ignores : codes::runtime_refuses,
         limit.key, found, std::string(limit.what));
  }
}

namespace {

// Whether a row that GGUF holds has this key, or one inside it.
bool has_row(const Architecture& arch, const std::string& path, bool inside) {
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group)
      for (const std::string_view key : words(row.hf))
        if (inside ? key.starts_with(path + ".") : !row.gguf.empty() && key == path) return true;
  return false;
}

void add_unmapped(const Architecture& arch, const json::Value& config, const std::string& prefix,
                  std::vector<std::string>& out) {
  // Keys that the tokenizer, the writer or rope.cpp accounts for.
  static constexpr std::string_view handled =
      "architectures model_type dtype torch_dtype rope_parameters rope_theta rope_scaling "
      "partial_rotary_factor original_max_position_embeddings bos_token_id eos_token_id "
      "pad_token_id _name_or_path transformers_version";
  for (const auto& [key, value] : *config.as_object()) {
    const std::string path = prefix + key;
    if (value.is_object() && has_row(arch, path, true))
      add_unmapped(arch, value, path + ".", out);
    else if (!has_word(handled, path) && !has_row(arch, path, false))
      out.push_back(path);
  }
}

}  // namespace

std::vector<std::string> unmapped_config_keys(const Architecture& arch,
                                              const json::Value& config) {
  std::vector<std::string> out;
  if (config.is_object()) add_unmapped(arch, config, "", out);
  return out;
}

namespace {

// Numbers by value, objects in any order.
bool same_json(const json::Value& a, const json::Value& b) {
  if (a.is_number() && b.is_number()) return a.as_double() == b.as_double();
  if (const json::Array* x = a.as_array()) {
    const json::Array* y = b.as_array();
    return y && std::equal(x->begin(), x->end(), y->begin(), y->end(), same_json);
  }
  if (const json::Object* x = a.as_object()) {
    if (!b.is_object() || x->size() != b.as_object()->size()) return false;
    return std::all_of(x->begin(), x->end(), [&](const auto& member) {
      const json::Value* other = b.find(member.first);
      return other && same_json(member.second, *other);
    });
  }
  return json::write(a) == json::write(b);
}

// Whether the rope.* keys cannot say how positions are scaled.
bool outgrows_gguf(const Rope& rope) {
  return rope.type == "llama3" || rope.type == "dynamic" || rope.mscale || rope.mscale_all_dim ||
         !rope.unknown.empty();
}

}  // namespace

json::Value beyond_gguf(json::Value carried, const Architecture& arch) {
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group)
      if (is_held(row))
        for (const std::string_view key : words(row.hf)) carried.erase(key);
  return carried;
}

json::Value with_carried(const json::Value& config, const json::Value& carried,
                         const ModelFacts& model, const std::string& file) {
  json::Value out = config;
  if (const json::Object* members = carried.as_object())
    for (const auto& [key, value] : *members) out.set(key, value);
  std::vector<Finding> ignored;
  const ModelFacts told = facts_from_config(*model.arch, out, file, ignored);
  for (const auto& group : model.arch->keys)
    for (const KeyRow& row : group) {
      const Facts::Number *now = model.facts.find(row.fact), *then = told.facts.find(row.fact);
      if (!is_held(row) || !now || (then && *now == *then)) continue;
      for (const std::string_view key : words(row.hf))
        if (const json::Value* own = config.find(key))
          out.set(key, *own);
        else
          out.erase(key);
    }
  return out;
}

std::vector<std::string> keys_lost_in_gguf(const ModelFacts& model, const json::Value& config,
                                           const Checkpoint& gguf) {
  // A vocabulary alone does not say what shapes would.
  if (gguf.tensors.empty()) return unmapped_config_keys(*model.arch, config);
  std::vector<Finding> ignored;
  const ModelFacts back = facts_from_gguf(*model.arch, gguf, nullptr, ignored);
  const Vocabulary* vocabulary = gguf.vocabulary ? &*gguf.vocabulary : nullptr;
  const json::Value again = config_from_facts(back, "", vocabulary);
  std::vector<std::string> out;
  const json::Object* members = config.as_object();
  if (!members) return out;
  for (const auto& [key, value] : *members) {
    if (has_word("dtype torch_dtype _name_or_path", key)) continue;
    if (has_word("rope_parameters rope_scaling rope_theta", key) && !outgrows_gguf(model.rope))
      continue;
    const json::Value* found = again.find(key);
    if (!found || !same_json(value, *found)) out.push_back(key);
  }
  return out;
}

std::vector<std::string> lost_in_gguf(const Architecture& arch) {
  std::vector<std::string> out;
  if (arch.gguf.empty()) return out;
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group)
      if (row.gguf.empty() && !row.hf.empty() && row.fact != Fact::partial_rotary)
        out.push_back(fmt::format("{} = {}", words(row.hf).front(),
                                  row.fallback.starts_with('=') ? "by rule" : row.fallback));
  const json::Value constants = json::parse(arch.constants, {});
  for (const IgnoredByGguf& row : arch.ignored)
    if (const json::Value* value = constants.find(row.key))
      out.push_back(fmt::format("{} = {}", row.key, json::write(*value)));
  return out;
}

std::vector<std::string> limits_in_gguf(const Architecture& arch) {
  std::vector<std::string> out;
  for (const IgnoredByGguf& row : arch.ignored)
    out.push_back(fmt::format("{}: {}", row.key, row.what));
  for (const GgufLimit& limit : arch.limits)
    out.push_back(fmt::format("{}: {}{}", limit.key, limit.what,
                              limit.kind == GgufLimit::Kind::refused      ? " (refused)"
                              : limit.kind == GgufLimit::Kind::unloadable ? " (does not load)"
                                                                          : ""));
  return out;
}

}  // namespace recast
