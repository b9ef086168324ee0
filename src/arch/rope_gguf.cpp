#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "arch/facts.h"
#include "arch/key_tables.h"
#include "arch/rope.h"

// Position scaling in the keys and tensors of a GGUF.
namespace recast {

namespace {

constexpr double most_context = 1e15;

// How strongly scaling stretches attention when nothing else is said (modeling_rope_utils).
double usual_attention_factor(const ModelFacts& model) {
  const double original = static_cast<double>(
      model.rope.original_context.value_or(model.facts.integer(Fact::context)));
  const double scale = static_cast<double>(model.facts.integer(Fact::context)) / original;
  if (scale <= 1) return 1;
  return model.rope.type == "longrope" ? std::sqrt(1 + std::log(scale) / std::log(original))
                                       : 0.1 * std::log(scale) + 1;
}

// llama3: which share of the factor each frequency gets. Source: modeling_rope_utils; in f32, as
// the reference converter computes the stored tensor.
std::vector<float> llama3_factors(const ModelFacts& model) {
  const Rope& rope = model.rope;
  const auto dims = static_cast<float>(rope_dimensions(model));
  const auto base = static_cast<float>(model.facts.real(Fact::rope_theta));
  const double factor = rope.factor.value_or(8.0);
  const double low = rope.low_freq_factor.value_or(1.0);
  const double high = rope.high_freq_factor.value_or(4.0);
  const auto context = static_cast<double>(rope.original_context.value_or(8192));
  std::vector<float> out;
  for (float i = 0; i < dims; i += 2) {
    const float frequency = 1.0f / std::pow(base, i / dims);
    const float wavelength = static_cast<float>(2 * std::numbers::pi) / frequency;
    if (wavelength < static_cast<float>(context / high)) {
      out.push_back(1);
    } else if (wavelength > static_cast<float>(context / low) || low == high) {
      out.push_back(static_cast<float>(factor));
    } else {
      const float smooth = (static_cast<float>(context) / wavelength - static_cast<float>(low)) /
                           static_cast<float>(high - low);
      out.push_back(1 / ((1 - smooth) / static_cast<float>(factor) + smooth));
    }
  }
  return out;
}

// Values of a small float tensor of the source; empty when there is none.
std::vector<float> small_tensor(const Checkpoint& source, std::string_view name) {
  const Tensor* tensor = source.find(name);
  if (!tensor || !tensor->codec().decode || tensor->elements() > 65536 || tensor->elements() == 0)
    return {};
  FloatCensus census;
  const Window bytes = tensor->value->fetch(0, tensor->elements(), census);
  std::vector<float> values(static_cast<size_t>(tensor->elements()));
  tensor->codec().decode(bytes.bytes().data(), values.data(), tensor->elements());
  return values;
}

[[noreturn]] void fail_tensor(std::string_view name, std::string expected, std::string found,
                              const std::string& file) {
  fail(codes::metadata_value, {.where = tensor_where(name),
                               .expected = std::move(expected),
                               .found = std::move(found),
                               .file = file});
}

// The way back from rope_freqs: the largest entry is the factor, an entry between 1 and the factor
// gives the original context, when low and high have their usual values.
void read_llama3(const std::vector<float>& freqs, ModelFacts& model,
                 std::vector<Finding>& warnings, const std::string& file) {
  constexpr std::string_view name = "rope_freqs.weight";
  for (const float freq : freqs)
    if (!std::isfinite(freq) || freq <= 0)
      fail_tensor(name, "finite factors above 0", fmt::format("{}", freq), file);
  Rope& rope = model.rope;
  rope.type = "llama3";
  rope.low_freq_factor = 1.0;
  rope.high_freq_factor = 4.0;
  const double factor =
      std::stod(fmt::format("{}", *std::max_element(freqs.begin(), freqs.end())));
  rope.factor = factor;
  const double dims = 2.0 * static_cast<double>(freqs.size());
  const double base = model.facts.real(Fact::rope_theta);
  double context = 0, lower = 0, upper = 1e18;
  for (size_t i = 0; i < freqs.size(); ++i) {
    const double wavelength = 2 * std::numbers::pi * std::pow(base, 2.0 * i / dims);
    const double f = freqs[i];
    if (f > 1 && freqs[i] < static_cast<float>(factor)) {
      const double smooth = (1 / f - 1 / factor) / (1 - 1 / factor);
      context = wavelength * (smooth * 3 + 1);
    } else if (f == 1) {
      lower = std::max(lower, 4 * wavelength);
    } else {
      upper = std::min(upper, wavelength);
    }
  }
  if (context == 0) {  // no entry between: the power of two inside the bounds
    context = 1;
    while (context < lower) context *= 2;
    if (context > upper) context = std::ceil(lower);
  }
  if (!(context < most_context))
    fail_tensor(name, "factors that some context length gives", fmt::format("{}", context), file);
  rope.original_context = std::llround(context);
  add_warning(warnings, Error(codes::assumed, {.where = tensor_where(name),
                                               .found = "low_freq_factor 1, high_freq_factor 4",
                                               .file = file}));
  model.assumptions.emplace_back(
      "llama3 rope: low_freq_factor 1 and high_freq_factor 4 (only their product with the factor "
      "is stored)");
}

int64_t context_of(double value, const std::string& prefix, const std::string& file) {
  if (!(value >= 1 && value < most_context))
    fail(codes::metadata_value,
         {.where = key_where(prefix + "rope.scaling.original_context_length"),
          .expected = "a context length",
          .found = fmt::format("{}", value),
          .file = file});
  return static_cast<int64_t>(value);
}

// The kind of scaling that the keys state, and the factor that it divides by. A factor alone is that
// of linear scaling. Source: llama.cpp v0.5.0, llama-model.cpp.
void read_scaling(const Checkpoint& source, const std::string& prefix, Rope& rope) {
  const std::string type_key = prefix + "rope.scaling.type";
  const std::string factor_key = prefix + "rope.scaling.factor";
  const MetaValue* type = source.metadata.find(type_key);
  const MetaValue* factor = source.metadata.find(factor_key);
  const auto refuse = [&](const std::string& key, std::string expected, std::string found) {
    fail(codes::metadata_value, {.where = key_where(key),
                                 .expected = std::move(expected),
                                 .found = printable(found),
                                 .file = source.config_file});
  };
  if (type) {
    const std::string* name = type->as_string();
    if (!name || (*name != "none" && !is_rope_type(*name)))
      refuse(type_key, "none, linear, yarn or longrope",
             name ? *name : std::string(meta_type_name(type->type)));
    if (*name != "none") rope.type = *name;
  }
  const auto number = factor ? factor->as_double() : std::nullopt;
  if (factor && (!number || !fits_f32(*number, false) || *number < 0))
    refuse(factor_key, "a number above 0",
           number ? fmt::format("{}", *number) : std::string(meta_type_name(factor->type)));
  // The shortest decimal that reads back to the f32 is what the source said.
  if (number) rope.factor = std::stod(fmt::format("{}", static_cast<float>(*number)));
  if (!type && number && *number != 0 && *number != 1) rope.type = "linear";
  if (rope.type != "linear" && rope.type != "yarn") return;
  if (!factor)
    fail(codes::config_key_missing, {.where = key_where(factor_key),
                                     .expected = "the factor of " + rope.type,
                                     .file = source.config_file});
  if (number == 0.0) refuse(factor_key, "a number above 0", "0");
}

// A factor for each frequency, or the tensor would be of another shape than the model asks for.
using RopeTensors = std::vector<std::pair<Role, std::vector<float>>>;
RopeTensors checked(RopeTensors tensors, const ModelFacts& model) {
  const int64_t half = rope_dimensions(model) / 2;
  for (const auto& [role, factors] : tensors)
    if (std::ssize(factors) != half)
      fail(codes::config_contradicts,
           {.where = fmt::format("rope factors of type {}", printable(model.rope.type)),
            .expected = fmt::format("{} numbers, half the rotary dimensions", half),
            .found = fmt::format("{}", factors.size())});
  return tensors;
}

}  // namespace

void write_rope_metadata(const ModelFacts& model, const std::string& prefix, Metadata& metadata) {
  if (!model.arch->rope) return;
  const Rope& rope = model.rope;
  const auto set_f32 = [&](std::string_view key, const std::optional<double>& value) {
    if (value)
      metadata.set(prefix + std::string(key), MetaValue::f32(static_cast<float>(*value)));
  };
  const auto set_original = [&](int64_t context) {
    metadata.set(prefix + "rope.scaling.original_context_length",
                 MetaValue::u32(static_cast<uint32_t>(context)));
  };
  if (rope.type == "linear" || rope.type == "yarn") {
    metadata.set(prefix + "rope.scaling.type", MetaValue::string(rope.type));
    set_f32("rope.scaling.factor", rope.factor);
  }
  if (rope.type == "yarn") {
    set_original(rope.original_context.value_or(model.facts.integer(Fact::context)));
    set_f32("rope.scaling.yarn_attn_factor", rope.attention_factor);
    set_f32("rope.scaling.yarn_beta_fast", rope.beta_fast);
    set_f32("rope.scaling.yarn_beta_slow", rope.beta_slow);
    // The runtime multiplies the logarithm of the factor by it.
    if (rope.mscale_all_dim)
      set_f32("rope.scaling.yarn_log_multiplier", model.arch->gguf_mscale * *rope.mscale_all_dim);
  } else if (rope.type == "longrope" || model.arch->gguf_original_context) {
    set_original(rope.original_context.value_or(model.facts.integer(Fact::context)));
  }
  if (rope.type == "longrope") {
    if (!model.arch->gguf_original_context)
      metadata.set(prefix + "rope.scaling.type", MetaValue::string("longrope"));
    set_f32("rope.scaling.attn_factor",
            rope.attention_factor.value_or(usual_attention_factor(model)));
  }
}

void read_rope_metadata(const Checkpoint& source, const std::string& prefix, ModelFacts& model,
                        std::vector<Finding>& warnings) {
  if (!model.arch->rope) return;
  Rope& rope = model.rope;
  const auto number = [&](std::string_view key) -> std::optional<double> {
    const MetaValue* value = source.metadata.find(prefix + std::string(key));
    return value ? value->as_double() : std::nullopt;
  };
  // f32 in the file: the shortest decimal that reads back to it is what the source said.
  const auto decimal = [&](std::string_view key) -> std::optional<double> {
    const auto value = number(key);
    if (!value) return std::nullopt;
    return std::stod(fmt::format("{}", static_cast<float>(*value)));
  };
  read_scaling(source, prefix, rope);
  rope.attention_factor = decimal("rope.scaling.yarn_attn_factor");
  rope.beta_fast = decimal("rope.scaling.yarn_beta_fast");
  rope.beta_slow = decimal("rope.scaling.yarn_beta_slow");
  if (rope.type == "yarn") {
    const json::Value usual = json::parse(model.arch->gguf_yarn, {});
    for (const auto& [key, value] : *usual.as_object()) {
      rope.unknown.emplace_back(key, value);
      model.assumptions.push_back(fmt::format("{} {} of yarn", key, json::write(value)));
    }
  }
  if (const auto multiplier = number("rope.scaling.yarn_log_multiplier")) {
    // Both have one value in every model that has them; only this one is stored.
    const auto one = static_cast<float>(model.arch->gguf_mscale);
    rope.mscale_all_dim =
        std::stod(fmt::format("{}", static_cast<float>(*multiplier / static_cast<double>(one))));
    rope.mscale = rope.mscale_all_dim;
  }
  if (const auto context = number("rope.scaling.original_context_length"))
    rope.original_context = context_of(*context, prefix, source.config_file);

  const std::vector<float> freqs = small_tensor(source, "rope_freqs.weight");
  const std::vector<float> longs = small_tensor(source, "rope_factors_long.weight");
  const std::vector<float> shorts = small_tensor(source, "rope_factors_short.weight");
  if (!freqs.empty()) read_llama3(freqs, model, warnings, source.config_file);
  if (rope.type == "longrope" && longs.empty()) {
    rope.type = "default";
    model.assumptions.emplace_back("default rope: the factors of longrope are not in the file");
  }
  if (!longs.empty() && !shorts.empty()) {
    rope.type = "longrope";
    const auto as_decimal = [](const std::vector<float>& from) {
      std::vector<double> out;
      for (const float f : from) out.push_back(std::stod(fmt::format("{}", f)));
      return out;
    };
    rope.long_factor = as_decimal(longs);
    rope.short_factor = as_decimal(shorts);
    const auto stretch = number("rope.scaling.attn_factor");
    if (stretch && static_cast<float>(*stretch) != static_cast<float>(usual_attention_factor(model)))
      rope.attention_factor = decimal("rope.scaling.attn_factor");
  }
}

std::vector<std::pair<Role, std::vector<float>>> rope_tensors(const ModelFacts& model) {
  const Rope& rope = model.rope;
  if (!model.arch->rope) return {};
  if (rope.type == "llama3") return checked({{Role::rope_freqs, llama3_factors(model)}}, model);
  if (rope.type != "longrope" || !model.arch->gguf_longrope) return {};
  const auto to_f32 = [](const std::vector<double>& values) {
    return std::vector<float>(values.begin(), values.end());
  };
  return checked({{Role::rope_factors_long, to_f32(rope.long_factor)},
                  {Role::rope_factors_short, to_f32(rope.short_factor)}},
                 model);
}

}  // namespace recast
