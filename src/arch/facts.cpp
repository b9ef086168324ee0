#include "arch/facts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "arch/rope.h"

namespace recast {

// No published model comes near; a larger count is damage, and would only cost memory.
constexpr int64_t limit_layers = 20'000;
constexpr int64_t limit_extent = (int64_t{1} << 31) - 1;  // products of two fit 64 bits

int64_t Facts::integer(Fact fact) const {
  const auto it = values_.find(fact);
  if (it == values_.end()) return 0;
  if (const auto* v = std::get_if<int64_t>(&it->second)) return *v;
  return 0;
}
double Facts::real(Fact fact) const {
  const auto it = values_.find(fact);
  if (it == values_.end()) return 0;
  if (const auto* v = std::get_if<double>(&it->second)) return *v;
  if (const auto* v = std::get_if<int64_t>(&it->second)) return static_cast<double>(*v);
  return 0;
}
bool Facts::flag(Fact fact) const {
  const auto it = values_.find(fact);
  if (it == values_.end()) return false;
  const auto* v = std::get_if<bool>(&it->second);
  return v && *v;
}

const KeyRow* find_key(const Architecture& arch, Fact fact) {
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group)
      if (row.fact == fact) return &row;
  return nullptr;
}

std::string key_spelling(const Architecture& arch, Fact fact, Convention convention) {
  const KeyRow* row = find_key(arch, fact);
  if (!row) return "";
  if (convention == Convention::hf)
    return row->hf.empty() ? "" : std::string(words(row->hf).front());
  if (row->gguf.empty()) return std::string(row->hf.empty() ? "" : words(row->hf).front());
  return fmt::format("{}.{}", arch.gguf, row->gguf);
}

int64_t extent_of(Dim dim, const ModelFacts& model) {
  const Facts& f = model.facts;
  switch (dim) {
    case Dim::none: return 0;
    case Dim::hidden: return f.integer(Fact::hidden);
    case Dim::q: return f.integer(Fact::heads) * f.integer(Fact::head_dim);
    case Dim::kv: return f.integer(Fact::kv_heads) * f.integer(Fact::head_dim);
    case Dim::ffn: return f.integer(Fact::ffn);
    case Dim::vocab: return f.integer(Fact::vocab);
    case Dim::head_dim: return f.integer(Fact::head_dim);
    case Dim::context: return f.integer(Fact::context);
    case Dim::half_head: return rope_dimensions(model) / 2;
  }
  return 0;
}

Fact fact_of(Dim dim) {
  static constexpr Fact facts[] = {Fact::hidden, Fact::hidden, Fact::heads,
                                   Fact::kv_heads, Fact::ffn,  Fact::vocab,
                                   Fact::head_dim, Fact::context, Fact::head_dim};
  return facts[static_cast<size_t>(dim)];
}

namespace {

// Read by rope.cpp, which knows both spellings.
bool is_rope_fact(Fact fact) {
  return fact == Fact::rope_theta || fact == Fact::partial_rotary;
}

// A fallback that is computed from facts already known.
std::optional<Facts::Number> derived(std::string_view rule, const Facts& f) {
  if (rule == from_heads) return f.integer(Fact::heads);
  if (rule == four_hidden) return 4 * f.integer(Fact::hidden);
  if (rule == from_hidden && f.integer(Fact::heads) > 0)
    return f.integer(Fact::hidden) / f.integer(Fact::heads);
  return std::nullopt;
}

std::optional<Facts::Number> fallback_value(const KeyRow& row, const Facts& facts) {
  if (row.fallback.starts_with('=')) return derived(row.fallback, facts);
  const json::Value value = json::parse(row.fallback, {});
  if (const auto b = value.as_bool()) return *b;
  if (row.kind == KeyKind::real) return value.as_double().value();
  if (value.is_null()) return int64_t{0};
  return value.as_int().value();
}

struct Reader {
  const Architecture& arch;
  Convention convention;
  const std::string& file;
  ModelFacts& model;
  std::vector<std::string> missing = {};

  [[noreturn]] void bad(const KeyRow& row, std::string expected, std::string found) const {
    fail(convention == Convention::hf ? codes::config_value : codes::metadata_value,
         {.where = key_where(key_spelling(arch, row.fact, convention)),
          .expected = std::move(expected),
          .found = std::move(found),
          .file = file});
  }

  void take_integer(const KeyRow& row, int64_t value) {
    const bool may_be_zero = row.kind == KeyKind::optional_integer;
    if (value < (may_be_zero ? 0 : 1) || value > limit_extent)
      bad(row, may_be_zero ? "0 or more" : "a positive integer", fmt::format("{}", value));
    if (row.fact == Fact::layers && value > limit_layers)
      fail(codes::too_many_layers, {.where = key_where(key_spelling(arch, row.fact, convention)),
                                    .expected = fmt::format("at most {}", limit_layers),
                                    .found = fmt::format("{}", value),
                                    .file = file});
    model.facts.set(row.fact, value);
  }

  void take_json(const KeyRow& row, const json::Value& value) {
    const std::string text = printable(json::write(value));
    if (row.kind == KeyKind::flag) {
      if (!value.as_bool()) bad(row, "true or false", text);
      model.facts.set(row.fact, *value.as_bool());
    } else if (row.kind == KeyKind::real) {
      const auto number = value.as_double();
      if (!number || !std::isfinite(*number) || *number < 0) bad(row, "a number", text);
      model.facts.set(row.fact, *number);
    } else if (value.is_null() && row.kind == KeyKind::optional_integer) {
      model.facts.set(row.fact, int64_t{0});
    } else {
      if (!value.as_int()) bad(row, "an integer", text);
      take_integer(row, *value.as_int());
    }
  }

  void take_meta(const KeyRow& row, const MetaValue& value) {
    if (row.kind == KeyKind::real) {
      if (!value.as_double()) bad(row, "a number", std::string(meta_type_name(value.type)));
      // Stored as f32: the shortest decimal that reads back is what the source said.
      const auto f = static_cast<float>(*value.as_double());
      model.facts.set(row.fact, std::stod(fmt::format("{}", f)));
    } else if (row.kind == KeyKind::flag) {
      if (!value.as_bool()) bad(row, "a boolean", std::string(meta_type_name(value.type)));
      model.facts.set(row.fact, *value.as_bool());
    } else {
      if (!value.as_int()) bad(row, "an integer", std::string(meta_type_name(value.type)));
      take_integer(row, *value.as_int());
    }
  }

  void take_fallback(const KeyRow& row) {
    if (row.fallback.empty()) {
      missing.push_back(key_spelling(arch, row.fact, convention));
      return;
    }
    if (const auto value = fallback_value(row, model.facts)) model.facts.set(row.fact, *value);
  }

  // Share of a head that rotates, by the number of dimensions in a GGUF; its row stands behind that
  // of the head width.
  std::optional<double> turned_share(const Metadata& metadata, const std::string& prefix) const {
    const MetaValue* value = metadata.find(prefix + "rope.dimension_count");
    const int64_t width = model.facts.integer(Fact::head_dim);
    if (!value || width == 0) return std::nullopt;
    const int64_t turned = value->as_int().value_or(0);
    if (turned < 1 || turned > width)
      fail(codes::metadata_value, {.where = key_where(prefix + "rope.dimension_count"),
                                   .expected = fmt::format("1 to {}, the head width", width),
                                   .found = fmt::format("{}", turned),
                                   .file = file});
    const double share = static_cast<double>(turned) / static_cast<double>(width);
    // rope_dimensions() cuts off: a product that rounds down would lose one.
    const bool cut = static_cast<int64_t>(share * static_cast<double>(width)) < turned;
    return cut ? std::nextafter(share, 1.0) : share;
  }

  void finish() const {
    if (!missing.empty())
      fail(codes::config_key_missing,
           {.where = key_where(missing.front()),
            .expected = fmt::format("{}", fmt::join(missing, ", ")),
            .file = file});
    const Facts& f = model.facts;
    const int64_t hidden = f.integer(Fact::hidden), heads = f.integer(Fact::heads);
    const int64_t kv = f.integer(Fact::kv_heads);
    const KeyRow& heads_row = *find_key(arch, Fact::heads);
    if (f.integer(Fact::head_dim) * heads != hidden && !explicit_head_dim)
      bad(heads_row, fmt::format("a divisor of the width {}", hidden), fmt::format("{}", heads));
    if (arch.rope && f.integer(Fact::head_dim) % 2 != 0)
      bad(find_key(arch, Fact::head_dim)->hf.empty() ? heads_row
                                                     : *find_key(arch, Fact::head_dim),
          "an even head width for rotary pairs", fmt::format("{}", f.integer(Fact::head_dim)));
    if (kv == 0 || heads % kv != 0)
      bad(*find_key(arch, Fact::kv_heads), fmt::format("a divisor of {} heads", heads),
          fmt::format("{}", kv));
  }
  bool explicit_head_dim = false;
};

// The first spelling of a row that the config has with a value; null counts as absent unless the
// key may be null.
const json::Value* spelled(const json::Value& config, const KeyRow& row) {
  for (const std::string_view key : words(row.hf)) {
    const json::Value* value = config.find(key);
    if (value && (!value->is_null() || row.kind == KeyKind::optional_integer)) return value;
  }
  return nullptr;
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
      if (value)
        reader.take_json(row, *value);
      else
        reader.take_fallback(row);
      if (row.fact == Fact::head_dim && (value || !row.fallback.starts_with('=')))
        reader.explicit_head_dim = true;
    }
  reader.finish();
  read_rope_config(config, file, model, warnings);
  return model;
}

ModelFacts facts_from_gguf(const Architecture& arch, const Checkpoint& source,
                           const json::Value& overlay, std::vector<Finding>& warnings) {
  ModelFacts model{.arch = &arch};
  Reader reader{arch, Convention::gguf, source.config_file, model};
  const std::string prefix = std::string(arch.gguf) + ".";
  const bool has_output = source.find("output.weight") != nullptr;
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group) {
      const json::Value* own = overlay.is_object() ? spelled(overlay, row) : nullptr;
      const MetaValue* value =
          row.gguf.empty() ? nullptr : source.metadata.find(prefix + std::string(row.gguf));
      if (own) {
        reader.take_json(row, *own);
      } else if (value) {
        reader.take_meta(row, *value);
      } else if (row.fact == Fact::vocab) {
        const Tensor* embedding = source.find("token_embd.weight");
        if (!embedding || embedding->shape().empty())
          fail(codes::tensor_missing, {.where = tensor_where("token_embd.weight"),
                                       .found = fmt::format("{} tensors", source.tensors.size())});
        model.facts.set(Fact::vocab, embedding->shape().front());
      } else if (row.fact == Fact::tied) {
        model.facts.set(Fact::tied, !has_output);
      } else if (row.fact == Fact::attention_bias) {
        model.facts.set(row.fact, source.find("blk.0.attn_q.bias") != nullptr);
      } else if (row.fact == Fact::mlp_bias) {
        model.facts.set(row.fact, source.find("blk.0.ffn_down.bias") != nullptr);
      } else if (row.fact == Fact::sliding_window) {
        model.facts.set(row.fact, int64_t{0});
      } else if (row.fact == Fact::partial_rotary && reader.turned_share(source.metadata, prefix)) {
        model.facts.set(row.fact, *reader.turned_share(source.metadata, prefix));
      } else {
        reader.take_fallback(row);
        if (row.fact == Fact::rope_theta) {
          model.assumptions.push_back(fmt::format("{} {} (the runtime's own default)",
                                                  key_spelling(arch, row.fact, Convention::gguf),
                                                  row.fallback));
        }
      }
      if (row.fact == Fact::head_dim && (own || value)) reader.explicit_head_dim = true;
    }
  reader.finish();
  read_rope_metadata(source, prefix, model, warnings);
  if (overlay.is_object() && (overlay.find("rope_parameters") || overlay.find("rope_scaling")))
    read_rope_config(overlay, "--model-config", model, warnings);
  return model;
}

Metadata gguf_metadata(const ModelFacts& model) {
  const Architecture& arch = *model.arch;
  const std::string prefix = std::string(arch.gguf) + ".";
  Metadata out;
  const auto set_u32 = [&](std::string_view key, int64_t value) {
    out.set(prefix + std::string(key), MetaValue::u32(static_cast<uint32_t>(value)));
  };
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group) {
      if (row.gguf.empty() || !model.facts.has(row.fact)) continue;
      if (row.fact == Fact::head_dim) {
        if (!arch.gguf_head_dim && model.facts.integer(Fact::head_dim) *
                                           model.facts.integer(Fact::heads) ==
                                       model.facts.integer(Fact::hidden))
          continue;
        set_u32("attention.key_length", model.facts.integer(row.fact));
        set_u32("attention.value_length", model.facts.integer(row.fact));
      } else if (row.kind == KeyKind::real) {
        out.set(prefix + std::string(row.gguf),
                MetaValue::f32(static_cast<float>(model.facts.real(row.fact))));
      } else if (row.kind == KeyKind::optional_integer) {
        const int64_t value = model.facts.integer(row.fact);
        if (value > 0 || arch.gguf_window_zero) set_u32(row.gguf, value);
      } else {
        set_u32(row.gguf, model.facts.integer(row.fact));
      }
    }
  if (arch.gguf_vocab_size) set_u32("vocab_size", model.facts.integer(Fact::vocab));
  if (arch.gguf_rope_dim) set_u32("rope.dimension_count", rope_dimensions(model));
  write_rope_metadata(model, prefix, out);
  return out;
}

namespace {

json::Value number_of(const KeyRow& row, const Facts& facts) {
  if (row.kind == KeyKind::flag) return facts.flag(row.fact);
  if (row.kind == KeyKind::real) return facts.real(row.fact);
  if (row.kind == KeyKind::optional_integer && facts.integer(row.fact) == 0) return nullptr;
  return facts.integer(row.fact);
}

// Members of `constants` that the config does not have.
void add_constants(const Architecture& arch, json::Value& config) {
  const json::Value constants = json::parse(arch.constants, {});
  for (const auto& [key, value] : *constants.as_object())
    if (!config.find(key)) config.set(key, value);
}

void set_dtype(json::Value& config, std::string_view dtype) {
  if (dtype.empty()) return;
  config.set("dtype", dtype);
  config.set("torch_dtype", dtype);
}

void sort_members(json::Value& config) {
  std::sort(config.as_object()->begin(), config.as_object()->end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
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
        config.set(words(row.hf).front(), number_of(row, model.facts));
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
        config.set(words(row.hf).front(), number_of(row, model.facts));
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
  for (const IgnoredByGguf& row : arch.ignored) {
    const json::Value* value = config.find(row.key);
    const json::Value absent =
        row.key == "sliding_window" && model.facts.has(Fact::sliding_window)
            ? number_of(*find_key(arch, Fact::sliding_window), model.facts)
            : json::Value(nullptr);
    const std::string text = json::write(value ? *value : absent);
    const json::Value constants = json::parse(arch.constants, {});
    if (!value && constants.find(row.key)) continue;  // the class default is what llama.cpp does
    if (!has_word(row.harmless, text)) warn(codes::runtime_ignores, row.key, text, std::string(row.what));
  }
  const Rope& rope = model.rope;
  if (rope.type == "dynamic")
    warn(codes::runtime_ignores, "rope_scaling", "dynamic", "does not scale the positions");
  if (rope.type == "yarn" && rope.attention_factor)
    warn(codes::runtime_ignores, "attention_factor", fmt::format("{}", *rope.attention_factor),
         "computes it from the factor");
  for (const auto& [key, value] : rope.unknown)
    if (key == "truncate" && value.as_bool() == false)
      warn(codes::runtime_ignores, key, "false", "rounds the bounds of yarn");
  if (arch.gguf_needs_four_hidden &&
      model.facts.integer(Fact::ffn) != 4 * model.facts.integer(Fact::hidden))
    warn(codes::runtime_refuses, key_spelling(arch, Fact::ffn, Convention::hf),
         fmt::format("{}", model.facts.integer(Fact::ffn)), "takes 4 times the width");
}

std::vector<std::string> unmapped_config_keys(const Architecture& arch,
                                              const json::Value& config) {
  // Keys that the tokenizer, the writer or rope.cpp accounts for.
  static constexpr std::string_view handled =
      "architectures model_type dtype torch_dtype rope_parameters rope_theta rope_scaling "
      "partial_rotary_factor original_max_position_embeddings bos_token_id eos_token_id "
      "pad_token_id _name_or_path transformers_version";
  std::vector<std::string> out;
  const json::Object* members = config.as_object();
  if (!members) return out;
  for (const auto& [key, value] : *members) {
    bool known = has_word(handled, key);
    for (const auto& group : arch.keys)
      for (const KeyRow& row : group)
        known = known || (!row.gguf.empty() && has_word(row.hf, key));
    if (!known) out.push_back(key);
  }
  return out;
}

}  // namespace recast
