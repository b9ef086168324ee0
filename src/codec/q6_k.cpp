// Q6_K: 256 weights in 210 bytes, 16 sub-blocks of 16.
//
//   bytes 0-127     ql       of each half h of 128, l < 32: byte 64 h + l holds the low nibbles of
//                            codes l and l + 64, byte 64 h + 32 + l those of l + 32 and l + 96
//   bytes 128-191   qh       byte 32 h + l: the upper 2 bits of codes l + 32 k at bits 2 k
//   bytes 192-207   scales   i8
//   bytes 208-209   d        f16
//
//   w = d * scale * (code - 32)
//
// Source: ggml of llama.cpp v0.5.0, block_q6_K, dequantize_row_q6_K, quantize_row_q6_K.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "codec/best.h"
#include "codec/codecs.h"
#include "codec/nonfinite.h"
#include "codec/runs.h"
#include "codec/scalar.h"
#include "codec/search.h"
#include "tensor/float16.h"

#ifndef RECAST_CODEC_Q6_K_TYPE
#define RECAST_CODEC_Q6_K_TYPE
namespace recast::codec {

struct BlockQ6_K {
  uint8_t ql[128];
  uint8_t qh[64];
  int8_t scales[16];
  uint16_t d;
};
static_assert(sizeof(BlockQ6_K) == 210);

// Scales of the sub-blocks to codes -128 ... 127 of one step. False where all of them are 0: then
// the block is zero bytes.
inline bool set_scales(const float* scales, BlockQ6_K& block) {
  const float largest = scalar::first_largest(16, scales);
  if (std::fabs(largest) < 1e-15f) return false;
  const float inverse = -128.0f / largest;
  block.d = f16_from_f32(1 / inverse);
  for (int j = 0; j < 16; ++j)
    block.scales[j] = static_cast<int8_t>(std::min(127, scalar::rounded(inverse * scales[j])));
  return true;
}

inline void set_codes(const uint8_t* codes, BlockQ6_K& block) {
  for (int h = 0; h < 2; ++h)
    for (int l = 0; l < 32; ++l) {
      const uint8_t* c = codes + 128 * h + l;
      block.ql[64 * h + l] = static_cast<uint8_t>((c[0] & 15) | c[64] << 4);
      block.ql[64 * h + 32 + l] = static_cast<uint8_t>((c[32] & 15) | c[96] << 4);
      block.qh[32 * h + l] = static_cast<uint8_t>(c[0] >> 4 | c[32] >> 4 << 2 | c[64] >> 4 << 4 |
                                                  c[96] >> 4 << 6);
    }
}

// See runs.h.
struct RunsQ6_K {
  using Block = BlockQ6_K;
  static constexpr int elements = 256, run = 16;
  static constexpr bool affine = false;
  static constexpr std::nullptr_t table = nullptr;
  static HWY_INLINE void read(const Block& block, Runs<elements, run>& out) {
    const float d = f32_from_f16(block.d);
    for (int j = 0; j < 16; ++j) out.scales[j] = d * static_cast<float>(block.scales[j]);
    for (int k = 0; k < 8; ++k) {  // runs of 32, so that compilers make vectors of them
      const uint8_t* ql = block.ql + k / 4 * 64 + k % 2 * 32;
      const uint8_t* qh = block.qh + k / 4 * 32;
      const int shift = k % 4 / 2 * 4;
      for (int l = 0; l < 32; ++l) {
        const int lower = ql[l] >> shift & 15, upper = qh[l] >> (k % 4 * 2) & 3;
        out.levels[32 * k + l] = static_cast<int8_t>((lower | upper << 4) - 32);
      }
    }
  }
};

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/q6_k.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/decode-inl.h"
#include "codec/signed_k-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void encode_q6_k(const float* x, const float* importance, std::byte* out, int64_t n,
                 int64_t row) {
  if (importance)
    scalar::encode_weighted_q6_k(x, importance, out, n / row, row);
  else
    scalar::encode_q6_k(x, out, n);
}
#else
void encode_q6_k_block(const float* x, const float* importance, std::byte* out) {
  alignas(64) float values[256], w[256];
  side_by_side(x, 16, 16, values);
  if (importance) {
    side_by_side(importance, 16, 16, w);
  } else {
    for (int i = 0; i < 256; i += lanes)
      store(hn::Mul(load(values + i), load(values + i)), w + i);
  }
  SignedBlock found;
  search_signed_block(32, values, w, found);
  BlockQ6_K block = {};
  if (set_scales(found.scale, block)) {
    const float d = f32_from_f16(block.d);
    float scales[16];
    for (int j = 0; j < 16; ++j) scales[j] = d * static_cast<float>(block.scales[j]);
    alignas(64) uint8_t codes[256];
    round_signed_block(x, scales, 32, codes, [&](int j, uint8_t* sub_codes) {
      signed_codes(found.inverse[j], x + 16 * j, 32, sub_codes);
    });
    set_codes(codes, block);
  }
  std::memcpy(out, &block, sizeof block);
}

void encode_q6_k(const float* x, const float* importance, std::byte* out, int64_t n,
                 int64_t row) {
  for (int64_t i = 0; i < n; i += 256, out += sizeof(BlockQ6_K))
    encode_q6_k_block(x + i, importance ? importance + i % row : nullptr, out);
}
#endif

void decode_q6_k(const std::byte* in, float* out, int64_t n) {
  decode_runs<RunsQ6_K>(in, out, n);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {
namespace {

void encode_block(const float* x, const float* importance, std::byte* out) {
  uint8_t codes[256];
  float w[16], scales[16];
  for (int j = 0; j < 16; ++j) {
    for (int i = 0; i < 16; ++i)
      w[i] = importance ? importance[16 * j + i] : x[16 * j + i] * x[16 * j + i];
    scales[j] = fit_signed(16, 32, x + 16 * j, w, codes + 16 * j);
  }
  BlockQ6_K block = {};
  if (set_scales(scales, block)) {
    const float d = f32_from_f16(block.d);
    for (int i = 0; i < 256; ++i) {
      const float scale = d * static_cast<float>(block.scales[i / 16]);
      if (scale == 0) continue;  // the search's code stays
      codes[i] = static_cast<uint8_t>(clamped(rounded(x[i] / scale), -32, 31) + 32);
    }
    set_codes(codes, block);
  }
  std::memcpy(out, &block, sizeof block);
}

}  // namespace

void decode_q6_k(const std::byte* source, float* destination, int64_t n) {
  decode_runs<RunsQ6_K>(source, destination, n);
}

void encode_q6_k(const float* source, std::byte* destination, int64_t n) {
  for (int64_t b = 0; b < n / 256; ++b)
    encode_block(source + 256 * b, nullptr, destination + b * int64_t{sizeof(BlockQ6_K)});
}

void encode_weighted_q6_k(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row) {
  for (int64_t i = 0; i < rows * row; i += 256, destination += sizeof(BlockQ6_K))
    encode_block(source + i, importance + i % row, destination);
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_q6_k);
HWY_EXPORT(encode_q6_k);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_q6_k);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_q6_k);
  kernel(source, nullptr, destination, n, n);
}

void encode_weighted(const float* source, const float* importance, std::byte* destination,
                     int64_t rows, int64_t row) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_q6_k);
  kernel(source, importance, destination, rows * row, row);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 256, sizeof(BlockQ6_K), 256, {offsetof(BlockQ6_K, d)}, first_index,
               census);
}

void pack(const FittedBlock& fitted, std::byte* out) {
  uint8_t codes[256];
  for (int i = 0; i < 256; ++i) codes[i] = static_cast<uint8_t>(fitted.levels[i] + 32);
  BlockQ6_K block = {.d = fitted.d};
  for (int j = 0; j < 16; ++j) block.scales[j] = static_cast<int8_t>(fitted.scales[j]);
  set_codes(codes, block);
  std::memcpy(out, &block, sizeof block);
}

constexpr ScaledType search = {
    .sub = 16, .count = 16, .block_bytes = sizeof(BlockQ6_K), .set = LevelSet::whole,
    .low = -32, .high = 31, .scale_low = -128, .scale_high = 127,
    .first = 26, .last = 34, .tries = 28, .wide = 16, .close = 8, .pack = pack};

}  // namespace

constinit const Codec q6_k = {
    .name = "Q6_K",
    .kind = CodecKind::block,
    .block_elements = 256,
    .block_bytes = sizeof(BlockQ6_K),
    .decode = decode,
    .encode = encode,
    .encode_weighted = encode_weighted,
    .encode_fast = fast<search>,
    .encode_best = best<q6_k, search>,
    .census = census,
};

}  // namespace recast::codec
#endif
