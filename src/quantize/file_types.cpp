#include "quantize/file_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "quantize/file_type_table.h"

namespace recast {

namespace {

bool is_float(const Codec& codec) { return codec.kind == CodecKind::floating; }

// Float types that a runtime of GGUF computes with.
bool is_runtime_float(const Codec& codec) {
  return &codec == &codec::f32 || &codec == &codec::f16 || &codec == &codec::bf16;
}

// The type of one tensor; `recipe` is asked last, so that it counts what it decides.
class Decision {
 public:
  Decision(std::span<const Tensor> tensors, const TypeRequest& request)
      : request_(request),
        mixes_(request.quant && !is_float(*request.quant->codec)),
        recipe_(request.quant && !request.chosen ? *request.quant : file_type_table[0],
                request.model, request.has_imatrix, tensors) {}

  const Codec& of(const Tensor& tensor) {
    if (const Codec* settled = without_recipe(tensor)) return *settled;
    if (request_.chosen) {
      const auto it = request_.chosen->find(tensor.name);
      return it == request_.chosen->end() ? tensor.codec() : *it->second;
    }
    return request_.pure ? *request_.quant->codec : recipe_.next(tensor.name, tensor.shape());
  }

  // The type that options, or the sort of tensor, settle; null where a recipe is asked.
  const Codec* without_recipe(const Tensor& tensor) {
    const Codec& own = tensor.codec();
    if (own.kind == CodecKind::integer) return &own;
    if (keeps_float(tensor.name, tensor.shape()))
      return request_.from_gguf && is_float(own) ? &own : &codec::f32;
    const bool stays = stays_unpacked(tensor.name) ||
                       (request_.leave_output && tensor.name == "output.weight");
    const Kind kind = kind_of(tensor.name);
    if (!stays && kind == Kind::embedding && request_.embedding) return request_.embedding;
    if (!stays && kind == Kind::output && request_.output) return request_.output;
    if (!stays && request_.quant) return mixes_ ? matched(tensor.name) : request_.quant->codec;
    if (request_.precision && is_float(own)) return request_.precision;
    return is_float(own) && !is_runtime_float(own) ? &codec::f32 : &own;
  }

 private:
  const Codec* matched(std::string_view name) {
    const Codec* first = nullptr;
    for (TypePattern& pattern : request_.patterns) {
      if (!pattern.name.matches(name)) continue;
      pattern.used = true;
      if (!first) first = pattern.codec;
    }
    return first;
  }

  const TypeRequest& request_;
  bool mixes_;  // float types are of one type, whatever the options say
  Recipe recipe_;
};

const Codec& fitting(const Codec& type, const Tensor& tensor, std::vector<Finding>& warnings) {
  const int64_t row = row_length(tensor.shape());
  if (type.fits_row(row)) return type;
  const Codec& other = fallback_of(type, row);
  warnings.push_back(
      Error(codes::fallback_type,
            {.where = tensor_where(tensor.name),
             .expected =
                 fmt::format("a row that {} divides, for {}", type.block_elements, type.name),
             .found = fmt::format("{}; {} is used", row, other.name)}));
  return other;
}

void check_computable(const Tensor& tensor, const Codec& type, const TypeRequest& request) {
  const Codec& own = tensor.codec();
  if (&type == &own) return;
  if (!own.decode)
    fail(codes::type_not_decodable,
         {.where = tensor_where(tensor.name), .found = std::string(own.name)});
  if (!type.encode && !type.encode_weighted)
    fail(codes::type_not_encodable,
         {.where = tensor_where(tensor.name), .found = std::string(type.name)});
  if (own.kind == CodecKind::block && type.kind == CodecKind::block && !request.allow_requantize)
    fail(codes::requantize, {.where = tensor_where(tensor.name),
                             .found = fmt::format("{} to {}", own.name, type.name)});
}

std::string normal_spelling(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
    return c == '-' ? '_' : static_cast<char>(std::tolower(c));
  });
  return lower;
}

bool contains_any(std::string_view name, std::span<const std::string_view> parts) {
  return std::any_of(parts.begin(), parts.end(),
                     [&](std::string_view p) { return name.find(p) != std::string_view::npos; });
}

}  // namespace

std::span<const FileType> all_file_types() { return file_type_table; }

const FileType& automatic_file_type() {
  static const FileType row = {"auto", &codec::q4_k, 0};
  return row;
}

const FileType& file_type(std::string_view name) {
  const std::string lower = normal_spelling(name);
  if (lower == automatic_file_type().name) return automatic_file_type();
  for (const FileType& type : file_type_table)
    if (type.name == lower || (!type.synonym.empty() && type.synonym == lower)) return type;
  const Codec* codec = codec::find(name);
  if (codec)
    if (const FileType* type = file_type_of(*codec)) return *type;
  if (lower == "q8_1")
    fail(codes::type_not_encodable,
         {.where = "-Q q8_1",
          .found = "Q8_1, which runtimes make of activations and no file type",
          .fix = "use q8_0"});
  std::string names;
  for (const FileType& type : file_type_table)
    names += fmt::format("{}{}", names.empty() ? "" : " ", type.name);
  fail(codes::unknown_type,
       {.where = "-Q", .expected = "one of " + names, .found = printable(name)});
}

const FileType* file_type_of(const Codec& codec) {
  const std::string name = normal_spelling(codec.name);
  const FileType* first = nullptr;
  for (const FileType& type : file_type_table) {
    if (type.name == name || type.synonym == name) return &type;
    if (!first && type.codec == &codec) first = &type;
  }
  return first;
}

const FileType* file_type_by_number(uint32_t number) {
  for (const FileType& type : file_type_table)
    if (type.number == number) return &type;
  return nullptr;
}

bool keeps_float(std::string_view name, const Shape& shape) {
  if (shape.size() < 2 || !name.ends_with("weight")) return true;
  static constexpr std::string_view kept[] = {"_norm.weight", "ffn_gate_inp.weight",
                                              "ffn_gate_inp_shexp.weight", "position_embd.weight",
                                              "token_types.weight", "ssm_conv1d.weight"};
  return std::any_of(std::begin(kept), std::end(kept),
                     [&](std::string_view k) { return name.ends_with(k); });
}

bool stays_unpacked(std::string_view name) {
  static constexpr std::string_view parts[] = {
      "_norm.weight",          "ffn_gate_inp.weight",   "ffn_gate_tid2eid.weight",
      "altup",                 "laurel",                "per_layer_model_proj",
      "ssm_conv1d",            "shortconv.conv.weight", "indexer.k_proj.weight",
      "indexer.q_proj.weight", "time_mix_first.weight", "time_mix_w0.weight",
      "time_mix_w1.weight",    "time_mix_w2.weight",    "time_mix_v0.weight",
      "time_mix_v1.weight",    "time_mix_v2.weight",    "time_mix_a0.weight",
      "time_mix_a1.weight",    "time_mix_a2.weight",    "time_mix_g1.weight",
      "time_mix_g2.weight",    "time_mix_decay_w1.weight", "time_mix_decay_w2.weight",
      "time_mix_lerp_fused.weight", "attn_rel_b.weight", ".position_embd",
      "sam.pos_embd",          "sam.neck.",             "sam.net_",
      ".rel_pos",              ".patch_embd",           ".patch_merger",
      "a.rvq.codebook",        "mm.a.code_embd"};
  return contains_any(name, parts);
}

bool needs_importance(std::string_view name, const Codec& codec, const FileType* quant) {
  if (!codec.encode && codec.encode_weighted) return true;
  if (kind_of(name) == Kind::embedding || kind_of(name) == Kind::output) return false;
  static constexpr const Codec* few_bits[] = {&codec::iq3_xxs, &codec::iq2_xxs, &codec::iq2_xs,
                                              &codec::iq2_s,   &codec::iq1_s,   &codec::iq1_m};
  if (&codec == &codec::q2_k) return quant && quant->name == "q2_k_s";
  return std::find(std::begin(few_bits), std::end(few_bits), &codec) != std::end(few_bits);
}

std::vector<size_t> undecided(std::span<const Tensor> tensors, const TypeRequest& request) {
  Decision decision(tensors, request);
  std::vector<size_t> out;
  for (size_t i = 0; i < tensors.size(); ++i)
    if (!decision.without_recipe(tensors[i])) out.push_back(i);
  return out;
}

std::vector<const Codec*> decide_types(std::span<const Tensor> tensors, const TypeRequest& request,
                                       std::vector<Finding>& warnings) {
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return recipe_order(tensors[a].name, tensors[b].name);
  });
  std::vector<const Codec*> types(tensors.size());
  Decision decision(tensors, request);
  for (const size_t i : order) types[i] = &decision.of(tensors[i]);
  for (const TypePattern& pattern : request.patterns)
    if (!pattern.used)
      fail(codes::pattern_unused, {.where = pattern.name.option(),
                                   .found = printable(pattern.name.text())});
  for (size_t i = 0; i < tensors.size(); ++i) {
    types[i] = &fitting(*types[i], tensors[i], warnings);
    check_computable(tensors[i], *types[i], request);
  }
  return types;
}

}  // namespace recast
