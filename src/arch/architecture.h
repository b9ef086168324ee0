#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/checkpoint.h"
#include "model/role.h"
#include "wire/json.h"

// Architectures are data: what a family's tensors and config keys are called in each convention, and
// the rules that are more than a rename. Code walks these tables; it never names a family.
namespace recast {

// A number of the model that names, shapes, rules or metadata need.
enum class Fact {
  layers, hidden, heads, kv_heads, head_dim, ffn, vocab, context, norm_eps, rope_theta,
  partial_rotary, sliding_window, attention_bias, mlp_bias, tied,
};

// integer: 1 and up; real; flag; optional_integer: may be null (0).
enum class KeyKind { integer, real, flag, optional_integer };

// One fact and its spelling in each convention.
struct KeyRow {
  Fact fact;
  std::string_view hf;        // key of config.json; further spellings that are read follow a blank
  KeyKind kind;
  std::string_view fallback;  // class default: a number, "true", "null", "=FACT" rules below; "": required
  std::string_view gguf;      // key behind "ARCH."; empty when GGUF does not hold it
};
// Values of KeyRow::fallback that are computed from other facts.
inline constexpr std::string_view from_heads = "=heads";               // kv_heads
inline constexpr std::string_view from_hidden = "=hidden/heads";       // head_dim
inline constexpr std::string_view four_hidden = "=4*hidden";           // ffn of gpt2

class Facts {
 public:
  using Number = std::variant<int64_t, double, bool>;
  void set(Fact fact, Number value) { values_[fact] = value; }
  bool has(Fact fact) const { return values_.contains(fact); }
  int64_t integer(Fact fact) const;  // 0 when absent
  double real(Fact fact) const;
  bool flag(Fact fact) const;

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

// A reversible change between a convention's form of a tensor and the canonical one.
struct Rule {
  std::string_view name;
  bool exact;  // false: computed, back within one ulp
  ValuePtr (*to_canonical)(ValuePtr native, Role role, const ModelFacts& model);
  ValuePtr (*from_canonical)(ValuePtr canonical, Role role, const ModelFacts& model);
};
extern const Rule permute_rope;  // rows of q and k: half-split to interleaved pairs (llama in GGUF)
extern const Rule transposed;    // stored [in, out] (Conv1D of GPT-2)
extern const Rule plus_one;      // norm weight stored as 1 + w in f32 (Gemma in GGUF)

// How a tensor is called and stored in one convention. Rows that share a name are one fused tensor:
// the parts' rows in order of the table. "{}" is the layer; without "{}" there is one for the model.
// The name has no ".weight".
struct Cell {
  std::string_view name;         // empty: the convention does not hold this role
  const Rule* rule = nullptr;
  std::string_view suffix = ".weight";  // of the weight; the bias is always ".bias"
};

// Extents of the canonical weight, outermost first; a vector has one.
enum class Dim { none, hidden, q, kv, ffn, vocab, head_dim, context, half_head };

enum class Needed { never, always, optional, attention_bias, mlp_bias, untied };

struct TensorRow {
  Role role;
  Cell hf, gguf;
  std::array<Dim, 2> shape;
  Needed weight = Needed::always;
  Needed bias = Needed::never;

  const Cell& cell(Convention c) const { return c == Convention::hf ? hf : gguf; }
  bool per_layer() const;
};

// A config key whose other values the runtime of a GGUF is known to ignore: a named warning.
struct IgnoredByGguf {
  std::string_view key;      // of config.json
  std::string_view harmless; // JSON values, blank separated, that make no difference ("null false")
  std::string_view what;     // what the runtime does instead
};

struct Architecture {
  std::string_view name;       // model_type
  std::string_view aliases;    // further model_type values with the same tables, blank separated
  std::string_view classes;    // architectures[0]; the first is written, blank separated
  std::string_view gguf;       // general.architecture
  std::vector<std::span<const TensorRow>> tensors;
  std::vector<std::span<const KeyRow>> keys;
  std::string_view constants;  // JSON object: further members of config.json with the class default
  std::string_view prefixes;   // of HF tensor names that may be missing or present ("transformer.")
  std::vector<IgnoredByGguf> ignored;
  std::string_view dropped;    // buffers of old checkpoints, by suffix, blank separated
  bool rope = true;            // has rotary embeddings
  bool gguf_head_dim = true;   // key_length and value_length are written
  bool gguf_rope_dim = false;  // rope.dimension_count is written
  bool gguf_vocab_size = false;
  bool gguf_original_context = false;  // written without scaling too (phi3)
  bool gguf_window_zero = false;       // attention.sliding_window is written as 0 when absent
  bool gguf_needs_four_hidden = false; // the runtime takes 4 * hidden as MLP width
};

// The registry: one line a family.
std::span<const Architecture* const> all_architectures();

// A blank-separated list, in order; and whether it holds a word.
std::vector<std::string_view> words(std::string_view list);
bool has_word(std::string_view list, std::string_view word);

}  // namespace recast
