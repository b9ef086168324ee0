#include "arch/recognise.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>

#include "arch/canonical.h"
#include "arch/derive.h"

namespace recast {

namespace {

bool same_word(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
    return std::tolower(x) == std::tolower(y);
  });
}

const std::string* text_member(const json::Value& config, std::string_view key) {
  const json::Value* value = config.find(key);
  return value ? value->as_string() : nullptr;
}

std::string class_of(const json::Value& config) {
  const json::Value* list = config.find("architectures");
  const json::Array* array = list ? list->as_array() : nullptr;
  const std::string* name = array && !array->empty() ? array->front().as_string() : nullptr;
  return name ? *name : "";
}

// The family of a GGUF name; several share one and are told apart by what the file has.
const Architecture* by_gguf_name(std::string_view name, const Checkpoint& source) {
  const Architecture* usual = nullptr;
  for (const Architecture* arch : all_architectures()) {
    if (arch->gguf != name) continue;
    if (arch->gguf_matches && arch->gguf_matches(source)) return arch;
    if (!arch->gguf_matches && !usual) usual = arch;
  }
  return usual;
}

// The language part of a config that describes several parts.
Recognition by_text_config(const json::Value& config) {
  const json::Value* text = language_member(config);
  if (!text) return {};
  const std::string* type = text_member(*text, "model_type");
  const Architecture* arch = type ? find_architecture(*type) : nullptr;
  const std::string* outer = text_member(config, "model_type");
  if (!type && outer)
    for (const Architecture* candidate : all_architectures())
      if (has_word(candidate->text_of, *outer)) arch = candidate;
  const std::string shown = type ? *type : outer ? *outer : "";
  return {arch, fmt::format("config.json: text_config.model_type is {}", printable(shown)), shown};
}

Recognition by_config(const Checkpoint& source) {
  const std::string name = class_of(source.config);
  const std::string* type = text_member(source.config, "model_type");
  if (!name.empty())
    if (const Architecture* arch = find_architecture(name))
      return {arch, fmt::format("config.json: architectures[0] is {}", printable(name)), name};
  if (Recognition r = by_text_config(source.config); r.arch) return r;
  if (!name.empty()) return {nullptr, "architectures[0]", name};
  if (type)
    return {find_architecture(*type), fmt::format("config.json: model_type is {}", printable(*type)),
            *type};
  return {};
}

// The name in the keys of a GGUF whose general.architecture is gone: every family counts layers.
std::string key_prefix(const Metadata& metadata) {
  constexpr std::string_view count = ".block_count";
  std::string name;
  for (const auto& [key, value] : metadata.entries()) {
    if (!key.ends_with(count)) continue;
    if (!name.empty()) return "";
    name = key.substr(0, key.size() - count.size());
  }
  return name;
}

std::vector<std::string_view> names_of(const std::vector<const Architecture*>& archs) {
  std::vector<std::string_view> names;
  for (const Architecture* arch : archs) names.push_back(arch->name);
  return names;
}

std::string blamed_file(const Checkpoint& source) {
  return source.config_file.empty() ? first_file(source) : source.config_file;
}

// Names and shapes: the one family that explains all tensors and misses none.
Recognition by_tensors(const Checkpoint& source) {
  Recognition out{.by_names = true};
  const NameCensus census = take_census(source);
  if (census.tensors == 0) return out;
  const bool several = std::any_of(
      source.tensors.begin(), source.tensors.end(),
      [](const Tensor& tensor) { return is_other_modality(tensor.name); });
  for (const Architecture* arch : all_architectures()) {
    if (arch->in_company && !several) continue;
    const FamilyNames names(*arch, source.convention);
    if (explained_tensors(census, names) == census.tensors && fit(census, names, nullptr).complete)
      out.candidates.push_back(arch);
  }
  if (out.candidates.empty()) return out;
  out.evidence = fmt::format("{0} of {0} tensor names and their shapes are those of {1}",
                             census.tensors, fmt::join(names_of(out.candidates), ", "));
  if (out.candidates.size() > 1) return out;
  out.arch = out.candidates.front();
  out.candidates.clear();
  return out;
}

}  // namespace

const json::Value* language_member(const json::Value& config) {
  for (const std::string_view key : {"text_config", "llm_config", "language_config"})
    if (const json::Value* text = config.find(key); text && text->is_object()) return text;
  if (const json::Value* thinker = config.find("thinker_config"); thinker && thinker->is_object())
    return language_member(*thinker);
  return nullptr;
}

json::Value language_config(const json::Value& config) {
  const json::Value* text = config.is_object() ? language_member(config) : nullptr;
  if (!text) return config;
  json::Value out = *text;
  for (const std::string_view key : {"bos_token_id", "eos_token_id", "pad_token_id", "dtype",
                                     "torch_dtype", "vocab_size", "_name_or_path"})
    if (const json::Value* value = config.find(key); value && !out.find(key)) out.set(key, *value);
  // The head belongs to the outer model, whatever the default of the inner class is.
  if (const json::Value* tied = config.find("tie_word_embeddings"); tied && tied->as_bool())
    out.set("tie_word_embeddings", *tied);
  return out;
}

const Architecture* find_architecture(std::string_view name) {
  for (const Architecture* arch : all_architectures()) {
    if (same_word(arch->name, name)) return arch;
    for (const std::string_view list : {arch->aliases, arch->classes})
      for (const std::string_view word : words(list))
        if (same_word(word, name)) return arch;
  }
  return nullptr;
}

Recognition recognise(const Checkpoint& source, std::string_view model_type) {
  if (!model_type.empty())
    return {find_architecture(model_type), "--model-type", std::string(model_type)};
  if (const MetaValue* own = source.metadata.find("recast.model_type"); own && own->as_string())
    if (const Architecture* arch = find_architecture(*own->as_string()))
      return {arch, "recast.model_type in the file", *own->as_string()};
  if (source.config.is_object())
    if (Recognition r = by_config(source); !r.found.empty()) return r;
  if (const MetaValue* value = source.metadata.find("general.architecture"))
    if (const std::string* name = value->as_string())
      return {by_gguf_name(*name, source),
              fmt::format("general.architecture is {}", printable(*name)), *name};
  if (const std::string name = key_prefix(source.metadata); !name.empty())
    return {by_gguf_name(name, source),
            fmt::format("the keys begin with {}", printable(name)), name};
  return by_tensors(source);
}

Recognition require_architecture(const Checkpoint& source, std::string_view model_type) {
  Recognition r = recognise(source, model_type);
  if (r.arch) return r;
  if (!r.candidates.empty())
    fail(codes::ambiguous_architecture,
         {.where = r.evidence,
          .expected = fmt::format("one of {}", fmt::join(names_of(r.candidates), ", ")),
          .found = "no config that says which",
          .fix = fmt::format("--model-type {}, or another of these: with config.json beside the "
                             "weights, or --model-config FILE",
                             r.candidates.front()->name),
          .file = blamed_file(source)});
  const NameCensus census = take_census(source);
  const Architecture* nearest = nullptr;
  uint64_t best = 0;
  for (const Architecture* arch : all_architectures()) {
    const FamilyNames names(*arch, source.convention);
    if (const uint64_t n = explained_tensors(census, names); n > best) {
      best = n;
      nearest = arch;
    }
  }
  fail(codes::unknown_architecture,
       {.where = r.evidence,
        .expected = nearest ? fmt::format("a known one; the tensor names match {} best ({} %)",
                                          nearest->name, best * 100 / census.tensors)
                            : "a known one",
        .found = r.found.empty() ? "no name of an architecture" : printable(r.found),
        .file = model_type.empty() ? blamed_file(source) : ""});
}

void require_one_family(const json::Value& config, const std::string& file,
                        std::vector<Finding>& warnings) {
  const std::string name = class_of(config);
  const std::string* type = text_member(config, "model_type");
  const Architecture* first = name.empty() ? nullptr : find_architecture(name);
  const Architecture* second = type ? find_architecture(*type) : nullptr;
  if (!first || !second || first == second) return;
  ErrorFacts facts{.where = key_where("model_type"),
                   .expected = fmt::format("{}, as architectures says by {}", first->name,
                                           printable(name)),
                   .found = printable(*type),
                   .file = file};
  if (first->gguf.empty() || first->gguf != second->gguf)
    fail(codes::family_contradicts, std::move(facts));
  facts.found += "; architectures is taken";
  add_warning(warnings, Error(codes::config_spellings_differ, std::move(facts)));
}

bool has_own_facts(const Checkpoint& source) {
  return source.convention == Convention::hf ? source.config.is_object()
                                             : !key_prefix(source.metadata).empty();
}

CompletedConfig complete_by_shapes(const Architecture& arch, const Checkpoint& source,
                                   const json::Value& stated) {
  Fit found = fit(take_census(source), FamilyNames(arch, source.convention), stated);
  if (!found.config.find("architectures"))
    found.config.set("architectures", json::Array{json::Value(words(arch.classes).front())});
  if (!found.config.find("model_type")) found.config.set("model_type", arch.name);
  return {std::move(found.config), std::move(found.derived)};
}

void require_stated_facts(const Recognition& known, const CompletedConfig& config,
                          const std::string& file) {
  const std::vector<std::string> missing = missing_keys(*known.arch, config.config);
  if (missing.empty()) return;
  std::vector<std::string> members;
  for (const std::string& key : missing) members.push_back(fmt::format("\"{}\": ...", key));
  fail(codes::facts_missing,
       {.where = fmt::format("{}, by {}", known.arch->name, known.evidence),
        .expected = fmt::format("{}", fmt::join(missing, ", ")),
        .found = config.derived.empty() ? std::string("nothing that the tensors tell")
                                        : fmt::format("{}", fmt::join(config.derived, ", ")),
        .fix = fmt::format("--model-config FILE, which holds {{{}}}", fmt::join(members, ", ")),
        .file = file});
}

}  // namespace recast
