#include <cmath>

#include "arch/architecture.h"
#include "codec/codecs.h"
#include "tensor/lazy_ops.h"

namespace recast {

namespace {

int64_t heads_of(const Place& place) {
  return place.model.facts.integer(place.role == Role::attn_k ? Fact::kv_heads : Fact::heads);
}

// Swaps the rows of every head that rotate; behind them a head with partial rotary has more rows,
// which stay.
ValuePtr swap_pairs(ValuePtr value, const Place& place, bool to_halves) {
  const int64_t heads = heads_of(place);
  const int64_t width = place.model.facts.integer(Fact::head_dim);
  const int64_t half = rope_dimensions(place.model) / 2;
  const int64_t a = to_halves ? half : 2, b = to_halves ? 2 : half;
  if (2 * half == width) return swap_row_axes(std::move(value), heads, a, b, 1);
  std::vector<ValuePtr> pieces;
  for (int64_t h = 0; h < heads; ++h) {
    const int64_t at = h * width;
    pieces.push_back(swap_row_axes(slice(value, at, at + 2 * half), 1, a, b, 1));
    pieces.push_back(slice(value, at + 2 * half, at + width));
  }
  const Shape shape = value->shape();
  return concat(std::move(pieces), shape);
}

// Hugging Face has the first halves of all rotary pairs of a head, then the second halves; GGUF has
// pair after pair: rows [heads, 2, half] against [heads, half, 2].
ValuePtr pairs_to_halves(ValuePtr value, const Place& place) {
  return swap_pairs(std::move(value), place, true);
}
ValuePtr halves_to_pairs(ValuePtr value, const Place& place) {
  return swap_pairs(std::move(value), place, false);
}

void add_one(float* values, int64_t n) {
  for (int64_t i = 0; i < n; ++i) values[i] += 1.0f;
}
void subtract_one(float* values, int64_t n) {
  for (int64_t i = 0; i < n; ++i) values[i] -= 1.0f;
}
ValuePtr without_one(ValuePtr value, const Place& place) {
  return place.part == Part::weight ? map(std::move(value), subtract_one, codec::f32) : value;
}
ValuePtr with_one(ValuePtr value, const Place& place) {
  return place.part == Part::weight ? map(std::move(value), add_one, codec::f32) : value;
}

// In double, rounded once: what torch computes for the reference differs from CPU to CPU in the last
// bit, this does not. The way back meets the value that the stored one came from, or its neighbour.
void negative_exp(float* values, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    values[i] = static_cast<float>(-std::exp(static_cast<double>(values[i])));
}
void log_of_negative(float* values, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    values[i] = static_cast<float>(std::log(-static_cast<double>(values[i])));
}
ValuePtr to_log(ValuePtr value, const Place&) {
  return map(std::move(value), log_of_negative, codec::f32);
}
ValuePtr from_log(ValuePtr value, const Place&) {
  return map(std::move(value), negative_exp, codec::f32);
}

}  // namespace

const Rule permute_rope = {"permute_rope", true, pairs_to_halves, halves_to_pairs};
const Rule plus_one = {"plus_one", false, without_one, with_one};
const Rule minus_exp = {"minus_exp", false, to_log, from_log};

}  // namespace recast
