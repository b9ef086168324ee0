// Q4_K: 256 weights in 144 bytes, 8 sub-blocks of 32.
//
//   bytes 0-1      d        f16, step of the scales
//   bytes 2-3      dmin     f16, step of the minima
//   bytes 4-15     scales   6 bits each, see six_bit_scales.h
//   bytes 16-143   qs       byte 32 k + l: code 64 k + l low, the one 32 on high
//
//   w = d * scale * code - dmin * min
//
// Source: ggml of llama.cpp v0.5.0, block_q4_K, dequantize_row_q4_K, quantize_row_q4_K.
#include "codec/affine_k.h"
#include "codec/best.h"
#include "codec/codecs.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"
#include "codec/six_bit_scales.h"

#ifndef RECAST_CODEC_Q4_K_TYPE
#define RECAST_CODEC_Q4_K_TYPE
namespace recast::codec {

struct BlockQ4_K {
  uint16_t d, dmin;
  uint8_t scales[12];
  uint8_t qs[128];
};
static_assert(sizeof(BlockQ4_K) == 144);

struct Q4_K {
  using Block = BlockQ4_K;
  static constexpr int n = 32, top = 15, scale_top = 63;
  static constexpr scalar::AffineSearch search = {n, top, -1.0f, 0.1f, 20, false};
  static constexpr scalar::AffineSearch weighted = {n, top, -0.9f, 0.05f, 36, false};
  static constexpr bool mean_root = true;
  static constexpr float sigma_factor = 2;

  static void set_scales(const uint8_t* scales, const uint8_t* mins, Block& block) {
    set_scales_6(scales, mins, block.scales);
  }
  static HWY_INLINE int scale(const Block& block, int j) { return scale_6(block.scales, j); }
  static HWY_INLINE int min(const Block& block, int j) { return min_6(block.scales, j); }
  static void set_codes(const uint8_t* codes, Block& block) {
    for (int k = 0; k < 4; ++k)
      for (int l = 0; l < 32; ++l)
        block.qs[32 * k + l] =
            static_cast<uint8_t>(codes[64 * k + l] | codes[64 * k + 32 + l] << 4);
  }
  static HWY_INLINE void codes(const Block& block, int8_t* codes) {
    for (int k = 0; k < 4; ++k)
      for (int l = 0; l < 32; ++l) {
        codes[64 * k + l] = block.qs[32 * k + l] & 15;
        codes[64 * k + 32 + l] = block.qs[32 * k + l] >> 4;
      }
  }
};

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/q4_k.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/affine_k-inl.h"
#include "codec/decode-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

void encode_q4_k(const float* x, const float* importance, std::byte* out, int64_t n,
                 int64_t row) {
  encode_affine<Q4_K>(x, importance, out, n, row);
}

void decode_q4_k(const std::byte* in, float* out, int64_t n) {
  decode_runs<AffineRuns<Q4_K>>(in, out, n);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {
void decode_q4_k(const std::byte* source, float* destination, int64_t n) {
  decode_runs<AffineRuns<Q4_K>>(source, destination, n);
}
void encode_q4_k(const float* source, std::byte* destination, int64_t n) {
  encode_affine<Q4_K>(source, nullptr, destination, n, n);
}
void encode_weighted_q4_k(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row) {
  encode_affine<Q4_K>(source, importance, destination, rows * row, row);
}
}  // namespace scalar

namespace {

HWY_EXPORT(decode_q4_k);
HWY_EXPORT(encode_q4_k);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_q4_k);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_q4_k);
  kernel(source, nullptr, destination, n, n);
}

void encode_weighted(const float* source, const float* importance, std::byte* destination,
                     int64_t rows, int64_t row) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_q4_k);
  kernel(source, importance, destination, rows * row, row);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 256, sizeof(BlockQ4_K), 256,
               {offsetof(BlockQ4_K, d), offsetof(BlockQ4_K, dmin)}, first_index, census);
}

void pack(const FittedBlock& fitted, std::byte* out) {
  uint8_t codes[256], scales[16];
  std::copy_n(fitted.levels, 256, codes);
  std::copy_n(fitted.scales, 16, scales);
  BlockQ4_K block = {};
  block.d = fitted.d;
  block.dmin = fitted.dmin;
  Q4_K::set_scales(scales, fitted.mins, block);
  Q4_K::set_codes(codes, block);
  std::memcpy(out, &block, sizeof block);
}

constexpr AffineType search = {
    .sub = 32, .count = 8, .block_bytes = sizeof(BlockQ4_K), .top = 15,
    .scale_top = 63, .cut = 0.02f, .cuts = 8, .rounds = 2, .pack = pack};

}  // namespace

constinit const Codec q4_k = {
    .name = "Q4_K",
    .kind = CodecKind::block,
    .block_elements = 256,
    .block_bytes = sizeof(BlockQ4_K),
    .decode = decode,
    .encode = encode,
    .encode_weighted = encode_weighted,
    .encode_fast = fast<search>,
    .encode_best = best<q4_k, search>,
    .census = census,
};

}  // namespace recast::codec
#endif
