#include "convert/carry.h"

#include <fmt/format.h>

#include <algorithm>

#include "arch/facts.h"
#include "convert/keep_split.h"
#include "convert/options.h"
#include "convert/pooling.h"
#include "convert/tokenizer_source.h"
#include "io/hash.h"
#include "wire/yaml.h"

namespace recast {

namespace {

constexpr std::string_view config_prefix = "src.hf.";
constexpr std::string_view generation_key = "src.hf.generation_config";
constexpr std::string_view gguf_prefix = "src.gguf.";
constexpr std::string_view said_elsewhere =
    "general.architecture general.type general.file_type general.quantization_version "
    "general.alignment";

// The JSON text of a key; its file and the key are blamed for it.
json::Value parse_key(const Checkpoint& source, std::string_view key, const std::string& text) {
  try {
    return json::parse(text, {.file = first_file(source)});
  } catch (Error& error) {
    error.where = key_where(key) + (error.where.empty() ? "" : ", " + error.where);
    throw;
  }
}

// What a GGUF says of itself; where they are there, no other file knows better.
bool is_own_key(std::string_view key, const Metadata& gguf) {
  const MetaValue* arch = gguf.find("general.architecture");
  const bool named = arch && arch->as_string();
  return has_word(said_elsewhere, key) || key.starts_with("tokenizer.") ||
         key.starts_with("split.") || key.starts_with("recast.") || key.starts_with("src.") ||
         (named && key.starts_with(*arch->as_string() + "."));
}

// Whole files, not members of the config.
bool is_file_key(std::string_view key) {
  return key == generation_key || key == remainder_key || key == modules_key;
}

json::Value json_of(const MetaValue& value) {
  if (const std::string* text = value.as_string()) return *text;
  if (const auto flag = value.as_bool()) return *flag;
  if (const auto* list = value.as_array())
    return std::visit(
        [](const auto& items) {
          json::Array out;
          for (const auto& item : items) out.emplace_back(item);
          return json::Value(std::move(out));
        },
        *list);
  if (const auto* n = std::get_if<int64_t>(&value.data)) return *n;
  if (const auto* n = std::get_if<uint64_t>(&value.data)) return *n;
  return std::get<double>(value.data);
}

std::optional<MetaType> type_named(std::string_view name) {
  for (uint32_t i = 0; i <= static_cast<uint32_t>(MetaType::f64); ++i)
    if (meta_type_name(static_cast<MetaType>(i)) == name) return static_cast<MetaType>(i);
  return std::nullopt;
}

std::optional<MetaValue> scalar_of(MetaType type, const json::Value& value) {
  MetaValue out{type, {}, int64_t{0}};
  if (type == MetaType::string) {
    if (!value.as_string()) return std::nullopt;
    out.data = *value.as_string();
  } else if (type == MetaType::boolean) {
    if (!value.as_bool()) return std::nullopt;
    out.data = static_cast<int64_t>(*value.as_bool());
  } else if (type == MetaType::f32 || type == MetaType::f64) {
    if (!value.as_double()) return std::nullopt;
    out.data = *value.as_double();
  } else if (type == MetaType::u64) {
    if (!value.as_uint()) return std::nullopt;
    out.data = *value.as_uint();
  } else {
    if (!value.as_int()) return std::nullopt;
    out.data = *value.as_int();
  }
  return out;
}

std::optional<MetaValue> list_of(MetaType element, const json::Array& items) {
  MetaValue out{MetaType::array, element, MetaValue::Array{}};
  const auto collect = [&]<class T>(std::vector<T> values) -> bool {
    for (const json::Value& item : items) {
      const auto value = scalar_of(element, item);
      if (!value) return false;
      values.push_back(std::get<T>(value->data));
    }
    out.data = MetaValue::Array(std::move(values));
    return true;
  };
  bool ok = false;
  if (element == MetaType::string)
    ok = collect(std::vector<std::string>{});
  else if (element == MetaType::f32 || element == MetaType::f64)
    ok = collect(std::vector<double>{});
  else if (element == MetaType::u64)
    ok = collect(std::vector<uint64_t>{});
  else
    ok = collect(std::vector<int64_t>{});
  return ok ? std::optional(out) : std::nullopt;
}

}  // namespace

void carry_config(const json::Value& config, const ModelFacts& model, const Checkpoint& source,
                  Checkpoint& gguf, std::vector<std::string>& kept) {
  std::vector<std::string> keys = keys_lost_in_gguf(model, config, gguf);
  Metadata& metadata = gguf.metadata;
  for (const std::string_view key : {"architectures", "model_type", "transformers_version"})
    if (std::find(keys.begin(), keys.end(), key) == keys.end() && config.find(key))
      keys.emplace_back(key);
  for (const std::string& key : keys) {
    metadata.set(std::string(config_prefix) + key,
                 MetaValue::string(json::write(*config.find(key))));
    kept.push_back(fmt::format("{} (as {}{})", key, config_prefix, key));
  }
  if (source.generation_config.is_object())
    metadata.set(generation_key, MetaValue::string(json::write(source.generation_config)));
}

json::Value restore_config(const Checkpoint& source) {
  json::Value out{json::Object{}};
  for (const auto& [key, value] : source.metadata.entries()) {
    if (!key.starts_with(config_prefix) || is_file_key(key) || !value.as_string()) continue;
    out.set(std::string_view(key).substr(config_prefix.size()),
            parse_key(source, key, *value.as_string()));
  }
  return out;
}

json::Value restore_generation_config(const Checkpoint& source, const Vocabulary* vocabulary) {
  if (const MetaValue* text = source.metadata.find(generation_key); text && text->as_string()) {
    json::Value carried = parse_key(source, generation_key, *text->as_string());
    if (!carried.is_object())
      fail(codes::config_malformed, {.where = key_where(generation_key),
                                     .expected = "an object",
                                     .found = std::string(carried.type_name()),
                                     .file = first_file(source)});
    return carried;
  }
  if (!vocabulary) return nullptr;
  json::Value out{json::Object{}};
  out.set("_from_model_config", true);
  const auto set = [&](std::string_view key, std::string_view role) {
    if (const auto id = vocabulary->special_id(role)) out.set(key, static_cast<int64_t>(*id));
  };
  set("bos_token_id", "bos");
  set("eos_token_id", "eos");
  if (vocabulary->eos_ids.size() > 1) {
    json::Array ids;
    for (const uint32_t id : vocabulary->eos_ids) ids.emplace_back(static_cast<int64_t>(id));
    out.set("eos_token_id", std::move(ids));
  }
  set("pad_token_id", "padding");
  return out;
}

void carry_gguf_keys(const Checkpoint& source, const Architecture& arch,
                     const std::vector<std::string>& unread, Metadata& metadata) {
  const std::string own = std::string(arch.gguf) + ".";
  for (const auto& [key, value] : source.metadata.entries()) {
    if (has_word(said_elsewhere, key) || key.starts_with("src.hf.") ||
        key.starts_with("recast.") || key.starts_with("split."))
      continue;
    if ((key.starts_with(own) || key.starts_with("tokenizer.")) &&
        std::find(unread.begin(), unread.end(), key) == unread.end())
      continue;
    json::Value text{json::Object{}};
    text.set("type", meta_type_name(value.type));
    if (value.type == MetaType::array) text.set("element", meta_type_name(value.element));
    text.set("value", json_of(value));
    metadata.set(std::string(gguf_prefix) + key, MetaValue::string(json::write(text)));
  }
}

void restore_gguf_keys(const Checkpoint& source, Metadata& metadata,
                       std::vector<Finding>& warnings) {
  for (const auto& [key, stored] : source.metadata.entries()) {
    if (!key.starts_with(gguf_prefix) || !stored.as_string()) continue;
    const json::Value text = parse_key(source, key, *stored.as_string());
    const json::Value *type = text.find("type"), *value = text.find("value");
    const json::Value* element = text.find("element");
    const bool named = type && type->as_string() && value;
    const auto kind = named ? type_named(*type->as_string()) : std::nullopt;
    std::optional<MetaValue> back;
    if (kind && *kind == MetaType::array && element && element->as_string() && value->as_array()) {
      if (const auto of = type_named(*element->as_string())) back = list_of(*of, *value->as_array());
    } else if (kind && *kind != MetaType::array) {
      back = scalar_of(*kind, *value);
    }
    const std::string_view name = std::string_view(key).substr(gguf_prefix.size());
    const bool contradicts = back && is_own_key(name, metadata) && metadata.find(name) &&
                             !(*metadata.find(name) == *back);
    if (!back || contradicts)
      add_warning(warnings,
                  Error(codes::not_carried,
                        {.where = key_where(key),
                         .expected = contradicts ? "what the model says of itself"
                                                 : "type and value of a GGUF key",
                         .found = printable(*stored.as_string()),
                         .fix = "remove the key from the metadata of the source",
                         .file = first_file(source)}));
    else
      metadata.set(name, *back);
  }
}

std::string header_fingerprint(const Checkpoint& source) {
  Xxh3 hash;
  const auto feed = [&](const std::string& text) { hash.update(std::as_bytes(std::span(text))); };
  for (const Tensor& tensor : source.tensors) {
    const auto extent = tensor.value->extent();
    feed(fmt::format("{}\n{} {} {}\n", tensor.name, tensor.codec().name, to_string(tensor.shape()),
                     extent ? extent->offset : 0));
  }
  feed(json::write(source.config));
  return hash.digest().hex();
}

json::Value acting_options(const Request& request) {
  json::Value options{json::Object{}};
  const auto set_name = [&](std::string_view name, std::string_view value) {
    if (!value.empty()) options.set(name, value);
  };
  for (const OptionRow& row : convert_options()) {
    if (!row.acts_on_bytes) continue;
    json::Array given;
    for (const auto& [name, value] : request.options.given)
      if (name == row.name) given.emplace_back(value);
    if (row.name == "to" || row.name == "from") {
      continue;  // recast.source.format and the file itself say it
    } else if (row.name == "quant") {
      set_name("quant", request.quant ? request.quant->name : "");
    } else if (row.name == "precision") {
      set_name("precision", request.precision ? request.precision->name : "");
    } else if (row.name == "embedding-type") {
      set_name("embedding-type", request.embedding ? request.embedding->name : "");
    } else if (row.name == "output-type") {
      set_name("output-type", request.output_matrix ? request.output_matrix->name : "");
    } else if (row.name == "tensor-type") {
      json::Array patterns;  // those of files, too
      for (const TypePattern& pattern : request.patterns)
        patterns.emplace_back(fmt::format("{}={}", pattern.name.text(), pattern.codec->name));
      if (!patterns.empty()) options.set("tensor-type", std::move(patterns));
    } else if (row.name == "split") {
      if (request.write.split != kept_split)
        set_name("split", request.write.split);  // with --split-max-size
    } else if (row.name == "allow-overflow") {
      set_name("allow-overflow", request.options.allow_overflow);
    } else if (given.empty() || row.name == "split-max-size") {
      continue;
    } else if (row.name == "shard-size") {
      options.set(row.name, request.options.shard_size);
    } else if (row.value.empty() || row.name == "model-config" ||
               row.name == "tokenizer" || row.name == "fake-weight-config" ||
               row.name == "imatrix") {
      options.set(row.name, true);  // a path says nothing about bytes, its content does
    } else {
      options.set(row.name, row.repeats ? json::Value(std::move(given)) : given.back());
    }
  }
  return options;
}

void add_provenance(const Request& request, const Checkpoint& source, const Architecture* arch,
                    Metadata& metadata) {
  metadata.set("recast.version", MetaValue::string(RECAST_VERSION));
  metadata.set("recast.source.name", MetaValue::string(source.name));
  metadata.set("recast.source.format", MetaValue::string(std::string(request.from->name)));
  metadata.set("recast.source.fingerprint", MetaValue::string(header_fingerprint(source)));
  if (arch) metadata.set("recast.model_type", MetaValue::string(std::string(arch->name)));
  metadata.set("recast.options", MetaValue::string(json::write(acting_options(request))));
}

std::vector<std::pair<std::string, std::string>> override_pairs(
    const std::vector<std::string>& texts) {
  std::vector<std::pair<std::string, std::string>> out;
  for (const std::string& text : texts) {
    const size_t equals = text.find('=');
    if (equals == 0 || equals == std::string::npos)
      fail(codes::bad_value,
           {.where = "--metadata", .expected = "KEY=VALUE", .found = printable(text)});
    out.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

json::Value read_card(const Checkpoint& source, std::vector<Finding>& warnings) {
  const SideFile* readme = source.find_side_file("README.md");
  if (!readme || !readme->file) return nullptr;
  yaml::FrontMatter matter = yaml::read_front_matter(*readme->file);
  if (matter.warning) warnings.push_back(*matter.warning);
  return matter.members.empty() ? json::Value(nullptr) : json::Value(std::move(matter.members));
}

}  // namespace recast
