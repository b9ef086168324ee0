// Source: facts on general.* keys, sections 1, 6 and 7.
#include "model/general_metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "model/checkpoint.h"
#include "model/general_keys.h"
#include "model/metadata_override.h"
#include "model/model_card.h"

namespace recast {
namespace {

void set_text(Metadata& general, std::string_view key, std::string text) {
  if (!text.empty() && !general.find(key)) general.set(key, MetaValue::string(std::move(text)));
}

// ---- sampling ----------------------------------------------------------------------------------

struct SamplingRow {
  std::string_view key;  // without "general.sampling."
  std::string_view sources[2];
};
constexpr SamplingRow sampling_table[] = {
    {"sequence", {"sequence"}},
    {"top_k", {"top_k"}},
    {"top_p", {"top_p"}},
    {"min_p", {"min_p"}},
    {"xtc_probability", {"xtc_probability"}},
    {"xtc_threshold", {"xtc_threshold"}},
    {"temp", {"temperature"}},
    {"penalty_last_n", {"penalty_last_n"}},
    {"penalty_repeat", {"penalty_repeat", "repetition_penalty"}},
    {"mirostat", {"mirostat"}},
    {"mirostat_tau", {"mirostat_tau"}},
    {"mirostat_eta", {"mirostat_eta"}},
};

std::optional<MetaValue> value_as(MetaType type, const json::Value& value) {
  if (type == MetaType::string) {
    if (const std::string* s = value.as_string(); s && !s->empty()) return MetaValue::string(*s);
  } else if (type == MetaType::i32) {
    if (const auto i = value.as_int(); i && *i >= INT32_MIN && *i <= INT32_MAX)
      return MetaValue::i32(static_cast<int32_t>(*i));
  } else if (const auto d = value.as_double(); d && std::isfinite(static_cast<float>(*d))) {
    return MetaValue::f32(static_cast<float>(*d));
  }
  return std::nullopt;
}

void add_sampling(const json::Value& config, Metadata& general, std::vector<Finding>& warnings) {
  const json::Value* do_sample = config.find("do_sample");
  if (do_sample && do_sample->as_bool() == false) return;  // greedy: the values are not in use
  for (const SamplingRow& row : sampling_table)
    for (const std::string_view source : row.sources) {
      const json::Value* value = source.empty() ? nullptr : config.find(source);
      if (!value || value->is_null()) continue;
      const std::string key = "general.sampling." + std::string(row.key);
      const MetaType type = find_general_key(key)->type;
      if (auto meta = value_as(type, *value)) {
        general.set(key, std::move(*meta));
        break;
      }
      add_warning(warnings, Finding(codes::sampling_value_ignored,
                                    {.where = key_where(source),
                                     .expected = std::string(meta_type_name(type)),
                                     .found = std::string(value->type_name()),
                                     .file = "generation_config.json"}));
    }
}

// ---- names -------------------------------------------------------------------------------------

// "checkpoint-500" as trainers call their folders: a place, not a model.
bool is_trainer_folder(std::string_view name) {
  constexpr std::string_view prefix = "checkpoint-";
  return name.size() > prefix.size() && name.starts_with(prefix) &&
         name.find_first_not_of("0123456789", prefix.size()) == std::string_view::npos;
}

// Whether `_name_or_path` names a model and not a place on somebody's disk.
bool is_model_id(std::string_view text) {
  if (text.empty() || std::string_view("./~ ").find(text.front()) != std::string_view::npos)
    return false;
  if (text.ends_with('/') || text.find_first_of("\\:") != std::string_view::npos) return false;
  const size_t slash = text.find('/');
  if (slash == std::string_view::npos) return !is_trainer_folder(text);
  const std::string_view name = text.substr(slash + 1);
  return name.find('/') == std::string_view::npos && !is_trainer_folder(name);
}

void add_name_parts(const GeneralInput& in, Metadata& general) {
  std::string id;
  if (const json::Value* value = in.config ? in.config->find("_name_or_path") : nullptr)
    if (const std::string* text = value->as_string(); text && is_model_id(*text)) id = *text;
  if (id.empty()) id = model_id_of_folder(in.source_name);
  const bool plain_folder = id.empty() && !in.name_is_model_id;
  if (id.empty()) id = in.source_name;

  const bool adapter = in.type == "adapter";
  const auto total = static_cast<int64_t>(in.counts.total);
  const ModelName name = split_model_id(id, {.parameters = adapter ? -total : total,
                                             .misfit_is_finetune = false,
                                             .versions = !plain_folder});
  set_text(general, "general.name", title_case(name.full_name));
  set_text(general, "general.name", in.source_name);
  set_text(general, "general.version", name.version);
  set_text(general, "general.organization", name.organization);
  set_text(general, "general.finetune", name.finetune);
  set_text(general, "general.basename", name.basename);
  set_text(general, "general.size_label", name.size_label);
  // An adapter's own size says nothing of the model it is for.
  if (!adapter) set_text(general, "general.size_label", size_label(in.counts));
}

// ---- order -------------------------------------------------------------------------------------

uint64_t place_of(const Metadata::Entry& entry) {
  const auto key = find_general_key(entry.first);
  return key ? key->place : std::numeric_limits<uint64_t>::max();
}

// An override may have added a base model or dataset that the count does not know.
void count_links(Metadata& general, const std::string& kind) {
  const std::string prefix = "general." + kind + ".";
  int64_t count = 0;
  for (const auto& [key, value] : general.entries()) {
    if (!key.starts_with(prefix)) continue;
    uint16_t n = 0;
    const char* begin = key.data() + prefix.size();
    if (std::from_chars(begin, key.data() + key.size(), n).ec == std::errc())
      count = std::max<int64_t>(count, n + 1);
  }
  const MetaValue* present = general.find(prefix + "count");
  if (count > 0 && (!present || present->as_int() < count))
    general.set(prefix + "count", MetaValue::u32(static_cast<uint32_t>(count)));
}

GeneralMetadata in_file_order(const Metadata& general) {
  std::vector<Metadata::Entry> entries = general.entries();
  std::stable_sort(entries.begin(), entries.end(),
                   [](const auto& a, const auto& b) { return place_of(a) < place_of(b); });
  GeneralMetadata out;
  for (Metadata::Entry& entry : entries) {
    const auto key = find_general_key(entry.first);
    Metadata& part = key && key->after_architecture ? out.last : out.first;
    part.set(entry.first, std::move(entry.second));
  }
  return out;
}

// ---- phi-3 -------------------------------------------------------------------------------------

// Where "phi" + `between` + "3" stands in the name, any letter case; npos when nowhere.
size_t find_phi3(std::string_view name, std::string_view between) {
  std::string small(name);
  for (char& c : small)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return small.find(fmt::format("phi{}3", between));
}

bool names_phi3(std::string_view name) {
  return find_phi3(name, "-") != std::string_view::npos ||
         find_phi3(name, "") != std::string_view::npos;
}

bool has_phi3_tokens(const Vocabulary& vocabulary) {
  for (const std::string_view wanted : {"<s>", "</s>", "<unk>", "<|endoftext|>"})
    if (std::none_of(vocabulary.tokens.begin(), vocabulary.tokens.end(),
                     [&](const Token& t) { return t.text == wanted; }))
      return false;
  return true;
}

std::string without_phi3(std::string name) {
  for (const std::string_view between : {"-", ""})
    for (size_t at; (at = find_phi3(name, between)) != std::string::npos;)
      name = name.substr(0, at + 3) + " " + name.substr(at + 3 + between.size());
  return name;
}

}  // namespace

std::string model_id_of_folder(std::string_view folder) {
  if (folder.starts_with("models--")) folder.remove_prefix(8);
  const size_t cut = folder.find("--");
  if (cut == 0 || cut == std::string_view::npos || cut + 2 >= folder.size()) return "";
  const std::string_view name = folder.substr(cut + 2);
  if (name.find("--") != std::string_view::npos) return "";
  return fmt::format("{}/{}", folder.substr(0, cut), name);
}

void fit_name_to_vocabulary(Metadata& metadata, std::string_view architecture,
                            const Vocabulary* vocabulary, std::vector<Finding>& warnings) {
  const MetaValue* value = metadata.find("general.name");
  const std::string* name = value ? value->as_string() : nullptr;
  if (!name) return;
  const bool phi3 = architecture == "phi3";
  const bool fits = vocabulary ? has_phi3_tokens(*vocabulary) : phi3;
  std::string better = *name;
  if (!fits) {
    better = without_phi3(*name);
    if (better == *name) return;
    add_warning(warnings, Finding(codes::name_reworded, {.where = key_where("general.name"),
                                                         .expected = printable(better),
                                                         .found = printable(*name)}));
  } else if (phi3 && !names_phi3(*name)) {
    const size_t at = find_phi3(*name, " ");
    if (at == std::string::npos) {
      add_warning(warnings, Finding(codes::name_lacks_phi3, {.where = key_where("general.name"),
                                                             .found = printable(*name)}));
      return;
    }
    better[at + 3] = '-';
  }
  metadata.set("general.name", MetaValue::string(std::move(better)));
}

GgufFileName gguf_file_name(const Metadata& general) {
  const auto text = [&](std::string_view key) {
    const MetaValue* value = general.find(key);
    const std::string* s = value ? value->as_string() : nullptr;
    return s ? *s : std::string();
  };
  GgufFileName name{.basename = text("general.basename"),
                    .name = text("general.name"),
                    .size_label = text("general.size_label"),
                    .finetune = text("general.finetune"),
                    .version = text("general.version")};
  if (text("general.type") == "mmproj") name.sidecar = "mmproj";
  if (text("general.type") == "adapter") name.kind = "LoRA";
  return name;
}

GeneralMetadata general_metadata(const GeneralInput& input, std::vector<Finding>& warnings) {
  Metadata general;
  general.set("general.architecture", MetaValue::string(input.architecture));
  general.set("general.type", MetaValue::string(input.type));
  general.set("general.file_type", MetaValue::u32(input.file_type));
  general.set("general.quantization_version", MetaValue::u32(2));
  if (input.generation_config) add_sampling(*input.generation_config, general, warnings);
  if (input.card)
    read_model_card(*input.card, static_cast<int64_t>(input.counts.total), general, warnings);
  add_name_parts(input, general);

  std::vector<std::pair<std::string, std::string>> overrides;
  for (const auto& pair : input.overrides)
    if (pair.first.starts_with("general.")) overrides.push_back(pair);
  apply_overrides(general, overrides);
  count_links(general, "base_model");
  count_links(general, "dataset");
  fit_name_to_vocabulary(general, input.architecture, input.vocabulary, warnings);
  return in_file_order(general);
}

}  // namespace recast
