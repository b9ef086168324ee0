#include "arch/facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "arch/key_tables.h"
#include "arch/rope.h"
#include "base/limits.h"

namespace recast {

const KeyRow* find_key(const Architecture& arch, Fact fact) {
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group)
      if (row.fact == fact) return &row;
  return nullptr;
}

bool is_tensor_rule(std::string_view gguf) {
  return gguf.starts_with('?') || gguf.starts_with('!') || gguf.starts_with('#');
}

std::string key_spelling(const Architecture& arch, Fact fact, Convention convention) {
  const KeyRow* row = find_key(arch, fact);
  if (!row) return "";
  if (convention == Convention::hf || row->gguf.empty() || is_tensor_rule(row->gguf))
    return row->hf.empty() ? std::string(fact.name) : std::string(words(row->hf).front());
  return fmt::format("{}.{}", arch.gguf, row->gguf);
}

const json::Value* member(const json::Value& config, std::string_view path) {
  const size_t dot = path.find('.');
  const json::Value* value = config.find(path.substr(0, dot));
  if (dot == std::string_view::npos || !value) return value;
  return value->is_object() ? member(*value, path.substr(dot + 1)) : nullptr;
}

void set_member(json::Value& config, std::string_view path, json::Value value) {
  const size_t dot = path.find('.');
  if (dot == std::string_view::npos) return config.set(path, std::move(value));
  const std::string_view key = path.substr(0, dot);
  if (const json::Value* inner = config.find(key); !inner || !inner->is_object())
    config.set(key, json::Object{});
  set_member(*config.find(key), path.substr(dot + 1), std::move(value));
}

const json::Value* spelled(const json::Value& config, const KeyRow& row) {
  const bool may_be_null =
      row.kind == KeyKind::optional_integer || row.kind == KeyKind::optional_real;
  for (const std::string_view key : words(row.hf)) {
    const json::Value* value = member(config, key);
    if (value && (!value->is_null() || may_be_null)) return value;
  }
  return nullptr;
}

std::optional<std::string_view> null_spelling(const json::Value& config, const KeyRow& row) {
  for (const std::string_view key : words(row.hf))
    if (const json::Value* value = member(config, key); value && value->is_null()) return key;
  return std::nullopt;
}

bool is_rope_fact(Fact fact) {
  return fact == Fact::rope_theta || fact == Fact::partial_rotary || fact == Fact::rope_theta_swa;
}

bool is_rope_type(std::string_view name) {
  return has_word("default linear dynamic yarn longrope llama3", name);
}

bool fits_f32(double value, bool positive) {
  constexpr auto most = static_cast<double>(std::numeric_limits<float>::max());
  if (!(std::abs(value) <= most)) return false;
  return !positive || static_cast<float>(value) > 0;
}

namespace {

// Constants that are nowhere 0: what they divide would be infinite.
bool must_be_positive(Fact fact) {
  return fact.name.ends_with("_eps") || fact == Fact::rope_theta || fact == Fact::rope_theta_swa;
}

// A layer's kind by its name in layer_types: whether attention has a window there.
std::optional<int64_t> has_window(std::string_view layer_type) {
  if (layer_type == "full_attention") return 0;
  if (layer_type == "sliding_attention" || layer_type == "chunked_attention") return 1;
  return std::nullopt;
}

// True for all layers but every `period`-th.
std::vector<int64_t> by_period(int64_t every, int64_t layers) {
  std::vector<int64_t> out;
  for (int64_t i = 0; i < layers; ++i) out.push_back(every > 0 && (i + 1) % every != 0 ? 1 : 0);
  return out;
}

// Values of KeyRow::fallback that are computed from facts already known.
struct Derived {
  std::string_view rule;
  int64_t (*value)(const Facts& facts);
};
constexpr Derived derived[] = {
    {from_heads, [](const Facts& f) { return f.integer(Fact::heads); }},
    {four_hidden, [](const Facts& f) { return 4 * f.integer(Fact::hidden); }},
    {twice_hidden, [](const Facts& f) { return 2 * f.integer(Fact::hidden); }},
    {hidden_16, [](const Facts& f) { return (f.integer(Fact::hidden) + 15) / 16; }},
    {same_as_hidden, [](const Facts& f) { return f.integer(Fact::hidden); }},
    {from_layers, [](const Facts& f) { return f.integer(Fact::layers); }},
    {from_ffn, [](const Facts& f) { return f.integer(Fact::ffn); }},
    {from_hidden, [](const Facts& f) {
       const int64_t heads = f.integer(Fact::heads);
       return heads > 0 ? f.integer(Fact::hidden) / heads : 0;
     }},
};

// Which layers have a window when a row's list is only a number: every n-th has none, counted from
// the end of each group, or from its start where the row's default says so.
std::vector<int64_t> windows(const KeyRow& row, int64_t every, int64_t layers) {
  if (!row.fallback.starts_with(first_of)) return by_period(every, layers);
  std::vector<int64_t> out;
  for (int64_t i = 0; i < layers; ++i) out.push_back(every > 0 && i % every != 0 ? 1 : 0);
  return out;
}

std::optional<Facts::Number> fallback_value(const KeyRow& row, const Facts& facts) {
  for (const std::string_view rule : {period, first_of})
    if (row.fallback.starts_with(rule))
      return windows(row, std::stoll(std::string(row.fallback.substr(rule.size()))),
                     facts.integer(Fact::layers));
  for (const Derived& d : derived)
    if (row.fallback == d.rule) return d.value(facts);
  if (row.fallback == same_as_theta) return facts.real(Fact::rope_theta);
  const json::Value value = json::parse(row.fallback, {});
  if (const auto b = value.as_bool()) return *b;
  if (value.is_null()) {
    if (row.kind == KeyKind::optional_real || row.kind == KeyKind::text ||
        row.kind == KeyKind::flag)
      return std::nullopt;
    return int64_t{0};
  }
  if (row.kind == KeyKind::real || row.kind == KeyKind::optional_real)
    return value.as_double().value();
  if (const std::string* text = value.as_string()) return *text;
  if (const json::Array* list = value.as_array())
    return std::vector<int64_t>(static_cast<size_t>(facts.integer(Fact::layers)),
                                list->empty() ? 0 : list->front().as_int().value_or(0));
  return value.as_int().value();
}

// Fills the facts of a model from the rows of its family.
class Reader {
 public:
  Reader(const Architecture& arch, Convention convention, const std::string& file,
         ModelFacts& model)
      : arch_(arch), convention_(convention), file_(file), model_(model) {}

  void take_json(const KeyRow& row, const json::Value& value) {
    const std::string text = printable(json::write(value));
    const auto want = [&](bool ok, std::string_view expected) {
      if (!ok) bad(row, std::string(expected), text);
    };
    switch (row.kind) {
      case KeyKind::flag:
        want(value.as_bool().has_value(), "true or false");
        return model_.facts.set(row.fact, *value.as_bool());
      case KeyKind::text:
        want(value.as_string() != nullptr, "a text");
        return model_.facts.set(row.fact, *value.as_string());
      case KeyKind::optional_real:
        if (value.is_null()) return;
        [[fallthrough]];
      case KeyKind::real: {
        const auto number = value.as_double();
        const bool positive = must_be_positive(row.fact);
        want(number && *number >= 0 && fits_f32(*number, positive),
             positive ? "a number above 0" : "a number");
        return model_.facts.set(row.fact, *number);
      }
      case KeyKind::layer_types: return layers() ? take_layer_types(row, value) : void();
      case KeyKind::layer_flags: return layers() ? take_layer_flags(row, value) : void();
      case KeyKind::layer_indices: return layers() ? take_layer_indices(row, value) : void();
      case KeyKind::optional_integer:
        if (value.is_null()) return model_.facts.set(row.fact, int64_t{0});
        [[fallthrough]];
      case KeyKind::integer:
      case KeyKind::count: {
        const auto number = same_in_every_layer(value);
        want(number.has_value(), "an integer");
        return take_integer(row, *number);
      }
    }
  }

  // An integer, or a list of one a layer that are all the same (Hunyuan).
  std::optional<int64_t> same_in_every_layer(const json::Value& value) const {
    const json::Array* list = value.as_array();
    if (!list || list->empty() || list->size() != layers()) return value.as_int();
    for (const json::Value& item : *list)
      if (!(item == list->front())) return std::nullopt;
    return list->front().as_int();
  }

  void take_meta(const KeyRow& row, const MetaValue& value) {
    const auto want = [&](bool ok, std::string_view expected) {
      if (!ok) bad(row, std::string(expected), std::string(meta_type_name(value.type)));
    };
    switch (row.kind) {
      case KeyKind::flag:
        want(value.as_bool().has_value(), "a boolean");
        return model_.facts.set(row.fact, *value.as_bool());
      case KeyKind::text:
        want(value.as_string() != nullptr, "a string");
        return model_.facts.set(row.fact, *value.as_string());
      case KeyKind::real:
      case KeyKind::optional_real: {
        const auto number = value.as_double();
        want(number.has_value(), "a number");
        const bool positive = must_be_positive(row.fact);
        if (!fits_f32(*number, positive))
          bad(row, positive ? "a number above 0" : "a finite number", fmt::format("{}", *number));
        return model_.facts.set(row.fact, unconverted(row, *number));
      }
      case KeyKind::layer_types:
      case KeyKind::layer_flags:
      case KeyKind::layer_indices: return layers() ? take_layer_list(row, value) : void();
      case KeyKind::integer:
      case KeyKind::count:
      case KeyKind::optional_integer: {
        const auto number = whole(value);
        want(number.has_value(), "an integer");
        return take_integer(row, row.conversion
                                     ? std::llround(row.conversion->from_gguf(
                                           static_cast<double>(*number), model_))
                                     : *number);
      }
    }
  }

  // An integer, also one stored as a float (max_alibi_bias).
  static std::optional<int64_t> whole(const MetaValue& value) {
    if (const auto integer = value.as_int()) return integer;
    const auto number = value.as_double();
    if (!number || *number != std::floor(*number) || std::abs(*number) > 1e15) return std::nullopt;
    return static_cast<int64_t>(*number);
  }

  void take_fallback(const KeyRow& row) {
    if (row.fallback.empty()) {
      missing_.push_back(key_spelling(arch_, row.fact, convention_));
      return;
    }
    if (auto value = fallback_value(row, model_.facts)) model_.facts.set(row.fact, *value);
  }

  // The same for a constant that a sound source states: taking the usual one is a guess.
  void guess(const KeyRow& row, std::string_view key, std::vector<Finding>& warnings) {
    take_fallback(row);
    if (row.fallback.empty()) return;
    const std::string value = fmt::format("{}", model_.facts.real(row.fact));
    model_.assumptions.push_back(fmt::format("{} {}", key, value));
    add_warning(warnings,
                Error(codes::assumed, {.where = key_where(key), .found = value, .file = file_}));
  }

  // Share of a head that rotates, by the number of dimensions in a GGUF; its row stands behind that
  // of the head width.
  std::optional<double> turned_share(const Metadata& metadata, const std::string& prefix) const {
    const MetaValue* value = metadata.find(prefix + "rope.dimension_count");
    const int64_t width = model_.facts.integer(Fact::head_dim);
    if (!value || width == 0) return std::nullopt;
    const int64_t turned = value->as_int().value_or(0);
    if (turned < 1 || turned > width)
      fail(codes::metadata_value, {.where = key_where(prefix + "rope.dimension_count"),
                                   .expected = fmt::format("1 to {}, the head width", width),
                                   .found = fmt::format("{}", turned),
                                   .file = file_});
    const double share = static_cast<double>(turned) / static_cast<double>(width);
    // rope_dimensions() cuts off: a product that rounds down would lose one.
    const bool cut = static_cast<int64_t>(share * static_cast<double>(width)) < turned;
    return cut ? std::nextafter(share, 1.0) : share;
  }

  void finish() const {
    if (!missing_.empty())
      fail(codes::config_key_missing,
           {.where = key_where(missing_.front()),
            .expected = fmt::format("{}", fmt::join(missing_, ", ")),
            .file = file_});
    const KeyRow* heads_row = find_key(arch_, Fact::heads);
    if (!heads_row) return;
    const Facts& f = model_.facts;
    const int64_t hidden = f.integer(Fact::hidden), heads = f.integer(Fact::heads);
    const int64_t kv = f.integer(Fact::kv_heads);
    const KeyRow* width_row = find_key(arch_, Fact::head_dim);
    if (width_row && !explicit_head_dim && f.integer(Fact::head_dim) * heads != hidden)
      bad(*heads_row, fmt::format("a divisor of the width {}", hidden), fmt::format("{}", heads));
    if (width_row && arch_.rope && f.integer(Fact::head_dim) % 2 != 0)
      bad(width_row->hf.empty() ? *heads_row : *width_row,
          "an even head width for rotary pairs", fmt::format("{}", f.integer(Fact::head_dim)));
    if (const KeyRow* kv_row = find_key(arch_, Fact::kv_heads); kv_row && (kv == 0 || heads % kv))
      bad(*kv_row, fmt::format("a divisor of {} heads", heads), fmt::format("{}", kv));
  }

  bool explicit_head_dim = false;

 private:
  const ErrorCode& value_code() const {
    return convention_ == Convention::hf ? codes::config_value : codes::metadata_value;
  }
  [[noreturn]] void bad(const KeyRow& row, std::string expected, std::string found) const {
    fail(value_code(),
         {.where = key_where(key_spelling(arch_, row.fact, convention_)),
          .expected = std::move(expected),
          .found = std::move(found),
          .file = file_});
  }

  // Throws unless the value is within the limit.
  void bound(const KeyRow& row, uint64_t value, Limit most, const ErrorCode& code) const {
    if (value <= limit(most)) return;
    fail_limit(code, most,
               {.where = key_where(key_spelling(arch_, row.fact, convention_)), .file = file_},
               value);
  }

  void take_integer(const KeyRow& row, int64_t value) {
    const bool may_be_zero = row.kind != KeyKind::integer;
    if (value < (may_be_zero ? 0 : 1))
      bad(row, may_be_zero ? "0 or more" : "a positive integer", fmt::format("{}", value));
    const bool positions = row.fact == Fact::context || row.fact == Fact::sliding_window;
    const auto size = static_cast<uint64_t>(value);
    bound(row, size, positions ? Limit::model_positions : Limit::model_extent, value_code());
    if (row.fact == Fact::layers) bound(row, size, Limit::model_layers, codes::too_many_layers);
    if (row.fact == Fact::experts) bound(row, size, Limit::model_experts, value_code());
    model_.facts.set(row.fact, value);
  }

  // f32 in the file: the shortest decimal that gives the stored number is what the source said.
  double unconverted(const KeyRow& row, double stored) const {
    const auto f = static_cast<float>(stored);
    if (!row.conversion) return std::stod(fmt::format("{}", f));
    const double value = row.conversion->from_gguf(stored, model_);
    for (int digits = 1; digits < 16; ++digits) {
      const double rounded = std::stod(fmt::format("{:.{}g}", value, digits));
      if (static_cast<float>(row.conversion->to_gguf(rounded, model_)) == f) return rounded;
    }
    return value;
  }

  size_t layers() const { return static_cast<size_t>(model_.facts.integer(Fact::layers)); }

  void take_layer_types(const KeyRow& row, const json::Value& value) {
    if (const auto every = value.as_int();
        every && *every >= 0 && static_cast<uint64_t>(*every) <= limit(Limit::model_layers))
      return model_.facts.set(row.fact, windows(row, *every, static_cast<int64_t>(layers())));
    const json::Array* list = value.as_array();
    if (!list || list->size() != layers())
      bad(row, fmt::format("a list of {} layer types", layers()), printable(json::write(value)));
    std::vector<int64_t> flags;
    for (const json::Value& item : *list) {
      const std::string* name = item.as_string();
      const auto flag = name ? has_window(*name) : std::nullopt;
      if (!flag) bad(row, "full_attention or sliding_attention", printable(json::write(item)));
      flags.push_back(*flag);
    }
    model_.facts.set(row.fact, std::move(flags));
  }

  void take_layer_flags(const KeyRow& row, const json::Value& value) {
    const json::Array* list = value.as_array();
    if (!list || list->size() < layers())
      bad(row, fmt::format("a list of {} numbers", layers()), printable(json::write(value)));
    std::vector<int64_t> flags;
    for (size_t i = 0; i < layers(); ++i) flags.push_back((*list)[i].as_int().value_or(0) != 0);
    model_.facts.set(row.fact, std::move(flags));
  }

  void take_layer_indices(const KeyRow& row, const json::Value& value) {
    const json::Array* list = value.as_array();
    if (!list) bad(row, "a list of layers", printable(json::write(value)));
    std::vector<int64_t> flags(layers(), 0);
    for (const json::Value& item : *list) {
      const auto layer = item.as_int();
      if (!layer || *layer < 0 || *layer >= static_cast<int64_t>(layers()))
        bad(row, fmt::format("layers below {}", layers()), printable(json::write(item)));
      flags[static_cast<size_t>(*layer)] = 1;
    }
    model_.facts.set(row.fact, std::move(flags));
  }

  void take_layer_list(const KeyRow& row, const MetaValue& value) {
    if (const auto every = value.as_int())
      return model_.facts.set(row.fact, windows(row, *every, static_cast<int64_t>(layers())));
    const std::vector<int64_t>* list = value.as_ints();
    if (!list || list->size() < layers())
      bad(row, fmt::format("an array of {}", layers()), std::string(meta_type_name(value.type)));
    model_.facts.set(row.fact, std::vector<int64_t>(list->begin(), list->begin() +
                                                    static_cast<std::ptrdiff_t>(layers())));
  }

  const Architecture& arch_;
  Convention convention_;
  const std::string& file_;
  ModelFacts& model_;
  std::vector<std::string> missing_;
};

// Names with "blk.*" stand for any layer.
const Tensor* find_any(const Checkpoint& source, std::string_view pattern) {
  const size_t star = pattern.find('*');
  if (star == std::string_view::npos) return source.find(pattern);
  const std::string_view head = pattern.substr(0, star), tail = pattern.substr(star + 1);
  for (const Tensor& tensor : source.tensors) {
    const std::string_view name = tensor.name;
    if (name.starts_with(head) && name.ends_with(tail) &&
        name.substr(head.size(), name.size() - head.size() - tail.size())
                .find_first_not_of("0123456789") == std::string_view::npos)
      return &tensor;
  }
  return nullptr;
}

// What a row's "?", "!" or "#" rule finds in the tensors; nullopt: an extent of one that is not there.
std::optional<Facts::Number> from_tensors(std::string_view rule, const Checkpoint& source) {
  const char sort = rule.front();
  rule.remove_prefix(1);
  if (sort == '?') return find_any(source, rule) != nullptr;
  if (sort == '!') return find_any(source, rule) == nullptr;
  const size_t colon = rule.find(':');
  const Tensor* tensor = find_any(source, rule.substr(0, colon));
  const auto axis = static_cast<size_t>(rule.back() - '0');
  if (!tensor || axis >= tensor->shape().size()) return std::nullopt;
  return tensor->shape()[axis];
}

// An extent by the row's conversion; for a flag, whether it is then other than 0.
Facts::Number converted(const KeyRow& row, const Facts::Number& found, const ModelFacts& model) {
  const int64_t* extent = row.conversion ? std::get_if<int64_t>(&found) : nullptr;
  if (!extent) return found;
  const double value = row.conversion->from_gguf(static_cast<double>(*extent), model);
  if (row.kind == KeyKind::flag) return value != 0;
  return static_cast<int64_t>(std::llround(value));
}

}  // namespace

ModelFacts facts_from_config(const Architecture& arch, const json::Value& config,
                             const std::string& file, std::vector<Finding>& warnings) {
  ModelFacts model{.arch = &arch};
  Reader reader{arch, Convention::hf, file, model};
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group) {
      if (is_rope_fact(row.fact)) continue;
      const json::Value* value = spelled(config, row);
      // An absent key has the default of its class; a null stands for no constant.
      const auto null = row.kind == KeyKind::real ? null_spelling(config, row) : std::nullopt;
      if (value)
        reader.take_json(row, *value);
      else if (null)
        reader.guess(row, *null, warnings);
      else
        reader.take_fallback(row);
      if (row.fact == Fact::head_dim && (value || !row.fallback.starts_with('=')))
        reader.explicit_head_dim = true;
    }
  reader.finish();
  read_rope_config(config, file, model, warnings);
  if (arch.settle) arch.settle(model);
  return model;
}

ModelFacts trial_facts(const Architecture& arch, const json::Value& config) {
  static const std::string no_file;
  ModelFacts model{.arch = &arch};
  Reader reader{arch, Convention::hf, no_file, model};
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group) {
      const json::Value* value = spelled(config, row);
      if (value)
        reader.take_json(row, *value);
      else
        reader.take_fallback(row);
    }
  if (arch.settle) arch.settle(model);
  return model;
}

ModelFacts facts_from_gguf(const Architecture& arch, const Checkpoint& source,
                           const json::Value& overlay, std::vector<Finding>& warnings) {
  ModelFacts model{.arch = &arch};
  Reader reader{arch, Convention::gguf, source.config_file, model};
  const std::string prefix = std::string(arch.gguf) + ".";
  const auto take = [&](const KeyRow& row) {
    const bool by_tensors = is_tensor_rule(row.gguf);
    const MetaValue* value = row.gguf.empty() || by_tensors
                                 ? nullptr
                                 : source.metadata.find(prefix + std::string(row.gguf));
    if (value) {
      reader.take_meta(row, *value);
    } else if (const auto found = by_tensors ? from_tensors(row.gguf, source) : std::nullopt) {
      model.facts.set(row.fact, converted(row, *found, model));
    } else if (row.fact == Fact::vocab && by_tensors) {
      fail(codes::tensor_missing, {.where = tensor_where("token_embd.weight"),
                                   .found = source.tensors.empty()
                                                ? "no tensor at all"
                                                : fmt::format("{} tensors", source.tensors.size())});
    } else if (row.kind == KeyKind::flag && !row.gguf.empty()) {
      model.facts.set(row.fact, false);  // the runtime's own default
    } else if (row.kind == KeyKind::optional_integer ||
               (row.kind == KeyKind::count && !row.gguf.empty())) {
      model.facts.set(row.fact, int64_t{0});
    } else if (row.fact == Fact::partial_rotary && reader.turned_share(source.metadata, prefix)) {
      model.facts.set(row.fact, *reader.turned_share(source.metadata, prefix));
    } else if (row.kind != KeyKind::optional_real || row.gguf.empty()) {
      if (row.kind == KeyKind::real && !row.gguf.empty() && !is_rope_fact(row.fact))
        reader.guess(row, prefix + std::string(row.gguf), warnings);
      else
        reader.take_fallback(row);
      if (row.fact == Fact::rope_theta)
        model.assumptions.push_back(fmt::format("{} {} (the runtime's own default)",
                                                key_spelling(arch, row.fact, Convention::gguf),
                                                row.fallback));
    }
    return value != nullptr;
  };
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group) {
      const json::Value* own = overlay.is_object() ? spelled(overlay, row) : nullptr;
      bool stated = own != nullptr;
      if (own)
        reader.take_json(row, *own);
      else
        stated = take(row);
      if (row.fact == Fact::head_dim && stated) reader.explicit_head_dim = true;
    }
  reader.finish();
  read_rope_metadata(source, prefix, model, warnings);
  if (overlay.is_object() && (overlay.find("rope_parameters") || overlay.find("rope_scaling")))
    read_rope_config(overlay, "--model-config", model, warnings);
  if (arch.settle) arch.settle(model);
  return model;
}

}  // namespace recast
