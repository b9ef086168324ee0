#pragma once

#include <array>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "arch/model_facts.h"
#include "model/checkpoint.h"
#include "model/metadata.h"
#include "model/role.h"

// Architectures are data: what a family's tensors and config keys are called in each convention, and
// the rules that are more than a rename. Code walks these tables; it never names a family.
namespace recast {

// The tensor that a rule or a condition speaks of.
struct Place {
  Role role;
  Part part;
  int layer;  // -1: of the whole model
  const ModelFacts& model;
};

// A reversible change between a convention's form of a tensor and the canonical one.
struct Rule {
  std::string_view name;
  bool exact;  // false: computed, back within one ulp
  ValuePtr (*to_canonical)(ValuePtr native, const Place& place);
  ValuePtr (*from_canonical)(ValuePtr canonical, const Place& place);
};
extern const Rule permute_rope;  // rows of q and k: half-split to interleaved pairs (llama in GGUF)
extern const Rule plus_one;      // norm weight stored as 1 + w in f32 (Gemma in GGUF)
extern const Rule minus_exp;     // stored as -exp(w) in f32 (A of Mamba in GGUF)

// An extent of a canonical weight, by name of what gives it.
struct Dim {
  Fact blame;  // the fact that an error names
  int64_t (*extent)(const ModelFacts& model) = nullptr;  // null: no axis

  static const Dim none, hidden, q, kv, ffn, vocab, head_dim, context, half_head, heads, kv_heads,
      experts, expert_ffn, shared_ffn, one;
};

inline constexpr Dim Dim::none{};
inline constexpr Dim Dim::hidden{Fact::hidden,
                                 [](const ModelFacts& m) { return m.facts.integer(Fact::hidden); }};
inline constexpr Dim Dim::q{Fact::heads, [](const ModelFacts& m) {
  return m.facts.integer(Fact::heads) * m.facts.integer(Fact::head_dim);
}};
inline constexpr Dim Dim::kv{Fact::kv_heads, [](const ModelFacts& m) {
  return m.facts.integer(Fact::kv_heads) * m.facts.integer(Fact::head_dim);
}};
inline constexpr Dim Dim::ffn{Fact::ffn,
                              [](const ModelFacts& m) { return m.facts.integer(Fact::ffn); }};
inline constexpr Dim Dim::vocab{Fact::vocab,
                                [](const ModelFacts& m) { return m.facts.integer(Fact::vocab); }};
inline constexpr Dim Dim::head_dim{
    Fact::head_dim, [](const ModelFacts& m) { return m.facts.integer(Fact::head_dim); }};
inline constexpr Dim Dim::context{
    Fact::context, [](const ModelFacts& m) { return m.facts.integer(Fact::context); }};
inline constexpr Dim Dim::half_head{Fact::head_dim,
                                    [](const ModelFacts& m) { return rope_dimensions(m) / 2; }};
inline constexpr Dim Dim::heads{Fact::heads,
                                [](const ModelFacts& m) { return m.facts.integer(Fact::heads); }};
inline constexpr Dim Dim::kv_heads{
    Fact::kv_heads, [](const ModelFacts& m) { return m.facts.integer(Fact::kv_heads); }};
inline constexpr Dim Dim::experts{
    Fact::experts, [](const ModelFacts& m) { return m.facts.integer(Fact::experts); }};
inline constexpr Dim Dim::expert_ffn{
    Fact::expert_ffn, [](const ModelFacts& m) { return m.facts.integer(Fact::expert_ffn); }};
inline constexpr Dim Dim::shared_ffn{
    Fact::shared_ffn, [](const ModelFacts& m) { return m.facts.integer(Fact::shared_ffn); }};
inline constexpr Dim Dim::one{Fact::hidden, [](const ModelFacts&) { return int64_t{1}; }};

// Whether a model has a tensor.
struct Needed {
  bool possible = true;  // false: no model of the family has it
  bool (*holds)(const ModelFacts& model, int layer) = nullptr;  // null: as the file has it

  static const Needed never, always, optional, attention_bias, mlp_bias, untied;
};

inline constexpr Needed Needed::never{false};
inline constexpr Needed Needed::optional{};
inline constexpr Needed Needed::always{true, [](const ModelFacts&, int) { return true; }};
inline constexpr Needed Needed::attention_bias{
    true, [](const ModelFacts& m, int) { return m.facts.flag(Fact::attention_bias); }};
inline constexpr Needed Needed::mlp_bias{
    true, [](const ModelFacts& m, int) { return m.facts.flag(Fact::mlp_bias); }};
inline constexpr Needed Needed::untied{
    true, [](const ModelFacts& m, int) { return !m.facts.flag(Fact::tied); }};

// How a convention lays out the canonical matrix [rows, columns] (or a stack of them [n, rows,
// columns]). transposed: each matrix as [columns, rows]. flat: a stack as one matrix [n*rows,
// columns]. flat_transposed: a stack as [n*columns, rows]. unit_axis: [rows, 1, columns].
// unit_rows: a matrix of one row as a vector.
enum class Form { plain, transposed, flat, flat_transposed, unit_axis, vector };

// How a tensor is called and stored in one convention. Rows that share a name are one fused tensor:
// the parts' rows in order of the table; with `groups`, that many groups one after another, each
// with its share of every part (query, key and value of one head). "{}" is the layer; without "{}"
// there is one for the model. "{e}" is an entry of the first axis: one tensor an expert. The name
// has no ".weight". Rows of one name of which a model needs only one are alternatives.
struct Cell {
  std::string_view name;         // empty: the convention does not hold this role
  const Rule* rule = nullptr;
  std::string_view suffix = ".weight";
  std::string_view bias = ".bias";
  Form form = Form::plain;
  Dim groups = {};
  Dim skip = {};                 // first rows that this convention leaves out; zeros come back
};

struct TensorRow {
  Role role;
  Cell hf, gguf;
  std::array<Dim, 3> shape;  // outermost first; a vector has one. A bias lacks the last axis.
  Needed weight = Needed::always;
  Needed bias = Needed::never;
  Fact count = Fact::layers;  // how many "{}" there are

  const Cell& cell(Convention c) const { return c == Convention::hf ? hf : gguf; }
  bool per_layer() const;
};

// A config key whose other values the runtime of a GGUF is known to ignore: a named warning.
struct IgnoredByGguf {
  std::string_view key;      // of config.json
  std::string_view harmless; // JSON values, blank separated, that make no difference ("null false")
  std::string_view what;     // what the runtime does instead
};

// A model of the family that the runtime of a GGUF does not compute as it is.
struct GgufLimit {
  enum class Kind {
    ignored,  // a warning: what the runtime does instead
    unloadable,  // a warning: it refuses the file
    refused,  // a GGUF cannot say it: no file is made
  };
  Kind kind;
  std::string_view key;  // of config.json, to blame
  std::string_view what;
  bool (*applies)(const ModelFacts& model);
};

// A key behind "ARCH." that is computed and never read; nullopt: not written for this model.
struct GgufKey {
  std::string_view key;
  std::optional<MetaValue> (*value)(const ModelFacts& model);
};

struct Architecture {
  std::string_view name;       // model_type
  std::string_view aliases;    // further model_type values with the same tables, blank separated
  std::string_view classes;    // architectures[0]; the first is written, blank separated
  std::string_view gguf;       // general.architecture; empty: no runtime of GGUF knows the family
  // Which of several families with one GGUF name a file is; null: the usual one.
  bool (*gguf_matches)(const Checkpoint& source) = nullptr;
  std::vector<std::span<const TensorRow>> tensors;
  // Other names and forms of the same roles, read only (fused against single experts).
  std::vector<std::span<const TensorRow>> also_read;
  std::vector<std::span<const KeyRow>> keys;
  std::vector<std::span<const GgufKey>> gguf_keys;
  // Facts that follow from others in no way that a row can say; null: none.
  void (*settle)(ModelFacts& model) = nullptr;
  std::string_view constants;  // JSON object: further members of config.json with the class default
  std::string_view prefixes;   // of HF tensor names that may be missing or present ("transformer.")
  std::string_view suffixes;   // old endings of HF tensor names: "gamma=weight beta=bias"
  std::vector<IgnoredByGguf> ignored;
  std::vector<GgufLimit> limits;
  std::string_view dropped;    // of HF names: endings of buffers and parts that no model needs
  std::string_view parts;      // beginnings of names that are no part of the text model ("cls.")
  std::string_view text_of;    // model_type values whose text_config is of this family
  bool in_company = false;     // only a part of models of several modalities
  bool rope = true;            // has rotary embeddings
  bool rope_by_layer_type = false;     // rope_parameters holds one object per layer type
  double gguf_mscale = 0.1;    // the yarn_log_multiplier of a mscale_all_dim of 1
  bool gguf_longrope = false;  // the runtime takes long and short factors
  // JSON object: members of rope_parameters with yarn that a GGUF does not hold, as published.
  std::string_view gguf_yarn = "{}";
  bool gguf_original_context = false;  // written without scaling too; other names of longrope (phi3)
};

// The registry: one line a family.
std::span<const Architecture* const> all_architectures();

// A blank-separated list, in order; and whether it holds a word.
std::vector<std::string_view> words(std::string_view list);
bool has_word(std::string_view list, std::string_view word);

}  // namespace recast
