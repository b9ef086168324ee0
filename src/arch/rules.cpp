#include "arch/architecture.h"
#include "arch/facts.h"
#include "codec/codecs.h"
#include "tensor/lazy_ops.h"

namespace recast {

namespace {

int64_t heads_of(Role role, const ModelFacts& model) {
  return model.facts.integer(role == Role::attn_k ? Fact::kv_heads : Fact::heads);
}

// Hugging Face has the first halves of all rotary pairs of a head, then the second halves; GGUF has
// pair after pair: rows [heads, 2, half] against [heads, half, 2].
ValuePtr pairs_to_halves(ValuePtr value, Role role, const ModelFacts& model) {
  return swap_row_axes(std::move(value), heads_of(role, model),
                       model.facts.integer(Fact::head_dim) / 2, 2, 1);
}
ValuePtr halves_to_pairs(ValuePtr value, Role role, const ModelFacts& model) {
  return swap_row_axes(std::move(value), heads_of(role, model), 2,
                       model.facts.integer(Fact::head_dim) / 2, 1);
}

// Vectors have one form; a packed matrix has rows of blocks and cannot be turned without decoding.
ValuePtr turn(ValuePtr value, Role, const ModelFacts&) {
  if (value->shape().size() != 2) return value;
  if (value->codec().block_elements > 1) value = cast(std::move(value), codec::f32);
  return transpose(std::move(value));
}

void add_one(float* values, int64_t n) {
  for (int64_t i = 0; i < n; ++i) values[i] += 1.0f;
}
void subtract_one(float* values, int64_t n) {
  for (int64_t i = 0; i < n; ++i) values[i] -= 1.0f;
}
ValuePtr without_one(ValuePtr value, Role, const ModelFacts&) {
  return map(std::move(value), subtract_one, codec::f32);
}
ValuePtr with_one(ValuePtr value, Role, const ModelFacts&) {
  return map(std::move(value), add_one, codec::f32);
}

}  // namespace

const Rule permute_rope = {"permute_rope", true, pairs_to_halves, halves_to_pairs};
const Rule transposed = {"transpose", true, turn, turn};
const Rule plus_one = {"plus_one", false, without_one, with_one};

}  // namespace recast
