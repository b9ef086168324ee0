// Q2_K: 256 weights in 84 bytes, 16 sub-blocks of 16.
//
//   bytes 0-15    scales   of sub-block j: scale in the low nibble, minimum in the high one
//   bytes 16-79   qs       2 bits a code; byte 32 h + l: codes 128 h + l + 32 k at bits 2 k
//   bytes 80-81   d        f16, step of the scales
//   bytes 82-83   dmin     f16, step of the minima
//
//   w = d * scale * code - dmin * min
//
// Source: ggml of llama.cpp v0.5.0, block_q2_K, dequantize_row_q2_K, quantize_row_q2_K.
#include "codec/affine_k.h"
#include "codec/best.h"
#include "codec/codecs.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"

#ifndef RECAST_CODEC_Q2_K_TYPE
#define RECAST_CODEC_Q2_K_TYPE
namespace recast::codec {

struct BlockQ2_K {
  uint8_t scales[16];
  uint8_t qs[64];
  uint16_t d, dmin;
};
static_assert(sizeof(BlockQ2_K) == 84);

struct Q2_K {
  using Block = BlockQ2_K;
  static constexpr int n = 16, top = 3, scale_top = 15;
  static constexpr scalar::AffineSearch search = {n, top, -0.5f, 0.1f, 15, true};
  static constexpr scalar::AffineSearch weighted = {n, top, -0.9f, 0.05f, 36, false};
  static constexpr bool mean_root = false;
  static constexpr float sigma_factor = 1;

  static void set_scales(const uint8_t* scales, const uint8_t* mins, Block& block) {
    for (int j = 0; j < 16; ++j)
      block.scales[j] = static_cast<uint8_t>(scales[j] | mins[j] << 4);
  }
  static HWY_INLINE int scale(const Block& block, int j) { return block.scales[j] & 15; }
  static HWY_INLINE int min(const Block& block, int j) { return block.scales[j] >> 4; }
  static void set_codes(const uint8_t* codes, Block& block) {
    for (int h = 0; h < 2; ++h)
      for (int l = 0; l < 32; ++l) {
        const uint8_t* c = codes + 128 * h + l;
        block.qs[32 * h + l] =
            static_cast<uint8_t>(c[0] | c[32] << 2 | c[64] << 4 | c[96] << 6);
      }
  }
  static HWY_INLINE void codes(const Block& block, int8_t* codes) {
    for (int k = 0; k < 8; ++k)
      for (int l = 0; l < 32; ++l)
        codes[32 * k + l] =
            static_cast<int8_t>(block.qs[k / 4 * 32 + l] >> (k % 4 * 2) & 3);
  }
};

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/q2_k.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/affine_k-inl.h"
#include "codec/decode-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

void encode_q2_k(const float* x, const float* importance, std::byte* out, int64_t n,
                 int64_t row) {
  encode_affine<Q2_K>(x, importance, out, n, row);
}

void decode_q2_k(const std::byte* in, float* out, int64_t n) {
  decode_runs<AffineRuns<Q2_K>>(in, out, n);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {
void decode_q2_k(const std::byte* source, float* destination, int64_t n) {
  decode_runs<AffineRuns<Q2_K>>(source, destination, n);
}
void encode_q2_k(const float* source, std::byte* destination, int64_t n) {
  encode_affine<Q2_K>(source, nullptr, destination, n, n);
}
void encode_weighted_q2_k(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row) {
  encode_affine<Q2_K>(source, importance, destination, rows * row, row);
}
}  // namespace scalar

namespace {

HWY_EXPORT(decode_q2_k);
HWY_EXPORT(encode_q2_k);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_q2_k);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_q2_k);
  kernel(source, nullptr, destination, n, n);
}

void encode_weighted(const float* source, const float* importance, std::byte* destination,
                     int64_t rows, int64_t row) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_q2_k);
  kernel(source, importance, destination, rows * row, row);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 256, sizeof(BlockQ2_K), 256,
               {offsetof(BlockQ2_K, d), offsetof(BlockQ2_K, dmin)}, first_index, census);
}

void pack(const FittedBlock& fitted, std::byte* out) {
  uint8_t codes[256], scales[16];
  std::copy_n(fitted.levels, 256, codes);
  std::copy_n(fitted.scales, 16, scales);
  BlockQ2_K block = {};
  block.d = fitted.d;
  block.dmin = fitted.dmin;
  Q2_K::set_scales(scales, fitted.mins, block);
  Q2_K::set_codes(codes, block);
  std::memcpy(out, &block, sizeof block);
}

constexpr AffineType search = {
    .sub = 16, .count = 16, .block_bytes = sizeof(BlockQ2_K), .top = 3,
    .scale_top = 15, .cut = 0.04f, .cuts = 6, .rounds = 3, .pack = pack};

}  // namespace

constinit const Codec q2_k = {
    .name = "Q2_K",
    .kind = CodecKind::block,
    .block_elements = 256,
    .block_bytes = sizeof(BlockQ2_K),
    .decode = decode,
    .encode = encode,
    .encode_weighted = encode_weighted,
    .encode_fast = fast<search>,
    .encode_best = best<q2_k, search>,
    .census = census,
};

}  // namespace recast::codec
#endif
