// Q8_0: 32 weights in 34 bytes.
//
//   bytes 0-1    d    f16 scale
//   bytes 2-33   qs   signed codes
//
//   w = d * code
//
// Encoding: d = max |w| / 127, code = round(w / d), half away from zero, with 1 / d of the
// unrounded d. Where d is 0, or 1 / d leaves f32, every code is 0. Source: ggml of llama.cpp
// v0.5.0, quantize_row_q8_0_ref and dequantize_row_q8_0, strict single precision.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "codec/best.h"
#include "codec/codecs.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"
#include "tensor/float16.h"

#ifndef RECAST_CODEC_Q8_0_BLOCK
#define RECAST_CODEC_Q8_0_BLOCK
namespace recast::codec {

struct BlockQ8_0 {
  uint16_t d;
  int8_t qs[32];
};
static_assert(sizeof(BlockQ8_0) == 34);

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/q8_0.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/block32-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void decode_q8_0(const std::byte* source, float* destination, int64_t n) {
  scalar::decode_q8_0(source, destination, n);
}
void encode_q8_0(const float* source, std::byte* destination, int64_t n) {
  scalar::encode_q8_0(source, destination, n);
}
#else
void decode_q8_0(const std::byte* source, float* destination, int64_t n) {
  const F32 f;
  const I32 i32;
  const hn::Rebind<int8_t, F32> i8;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(f));
  for_batches(n, [&](int64_t first, int64_t blocks) HWY_ATTR {
    alignas(64) float d[batch_blocks];
    const std::byte* in = source + first * static_cast<int64_t>(sizeof(BlockQ8_0));
    read_scales(in, blocks, sizeof(BlockQ8_0), d);
    for (int64_t b = 0; b < blocks; ++b, in += sizeof(BlockQ8_0)) {
      const auto* codes = reinterpret_cast<const int8_t*>(in + offsetof(BlockQ8_0, qs));
      float* out = destination + (first + b) * block_elements;
      const auto scale = hn::Set(f, d[b]);
      for (int64_t i = 0; i < block_elements; i += lanes) {
        const auto code = hn::PromoteTo(i32, hn::LoadU(i8, codes + i));
        hn::StoreU(hn::Mul(hn::ConvertTo(f, code), scale), f, out + i);
      }
    }
  });
}

// Largest magnitudes of one block, lane by lane.
HWY_INLINE hn::Vec<F32> lane_magnitudes(const float* block) {
  const F32 f;
  auto largest = hn::Abs(hn::LoadU(f, block));
  for (int64_t i = static_cast<int64_t>(hn::Lanes(f)); i < block_elements;
       i += static_cast<int64_t>(hn::Lanes(f)))
    largest = hn::Max(largest, hn::Abs(hn::LoadU(f, block + i)));
  return largest;
}

// Largest magnitude of each block, into `high`.
HWY_INLINE void find_magnitudes(const float* source, int64_t blocks, Scales& s) {
  int64_t b = 0;
  for (; b + 4 <= blocks; b += 4, source += 4 * block_elements)
    reduce_four(lane_magnitudes(source), lane_magnitudes(source + block_elements),
                lane_magnitudes(source + 2 * block_elements),
                lane_magnitudes(source + 3 * block_elements), Largest(), s.high + b);
  for (; b < blocks; ++b, source += block_elements)
    s.high[b] = hn::GetLane(hn::MaxOfLanes(F32(), lane_magnitudes(source)));
}

void encode_q8_0(const float* source, std::byte* destination, int64_t n) {
  const F32 f;
  const hn::Rebind<int8_t, F32> i8;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(f));
  const auto below_half = hn::Set(f, 0.49999997f);  // trunc of the sum is round, see the definition
  Scales s;
  for_batches(n, [&](int64_t first, int64_t blocks) HWY_ATTR {
    const float* in = source + first * block_elements;
    find_magnitudes(in, blocks, s);
    signed_scales(127.0f, 0.0f, s);
    std::byte* out = destination + first * static_cast<int64_t>(sizeof(BlockQ8_0));
    for (int64_t b = 0; b < blocks; ++b, in += block_elements, out += sizeof(BlockQ8_0)) {
      std::memcpy(out, &s.d[b], 2);
      auto* codes = reinterpret_cast<int8_t*>(out + offsetof(BlockQ8_0, qs));
      const auto inverse = hn::Set(f, s.inverse[b]);
      for (int64_t i = 0; i < block_elements; i += lanes) {
        const auto scaled = hn::Mul(hn::LoadU(f, in + i), inverse);
        const auto rounded = hn::Add(scaled, hn::CopySign(below_half, scaled));
        hn::StoreU(narrow(i8, truncate(rounded)), i8, codes + i);
      }
    }
  });
}
#endif

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {

void decode_q8_0(const std::byte* source, float* destination, int64_t n) {
  for (int64_t b = 0; b < n / 32; ++b, destination += 32) {
    BlockQ8_0 block;
    std::memcpy(&block, source + b * static_cast<int64_t>(sizeof block), sizeof block);
    const float d = f32_from_f16(block.d);
    for (int i = 0; i < 32; ++i) destination[i] = static_cast<float>(block.qs[i]) * d;
  }
}

// 0.49999997f is the largest float below a half: added before truncation it rounds half away from
// zero, as round() does, for all magnitudes that occur here (at most 127 and a little).
void encode_q8_0(const float* source, std::byte* destination, int64_t n) {
  for (int64_t b = 0; b < n / 32; ++b, source += 32) {
    float magnitude = 0;
    for (int i = 0; i < 32; ++i) magnitude = std::max(magnitude, std::fabs(source[i]));
    const float d = magnitude / 127.0f;
    const float inverse = d != 0 ? 1.0f / d : 0.0f;
    const bool usable = std::isfinite(inverse);
    BlockQ8_0 block = {.d = f16_from_f32(d)};
    for (int i = 0; usable && i < 32; ++i) {
      const float scaled = source[i] * inverse;
      block.qs[i] = static_cast<int8_t>(scaled + std::copysign(0.49999997f, scaled));
    }
    std::memcpy(destination + b * static_cast<int64_t>(sizeof block), &block, sizeof block);
  }
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_q8_0);
HWY_EXPORT(encode_q8_0);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_q8_0);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_q8_0);
  kernel(source, destination, n);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 32, sizeof(BlockQ8_0), 32, {0}, first_index, census);
}

void pack(const FittedBlock& fitted, std::byte* out) {
  BlockQ8_0 block = {.d = fitted.d};
  std::memcpy(block.qs, fitted.levels, sizeof block.qs);
  std::memcpy(out, &block, sizeof block);
}

constexpr ScaledType search = {
    .sub = 32, .count = 1, .block_bytes = sizeof(BlockQ8_0), .set = LevelSet::whole,
    .low = -127, .high = 127, .scale_low = 1, .scale_high = 1,
    .first = 100, .last = 130, .tries = 200, .wide = 24, .close = 12, .pack = pack};

}  // namespace

constinit const Codec q8_0 = {
    .name = "Q8_0",
    .kind = CodecKind::block,
    .block_elements = 32,
    .block_bytes = sizeof(BlockQ8_0),
    .decode = decode,
    .encode = encode,
    .encode_best = best<q8_0, search>,
    .census = census,
};

}  // namespace recast::codec
#endif
