#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "wire/json.h"

// What is known of one model besides its tensors, and how each convention spells it.
namespace recast {

// Something about the model that names, shapes, rules or metadata need, by name. The set is open: a
// family declares what it alone has.
struct Fact {
  std::string_view name;
  auto operator<=>(const Fact&) const = default;

  static const Fact layers, hidden, heads, kv_heads, head_dim, ffn, vocab, context, norm_eps,
      rope_theta, rope_theta_swa, partial_rotary, sliding_window, window_layers, attention_bias,
      mlp_bias, tied, experts, experts_used, expert_ffn, shared_ffn, mtp_layers, act;
};
inline constexpr Fact Fact::layers{"layers"}, Fact::hidden{"hidden"}, Fact::heads{"heads"},
    Fact::kv_heads{"kv_heads"}, Fact::head_dim{"head_dim"}, Fact::ffn{"ffn"},
    Fact::vocab{"vocab"}, Fact::context{"context"}, Fact::norm_eps{"norm_eps"},
    Fact::rope_theta{"rope_theta"}, Fact::rope_theta_swa{"rope_theta_swa"},
    Fact::partial_rotary{"partial_rotary"}, Fact::sliding_window{"sliding_window"},
    Fact::window_layers{"window_layers"}, Fact::attention_bias{"attention_bias"},
    Fact::mlp_bias{"mlp_bias"}, Fact::tied{"tied"}, Fact::experts{"experts"},
    Fact::experts_used{"experts_used"}, Fact::expert_ffn{"expert_ffn"},
    Fact::shared_ffn{"shared_ffn"}, Fact::mtp_layers{"mtp_layers"}, Fact::act{"act"};

// integer: 1 and up; count: 0 and up; real; flag; text. optional_*: may be null (0, "").
// layer_types: one flag a layer, true where attention has a window; in config.json the names
// sliding_attention or chunked_attention against full_attention, or a period N of which the last is
// full. layer_flags: a list of 0 and 1, one a layer. layer_indices: numbers of the layers with true.
enum class KeyKind {
  integer, count, real, flag, text, optional_integer, optional_real,
  layer_types, layer_flags, layer_indices,
};

struct ModelFacts;

// How the number in a GGUF follows from the one in config.json and from other facts, and back.
struct Conversion {
  double (*to_gguf)(double value, const ModelFacts& model);
  double (*from_gguf)(double value, const ModelFacts& model);
};

// One fact and its spelling in each convention. Rows are read in order: a rule may use what stands
// before it.
struct KeyRow {
  Fact fact;
  // Key of config.json ("attn_config.clip_qkv": of an object inside); further spellings that are read
  // follow a blank.
  std::string_view hf;
  KeyKind kind;
  std::string_view fallback;  // class default as JSON, or one of the "=" rules below; "": required
  // Key behind "ARCH."; empty when GGUF does not hold it. Or read off the tensors: "?NAME" whether
  // one is there, "!NAME" whether it is not, "#NAME:AXIS" an extent of it, converted where the row says how ("blk.*" any layer).
  std::string_view gguf;
  const Conversion* conversion = nullptr;
  bool gguf_written = true;   // false: the key is read, and written by a row of Architecture::gguf_keys
};
// Values of KeyRow::fallback that are computed from other facts.
inline constexpr std::string_view from_heads = "=heads";               // kv_heads
inline constexpr std::string_view from_hidden = "=hidden/heads";       // head_dim
inline constexpr std::string_view four_hidden = "=4*hidden";           // ffn of gpt2
inline constexpr std::string_view twice_hidden = "=2*hidden";          // inner width of mamba
inline constexpr std::string_view hidden_16 = "=hidden/16";            // time step rank of mamba
inline constexpr std::string_view same_as_hidden = "=hidden";
inline constexpr std::string_view from_layers = "=layers";
inline constexpr std::string_view from_ffn = "=ffn";
inline constexpr std::string_view same_as_theta = "=rope_theta";       // rope_theta_swa
// layer_types without a list: every N-th layer has no window ("=period:6").
inline constexpr std::string_view period = "=period:";
// The same with the first of every N, not the last ("=first:3").
inline constexpr std::string_view first_of = "=first:";

class Facts {
 public:
  using Number =
      std::variant<int64_t, double, bool, std::string, std::vector<int64_t>>;
  void set(Fact fact, Number value) { values_[fact] = std::move(value); }
  bool has(Fact fact) const { return values_.contains(fact); }
  const Number* find(Fact fact) const;  // null when absent
  int64_t integer(Fact fact) const;  // 0 when absent
  double real(Fact fact) const;
  bool flag(Fact fact) const;
  std::string_view text(Fact fact) const;
  // One value a layer; empty when absent. And the value of one layer, 0 when there is none.
  std::span<const int64_t> list(Fact fact) const;
  int64_t at_layer(Fact fact, int layer) const;

 private:
  std::map<Fact, Number> values_;
};

// Position scaling of rotary embeddings. Source: facts of modeling_rope_utils.
struct Rope {
  std::string type = "default";  // default linear dynamic yarn longrope llama3
  std::optional<double> factor, attention_factor, beta_fast, beta_slow, low_freq_factor,
      high_freq_factor, mscale, mscale_all_dim;
  std::optional<int64_t> original_context;
  std::vector<double> long_factor, short_factor;
  json::Object unknown;          // further members, carried
};

// Everything about one model that is not a tensor.
struct Architecture;
struct ModelFacts {
  const Architecture* arch = nullptr;
  Facts facts;
  Rope rope;
  std::vector<std::string> assumptions;  // what was not in the source and is taken as usual
};

// Rotary dimensions of one head.
int64_t rope_dimensions(const ModelFacts& model);

}  // namespace recast
