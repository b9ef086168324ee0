// Q3_K: 256 weights in 110 bytes, 16 sub-blocks of 16.
//
//   bytes 0-31      hmask    byte l: bit k is the third bit of code 32 k + l
//   bytes 32-95     qs       lower 2 bits; byte 32 h + l: codes 128 h + l + 32 k at bits 2 k
//   bytes 96-107    scales   6 bits each: byte j < 8 has the low nibbles of scales j and j + 8,
//                            byte 8 + j % 4 the upper 2 bits of scale j at bits 2 (j / 4)
//   bytes 108-109   d        f16
//
//   w = d * (scale - 32) * (code - 4)
//
// Source: ggml of llama.cpp v0.5.0, block_q3_K, dequantize_row_q3_K, quantize_row_q3_K.
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

#ifndef RECAST_CODEC_Q3_K_TYPE
#define RECAST_CODEC_Q3_K_TYPE
namespace recast::codec {

struct BlockQ3_K {
  uint8_t hmask[32];
  uint8_t qs[64];
  uint8_t scales[12];
  uint16_t d;
};
static_assert(sizeof(BlockQ3_K) == 110);

inline void set_scale_codes(const uint8_t* codes, BlockQ3_K& block) {
  uint64_t first, second;  // 8 codes each, whatever the order of bytes
  std::memcpy(&first, codes, 8);
  std::memcpy(&second, codes + 8, 8);
  constexpr uint64_t nibbles = 0x0f0f0f0f0f0f0f0f;
  const uint64_t lower = (first & nibbles) | (second & nibbles) << 4;
  uint32_t upper = 0;
  for (int k = 0; k < 4; ++k) {
    uint32_t four;
    std::memcpy(&four, codes + 4 * k, 4);
    upper |= (four >> 4 & 0x03030303) << 2 * k;
  }
  std::memcpy(block.scales, &lower, 8);
  std::memcpy(block.scales + 8, &upper, 4);
}

inline int scale_code(const BlockQ3_K& block, int j) {
  const int low = block.scales[j % 8] >> (j / 8 * 4) & 15;
  return low | (block.scales[8 + j % 4] >> (j / 4 * 2) & 3) << 4;
}

// Without importance: the scale of largest magnitude gets code 0, -32 steps.
inline void spread_scales(const float* scales, BlockQ3_K& block) {
  const float largest = scalar::first_largest(16, scales);
  if (largest == 0) return;
  uint8_t codes[16];
  const float inverse = -32.0f / largest;
  for (int j = 0; j < 16; ++j)
    codes[j] = static_cast<uint8_t>(
        scalar::clamped(scalar::rounded(inverse * scales[j]), -32, 31) + 32);
  set_scale_codes(codes, block);
  block.d = f16_from_f32(1 / inverse);
}

inline void set_codes(const uint8_t* codes, BlockQ3_K& block) {
  for (int l = 0; l < 32; ++l) {
    int upper = 0;
    for (int k = 0; k < 8; ++k) upper |= codes[32 * k + l] >> 2 << k;
    block.hmask[l] = static_cast<uint8_t>(upper);
  }
  for (int h = 0; h < 2; ++h)
    for (int l = 0; l < 32; ++l) {
      const uint8_t* c = codes + 128 * h + l;
      block.qs[32 * h + l] = static_cast<uint8_t>((c[0] & 3) | (c[32] & 3) << 2 |
                                                  (c[64] & 3) << 4 | (c[96] & 3) << 6);
    }
}

// See runs.h.
struct RunsQ3_K {
  using Block = BlockQ3_K;
  static constexpr int elements = 256, run = 16;
  static constexpr bool affine = false;
  static constexpr std::nullptr_t table = nullptr;
  static HWY_INLINE void read(const Block& block, Runs<elements, run>& out) {
    const float d = f32_from_f16(block.d);
    for (int j = 0; j < 16; ++j) out.scales[j] = d * static_cast<float>(scale_code(block, j) - 32);
    for (int k = 0; k < 8; ++k)  // runs of 32, so that compilers make vectors of them
      for (int l = 0; l < 32; ++l) {
        const int lower = block.qs[k / 4 * 32 + l] >> (k % 4 * 2) & 3;
        const int upper = block.hmask[l] >> k & 1;
        out.levels[32 * k + l] = static_cast<int8_t>((lower | upper << 2) - 4);
      }
  }
};

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/q3_k.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/decode-inl.h"
#include "codec/signed_k-inl.h"
#include "codec/sweeps-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void encode_q3_k(const float* x, const float* importance, std::byte* out, int64_t n,
                 int64_t row) {
  if (importance)
    scalar::encode_weighted_q3_k(x, importance, out, n / row, row);
  else
    scalar::encode_q3_k(x, out, n);
}
#else
// Codes and block from the codes of the scales. search_codes as in round_signed_block.
template <class SearchCodes>
HWY_INLINE void finish_q3_k(const float* x, const uint8_t* scale_codes, BlockQ3_K& block,
                            std::byte* out, const SearchCodes& search_codes) {
  set_scale_codes(scale_codes, block);
  const VecF d = set(f32_from_f16(block.d));
  alignas(64) float scales[16];
  for (int j = 0; j < 16; j += lanes) {
    const hn::Rebind<uint8_t, LaneF> u8;
    const VecI code = hn::PromoteTo(LaneI(), hn::LoadU(u8, scale_codes + j));
    store(hn::Mul(d, hn::ConvertTo(LaneF(), hn::Sub(code, hn::Set(LaneI(), 32)))), scales + j);
  }
  alignas(64) uint8_t codes[256];
  round_signed_block(x, scales, 4, codes, search_codes);
  set_codes(codes, block);
  std::memcpy(out, &block, sizeof block);
}

// Up to 16 blocks without importance.
HWY_INLINE void encode_q3_k_plain(const float* x, std::byte* out, int64_t blocks) {
  alignas(64) float scales[width * 16];
  scales_by_sweeps<16>(4, x, static_cast<int>(blocks) * 16, scales);
  for (int64_t b = 0; b < blocks; ++b, x += 256, out += sizeof(BlockQ3_K)) {
    BlockQ3_K block = {};
    uint8_t scale_codes[16] = {};
    // The scale of largest magnitude gets code 0, -32 steps; without one the block is all zero.
    const float largest = scalar::first_largest(16, scales + 16 * b);
    if (largest != 0) {
      const float inverse = -32.0f / largest;
      spread_codes(inverse, scales + 16 * b, 32, scale_codes);
      block.d = f16_from_f32(1 / inverse);
    }
    finish_q3_k(x, scale_codes, block, out, [x](int j, uint8_t* codes) {
      scalar::fit_signed_by_sweeps(16, 4, x + 16 * j, codes);
    });
  }
}

// Up to 16 blocks with importance; `offset` is the place of the first value in the call.
HWY_INLINE void encode_q3_k_group(const float* x, const float* importance, std::byte* out,
                                  int64_t blocks, int64_t offset, int64_t row) {
  float sigma2[width] = {};
  sums_of_squares(x, 256, 256, blocks, sigma2);
  SignedBlock found[width] = {};
  alignas(64) float scales[256] = {}, sums[256] = {};  // sub-blocks in order
  for (int64_t b = 0; b < blocks; ++b) {
    alignas(64) float values[256], w[256];
    side_by_side(x + 256 * b, 16, 16, values);
    side_by_side(importance + (offset + 256 * b) % row, 16, 16, w);
    for (int at = 0; at < width; at += lanes) {
      VecF sum = hn::Zero(LaneF());
      for (int i = at; i < 256; i += width) {
        const VecF square = hn::Mul(load(values + i), load(values + i));
        const VecF root = hn::Sqrt(hn::Add(set(2 * sigma2[b] / 256), square));
        const VecF weight = hn::Mul(load(w + i), root);
        store(weight, w + i);
        sum = hn::Add(sum, weight);
      }
      store(sum, sums + 16 * b + at);
    }
    search_signed_block(4, values, w, found[b]);
    std::memcpy(scales + 16 * b, found[b].scale, sizeof found[b].scale);
  }
  alignas(64) float scales_of[256], sums_of[256];  // one lane a block
  SignedBlock steps;
  side_by_side(scales, 16, 16, scales_of);
  side_by_side(sums, 16, 16, sums_of);
  search_signed_block(32, scales_of, sums_of, steps);
  for (int64_t b = 0; b < blocks; ++b, x += 256, out += sizeof(BlockQ3_K)) {
    BlockQ3_K block = {.d = f16_from_f32(steps.scale[b])};
    uint8_t scale_codes[16];
    signed_codes(steps.inverse[b], scales + 16 * b, 32, scale_codes);
    finish_q3_k(x, scale_codes, block, out, [&](int j, uint8_t* sub_codes) {
      signed_codes(found[b].inverse[j], x + 16 * j, 4, sub_codes);
    });
  }
}

void encode_q3_k(const float* x, const float* importance, std::byte* out, int64_t n,
                 int64_t row) {
  for (int64_t i = 0; i < n; i += width * 256, out += width * sizeof(BlockQ3_K)) {
    const int64_t blocks = std::min<int64_t>(width, (n - i) / 256);
    if (importance)
      encode_q3_k_group(x + i, importance, out, blocks, i, row);
    else
      encode_q3_k_plain(x + i, out, blocks);
  }
}
#endif

void decode_q3_k(const std::byte* in, float* out, int64_t n) {
  decode_runs<RunsQ3_K>(in, out, n);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {
namespace {

void encode_block(const float* x, const float* importance, std::byte* out) {
  uint8_t codes[256];
  float w[16], scales[16], sums[16];
  BlockQ3_K block = {};
  const float sigma2 = importance ? 2 * sum_of_squares(x, 256) / 256 : 0;
  for (int j = 0; j < 16; ++j) {
    if (!importance) {
      scales[j] = fit_signed_by_sweeps(16, 4, x + 16 * j, codes + 16 * j);
      continue;
    }
    weigh(x + 16 * j, importance + 16 * j, sigma2, 16, w);
    sums[j] = 0;
    for (const float weight : w) sums[j] += weight;
    scales[j] = fit_signed(16, 4, x + 16 * j, w, codes + 16 * j);
  }
  if (importance) {
    uint8_t scale_codes[16];
    block.d = f16_from_f32(fit_signed(16, 32, scales, sums, scale_codes));
    set_scale_codes(scale_codes, block);
  } else {
    spread_scales(scales, block);
  }
  const float d = f32_from_f16(block.d);
  for (int i = 0; i < 256; ++i) {
    const float scale = d * static_cast<float>(scale_code(block, i / 16) - 32);
    if (scale == 0) continue;  // the search's code stays
    codes[i] = static_cast<uint8_t>(clamped(rounded(x[i] / scale), -4, 3) + 4);
  }
  set_codes(codes, block);
  std::memcpy(out, &block, sizeof block);
}

}  // namespace

void decode_q3_k(const std::byte* source, float* destination, int64_t n) {
  decode_runs<RunsQ3_K>(source, destination, n);
}

void encode_q3_k(const float* source, std::byte* destination, int64_t n) {
  for (int64_t b = 0; b < n / 256; ++b)
    encode_block(source + 256 * b, nullptr, destination + b * int64_t{sizeof(BlockQ3_K)});
}

void encode_weighted_q3_k(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row) {
  for (int64_t i = 0; i < rows * row; i += 256, destination += sizeof(BlockQ3_K))
    encode_block(source + i, importance + i % row, destination);
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_q3_k);
HWY_EXPORT(encode_q3_k);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_q3_k);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_q3_k);
  kernel(source, nullptr, destination, n, n);
}

void encode_weighted(const float* source, const float* importance, std::byte* destination,
                     int64_t rows, int64_t row) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_q3_k);
  kernel(source, importance, destination, rows * row, row);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 256, sizeof(BlockQ3_K), 256, {offsetof(BlockQ3_K, d)}, first_index,
               census);
}

void pack(const FittedBlock& fitted, std::byte* out) {
  uint8_t codes[256], scales[16];
  for (int i = 0; i < 256; ++i) codes[i] = static_cast<uint8_t>(fitted.levels[i] + 4);
  for (int j = 0; j < 16; ++j) scales[j] = static_cast<uint8_t>(fitted.scales[j] + 32);
  BlockQ3_K block = {.d = fitted.d};
  set_scale_codes(scales, block);
  set_codes(codes, block);
  std::memcpy(out, &block, sizeof block);
}

constexpr ScaledType search = {
    .sub = 16, .count = 16, .block_bytes = sizeof(BlockQ3_K), .set = LevelSet::whole,
    .low = -4, .high = 3, .scale_low = -32, .scale_high = 31,
    .first = 2.5f, .last = 5, .tries = 16, .wide = 24, .close = 4, .pack = pack};

}  // namespace

constinit const Codec q3_k = {
    .name = "Q3_K",
    .kind = CodecKind::block,
    .block_elements = 256,
    .block_bytes = sizeof(BlockQ3_K),
    .decode = decode,
    .encode = encode,
    .encode_weighted = encode_weighted,
    .encode_fast = fast<search>,
    .encode_best = best<q3_k, search>,
    .census = census,
};

}  // namespace recast::codec
#endif
