#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "tensor/codec.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "tensor/census.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

#ifndef RECAST_TENSOR_CENSUS_LIMITS
#define RECAST_TENSOR_CENSUS_LIMITS
namespace recast {

// Bit patterns of |x|. Patterns of positive floats are ordered as the floats are, so the counting
// loop compares integers.
struct LossLimits {
  int32_t overflow;   // this and everything above rounds beyond the largest value of the target
  int32_t underflow;  // this and everything below, but 0, is zero in the target
};

}  // namespace recast
#endif

HWY_BEFORE_NAMESPACE();
namespace recast::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

// The largest bit pattern of |x|: all that matters where nothing underflows.
int32_t largest_magnitude(const float* values, int64_t n) {
  const hn::ScalableTag<float> f;
  const hn::RebindToSigned<decltype(f)> i32;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(f));
  const auto magnitude = [&](int64_t at) HWY_ATTR {
    return hn::And(hn::BitCast(i32, hn::LoadU(f, values + at)), hn::Set(i32, 0x7fffffff));
  };
  auto a = hn::Zero(i32), b = a, c = a, d = a;  // four chains: one waits for itself
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    a = hn::Max(a, magnitude(i));
    b = hn::Max(b, magnitude(i + lanes));
    c = hn::Max(c, magnitude(i + 2 * lanes));
    d = hn::Max(d, magnitude(i + 3 * lanes));
  }
  int32_t top = hn::GetLane(hn::MaxOfLanes(i32, hn::Max(hn::Max(a, b), hn::Max(c, d))));
  for (; i < n; ++i) top = std::max(top, std::bit_cast<int32_t>(values[i]) & 0x7fffffff);
  return top;
}

// Adds how many of n values underflow; returns whether any reaches the overflow limit. n < 2^31.
bool scan_losses(const float* values, int64_t n, LossLimits limits, uint64_t& underflow) {
  const hn::ScalableTag<float> f;
  const hn::RebindToSigned<decltype(f)> i32;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(f));
  const auto magnitude_mask = hn::Set(i32, 0x7fffffff);
  const auto above = hn::Set(i32, limits.underflow + 1);
  auto largest = hn::Zero(i32);
  auto minus_count = hn::Zero(i32);
  if (limits.underflow == 0) return largest_magnitude(values, n) >= limits.overflow;
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto magnitude = hn::And(hn::BitCast(i32, hn::LoadU(f, values + i)), magnitude_mask);
    largest = hn::Max(largest, magnitude);
    const auto small = hn::AndNot(hn::Eq(magnitude, hn::Zero(i32)), hn::Lt(magnitude, above));
    minus_count = hn::Add(minus_count, hn::VecFromMask(i32, small));
  }
  int32_t top = hn::GetLane(hn::MaxOfLanes(i32, largest));
  underflow += static_cast<uint64_t>(-hn::GetLane(hn::SumOfLanes(i32, minus_count)));
  for (; i < n; ++i) {
    const int32_t magnitude = std::bit_cast<int32_t>(values[i]) & 0x7fffffff;
    top = std::max(top, magnitude);
    underflow += magnitude != 0 && magnitude <= limits.underflow;
  }
  return top >= limits.overflow;
}

}  // namespace recast::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast {

HWY_EXPORT(scan_losses);

namespace {

// Asks the codec itself, since formats differ in what becomes of 2 * max_finite (infinity, NaN or
// max_finite) and in where a tie goes: bisects for the first value that is stored as max_finite.
// The last one lies as far above max_finite as the first one below.
int32_t overflow_limit(const Codec& target) {
  int32_t below = 0;
  int32_t first = std::bit_cast<int32_t>(target.max_finite);
  while (first - below > 1) {
    const int32_t middle = below + (first - below) / 2;
    float value = std::bit_cast<float>(middle);
    std::byte stored[8];
    target.encode(&value, stored, 1);
    target.decode(stored, &value, 1);
    (value == target.max_finite ? first : below) = middle;
  }
  const float reach = target.max_finite - std::bit_cast<float>(first);
  return std::bit_cast<int32_t>(target.max_finite + reach) + 1;
}

LossLimits loss_limits(const Codec& target) {
  if (target.kind != CodecKind::floating || !target.encode || !target.decode)
    return {std::bit_cast<int32_t>(std::numeric_limits<float>::infinity()), 0};
  // Half of the smallest value is a tie, which goes to the even neighbour: zero.
  return {overflow_limit(target), std::bit_cast<int32_t>(target.min_positive / 2)};
}

void count_large(const float* values, int64_t n, int64_t first_index, int32_t limit,
                 FloatCensus& census) {
  for (int64_t i = 0; i < n; ++i) {
    const float value = std::fabs(values[i]);
    if (std::bit_cast<int32_t>(value) < limit) continue;
    const bool finite = std::isfinite(value);
    if (finite)
      ++census.overflow;
    else
      ++(std::isnan(value) ? census.nan : census.infinite);
    int64_t& first = finite ? census.first_overflow : census.first_nonfinite;
    if (first >= 0) continue;
    first = first_index + i;
    if (finite) census.first_overflow_value = values[i];
  }
}

}  // namespace

void count_losses(const float* values, int64_t n, int64_t first_index, const Codec& target,
                  FloatCensus& census) {
  constexpr int64_t chunk = 4096;  // stays in the first cache for the rare second look
  const LossLimits limits = loss_limits(target);
  const auto scan = HWY_DYNAMIC_DISPATCH(scan_losses);
  for (int64_t i = 0; i < n; i += chunk) {
    const int64_t count = std::min(chunk, n - i);
    if (scan(values + i, count, limits, census.underflow))
      count_large(values + i, count, first_index + i, limits.overflow, census);
  }
}

}  // namespace recast
#endif
