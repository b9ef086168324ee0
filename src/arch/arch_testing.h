#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "arch/canonical.h"
#include "arch/facts.h"
#include "arch/key_tables.h"
#include "codec/codecs.h"
#include "tensor/lazy_ops.h"

// What the tests of this room share: a tiny model of any family, made from the family's own tables.
namespace recast::arch_testing {

// The value that a fact has in the tiny model: odd sizes, so that a wrong row does not fit.
inline json::Value tiny_value(const KeyRow& row, bool tied) {
  static const std::map<std::string_view, json::Value> values = {
      {"layers", 2},          {"hidden", 24},        {"heads", 4},         {"kv_heads", 2},
      {"head_dim", 6},        {"ffn", 20},           {"vocab", 11},        {"context", 32},
      {"norm_eps", 1e-5},     {"rope_theta", 1e4},   {"rope_theta_swa", 5e3},
      {"partial_rotary", 1.0}, {"sliding_window", 16}, {"experts", 4},     {"experts_used", 2},
      {"expert_ffn", 10},     {"shared_ffn", 14},    {"mtp_layers", 0},    {"first_dense", 1},
      {"pad_token_id", 1},
  };
  if (row.fact == Fact::tied) return tied;
  if (const auto it = values.find(row.fact.name); it != values.end()) return it->second;
  switch (row.kind) {
    case KeyKind::flag:  // the usual form of the family, but with the biases that it may have
      return row.fact == Fact::attention_bias || row.fact == Fact::mlp_bias ||
             row.fallback == "true";
    case KeyKind::layer_types: return 3;
    case KeyKind::layer_flags: return json::Array{1, 0};
    case KeyKind::layer_indices: return json::Array{1};
    case KeyKind::real:
    case KeyKind::optional_real: return 0.5;
    case KeyKind::text: return row.fallback == "null" ? "text" : json::parse(row.fallback, {});
    default: return 6;
  }
}

// A config with every key of the family under its first spelling.
inline json::Value tiny_config(const Architecture& arch, bool tied = false) {
  json::Value config{json::Object{}};
  config.set("architectures", json::Array{json::Value(words(arch.classes).front())});
  config.set("model_type", arch.name);
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group)
      if (!row.hf.empty() && (arch.rope || row.fact != Fact::rope_theta))
        set_member(config, words(row.hf).front(), tiny_value(row, tied));
  return config;
}

inline void erase_member(json::Value& config, std::string_view path) {
  const size_t dot = path.find('.');
  if (dot == std::string_view::npos)
    config.erase(path);
  else if (json::Value* inner = config.find(path.substr(0, dot)))
    erase_member(*inner, path.substr(dot + 1));
}

inline ModelFacts facts_of(const Architecture& arch, const json::Value& config) {
  std::vector<Finding> ignored;
  return facts_from_config(arch, config, "config.json", ignored);
}

inline std::string bytes_of(const Value& value) {
  FloatCensus ignored;
  const Window window = value.fetch(0, value.elements(), ignored);
  return {reinterpret_cast<const char*>(window.bytes().data()), window.bytes().size()};
}

inline std::vector<float> floats_of(const Value& value) {
  const std::string bytes = bytes_of(value);
  std::vector<float> out(static_cast<size_t>(value.elements()));
  value.codec().decode(reinterpret_cast<const std::byte*>(bytes.data()), out.data(),
                       value.elements());
  return out;
}

inline ValuePtr random_f32(std::mt19937& random, Shape shape) {
  std::normal_distribution<float> normal(0, 0.1f);
  std::vector<float> values(static_cast<size_t>(element_count(shape).value()));
  for (float& v : values) v = normal(random);
  return constant_f32(values, std::move(shape), codec::f32);
}

// Every tensor that the facts ask for, by role, with random values.
inline Canonical tiny_canonical(const ModelFacts& model) {
  std::mt19937 random(7);
  Canonical out{.model = model};
  for (const Convention convention : {Convention::hf, Convention::gguf})
    for (const auto& [name, slot] : native_slots(model, convention)) {
      if (!is_needed(slot, model)) continue;
      for (const TensorRow* row : slot.rows) {
        RoleTensor& tensor = out.tensors[slot.key(*row)];
        if (!tensor.value)
          tensor = {random_f32(random, canonical_shape(*row, slot.part, model)), "test"};
      }
    }
  return out;
}

// Whether a convention holds a role of the model.
inline bool holds(const Canonical& model, Convention convention, const RoleKey& key) {
  for (const auto& [name, slot] : native_slots(model.model, convention))
    for (const TensorRow* row : slot.rows)
      if (slot.key(*row) == key) return true;
  return false;
}

// The tiny model as a checkpoint of a convention.
inline Checkpoint tiny_checkpoint(const Canonical& canonical, Convention convention) {
  Checkpoint out;
  out.convention = convention;
  out.config_file = "config.json";
  for (NativeTensor& native : from_canonical(canonical, convention))
    out.tensors.push_back(std::move(native.tensor));
  if (convention == Convention::gguf) {
    out.metadata = gguf_metadata(canonical.model);
    out.metadata.set("general.architecture",
                     MetaValue::string(std::string(canonical.model.arch->gguf)));
  }
  return out;
}

inline Tensor& tensor_named(Checkpoint& checkpoint, std::string_view name) {
  for (Tensor& tensor : checkpoint.tensors)
    if (tensor.name == name) return tensor;
  ADD_FAILURE() << "no tensor " << name;
  return checkpoint.tensors.front();
}

// The Error that `call` throws; one without a code when it throws none.
template <class Call>
Error error_of(Call&& call) {
  try {
    call();
  } catch (const Error& error) {
    return error;
  }
  return {};
}

inline bool has_code(const std::vector<Finding>& findings, const ErrorCode& code) {
  for (const Finding& finding : findings)
    if (finding.code == &code) return true;
  return false;
}

}  // namespace recast::arch_testing
