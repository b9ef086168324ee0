#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "arch/canonical.h"
#include "arch/facts.h"
#include "codec/codecs.h"
#include "tensor/lazy_ops.h"

// What the tests of this room share: a tiny model of any family, made from the family's own tables.
namespace recast::arch_testing {

// The value that a fact has in the tiny model.
inline json::Value tiny_value(Fact fact, bool tied) {
  switch (fact) {
    case Fact::layers: return 2;
    case Fact::hidden: return 24;
    case Fact::heads: return 4;
    case Fact::kv_heads: return 2;
    case Fact::head_dim: return 6;
    case Fact::ffn: return 20;
    case Fact::vocab: return 11;
    case Fact::context: return 32;
    case Fact::norm_eps: return 1e-5;
    case Fact::rope_theta: return 10000.0;
    case Fact::partial_rotary: return 1.0;
    case Fact::sliding_window: return 16;
    case Fact::attention_bias:
    case Fact::mlp_bias: return true;
    case Fact::tied: return tied;
  }
  return nullptr;
}

// A config with every key of the family under its first spelling.
inline json::Value tiny_config(const Architecture& arch, bool tied = false) {
  json::Value config{json::Object{}};
  config.set("architectures", json::Array{json::Value(words(arch.classes).front())});
  config.set("model_type", arch.name);
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group)
      if (!row.hf.empty() && (arch.rope || row.fact != Fact::rope_theta))
        config.set(words(row.hf).front(), tiny_value(row.fact, tied));
  return config;
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

inline bool holds(Needed needed, const Facts& facts) {
  return needed == Needed::always || (needed == Needed::untied && !facts.flag(Fact::tied)) ||
         (needed == Needed::attention_bias && facts.flag(Fact::attention_bias)) ||
         (needed == Needed::mlp_bias && facts.flag(Fact::mlp_bias));
}

// Every tensor that the facts ask for, by role, with random values.
inline Canonical tiny_canonical(const ModelFacts& model) {
  std::mt19937 random(7);
  Canonical out{.model = model};
  for (const auto& group : model.arch->tensors)
    for (const TensorRow& row : group)
      for (int layer = 0; layer < (row.per_layer() ? model.facts.integer(Fact::layers) : 1);
           ++layer) {
        const int at = row.per_layer() ? layer : -1;
        const int64_t rows = extent_of(row.shape[0], model);
        Shape shape{rows};
        if (row.shape[1] != Dim::none) shape.push_back(extent_of(row.shape[1], model));
        if (holds(row.weight, model.facts))
          out.tensors[{row.role, Part::weight, at}] = {random_f32(random, shape), "test"};
        if (holds(row.bias, model.facts))
          out.tensors[{row.role, Part::bias, at}] = {random_f32(random, {rows}), "test"};
      }
  return out;
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
