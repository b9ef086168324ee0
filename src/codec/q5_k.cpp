// Q5_K: 256 weights in 176 bytes, 8 sub-blocks of 32.
//
//   bytes 0-1      d        f16, step of the scales
//   bytes 2-3      dmin     f16, step of the minima
//   bytes 4-15     scales   6 bits each, see six_bit_scales.h
//   bytes 16-47    qh       byte l: bit j is the fifth bit of code 32 j + l
//   bytes 48-175   qs       byte 32 k + l: code 64 k + l low, the one 32 on high
//
//   w = d * scale * code - dmin * min
//
// Source: ggml of llama.cpp v0.5.0, block_q5_K, dequantize_row_q5_K, quantize_row_q5_K.
#include "codec/affine_k.h"
#include "codec/best.h"
#include "codec/codecs.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"
#include "codec/six_bit_scales.h"

#ifndef RECAST_CODEC_Q5_K_TYPE
#define RECAST_CODEC_Q5_K_TYPE
namespace recast::codec {

struct BlockQ5_K {
  uint16_t d, dmin;
  uint8_t scales[12];
  uint8_t qh[32];
  uint8_t qs[128];
};
static_assert(sizeof(BlockQ5_K) == 176);

struct Q5_K {
  using Block = BlockQ5_K;
  static constexpr int n = 32, top = 31, scale_top = 63;
  static constexpr scalar::AffineSearch search = {n, top, -0.5f, 0.1f, 15, false};
  static constexpr scalar::AffineSearch weighted = {n, top, -0.9f, 0.05f, 36, false};
  static constexpr bool mean_root = true;
  static constexpr float sigma_factor = 2;

  static void set_scales(const uint8_t* scales, const uint8_t* mins, Block& block) {
    set_scales_6(scales, mins, block.scales);
  }
  static HWY_INLINE int scale(const Block& block, int j) { return scale_6(block.scales, j); }
  static HWY_INLINE int min(const Block& block, int j) { return min_6(block.scales, j); }
  static void set_codes(const uint8_t* codes, Block& block) {
    for (int l = 0; l < 32; ++l) {
      int upper = 0;
      for (int j = 0; j < 8; ++j) upper |= codes[32 * j + l] >> 4 << j;
      block.qh[l] = static_cast<uint8_t>(upper);
    }
    for (int k = 0; k < 4; ++k)
      for (int l = 0; l < 32; ++l)
        block.qs[32 * k + l] =
            static_cast<uint8_t>((codes[64 * k + l] & 15) | codes[64 * k + 32 + l] << 4);
  }
  static HWY_INLINE void codes(const Block& block, int8_t* codes) {
    for (int k = 0; k < 4; ++k)
      for (int l = 0; l < 32; ++l) {
        const int upper = block.qh[l] >> (2 * k), nibbles = block.qs[32 * k + l];
        codes[64 * k + l] = static_cast<int8_t>((nibbles & 15) | (upper & 1) << 4);
        codes[64 * k + 32 + l] = static_cast<int8_t>(nibbles >> 4 | (upper & 2) << 3);
      }
  }
};

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/q5_k.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/affine_k-inl.h"
#include "codec/decode-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

void encode_q5_k(const float* x, const float* importance, std::byte* out, int64_t n,
                 int64_t row) {
  encode_affine<Q5_K>(x, importance, out, n, row);
}

void decode_q5_k(const std::byte* in, float* out, int64_t n) {
  decode_runs<AffineRuns<Q5_K>>(in, out, n);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {
void decode_q5_k(const std::byte* source, float* destination, int64_t n) {
  decode_runs<AffineRuns<Q5_K>>(source, destination, n);
}
void encode_q5_k(const float* source, std::byte* destination, int64_t n) {
  encode_affine<Q5_K>(source, nullptr, destination, n, n);
}
void encode_weighted_q5_k(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row) {
  encode_affine<Q5_K>(source, importance, destination, rows * row, row);
}
}  // namespace scalar

namespace {

HWY_EXPORT(decode_q5_k);
HWY_EXPORT(encode_q5_k);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_q5_k);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_q5_k);
  kernel(source, nullptr, destination, n, n);
}

void encode_weighted(const float* source, const float* importance, std::byte* destination,
                     int64_t rows, int64_t row) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_q5_k);
  kernel(source, importance, destination, rows * row, row);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 256, sizeof(BlockQ5_K), 256,
               {offsetof(BlockQ5_K, d), offsetof(BlockQ5_K, dmin)}, first_index, census);
}

void pack(const FittedBlock& fitted, std::byte* out) {
  uint8_t codes[256], scales[16];
  std::copy_n(fitted.levels, 256, codes);
  std::copy_n(fitted.scales, 16, scales);
  BlockQ5_K block = {};
  block.d = fitted.d;
  block.dmin = fitted.dmin;
  Q5_K::set_scales(scales, fitted.mins, block);
  Q5_K::set_codes(codes, block);
  std::memcpy(out, &block, sizeof block);
}

constexpr AffineType search = {
    .sub = 32, .count = 8, .block_bytes = sizeof(BlockQ5_K), .top = 31,
    .scale_top = 63, .cut = 0.02f, .cuts = 8, .rounds = 2, .pack = pack};

}  // namespace

constinit const Codec q5_k = {
    .name = "Q5_K",
    .kind = CodecKind::block,
    .block_elements = 256,
    .block_bytes = sizeof(BlockQ5_K),
    .decode = decode,
    .encode = encode,
    .encode_weighted = encode_weighted,
    .encode_fast = fast<search>,
    .encode_best = best<q5_k, search>,
    .census = census,
};

}  // namespace recast::codec
#endif
