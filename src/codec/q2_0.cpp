// Q2_0: 64 weights in 18 bytes.
//
//   bytes 0-1     d    f16, the largest magnitude
//   bytes 2-17    qs   2 bits a code; byte j: codes 4 j + k at bits 2 k
//
//   w = d * (code - 1)
//
// Source: ggml of llama.cpp v0.5.0, block_q2_0, dequantize_row_q2_0, quantize_row_q2_0_ref.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "codec/best.h"
#include "codec/codecs.h"
#include "codec/eights.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"
#include "codec/search.h"
#include "tensor/float16.h"

#ifndef RECAST_CODEC_Q2_0_TYPE
#define RECAST_CODEC_Q2_0_TYPE
namespace recast::codec {

struct BlockQ2_0 {
  uint16_t d;
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ2_0) == 18);

inline void set_codes(const uint8_t* codes, BlockQ2_0& block) {
  for (int j = 0; j < 16; ++j) {
    const uint8_t* c = codes + 4 * j;
    block.qs[j] = static_cast<uint8_t>(c[0] | c[1] << 2 | c[2] << 4 | c[3] << 6);
  }
}

// The 4 levels of each byte.
inline constexpr std::array<uint32_t, 256> q2_0_levels = [] {
  std::array<uint32_t, 256> levels = {};
  for (uint32_t byte = 0; byte < 256; ++byte)
    for (uint32_t k = 0; k < 4; ++k)
      levels[byte] |= static_cast<uint8_t>((byte >> (2 * k) & 3) - 1) * (1u << (8 * k));
  return levels;
}();

// See eights.h.
struct EightsQ2_0 {
  using Block = BlockQ2_0;
  static constexpr int elements = 64;
  static constexpr bool has_signs = false, shifted = false;
  static float step(const Block& block) { return f32_from_f16(block.d); }
  static const uint64_t* levels() { return nullptr; }
  static HWY_INLINE Eight eight(const Block& block, float d, int h, const uint64_t*) {
    const uint64_t low = q2_0_levels[block.qs[2 * h]], high = q2_0_levels[block.qs[2 * h + 1]];
    return {.scale = d, .levels = low | high << 32};
  }
};

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/q2_0.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/decode-inl.h"
#include "codec/rounded_ones-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void encode_q2_0(const float* x, std::byte* out, int64_t n) {
  scalar::encode_q2_0(x, out, n);
}
#else
void encode_q2_0(const float* x, std::byte* out, int64_t n) {
  alignas(64) uint8_t codes[64];
  for (; n > 0; n -= 64, x += 64, out += sizeof(BlockQ2_0)) {
    BlockQ2_0 block = {.d = f16_from_f32(codes_of_ones(x, 64, 0, codes))};
    set_codes(codes, block);
    std::memcpy(out, &block, sizeof block);
  }
}
#endif

void decode_q2_0(const std::byte* in, float* out, int64_t n) {
  decode_eights<EightsQ2_0>(in, out, n);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {

void decode_q2_0(const std::byte* source, float* destination, int64_t n) {
  decode_eights<EightsQ2_0>(source, destination, n);
}

void encode_q2_0(const float* source, std::byte* destination, int64_t n) {
  for (; n > 0; n -= 64, source += 64, destination += sizeof(BlockQ2_0)) {
    float d = 0;
    for (int i = 0; i < 64; ++i) d = std::max(d, std::fabs(source[i]));
    const float inverse = d != 0 ? 1 / d : 0.0f;
    BlockQ2_0 block = {.d = f16_from_f32(d)};
    for (int i = 0; i < 64; ++i) {
      const int code = one_and_rounded(source[i] * inverse, 0);
      block.qs[i / 4] |= static_cast<uint8_t>(code << (i % 4 * 2));
    }
    std::memcpy(destination, &block, sizeof block);
  }
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_q2_0);
HWY_EXPORT(encode_q2_0);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_q2_0);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_q2_0);
  kernel(source, destination, n);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 64, sizeof(BlockQ2_0), 64, {0}, first_index, census);
}

void pack(const FittedBlock& fitted, std::byte* out) {
  uint8_t codes[64];
  for (int i = 0; i < 64; ++i) codes[i] = static_cast<uint8_t>(fitted.levels[i] + 1);
  BlockQ2_0 block = {.d = fitted.d};
  set_codes(codes, block);
  std::memcpy(out, &block, sizeof block);
}

constexpr ScaledType search = {
    .sub = 64, .count = 1, .block_bytes = sizeof(BlockQ2_0), .set = LevelSet::whole,
    .low = -1, .high = 2, .scale_low = 1, .scale_high = 1,
    .first = 1, .last = 3, .tries = 30, .wide = 24, .close = 12, .pack = pack};

}  // namespace

constinit const Codec q2_0 = {
    .name = "Q2_0",
    .kind = CodecKind::block,
    .block_elements = 64,
    .block_bytes = sizeof(BlockQ2_0),
    .decode = decode,
    .encode = encode,
    .encode_best = best<q2_0, search>,
    .census = census,
};

}  // namespace recast::codec
#endif
