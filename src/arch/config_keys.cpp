#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "arch/facts.h"
#include "arch/key_tables.h"

// Which members of a config.json may change what a model computes.
// Source: configuration_utils.py of transformers 4 and 5 and the configurations of its families.
namespace recast {

namespace {

// Keys that no forward pass of a language model reads, or that other code here reads.
constexpr std::string_view harmless =
    // what it is called and was saved by
    "architectures model_type auto_map transformers_version _name_or_path _commit_hash "
    "name_or_path custom_pipelines unsloth_fixed unsloth_version transformers.js_config "
    "_from_model_config _diffusers_version peft_version model_name license "
    // types and how it is run
    "dtype torch_dtype quantization_config attn_implementation _attn_implementation "
    "_attn_implementation_internal _attn_implementation_autoset _flash_attn_2_enabled "
    "use_flash_attn use_flash_attention use_flash_attention_2 flash_attn use_cache "
    "use_cache_quantization use_cache_kernel torchscript use_bfloat16 return_dict use_return_dict output_attentions "
    "output_hidden_states output_scores return_dict_in_generate chunk_size_feed_forward "
    "tf_legacy_loss gradient_checkpointing use_memory_efficient_attention use_mambapy "
    "use_associative_scan use_xformers deterministic_flash_attn reference_compile slow_but_exact "
    "pretraining_tp tensor_parallel_degree ep_size softmax_in_fp32 attention_softmax_in_fp32 "
    "scale_attention_softmax_in_fp32 reorder_and_upcast_attn residual_in_fp32 fused_rms_norm "
    "fused_bias_residual_norm use_fused_rmsnorm use_fused_rope use_fused_mlp fp32_residual "
    "fused_dropout_add_ln fused_bias_fc fused_mlp flash_rotary fused_qkv "
    // training
    "initializer_range initializer_factor initializer_cutoff_factor init_std init_method "
    "init_device init_fn init_div_is_residual initializer emb_init_range use_mup_init "
    "rescale_prenorm_residual time_step_floor time_step_init_scheme time_step_max time_step_min "
    "time_step_scale layerdrop encoder_layerdrop decoder_layerdrop label_smoothing "
    "router_aux_loss_coef router_z_loss_coef aux_loss_alpha seq_aux output_router_logits "
    "router_jitter_noise input_jitter_noise z_loss_coefficient mlm_probability num_train_timesteps "
    "sparse_prediction sparse_pred_ignore_index loss_type pad_to_multiple_of save_step seed "
    "sequence_length_training max_sequence_length_training masked_softmax_fusion lr_scheduler "
    // heads for other tasks
    "id2label label2id num_labels problem_type finetuning_task task_specific_params "
    "summary_activation summary_first_dropout summary_proj_to_labels summary_type summary_use_proj "
    "classifier_activation classifier_bias classifier_pooling decoder_bias sentence_transformers "
    // generation and tokens
    "bos_token_id eos_token_id pad_token_id sep_token_id cls_token_id mask_token_id unk_token_id "
    "decoder_start_token_id forced_bos_token_id forced_eos_token_id user_token_id "
    "assistant_token_id im_start_token_id im_end_token_id eod_token_id tokenizer_class prefix "
    "max_length min_length max_new_tokens do_sample early_stopping num_beams num_beam_groups "
    "diversity_penalty temperature top_k top_p typical_p repetition_penalty length_penalty "
    "no_repeat_ngram_size encoder_no_repeat_ngram_size bad_words_ids num_return_sequences "
    "exponential_decay_length_penalty suppress_tokens begin_suppress_tokens remove_invalid_values "
    "generation_config max_window_size chat_format onnx_safe add_bos_token add_eos_token "
    // other parts of a model of several modalities
    "text_config llm_config language_config vision_config audio_config vision_tower "
    "mm_vision_tower mm_hidden_size mm_projector_type mm_tokens_per_image image_token_id "
    "image_token_index "
    "video_token_id video_token_index audio_token_id audio_token_index boi_token_id eoi_token_id "
    "boi_token_index eoi_token_index boa_token_index eoa_token_index vision_token_id "
    "vision_start_token_id vision_end_token_id projector_hidden_act vision_feature_layer "
    "vision_feature_select_strategy multimodal_projector_bias image_seq_length "
    // wrong ones contradict the shapes, or the key that they are computed from
    "head_dim qk_head_dim num_key_value_heads tie_word_embeddings dense_act_fn "
    "scale_decoder_outputs max_window_layers "
    // scaling of positions: rope.cpp
    "rope_parameters rope_theta rope_scaling original_max_position_embeddings";

// Keys of all classes with the values that mean that nothing is done.
struct Harmless {
  std::string_view key, values;  // JSON, blank separated
};
constexpr Harmless switched_off[] = {
    {"is_decoder", "false"}, {"is_encoder_decoder", "false"}, {"add_cross_attention", "false"},
    {"tie_encoder_decoder", "false"}, {"pruned_heads", "{}"}, {"use_sliding_window", "false"},
    {"sliding_window", "0"}, {"attention_bias", "false"}, {"mlp_bias", "false"},
    {"qkv_bias", "false"}, {"use_qk_norm", "false"}, {"qk_layernorm", "false"},
    {"rotary_pct", "1 1.0"}, {"rope_pct", "1 1.0"},
    {"partial_rotary_factor", "1 1.0"}, {"logit_scale", "1 1.0"},
    {"moe_layer_freq", "1"}, {"use_bidirectional_attention", "false"},
};

bool is_dropout(std::string_view key) {
  for (const std::string_view word : {"dropout", "_pdrop", "drop_rate", "droppath", "drop_path"})
    if (key.find(word) != std::string_view::npos) return true;
  return false;
}

bool same_value(const json::Value& a, const json::Value& b) {
  if (a.is_number() && b.is_number()) return a.as_double() == b.as_double();
  return a == b;
}

// Layers that all see the whole context; or a list that only repeats another (Llama 4, SmolLM 3).
bool says_no_more(const Architecture& arch, const json::Value& layer_types) {
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group)
      if (row.kind == KeyKind::layer_flags && has_word(row.hf, "no_rope_layers")) return true;
  const json::Array* layers = layer_types.as_array();
  return layers && std::all_of(layers->begin(), layers->end(), [](const json::Value& layer) {
    return layer.as_string() && *layer.as_string() == "full_attention";
  });
}

// Another spelling of the epsilon of norms that says the same.
bool is_known_epsilon(const Architecture& arch, const json::Value& config, std::string_view key,
                      const json::Value& value) {
  const KeyRow* row = find_key(arch, Fact::norm_eps);
  const json::Value* known = row ? spelled(config, *row) : nullptr;
  return known && key.find("eps") != std::string_view::npos && same_value(*known, value);
}

// Whether a row speaks of a member, or of something inside it ("attn_config.clip_qkv").
bool speaks_of(std::string_view spellings, std::string_view key) {
  for (const std::string_view path : words(spellings))
    if (path.substr(0, path.find('.')) == key) return true;
  return false;
}

// Whether a member can make no difference, or is one that the tables of the family speak of.
bool is_accounted_for(const Architecture& arch, const json::Value& constants,
                      const json::Value& config, std::string_view key, const json::Value& value) {
  if (value.is_null() || is_dropout(key) || has_word(harmless, key)) return true;
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group)
      if (speaks_of(row.hf, key)) return true;
  for (const IgnoredByGguf& row : arch.ignored)
    if (row.key == key) return true;
  for (const GgufLimit& limit : arch.limits)
    if (limit.key == key) return true;
  for (const Harmless& row : switched_off)
    if (row.key == key && has_word(row.values, json::write(value))) return true;
  if (key == "layer_types" && says_no_more(arch, value)) return true;
  if (is_known_epsilon(arch, config, key, value)) return true;
  const json::Value* usual = constants.find(key);
  return usual && same_value(*usual, value);
}

}  // namespace

void warn_of_unknown_keys(const Architecture& arch, const json::Value& config,
                          const std::string& file, std::vector<Finding>& warnings) {
  const json::Object* members = config.as_object();
  if (!members) return;
  const json::Value constants = json::parse(arch.constants, {});
  std::vector<std::string> unknown;
  for (const auto& [key, value] : *members)
    if (!is_accounted_for(arch, constants, config, key, value)) unknown.push_back(printable(key));
  if (unknown.empty()) return;
  add_warning(warnings, Error(codes::unknown_config_key,
                              {.where = key_where(unknown.front()),
                               .found = fmt::format("{}: {}", unknown.size(),
                                                    fmt::join(unknown, ", ")),
                               .file = file}));
}

}  // namespace recast
