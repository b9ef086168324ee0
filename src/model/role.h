#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace recast {

// What a tensor does in the model, independent of how a file names or packs it.
enum class Role {
  token_embd, position_embd, token_types, token_embd_norm,
  rope_freqs, rope_factors_long, rope_factors_short,
  attn_norm, attn_norm_2, attn_q, attn_k, attn_v, attn_output, attn_q_norm, attn_k_norm,
  attn_sinks, attn_gate, attn_post_norm,
  attn_q_a, attn_q_a_norm, attn_q_b, attn_kv_a, attn_kv_a_norm, attn_kv_b,
  ffn_norm, ffn_gate, ffn_up, ffn_down, ffn_post_norm,
  router, router_bias, expert_gate, expert_up, expert_down,
  shared_router, shared_gate, shared_up, shared_down,
  attn_output_norm, layer_output_norm, output_norm, output, pooler,
  attn_k_b, attn_v_b, attn_rel_b, project_in, project_out,
  cross_norm, cross_q, cross_k, cross_v, cross_output,
  enc_attn_norm, enc_attn_q, enc_attn_k, enc_attn_v, enc_attn_output, enc_attn_rel_b,
  enc_ffn_norm, enc_ffn_gate, enc_ffn_up, enc_ffn_down, enc_output_norm,
  ssm_in, ssm_conv1d, ssm_x, ssm_dt, ssm_a, ssm_d, ssm_norm, ssm_out,
};
std::string_view role_name(Role role);

enum class Part { weight, bias };

// One tensor of the canonical checkpoint: (attn_q, weight, layer 3). layer and expert are -1 where
// there is none.
struct RoleKey {
  Role role;
  Part part = Part::weight;
  int layer = -1;
  int expert = -1;
  auto operator<=>(const RoleKey&) const = default;
};
std::string to_string(const RoleKey& key);  // "layer 3 attn_q.weight"

}  // namespace recast
