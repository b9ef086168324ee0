#include "quantize/recipe.h"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "codec/codecs.h"
#include "quantize/file_type_table.h"

namespace recast {

namespace {

// What a rule may ask about the tensor at hand.
struct Place {
  const RecipeModel& model;
  const FileType& type;
  bool has_imatrix;
  Kind kind;
  int64_t row;      // length
  int64_t stacked;  // matrices in the tensor, 1 for a plain one
  int64_t counter;  // tensors of its kind that came before
  int64_t layer;    // of its name where the model has experts, else `counter`
  int64_t values;   // tensors of Kind::attn_v in the model
};
using Condition = bool (*)(const Place&);

// The first and last eighth, and every third of the others.
bool more_bits(int64_t i, int64_t n) {
  return i < n / 8 || i >= 7 * n / 8 || (i - n / 8) % 3 == 2;
}

bool always(const Place&) { return true; }
bool falcon(const Place& p) { return p.model.architecture == "falcon"; }
bool grouped(const Place& p) { return p.model.gqa() >= 4; }
bool grouped_or_experts(const Place& p) { return grouped(p) || p.model.experts >= 4; }
bool eight_experts(const Place& p) { return p.model.experts == 8; }
bool odd_row(const Place& p) { return !p.type.codec->fits_row(p.row); }

bool first_two(const Place& p) { return p.counter < 2; }
bool first_four(const Place& p) { return p.counter < 4; }
bool first_sixteenth(const Place& p) { return p.layer < p.model.layers / 16; }
bool first_eighth(const Place& p) { return p.layer < p.model.layers / 8; }
bool counted_in_first_eighth(const Place& p) { return p.counter < p.model.layers / 8; }
bool middle(const Place& p) { return !first_eighth(p) && p.layer < 7 * p.model.layers / 8; }
bool more_layers(const Place& p) { return more_bits(p.layer, p.model.layers); }
bool more_values(const Place& p) { return more_bits(p.counter, p.values); }
bool falcon_sixteenth(const Place& p) { return falcon(p) && first_sixteenth(p); }
bool falcon_more(const Place& p) { return falcon(p) && more_layers(p); }
bool first_eighth_unless_falcon(const Place& p) { return first_eighth(p) && !falcon(p); }
bool blind_first_eighth(const Place& p) { return first_eighth(p) && !p.has_imatrix; }
bool blind(const Place& p) { return !p.has_imatrix; }
bool seeing_first_eighth(const Place& p) { return first_eighth(p) && p.has_imatrix; }
bool first_eighth_or_experts(const Place& p) {
  return first_eighth(p) || (eight_experts(p) && more_layers(p));
}

// Stacks of this family's latent attention are no experts.
bool experts(const Place& p) {
  const bool feeds = p.kind == Kind::ffn_up || p.kind == Kind::ffn_gate || p.kind == Kind::ffn_down;
  return p.stacked > 1 && (feeds || p.model.architecture != "bailingmoe3");
}

// One rule: matrices of this kind in files of these types, where the condition holds. The first
// rule that fits decides; without one, or without a codec in it, it is the type of the file.
struct Rule {
  Kind kind;
  FileTypes files;
  Condition when;
  const Codec* codec;
};

constexpr FileTypes all = ~FileTypes{0};
constexpr FileTypes moe = file_types("mxfp4_moe");
constexpr FileTypes one_bit = file_types("iq1_s iq1_m");
constexpr FileTypes two_bits = file_types("iq1_s iq1_m iq2_xxs iq2_xs iq2_s iq2_m");
constexpr FileTypes output_of_eight = file_types(
    "q2_k iq3_xs iq3_xxs q3_k_s q3_k_m iq4_nl iq4_xs q4_k_s q4_k_m iq3_s iq3_m");

constexpr Rule rules[] = {
    // The head, or an embedding that serves as one.
    {Kind::output, moe, always, &codec::q8_0},
    {Kind::output, all, falcon, &codec::q8_0},
    {Kind::output, all, odd_row, &codec::q8_0},
    {Kind::output, two_bits | file_types("iq3_xxs"), always, &codec::q5_k},
    {Kind::output, file_types("q8_0"), always, &codec::q8_0},
    {Kind::output, all, always, &codec::q6_k},

    {Kind::any, moe, experts, &codec::mxfp4},
    {Kind::any, moe, always, &codec::q8_0},

    {Kind::embedding, file_types("iq1_s iq1_m iq2_xxs iq2_xs"), always, &codec::q2_k},
    {Kind::embedding, file_types("iq2_s iq2_m iq3_xxs"), always, &codec::iq3_s},
    {Kind::embedding, file_types("tq1_0 tq2_0 q2_0"), always, &codec::q4_k},

    {Kind::attn_v, two_bits, grouped_or_experts, &codec::q4_k},
    {Kind::attn_v, file_types("iq2_s iq2_m"), always, &codec::iq3_s},
    {Kind::attn_v, two_bits, always, &codec::q2_k},
    {Kind::attn_v, all, eight_experts, &codec::q8_0},
    {Kind::attn_v, file_types("q2_k q2_k_s iq3_xxs iq3_xs iq3_s"), grouped, &codec::q4_k},
    {Kind::attn_v, file_types("q2_k"), always, &codec::q3_k},
    {Kind::attn_v, file_types("iq3_xxs"), blind, &codec::iq3_s},
    {Kind::attn_v, file_types("iq3_m"), always, &codec::q4_k},
    {Kind::attn_v, file_types("q3_k_m"), first_two, &codec::q5_k},
    {Kind::attn_v, file_types("q3_k_m"), always, &codec::q4_k},
    {Kind::attn_v, file_types("q3_k_l"), always, &codec::q5_k},
    {Kind::attn_v, file_types("iq4_nl iq4_xs"), grouped, &codec::q5_k},
    {Kind::attn_v, file_types("q4_k_m q5_k_m"), more_values, &codec::q6_k},
    {Kind::attn_v, file_types("q4_k_s"), first_four, &codec::q5_k},

    {Kind::attn_k, two_bits, eight_experts, &codec::q4_k},
    {Kind::attn_k, all, eight_experts, &codec::q8_0},
    {Kind::attn_k, file_types("iq3_xs"), always, &codec::iq3_xxs},
    {Kind::attn_k, file_types("iq3_xxs"), always, &codec::iq2_s},
    {Kind::attn_q, file_types("iq3_xs"), always, &codec::iq3_xxs},
    {Kind::attn_q, file_types("iq3_xxs"), always, &codec::iq2_s},

    {Kind::attn_output, two_bits, eight_experts, &codec::q5_k},
    {Kind::attn_output, one_bit, always, &codec::iq2_xxs},
    {Kind::attn_output, file_types("iq2_s iq2_m"), always, &codec::iq3_s},
    {Kind::attn_output, file_types("q3_k_l"), falcon, &codec::q4_k},
    {Kind::attn_output, all, falcon, nullptr},
    {Kind::attn_output, output_of_eight, eight_experts, &codec::q5_k},
    {Kind::attn_output, all, eight_experts, nullptr},
    {Kind::attn_output, file_types("q2_k"), always, &codec::q3_k},
    {Kind::attn_output, file_types("iq3_xxs"), always, &codec::iq3_s},
    {Kind::attn_output, file_types("q3_k_m iq3_m"), always, &codec::q4_k},
    {Kind::attn_output, file_types("q3_k_l"), always, &codec::q5_k},

    {Kind::ffn_down, file_types("iq2_s iq2_m"), counted_in_first_eighth, &codec::iq3_s},
    {Kind::ffn_down, two_bits, counted_in_first_eighth, &codec::q2_k},
    {Kind::ffn_down, file_types("q2_k"), always, &codec::q3_k},
    {Kind::ffn_down, file_types("q2_k_s"), first_eighth, &codec::q4_k},
    {Kind::ffn_down, file_types("iq3_xxs"), blind_first_eighth, &codec::q4_k},
    {Kind::ffn_down, file_types("iq3_xxs"), blind, &codec::q3_k},
    {Kind::ffn_down, file_types("q3_k_m"), first_sixteenth, &codec::q5_k},
    {Kind::ffn_down, file_types("q3_k_m"), falcon_more, &codec::q4_k},
    {Kind::ffn_down, file_types("q3_k_m"), falcon, &codec::q3_k},
    {Kind::ffn_down, file_types("q3_k_m"), always, &codec::q4_k},
    {Kind::ffn_down, file_types("iq3_m"), first_eighth_or_experts, &codec::q4_k},
    {Kind::ffn_down, file_types("q3_k_l"), falcon, &codec::q4_k},
    {Kind::ffn_down, file_types("q3_k_l"), always, &codec::q5_k},
    {Kind::ffn_down, file_types("q4_k_m"), falcon_sixteenth, &codec::q6_k},
    {Kind::ffn_down, file_types("q4_k_m"), falcon_more, &codec::q5_k},
    {Kind::ffn_down, file_types("q4_k_m"), falcon, &codec::q4_k},
    {Kind::ffn_down, file_types("q4_k_m q5_k_m"), more_layers, &codec::q6_k},
    {Kind::ffn_down, file_types("iq4_nl iq4_xs"), blind_first_eighth, &codec::q5_k},
    {Kind::ffn_down, file_types("q4_k_s"), first_eighth_unless_falcon, &codec::q5_k},
    {Kind::ffn_down, file_types("q4_0"), seeing_first_eighth, &codec::q4_1},
    {Kind::ffn_down, file_types("q5_0"), seeing_first_eighth, &codec::q5_1},

    {Kind::ffn_gate, file_types("iq3_xs"), middle, &codec::iq3_xxs},
    {Kind::ffn_up, file_types("iq3_xs"), middle, &codec::iq3_xxs},
};

// Models of the 70B class share one head of values among eight of queries: that matrix is small, so
// it gets more.
struct Large {
  std::string_view architecture;
  int64_t layers;
  bool grouped;  // only where key and value heads are fewer
};
constexpr Large large[] = {
    {"llama", 80, true}, {"qwen2", 80, false}, {"deci", 80, false}, {"olmo", 80, false},
    {"jais2", 68, false}};

bool is_large(const RecipeModel& model) {
  return std::any_of(std::begin(large), std::end(large), [&](const Large& row) {
    return model.architecture == row.architecture && model.layers == row.layers &&
           (!row.grouped || model.heads != model.kv_heads);
  });
}

const Codec& ruled(const Place& place) {
  const FileTypes own = file_type_bit(place.type);
  const Codec* codec = nullptr;
  for (const Rule& rule : rules)
    if ((rule.kind == place.kind || rule.kind == Kind::any) && (rule.files & own) &&
        rule.when(place)) {
      codec = rule.codec;
      break;
    }
  if (!codec) codec = place.type.codec;
  const bool small = codec == &codec::q3_k || codec == &codec::q4_k;
  if (place.kind == Kind::attn_v && small && !(own & two_bits) && is_large(place.model))
    return codec::q5_k;
  return *codec;
}

// Parts of a name and what they mean, the first that is found decides.
struct Named {
  std::string_view part;
  Kind kind;
};
constexpr Named named[] = {
    {"attn_qkv.weight", Kind::attn_v},         {"attn_kv_b.weight", Kind::attn_v},
    {"attn_v.weight", Kind::attn_v},           {"attn_k.weight", Kind::attn_k},
    {"attn_q.weight", Kind::attn_q},           {"attn_output.weight", Kind::attn_output},
    {"ffn_up", Kind::ffn_up},                  {"ffn_gate", Kind::ffn_gate},
    {"ffn_down", Kind::ffn_down}};

int64_t first_number(const Metadata& metadata, const std::string& key, int64_t otherwise) {
  const MetaValue* value = metadata.find(key);
  if (!value) return otherwise;
  if (const auto* list = value->as_ints()) return list->empty() ? otherwise : list->front();
  return value->as_int().value_or(otherwise);
}

}  // namespace

RecipeModel recipe_model(std::string_view architecture, const Metadata& metadata) {
  RecipeModel model{.architecture = std::string(architecture)};
  const std::string prefix = model.architecture + ".";
  model.layers = first_number(metadata, prefix + "block_count", 0);
  model.heads = first_number(metadata, prefix + "attention.head_count", 0);
  model.kv_heads = first_number(metadata, prefix + "attention.head_count_kv", model.heads);
  model.experts = first_number(metadata, prefix + "expert_count", 0);
  return model;
}

RecipeModel recipe_model_of(const Metadata& gguf) {
  const MetaValue* value = gguf.find("general.architecture");
  const std::string* name = value ? value->as_string() : nullptr;
  return recipe_model(name ? *name : "", gguf);
}

Kind kind_of(std::string_view name) {
  if (name == "output.weight") return Kind::output;
  if (name == "token_embd.weight" || name == "per_layer_token_embd.weight") return Kind::embedding;
  for (const Named& row : named)
    if (name.find(row.part) != std::string_view::npos) return row.kind;
  return Kind::other;
}

Recipe::Recipe(const FileType& type, const RecipeModel& model, bool has_imatrix,
               std::span<const Tensor> tensors)
    : type_(type), model_(model), has_imatrix_(has_imatrix) {
  for (const Tensor& tensor : tensors) {
    const Kind kind = kind_of(tensor.name);
    if (kind == Kind::output) tied_ = false;
    if (kind == Kind::attn_v) ++values_;
  }
}

const Codec& Recipe::next(std::string_view name, const Shape& shape) {
  Kind kind = kind_of(name);
  if (kind == Kind::embedding && tied_) kind = Kind::output;
  const int64_t counter = seen_[kind]++;
  // Where files interleave the experts of a layer, counting says nothing of the layer.
  const int64_t layer = model_.experts > 1 ? layer_of(name) : -1;
  return ruled({.model = model_,
                .type = type_,
                .has_imatrix = has_imatrix_,
                .kind = kind,
                .row = row_length(shape),
                .stacked = shape.size() > 2 ? shape[shape.size() - 3] : 1,
                .counter = counter,
                .layer = layer >= 0 ? layer : counter,
                .values = values_});
}

int64_t layer_of(std::string_view name) {
  if (!name.starts_with("blk.")) return -1;
  int64_t layer = -1;
  const char* end = name.data() + name.size();
  const auto [stop, error] = std::from_chars(name.data() + 4, end, layer);
  return error == std::errc() && stop != end && *stop == '.' ? layer : -1;
}

bool recipe_order(std::string_view a, std::string_view b) {
  const int64_t i = layer_of(a), j = layer_of(b);
  return i != j ? i < j : a < b;
}

const Codec& fallback_of(const Codec& codec, int64_t row) {
  static constexpr std::pair<const Codec*, const Codec*> table[] = {
      {&codec::iq1_s, &codec::iq4_nl},   {&codec::iq1_m, &codec::iq4_nl},
      {&codec::iq2_xxs, &codec::iq4_nl}, {&codec::iq2_xs, &codec::iq4_nl},
      {&codec::iq2_s, &codec::iq4_nl},   {&codec::iq3_xxs, &codec::iq4_nl},
      {&codec::iq3_s, &codec::iq4_nl},   {&codec::iq4_xs, &codec::iq4_nl},
      {&codec::q2_0, &codec::q4_0},      {&codec::q2_k, &codec::q4_0},
      {&codec::q3_k, &codec::q4_0},      {&codec::tq1_0, &codec::q4_0},
      {&codec::tq2_0, &codec::q4_0},     {&codec::q4_k, &codec::q5_0},
      {&codec::q5_k, &codec::q5_1},      {&codec::q6_k, &codec::q8_0}};
  for (const auto& [from, to] : table)
    if (from == &codec && to->fits_row(row)) return *to;
  return codec::f16;
}

}  // namespace recast
