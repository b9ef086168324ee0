#include "quantize/measure.h"

#include <algorithm>

#include "codec/codecs.h"
#include "quantize/difference.h"
#include "quantize/file_types.h"
#include "quantize/recipe.h"
#include "tensor/weighted_cast.h"

namespace recast {

namespace {

constexpr const Codec* packings[] = {
    &codec::iq1_s,  &codec::iq1_m, &codec::iq2_xxs, &codec::iq2_xs, &codec::iq2_s, &codec::q2_k,
    &codec::iq3_xxs, &codec::iq3_s, &codec::q3_k,    &codec::iq4_xs, &codec::q4_k,  &codec::q5_k,
    &codec::q6_k,   &codec::q8_0};
// Of rows that 256 does not divide.
constexpr const Codec* small_packings[] = {&codec::iq4_nl, &codec::q4_0, &codec::q4_1,
                                           &codec::q5_0,   &codec::q5_1, &codec::q8_0};

// Matrices of a stack, or one.
int64_t matrices_of(const Shape& shape) {
  int64_t n = 1;
  for (size_t axis = 0; axis + 2 < shape.size(); ++axis) n *= shape[axis];
  return n;
}

}  // namespace

std::vector<const Codec*> candidate_types(std::string_view name, const Shape& shape,
                                          const Codec& own, bool has_importance) {
  const int64_t row = row_length(shape);
  std::vector<const Codec*> out;
  const std::span<const Codec* const> table =
      row % 256 == 0 ? std::span<const Codec* const>(packings) : small_packings;
  for (const Codec* codec : table)
    if (codec->fits_row(row) && codec != &own &&
        (has_importance || !needs_importance(name, *codec, nullptr)))
      out.push_back(codec);
  if (&own == &codec::f32) out.push_back(&codec::f16);
  out.push_back(&own);
  return out;
}

ValuePtr sample_rows(const ValuePtr& value, int64_t most_weights) {
  const Shape& shape = value->shape();
  const int64_t row = row_length(shape), stack = matrices_of(shape);
  const int64_t rows = value->elements() / (row * stack);
  const int64_t picked = std::clamp<int64_t>(most_weights / (row * stack), 1, rows);
  // Where small reads are dear, the picked rows lie together.
  const bool spread = value->good_read() == 0;
  std::vector<float> values(static_cast<size_t>(stack * picked * row));
  float* out = values.data();
  FloatCensus ignored;
  const auto take = [&](int64_t first, int64_t count) {
    const Window bytes = value->fetch(first * row, (first + count) * row, ignored);
    value->codec().decode(bytes.bytes().data(), out, count * row);
    out += count * row;
  };
  for (int64_t m = 0; m < stack; ++m)
    if (spread && picked < rows)
      for (int64_t i = 0; i < picked; ++i) take(m * rows + i * rows / picked, 1);
    else
      take(m * rows, picked);
  return constant_f32(values, {stack, picked, row}, codec::f32);
}

TypeError type_error(const ValuePtr& value, const Codec& codec, const ImportanceValues& importance,
                     CastOptions options, int threads) {
  const ValuePtr packed = cast_weighted(value, codec, importance, options);
  const Difference found = differences({{value, packed, importance}}, {.threads = threads}).front();
  constexpr double useless = 1000;  // finite values come back infinite: the run would refuse it
  if (found.lost > 0) return {.codec = &codec, .weighted = useless, .plain = useless};
  const double plain = found.relative_rmse().value_or(1);
  const double size = importance ? found.weighted_size : found.size;
  return {.codec = &codec,
          .weighted = importance ? found.weighted_relative_rmse().value_or(1) : plain,
          .plain = plain,
          .power = size / static_cast<double>(std::max<int64_t>(1, value->elements()))};
}

}  // namespace recast
