// Q1_0: 128 weights in 18 bytes.
//
//   bytes 0-1     d    f16, the mean magnitude
//   bytes 2-17    qs   bit j % 8 of byte j / 8: set where weight j is not negative
//
//   w = set ? d : -d
//
// Source: ggml of llama.cpp v0.5.0, block_q1_0, dequantize_row_q1_0, quantize_row_q1_0_ref.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "codec/best.h"
#include "codec/codecs.h"
#include "codec/eights.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"
#include "tensor/float16.h"

#ifndef RECAST_CODEC_Q1_0_TYPE
#define RECAST_CODEC_Q1_0_TYPE
namespace recast::codec {

struct BlockQ1_0 {
  uint16_t d;
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ1_0) == 18);

// See eights.h.
struct EightsQ1_0 {
  using Block = BlockQ1_0;
  static constexpr int elements = 128;
  static constexpr bool has_signs = true, shifted = false;
  static float step(const Block& block) { return f32_from_f16(block.d); }
  static const uint64_t* levels() { return nullptr; }
  static HWY_INLINE Eight eight(const Block& block, float d, int h, const uint64_t*) {
    const uint32_t negative = static_cast<uint8_t>(~block.qs[h]);
    return {.scale = d, .levels = 0x0101010101010101u, .signs = negative};
  }
};

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/q1_0.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/decode-inl.h"
#include "codec/lanes-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void encode_q1_0(const float* x, std::byte* out, int64_t n) {
  scalar::encode_q1_0(x, out, n);
}
#else
// Means of the magnitudes of up to 16 blocks, each summed in order.
HWY_INLINE void mean_magnitudes(const float* x, int64_t blocks, float* means) {
  alignas(64) float values[128 * width];
  if (blocks < width) {
    for (int64_t b = 0; b < blocks; ++b, x += 128) {
      float sum = 0;
      for (int j = 0; j < 128; ++j) sum += std::fabs(x[j]);
      means[b] = sum / 128;
    }
    return;
  }
  side_by_side(x, 128, 128, values);
  for (int at = 0; at < width; at += lanes) {
    VecF sum = hn::Zero(LaneF());
    for (int i = at; i < 128 * width; i += width) sum = hn::Add(sum, hn::Abs(load(values + i)));
    store(hn::Div(sum, set(128)), means + at);
  }
}

void encode_q1_0(const float* x, std::byte* out, int64_t n) {
  alignas(64) float means[width];
  for (int64_t first = 0; first < n; first += 128 * width) {
    const int64_t blocks = std::min<int64_t>(width, (n - first) / 128);
    mean_magnitudes(x, blocks, means);
    for (int64_t b = 0; b < blocks; ++b, x += 128, out += sizeof(BlockQ1_0)) {
      BlockQ1_0 block = {.d = f16_from_f32(means[b])};
      for (int j = 0; j < 128; j += 8) {
        const hn::CappedTag<float, 8> f;
        int bits = 0;
        for (int k = 0; k < 8; k += static_cast<int>(hn::Lanes(f))) {
          uint8_t mask[8] = {};
          hn::StoreMaskBits(f, hn::Ge(hn::LoadU(f, x + j + k), hn::Zero(f)), mask);
          bits |= mask[0] << k;
        }
        block.qs[j / 8] = static_cast<uint8_t>(bits);
      }
      std::memcpy(out, &block, sizeof block);
    }
  }
}
#endif

void decode_q1_0(const std::byte* in, float* out, int64_t n) {
  decode_eights<EightsQ1_0>(in, out, n);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {

void decode_q1_0(const std::byte* source, float* destination, int64_t n) {
  decode_eights<EightsQ1_0>(source, destination, n);
}

void encode_q1_0(const float* source, std::byte* destination, int64_t n) {
  for (; n > 0; n -= 128, source += 128, destination += sizeof(BlockQ1_0)) {
    float sum = 0;
    for (int j = 0; j < 128; ++j) sum += std::fabs(source[j]);
    BlockQ1_0 block = {.d = f16_from_f32(sum / 128)};
    for (int j = 0; j < 128; ++j)
      block.qs[j / 8] |= static_cast<uint8_t>((source[j] >= 0) << (j % 8));
    std::memcpy(destination, &block, sizeof block);
  }
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_q1_0);
HWY_EXPORT(encode_q1_0);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_q1_0);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_q1_0);
  kernel(source, destination, n);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 128, sizeof(BlockQ1_0), 128, {0}, first_index, census);
}

void pack(const FittedBlock& fitted, std::byte* out) {
  BlockQ1_0 block = {.d = fitted.d};
  for (int j = 0; j < 128; ++j)
    block.qs[j / 8] |= static_cast<uint8_t>((fitted.levels[j] > 0) << (j % 8));
  std::memcpy(out, &block, sizeof block);
}

constexpr ScaledType search = {
    .sub = 128, .count = 1, .block_bytes = sizeof(BlockQ1_0), .set = LevelSet::sign,
    .low = -1, .high = 1, .scale_low = 1, .scale_high = 1,
    .first = 1, .last = 2, .tries = 2, .wide = 1, .close = 0, .pack = pack};

}  // namespace

constinit const Codec q1_0 = {
    .name = "Q1_0",
    .kind = CodecKind::block,
    .block_elements = 128,
    .block_bytes = sizeof(BlockQ1_0),
    .decode = decode,
    .encode = encode,
    .encode_best = best<q1_0, search>,
    .census = census,
};

}  // namespace recast::codec
#endif
