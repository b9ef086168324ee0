// Ranks hold slices: wq wk wv w1 w3 and the output split by rows, wo w2 by columns, the embedding
// by columns (Llama 1, 2) or rows (Llama 3), norms whole in each. Rotary rows of wq and wk go in
// pairs; Hugging Face has the halves one after the other. Source: meta-llama/llama-models, model.py
// and transformers, convert_llama_weights_to_hf.py.
#include "formats/meta/meta.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/limits.h"
#include "formats/model_files.h"
#include "formats/torch_weights.h"
#include "tensor/lazy_ops.h"
#include "wire/json.h"

namespace recast::formats {
namespace {

constexpr std::string_view params_name = "params.json";
constexpr std::string_view layer_start = "layers.";

std::string rank_name(size_t rank) { return fmt::format("consolidated.{:02}.pth", rank); }

enum class Split { whole, rows, columns, embedding };
enum class Rotary { none, heads, kv_heads };
struct Part {
  std::string_view meta, hf;  // of a layer: without its start
  Split split;
  Rotary rotary = Rotary::none;
};
constexpr Part outer_parts[] = {
    {"tok_embeddings.weight", "model.embed_tokens.weight", Split::embedding},
    {"norm.weight", "model.norm.weight", Split::whole},
    {"output.weight", "lm_head.weight", Split::rows},
};
constexpr Part layer_parts[] = {
    {"attention.wq.weight", "self_attn.q_proj.weight", Split::rows, Rotary::heads},
    {"attention.wk.weight", "self_attn.k_proj.weight", Split::rows, Rotary::kv_heads},
    {"attention.wv.weight", "self_attn.v_proj.weight", Split::rows},
    {"attention.wo.weight", "self_attn.o_proj.weight", Split::columns},
    {"feed_forward.w1.weight", "mlp.gate_proj.weight", Split::rows},
    {"feed_forward.w2.weight", "mlp.down_proj.weight", Split::columns},
    {"feed_forward.w3.weight", "mlp.up_proj.weight", Split::rows},
    {"attention_norm.weight", "input_layernorm.weight", Split::whole},
    {"ffn_norm.weight", "post_attention_layernorm.weight", Split::whole},
};
constexpr std::string_view computed_buffer = "rope.freqs";

// Members of params.json that a dense Llama has: read here, told by the tensors, or of training.
constexpr std::string_view known_params[] = {
    "dim",         "n_layers",            "n_heads",    "n_kv_heads",
    "vocab_size",  "multiple_of",         "head_dim",   "ffn_dim_multiplier",
    "hidden_dim",  "norm_eps",            "rope_theta", "use_scaled_rope",
    "max_seq_len", "rope_scaling_factor", "model_type", "max_batch_size"};
// Members that say that the weights are not those of a dense Llama alone.
constexpr std::string_view other_models[] = {"moe", "moe_args", "lora", "lora_args",
                                             "quantization_args", "vision_chunk_size"};

template <size_t n>
bool is_one_of(const std::string_view (&names)[n], std::string_view name) {
  return std::find(std::begin(names), std::end(names), name) != std::end(names);
}

template <size_t n>
const Part* find_part(const Part (&parts)[n], std::string_view name) {
  const auto* part = std::find_if(std::begin(parts), std::end(parts),
                                  [&](const Part& row) { return row.meta == name; });
  return part == std::end(parts) ? nullptr : part;
}

// A name of Meta's and what it is; no part when it is none of a plain Llama.
struct Named {
  const Part* part = nullptr;
  std::string hf;
};
Named named(std::string_view name) {
  if (const Part* part = find_part(outer_parts, name)) return {part, std::string(part->hf)};
  if (!name.starts_with(layer_start)) return {};
  const size_t dot = name.find('.', layer_start.size());
  const Part* part = dot == name.npos ? nullptr : find_part(layer_parts, name.substr(dot + 1));
  if (!part) return {};
  return {part, fmt::format("model.{}.{}", name.substr(0, dot), part->hf)};
}

class Reader {
 public:
  Reader(const Source& source, const ReadOptions& options) : source_(source), options_(options) {}

  Checkpoint read() {
    out_.convention = Convention::hf;
    out_.name = source_.base_name();
    const auto file = source_.open(params_name);
    params_file_ = file->name();
    params_ = json::parse_file(*file);
    out_.files.emplace_back(params_name, file);
    check_members();
    heads_ = count("n_heads");
    kv_heads_ = params_.find("n_kv_heads") && !params_.find("n_kv_heads")->is_null()
                    ? count("n_kv_heads")
                    : heads_;
    width_ = count("dim");
    read_ranks();
    for (const Tensor& tensor : ranks_.front().tensors) add(tensor);
    out_.config = config();
    out_.config_file = params_file_;
    find_side_files(source_, out_);
    return std::move(out_);
  }

 private:
  [[noreturn]] void fail_config(std::string_view key, std::string expected, std::string found) {
    fail(codes::config_value, {.where = key_where(key),
                               .expected = std::move(expected),
                               .found = std::move(found),
                               .file = params_file_});
  }
  void check_members() {
    const json::Object* members = params_.as_object();
    if (!members)
      fail(codes::config_malformed, {.expected = "an object",
                                     .found = std::string(params_.type_name()),
                                     .file = params_file_});
    for (const auto& [key, value] : *members) {
      if (value.is_null() || is_one_of(known_params, key)) continue;
      if (is_one_of(other_models, key))
        fail(codes::weights_not_read, {.where = key_where(key),
                                       .expected = "the members of a dense Llama",
                                       .found = printable(json::write(value)),
                                       .fix = "convert the release in the layout of transformers",
                                       .file = params_file_});
      add_warning(out_.warnings, Error(codes::members_ignored,
                                       {.where = key_where(key),
                                        .expected = "the members of a dense Llama",
                                        .found = printable(json::write(value)),
                                        .file = params_file_}));
    }
  }
  int64_t count(std::string_view key) {
    const json::Value* value = params_.find(key);
    const auto number = value ? value->as_int() : std::nullopt;
    if (!number || *number < 1)
      fail_config(key, "a number above 0", value ? json::write(*value) : "nothing");
    if (const auto size = static_cast<uint64_t>(*number); size > limit(Limit::meta_size))
      fail_limit(codes::config_value, Limit::meta_size,
                 {.where = key_where(key), .file = params_file_}, size);
    return *number;
  }

  void read_ranks() {
    const std::vector<std::string> names = source_.list();
    const auto is_rank = [](const std::string& name) {
      return name.starts_with("consolidated.") && name.ends_with(".pth");
    };
    const auto found = std::count_if(names.begin(), names.end(), is_rank);
    if (found == 0)
      fail(codes::weights_missing, {.expected = rank_name(0), .file = source_.path()});
    for (size_t rank = 0; rank < static_cast<size_t>(found); ++rank) {
      const std::string name = rank_name(rank);
      auto file = source_.find(name);
      if (!file)
        fail(codes::shard_missing, {.expected = name,
                                    .found = fmt::format("{} other ranks", found),
                                    .file = source_.path()});
      Checkpoint& checkpoint = ranks_.emplace_back();
      read_torch_weights(name, std::move(file), options_, checkpoint);
      out_.files.push_back(checkpoint.files.front());
      for (const Finding& warning : checkpoint.warnings) add_warning(out_.warnings, warning);
      if (checkpoint.tensors.size() != ranks_.front().tensors.size())
        fail(codes::shard_mismatch,
             {.expected = fmt::format("{} tensors in every rank", ranks_.front().tensors.size()),
              .found = fmt::format("{}", checkpoint.tensors.size()),
              .file = checkpoint.files.front().second->name()});
    }
  }

  void add(const Tensor& tensor) {
    if (tensor.name == computed_buffer) return;
    Named name = named(tensor.name);
    if (!name.part)
      fail(codes::weights_not_read, {.where = tensor_where(tensor.name),
                                     .expected = "the tensors of a plain Llama",
                                     .found = "one that is none of them",
                                     .file = source_.path()});
    ValuePtr value = joined(tensor, name.part->split);
    if (name.part->rotary != Rotary::none)
      value = halves(tensor.name, std::move(value),
                     name.part->rotary == Rotary::heads ? heads_ : kv_heads_);
    out_.tensors.push_back({std::move(name.hf), std::move(value)});
  }

  // The slices of all ranks as one tensor.
  ValuePtr joined(const Tensor& first, Split split) {
    if (split == Split::embedding)
      split =
          first.shape().size() == 2 && first.shape()[1] == width_ ? Split::rows : Split::columns;
    if (ranks_.size() == 1 || split == Split::whole) return first.value;
    std::vector<ValuePtr> slices;
    for (const Checkpoint& rank : ranks_) {
      const Tensor* slice = rank.find(first.name);
      if (!slice || slice->shape() != first.shape() || &slice->codec() != &first.codec() ||
          slice->shape().size() != 2)
        fail(codes::shard_mismatch,
             {.where = tensor_where(first.name),
              .expected = fmt::format("a slice of {} in every rank", to_string(first.shape())),
              .found = slice ? to_string(slice->shape()) : "none",
              .file = rank.files.front().second->name()});
      slices.push_back(slice->value);
    }
    const auto n = static_cast<int64_t>(slices.size());
    const int64_t rows = first.shape()[0], columns = first.shape()[1];
    ValuePtr all = concat(std::move(slices), {n * rows, columns});
    if (split == Split::rows) return all;
    // Row i of every rank side by side: rows [rank, i] in the order [i, rank].
    return reshape(swap_row_axes(std::move(all), 1, n, rows, 1), {rows, n * columns});
  }

  ValuePtr halves(const std::string& name, ValuePtr value, int64_t heads) {
    const int64_t rows = value->shape().empty() ? 0 : value->shape()[0];
    if (rows == 0 || rows % (2 * heads) != 0)
      fail(codes::tensor_shape, {.where = tensor_where(name),
                                 .expected = fmt::format("rows of {} heads", heads),
                                 .found = to_string(value->shape()),
                                 .file = source_.path()});
    return swap_row_axes(std::move(value), heads, rows / heads / 2, 2, 1);
  }

  int64_t rows_of(std::string_view hf_name) const {
    const Tensor* tensor = out_.find(hf_name);
    return tensor && !tensor->shape().empty() ? tensor->shape()[0] : 0;
  }
  void assume(std::string_view key, std::string value) {
    add_warning(out_.warnings,
                Error(codes::assumed,
                      {.where = key_where(key), .found = std::move(value), .file = params_file_}));
  }

  json::Value config() {
    const json::Value* theta = params_.find("rope_theta");
    if (theta && theta->is_null()) theta = nullptr;
    const json::Value* scaled = params_.find("use_scaled_rope");
    const bool long_context = scaled && scaled->as_bool() == true;
    const bool third = theta && theta->as_double() == 500000.0;
    const int64_t context = long_context ? 131072 : third ? 8192 : 2048;
    assume("max_position_embeddings", fmt::format("{}", context));
    if (!theta) assume("rope_theta", "10000");
    json::Value out{json::Object{}};
    out.set("architectures", json::Array{json::Value("LlamaForCausalLM")});
    out.set("model_type", "llama");
    out.set("hidden_size", width_);
    out.set("intermediate_size", rows_of("model.layers.0.mlp.gate_proj.weight"));
    out.set("num_hidden_layers", count("n_layers"));
    out.set("num_attention_heads", heads_);
    out.set("num_key_value_heads", kv_heads_);
    out.set("hidden_act", "silu");
    const json::Value* eps = params_.find("norm_eps");
    if (!eps || eps->is_null()) assume("norm_eps", "1e-05");  // as in Meta's code
    out.set("rms_norm_eps", eps && !eps->is_null() ? *eps : json::Value(1e-5));
    out.set("rope_theta", theta ? *theta : json::Value(10000.0));
    if (long_context) out.set("rope_scaling", scaling());
    out.set("max_position_embeddings", context);
    out.set("vocab_size", rows_of("model.embed_tokens.weight"));
    out.set("tie_word_embeddings", out_.find("lm_head.weight") == nullptr);
    return out;
  }
  // Llama 3.1; what params.json does not say is fixed in Meta's code.
  json::Value scaling() {
    const json::Value* factor = params_.find("rope_scaling_factor");
    if (!factor) assume("rope_scaling.factor", "8");
    json::Value out{json::Object{}};
    out.set("rope_type", "llama3");
    out.set("factor", factor ? *factor : json::Value(8.0));
    out.set("low_freq_factor", 1.0);
    out.set("high_freq_factor", 4.0);
    out.set("original_max_position_embeddings", 8192);
    return out;
  }

  const Source& source_;
  const ReadOptions& options_;
  json::Value params_;
  std::string params_file_;
  int64_t heads_ = 0, kv_heads_ = 0, width_ = 0;
  std::vector<Checkpoint> ranks_;
  Checkpoint out_;
};

std::string probe(const Source& source) {
  if (!source.is_folder()) return {};
  const std::vector<std::string> names = source.list();
  const auto has = [&](std::string_view name) {
    return std::binary_search(names.begin(), names.end(), name);
  };
  const bool ranks = std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return name.starts_with("consolidated.") && name.ends_with(".pth");
  });
  return has(params_name) && ranks && !has("config.json") ? "folder with params.json" : "";
}

Checkpoint read(std::shared_ptr<const Source> source, const ReadOptions& options) {
  return Reader(*source, options).read();
}

std::string_view type_name(const Codec&) { return {}; }

}  // namespace

const Format meta = {
    .name = "meta",
    .aliases = "llama-original",
    .on_disk = "folder with params.json and consolidated.NN.pth, as Meta publishes Llama",
    .extension = "",
    .convention = Convention::hf,
    .holds_tokenizer = true,
    .holds_config = true,
    .keys = {},
    .effects = {},
    .probe = probe,
    .read = read,
    .type_name = type_name,
};

}  // namespace recast::formats
