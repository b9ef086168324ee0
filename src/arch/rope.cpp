#include "arch/rope.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "arch/facts.h"
#include "arch/key_tables.h"
#include "arch/rope_spellings.h"

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
  if (!number || !fits_f32(*number, true) || (ratio && *number > 1))
    bad_rope(file, key, value, ratio ? "a number above 0 and up to 1" : "a positive number");
  if (find_key(*model.arch, fact))
    model.facts.set(fact, *number);
  else if (ratio && *number != 1)
    model.rope.unknown.emplace_back(key, value);
}

// One member of the object that describes the scaling.
void read_member(std::string_view key, const json::Value& value, const std::string& file,
                 ModelFacts& model) {
  Rope& rope = model.rope;
  if (value.is_null()) return;
  for (const RopeNumber& row : rope_numbers)
    if (key == row.key) {
      const auto number = value.as_double();
      if (!number || !fits_f32(*number, false)) bad_rope(file, key, value, "a number");
      rope.*row.member = *number;
      return;
    }
  if (key == "long_factor") {
    rope.long_factor = numbers(file, key, value);
  } else if (key == "short_factor") {
    rope.short_factor = numbers(file, key, value);
  } else if (key == "original_max_position_embeddings") {
    rope.original_context = value.as_int();
    if (!rope.original_context || *rope.original_context < 1)
      bad_rope(file, key, value, "a positive integer");
  } else if (key == "rope_theta" || key == "partial_rotary_factor") {
    set_fact(key == "rope_theta" ? Fact::rope_theta : Fact::partial_rotary, key, value, file,
             model);
  } else if (key != "rope_type" && key != "type") {
    rope.unknown.emplace_back(key, value);
  }
}

[[noreturn]] void missing_rope(const std::string& file, std::string_view key,
                               const std::string& type) {
  fail(codes::config_key_missing,
       {.where = key_where(key), .expected = fmt::format("the {} of {}", key, type), .file = file});
}

// The numbers that a kind of scaling divides by.
void check_rope_numbers(const std::string& file, const Rope& rope) {
  const bool by_alpha = std::any_of(rope.unknown.begin(), rope.unknown.end(),
                                    [](const auto& member) { return member.first == "alpha"; });
  if (!rope.factor && !by_alpha && has_word("linear dynamic yarn llama3", rope.type))
    missing_rope(file, "factor", rope.type);
  if (rope.factor && !fits_f32(*rope.factor, true))
    bad_rope(file, "factor", *rope.factor, "a number above 0");
  if (rope.type != "llama3") return;
  if (!rope.low_freq_factor) missing_rope(file, "low_freq_factor", rope.type);
  if (!rope.high_freq_factor) missing_rope(file, "high_freq_factor", rope.type);
  if (!rope.original_context) missing_rope(file, "original_max_position_embeddings", rope.type);
  if (!fits_f32(*rope.low_freq_factor, true))
    bad_rope(file, "low_freq_factor", *rope.low_freq_factor, "a number above 0");
  // Equal ones leave no band between (Llama 4 Scout).
  if (!(*rope.high_freq_factor >= *rope.low_freq_factor))
    bad_rope(file, "high_freq_factor", *rope.high_freq_factor,
             fmt::format("at least low_freq_factor, {}", *rope.low_freq_factor));
}

void check_rope(const std::string& file, const ModelFacts& model) {
  const Rope& rope = model.rope;
  if (!is_rope_type(rope.type))
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
  check_rope_numbers(file, rope);
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

// The class defaults of what no spelling gave; a null is no constant, so they are a guess then.
void fill_defaults(const json::Value& config, const std::string& file, ModelFacts& model,
                   std::vector<Finding>& warnings) {
  for (const Fact fact : {Fact::rope_theta, Fact::rope_theta_swa, Fact::partial_rotary}) {
    const KeyRow* row = find_key(*model.arch, fact);
    if (!row || row->fallback.empty() || model.facts.has(fact)) continue;
    const auto value = row->fallback == same_as_theta
                           ? model.facts.real(Fact::rope_theta)
                           : json::parse(row->fallback, {}).as_double();
    if (!value) continue;
    model.facts.set(fact, *value);
    if (const auto key = null_spelling(config, *row))
      add_warning(warnings, Error(codes::assumed, {.where = key_where(*key),
                                                   .found = fmt::format("{}", *value),
                                                   .file = file}));
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
  if (parameters && !parameters->is_null() && !parameters->is_object())
    bad_rope(file, "rope_parameters", *parameters, "an object");
  // The nearest description wins; top-level keys fill what it leaves out.
  const json::Value* from = parameters && parameters->is_object()
                                ? full_attention(parameters, file, model)
                                : scaling;
  read_top_level(config, from, file, model);
  if (from && !from->is_null()) {
    const json::Object* members = from->as_object();
    if (!members)
      bad_rope(file, from == parameters ? "rope_parameters" : "rope_scaling", *from, "an object");
    if (const auto type = rope_type_of(*members, *model.arch, file)) model.rope.type = *type;
    for (const auto& [key, value] : *members) read_member(key, value, file, model);
    warn_of_rope_members(*members, from == scaling ? "rope_scaling" : "rope_parameters", model,
                         file, warnings);
    if (from != scaling && scaling) check_rope_objects(*from, *scaling, *model.arch, file);
  }
  compare_theta(config, model, file, warnings);
  fill_defaults(config, file, model, warnings);
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

}  // namespace recast
