#include "arch/rope.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <numbers>

#include "arch/facts.h"
#include "arch/key_tables.h"

namespace recast {

namespace {

// Members of rope_parameters / rope_scaling that are plain numbers.
struct RopeNumber {
  std::string_view key;
  std::optional<double> Rope::* member;
};
constexpr RopeNumber rope_numbers[] = {
    {"factor", &Rope::factor},
    {"attention_factor", &Rope::attention_factor},
    {"beta_fast", &Rope::beta_fast},
    {"beta_slow", &Rope::beta_slow},
    {"low_freq_factor", &Rope::low_freq_factor},
    {"high_freq_factor", &Rope::high_freq_factor},
    {"mscale", &Rope::mscale},
    {"mscale_all_dim", &Rope::mscale_all_dim},
};

[[noreturn]] void bad_rope(const std::string& file, std::string_view key, const json::Value& v,
                           std::string expected) {
  fail(codes::config_value, {.where = key_where(key),
                             .expected = std::move(expected),
                             .found = printable(json::write(v)),
                             .file = file});
}

std::vector<double> numbers(const std::string& file, std::string_view key, const json::Value& v) {
  const json::Array* array = v.as_array();
  if (!array) bad_rope(file, key, v, "a list of numbers");
  std::vector<double> out;
  for (const json::Value& item : *array) {
    const auto number = item.as_double();
    if (!number || !std::isfinite(*number)) bad_rope(file, key, item, "a number");
    out.push_back(*number);
  }
  return out;
}

// A fact of the rows, whatever its spelling; ratios above 1 turn more than there is.
void set_fact(Fact fact, std::string_view key, const json::Value& value, const std::string& file,
              ModelFacts& model) {
  const auto number = value.as_double();
  const bool ratio = fact == Fact::partial_rotary;
  if (!number || !std::isfinite(*number) || *number <= 0 || (ratio && *number > 1))
    bad_rope(file, key, value, ratio ? "a number above 0 and up to 1" : "a positive number");
  if (find_key(*model.arch, fact)) model.facts.set(fact, *number);
}

// One member of the object that describes the scaling.
void read_member(std::string_view key, const json::Value& value, const std::string& file,
                 ModelFacts& model) {
  Rope& rope = model.rope;
  if (value.is_null()) return;
  for (const RopeNumber& row : rope_numbers)
    if (key == row.key) {
      const auto number = value.as_double();
      if (!number || !std::isfinite(*number)) bad_rope(file, key, value, "a number");
      rope.*row.member = *number;
      return;
    }
  if (key == "rope_type" || key == "type") {
    const std::string* type = value.as_string();
    if (!type) bad_rope(file, key, value, "a name");
    // "su" and phi-3's "yarn" were the first names of longrope.
    const bool longrope = *type == "su" || (*type == "yarn" && model.arch->gguf_original_context);
    rope.type = longrope ? "longrope" : *type;
  } else if (key == "long_factor") {
    rope.long_factor = numbers(file, key, value);
  } else if (key == "short_factor") {
    rope.short_factor = numbers(file, key, value);
  } else if (key == "original_max_position_embeddings") {
    rope.original_context = value.as_int();
    if (!rope.original_context) bad_rope(file, key, value, "an integer");
  } else if (key == "rope_theta" || key == "partial_rotary_factor") {
    set_fact(key == "rope_theta" ? Fact::rope_theta : Fact::partial_rotary, key, value, file,
             model);
  } else {
    rope.unknown.emplace_back(key, value);
  }
}

void check_rope(const std::string& file, const ModelFacts& model) {
  static constexpr std::string_view known[] = {"default", "linear", "dynamic",
                                               "yarn",    "longrope", "llama3"};
  const Rope& rope = model.rope;
  if (std::find(std::begin(known), std::end(known), rope.type) == std::end(known))
    fail(codes::config_value, {.where = key_where("rope_type"),
                               .expected = "default, linear, dynamic, yarn, longrope or llama3",
                               .found = printable(rope.type),
                               .file = file});
  const size_t half = static_cast<size_t>(rope_dimensions(model) / 2);
  for (const auto* list : {&rope.long_factor, &rope.short_factor})
    if (rope.type == "longrope" && list->size() != half)
      fail(codes::config_value,
           {.where = key_where(list == &rope.long_factor ? "long_factor" : "short_factor"),
            .expected = fmt::format("{} numbers, half the rotary dimensions", half),
            .found = fmt::format("{}", list->size()),
            .file = file});
  if ((rope.type == "linear" || rope.type == "yarn" || rope.type == "llama3") && !rope.factor)
    fail(codes::config_key_missing,
         {.where = key_where("factor"), .expected = "the factor of " + rope.type, .file = file});
}

// The two spellings of a base that both stand in the file must agree.
void compare_theta(const json::Value& config, const ModelFacts& model, const std::string& file,
                   std::vector<Finding>& warnings) {
  if (model.arch->rope_by_layer_type) return;
  const json::Value* top = config.find("rope_theta");
  const auto theta = top ? top->as_double() : std::nullopt;
  if (theta && model.facts.has(Fact::rope_theta) && *theta != model.facts.real(Fact::rope_theta))
    add_warning(warnings,
                Error(codes::config_spellings_differ,
                      {.where = key_where("rope_theta"),
                       .expected = fmt::format("{}", model.facts.real(Fact::rope_theta)),
                       .found = fmt::format("{}; rope_parameters is taken", *theta),
                       .file = file}));
}

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
  const auto dims = static_cast<float>(model.facts.integer(Fact::head_dim));
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
    } else if (wavelength > static_cast<float>(context / low)) {
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
  if (!tensor || !tensor->codec().decode || tensor->elements() > 65536) return {};
  FloatCensus census;
  const Window bytes = tensor->value->fetch(0, tensor->elements(), census);
  std::vector<float> values(static_cast<size_t>(tensor->elements()));
  tensor->codec().decode(bytes.bytes().data(), values.data(), tensor->elements());
  return values;
}

// The way back from rope_freqs: the largest entry is the factor, an entry between 1 and the factor
// gives the original context, when low and high have their usual values.
void read_llama3(const std::vector<float>& freqs, ModelFacts& model,
                 std::vector<Finding>& warnings, const std::string& file) {
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
  rope.original_context = std::llround(context);
  add_warning(warnings, Error(codes::assumed, {.where = tensor_where("rope_freqs.weight"),
                                               .found = "low_freq_factor 1, high_freq_factor 4",
                                               .file = file}));
  model.assumptions.emplace_back(
      "llama3 rope: low_freq_factor 1 and high_freq_factor 4 (only their product with the factor "
      "is stored)");
}

}  // namespace

int64_t rope_dimensions(const ModelFacts& model) {
  const auto head = static_cast<double>(model.facts.integer(Fact::head_dim));
  const double partial =
      model.facts.has(Fact::partial_rotary) ? model.facts.real(Fact::partial_rotary) : 1.0;
  return static_cast<int64_t>(partial * head);
}

namespace {

// rope_theta and the like at the top level, in the spellings of the family's rows; what the nearer
// object says is left to it.
void read_top_level(const json::Value& config, const json::Value* nearer, const std::string& file,
                    ModelFacts& model) {
  for (const Fact fact : {Fact::rope_theta, Fact::partial_rotary, Fact::rope_theta_swa}) {
    const KeyRow* row = find_key(*model.arch, fact);
    const std::string_view inner = fact == Fact::partial_rotary ? "partial_rotary_factor"
                                                                : "rope_theta";
    if (!row || (fact != Fact::rope_theta_swa && nearer && nearer->find(inner))) continue;
    for (const std::string_view key : words(row->hf))
      if (const json::Value* value = member(config, key); value && !value->is_null()) {
        set_fact(fact, key, *value, file, model);
        break;
      }
  }
  if (const json::Value* value = config.find("original_max_position_embeddings"))
    read_member("original_max_position_embeddings", *value, file, model);
}

// The class defaults of what no spelling gave.
void fill_defaults(ModelFacts& model) {
  for (const Fact fact : {Fact::rope_theta, Fact::rope_theta_swa, Fact::partial_rotary}) {
    const KeyRow* row = find_key(*model.arch, fact);
    if (!row || row->fallback.empty() || model.facts.has(fact)) continue;
    const auto value = row->fallback == same_as_theta
                           ? model.facts.real(Fact::rope_theta)
                           : json::parse(row->fallback, {}).as_double();
    if (value) model.facts.set(fact, *value);
  }
}

// rope_parameters with an object for each kind of layer: that of full attention describes the model,
// of the other only the base is another.
const json::Value* full_attention(const json::Value* parameters, const std::string& file,
                                  ModelFacts& model) {
  if (!parameters) return nullptr;
  const json::Value* full = parameters->find("full_attention");
  const json::Value* sliding = parameters->find("sliding_attention");
  if (sliding)
    if (const json::Value* theta = sliding->find("rope_theta"))
      set_fact(Fact::rope_theta_swa, "rope_theta", *theta, file, model);
  return full && full->is_object() ? full : parameters;
}

}  // namespace

void read_rope_config(const json::Value& config, const std::string& file, ModelFacts& model,
                      std::vector<Finding>& warnings) {
  if (!model.arch->rope) return;
  const json::Value* parameters = config.find("rope_parameters");
  const json::Value* scaling = config.find("rope_scaling");
  // The nearest description wins; top-level keys fill what it leaves out.
  const json::Value* from = parameters && parameters->is_object()
                                ? full_attention(parameters, file, model)
                                : scaling;
  read_top_level(config, from, file, model);
  if (from && !from->is_null()) {
    const json::Object* members = from->as_object();
    if (!members)
      bad_rope(file, from == parameters ? "rope_parameters" : "rope_scaling", *from, "an object");
    for (const auto& [key, value] : *members) read_member(key, value, file, model);
  }
  compare_theta(config, model, file, warnings);
  fill_defaults(model);
  check_rope(file, model);
}

void set_rope_scaling(std::string_view text, ModelFacts& model) {
  const std::string where = "--rope-scaling " + printable(text);
  const size_t colon = text.find(':');
  const std::string_view type = text.substr(0, colon);
  const std::string number(colon == std::string_view::npos ? "" : text.substr(colon + 1));
  if (type == "longrope")
    fail(codes::rope_scaling_lists, {.where = where});
  char* end = nullptr;
  const double factor = std::strtod(number.c_str(), &end);
  const bool known = type == "linear" || type == "dynamic" || type == "yarn";
  if (!known || number.empty() || *end != '\0' || !(factor > 1) || !std::isfinite(factor))
    fail(codes::bad_value, {.where = where,
                            .expected = "linear:F, dynamic:F or yarn:F with a factor F above 1",
                            .found = printable(text)});
  if (!model.arch->rope)
    fail(codes::no_effect_refused,
         {.where = where, .found = fmt::format("{} has no rotary positions", model.arch->name)});
  model.rope = Rope{.type = std::string(type), .factor = factor};
  model.rope.original_context = model.facts.integer(Fact::context);
}

void write_rope_config(const ModelFacts& model, json::Value& config) {
  if (!model.arch->rope) return;
  const Rope& rope = model.rope;
  json::Value parameters{json::Object{}};
  for (const RopeNumber& row : rope_numbers)
    if (rope.*row.member) parameters.set(row.key, *(rope.*row.member));
  const auto list = [](const std::vector<double>& values) {
    return json::Value(json::Array(values.begin(), values.end()));
  };
  if (!rope.long_factor.empty()) parameters.set("long_factor", list(rope.long_factor));
  if (!rope.short_factor.empty()) parameters.set("short_factor", list(rope.short_factor));
  if (rope.original_context && rope.type != "default")
    parameters.set("original_max_position_embeddings", *rope.original_context);
  parameters.set("rope_type", rope.type);
  for (const auto& [key, value] : rope.unknown) parameters.set(key, value);

  json::Value scaling = parameters;
  if (rope.type == "default") {
    scaling = nullptr;
  } else {
    scaling.set("type", rope.type);
  }
  const bool partial = model.facts.has(Fact::partial_rotary);
  if (partial) parameters.set("partial_rotary_factor", model.facts.real(Fact::partial_rotary));
  parameters.set("rope_theta", model.facts.real(Fact::rope_theta));
  std::sort(parameters.as_object()->begin(), parameters.as_object()->end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  if (model.arch->rope_by_layer_type) {
    json::Value sliding{json::Object{}};
    sliding.set("rope_theta", model.facts.real(Fact::rope_theta_swa));
    sliding.set("rope_type", "default");
    json::Value both{json::Object{}};
    both.set("full_attention", std::move(parameters));
    both.set("sliding_attention", std::move(sliding));
    parameters = std::move(both);
  }
  config.set("rope_parameters", parameters);
  for (const Fact fact : {Fact::rope_theta, Fact::rope_theta_swa, Fact::partial_rotary})
    if (const KeyRow* row = find_key(*model.arch, fact);
        row && !row->hf.empty() && model.facts.has(fact))
      set_member(config, words(row->hf).front(), model.facts.real(fact));
  config.set("rope_scaling", scaling);
  if (model.arch->gguf_original_context)
    config.set("original_max_position_embeddings",
               rope.original_context.value_or(model.facts.integer(Fact::context)));
}

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
  if (const MetaValue* type = source.metadata.find(prefix + "rope.scaling.type"))
    if (const std::string* name = type->as_string(); name && *name != "none") rope.type = *name;
  rope.factor = decimal("rope.scaling.factor");
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
    rope.original_context = static_cast<int64_t>(*context);

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
  if (rope.type == "llama3") return {{Role::rope_freqs, llama3_factors(model)}};
  if (rope.type != "longrope" || !model.arch->gguf_longrope) return {};
  const auto to_f32 = [](const std::vector<double>& values) {
    return std::vector<float>(values.begin(), values.end());
  };
  return {{Role::rope_factors_long, to_f32(rope.long_factor)},
          {Role::rope_factors_short, to_f32(rope.short_factor)}};
}

}  // namespace recast
