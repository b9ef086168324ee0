#include "codec/best.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace recast::codec {

namespace {

constexpr int64_t most_elements = 16 * 256, most_bytes = 2 * most_elements;

void encode_balanced(const Codec& codec, const float* source, const float* importance,
                     std::byte* destination, int64_t rows, int64_t row) {
  if (importance && codec.encode_weighted)
    return codec.encode_weighted(source, importance, destination, rows, row);
  if (codec.encode) return codec.encode(source, destination, rows * row);
  const std::vector<float> ones(static_cast<size_t>(row), 1.0f);
  codec.encode_weighted(source, ones.data(), destination, rows, row);
}

// Importance of n elements from element `at` on.
void copy_weights(const float* importance, int64_t at, int64_t n, int64_t row, float* w) {
  if (!importance) return std::fill_n(w, n, 1.0f), void();
  for (int64_t i = 0; i < n;) {
    const int64_t column = (at + i) % row, count = std::min(n - i, row - column);
    std::copy_n(importance + column, count, w + i);
    i += count;
  }
}

double weighted_error(const float* x, const float* w, const float* decoded, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (w[i] == 0) continue;  // of no weight, even where it decodes to infinity
    const double e = double{x[i]} - decoded[i];
    sum += w[i] * e * e;
  }
  return sum;
}

// Copies the blocks of `candidate` that have less error over those of `out`.
void keep_better(const Codec& codec, const float* x, const float* w, int64_t blocks,
                 const std::byte* candidate, std::byte* out) {
  const int64_t n = codec.block_elements, bytes = static_cast<int64_t>(codec.block_bytes);
  float before[most_elements], after[most_elements];
  codec.decode(out, before, blocks * n);
  codec.decode(candidate, after, blocks * n);
  for (int64_t b = 0; b < blocks; ++b) {
    const double old_error = weighted_error(x + b * n, w + b * n, before + b * n, n);
    const double error = weighted_error(x + b * n, w + b * n, after + b * n, n);
    // What balanced writes may decode to infinity; a candidate must not.
    if (!(error < old_error) && !(std::isfinite(error) && !std::isfinite(old_error))) continue;
    if (std::all_of(after + b * n, after + (b + 1) * n, [](float v) { return std::isfinite(v); }))
      std::memcpy(out + b * bytes, candidate + b * bytes, codec.block_bytes);
  }
}

}  // namespace

double power_of_two_below(double value) { return std::ldexp(1.0, std::ilogb(value)); }

void encode_best(const Codec& codec, Fit fit, int64_t together, const float* source,
                 const float* importance, std::byte* destination, int64_t rows, int64_t row) {
  encode_balanced(codec, source, importance, destination, rows, row);
  const int64_t n = codec.block_elements, bytes = static_cast<int64_t>(codec.block_bytes);
  const int64_t blocks = rows * row / n;
  float w[most_elements];
  std::byte candidate[most_bytes];
  for (int64_t b = 0; b < blocks; b += together) {
    const int64_t count = std::min(together, blocks - b);
    std::byte* out = destination + b * bytes;
    copy_weights(importance, b * n, count * n, row, w);
    std::memcpy(candidate, out, static_cast<size_t>(count * bytes));
    fit(source + b * n, w, count, candidate);
    keep_better(codec, source + b * n, w, count, candidate, out);
  }
}

void lay_side_by_side(const float* x, const float* w, int sub, int count, int64_t blocks,
                      LaneBlocks& lanes) {
  const int64_t n = int64_t{sub} * count;
  if (blocks * count < 16) {
    std::fill_n(lanes.x, 16 * sub, 0.0f);
    std::fill_n(lanes.w, 16 * sub, 0.0f);
  }
  std::fill_n(lanes.unit, 16, 0.0);
  for (int64_t b = 0; b < blocks; ++b, x += n, w += n) {
    float largest = 0, heaviest = 0;
    for (int64_t i = 0; i < n; ++i) {
      largest = std::max(largest, w[i] > 0 ? std::fabs(x[i]) : 0.0f);
      heaviest = std::max(heaviest, w[i]);
    }
    const double unit = largest > 0 ? power_of_two_below(largest) : 0;
    const double inverse = unit > 0 ? 1 / unit : 0;
    const double weight = unit > 0 ? 1 / power_of_two_below(heaviest) : 0;
    for (int j = 0; j < count; ++j) {
      const int64_t lane = b * count + j;
      lanes.unit[lane] = unit;
      for (int i = 0; i < sub; ++i) {
        // Without weight a value may be as large as it likes.
        lanes.x[16 * i + lane] = static_cast<float>(std::clamp(x[j * sub + i] * inverse, -4., 4.));
        lanes.w[16 * i + lane] = static_cast<float>(w[j * sub + i] * weight);
      }
    }
  }
}

uint16_t near_f16(uint16_t half, int steps) {
  const int magnitude = std::clamp((half & 0x7fff) + steps, 0, 0x7bff);
  return static_cast<uint16_t>((half & 0x8000) | magnitude);
}

}  // namespace recast::codec
