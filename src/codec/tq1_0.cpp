// TQ1_0: 256 ternary weights in 54 bytes. A byte holds up to 5 digits t of base 3, the first the
// most significant, as a fraction of 256: (256 v + 242) / 243 for the number v of 5 digits.
//
//   bytes 0-31    qs   byte m: digits of weights m + 32 n, n = 0 ... 4
//   bytes 32-47   qs   byte 32 + m: digits of weights 160 + m + 16 n
//   bytes 48-51   qh   byte m: digits of weights 240 + m + 4 n, n = 0 ... 3, and a zero
//   bytes 52-53   d    f16
//
//   w = d * (t - 1)
//
// Source: ggml of llama.cpp v0.5.0, block_tq1_0, dequantize_row_tq1_0, quantize_row_tq1_0_ref.
#include <cstddef>
#include <cstring>

#include "codec/best.h"
#include "codec/codecs.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"
#include "codec/tq.h"
#include "tensor/float16.h"

#ifndef RECAST_CODEC_TQ1_0_TYPE
#define RECAST_CODEC_TQ1_0_TYPE
namespace recast::codec {

struct BlockTQ1_0 {
  uint8_t digits[52];
  uint16_t d;
};
static_assert(sizeof(BlockTQ1_0) == 54);

// Bytes that interleave their digits: `bytes` bytes of `digits` digits, the first weight of each.
struct DigitRun {
  int first_byte, bytes, digits, first_weight;
};
constexpr DigitRun digit_runs[] = {{0, 32, 5, 0}, {32, 16, 5, 160}, {48, 4, 4, 240}};

inline void set_codes(const uint8_t* codes, BlockTQ1_0& block) {
  for (const DigitRun& run : digit_runs)
    for (int m = 0; m < run.bytes; ++m) {
      int v = 0;
      for (int n = 0; n < 5; ++n)
        v = 3 * v + (n < run.digits ? codes[run.first_weight + m + n * run.bytes] : 0);
      block.digits[run.first_byte + m] = static_cast<uint8_t>((256 * v + 242) / 243);
    }
}

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/tq1_0.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/rounded_ones-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void encode_tq1_0(const float* x, std::byte* out, int64_t n) {
  scalar::encode_tq1_0(x, out, n);
}
#else
void encode_tq1_0(const float* x, std::byte* out, int64_t n) {
  alignas(64) uint8_t codes[256];
  for (; n > 0; n -= 256, x += 256, out += sizeof(BlockTQ1_0)) {
    BlockTQ1_0 block = {.d = f16_from_f32(codes_of_ones(x, 256, 1, codes))};
    set_codes(codes, block);
    std::memcpy(out, &block, sizeof block);
  }
}
#endif

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {

void decode_tq1_0(const std::byte* source, float* destination, int64_t n) {
  for (; n > 0; n -= 256, source += sizeof(BlockTQ1_0), destination += 256) {
    BlockTQ1_0 block;
    std::memcpy(&block, source, sizeof block);
    const float d = f32_from_f16(block.d);
    for (const DigitRun& run : digit_runs)
      for (int m = 0; m < run.bytes; ++m) {
        int fraction = block.digits[run.first_byte + m];
        for (int k = 0; k < run.digits; ++k, fraction = fraction * 3 & 255)
          destination[run.first_weight + m + k * run.bytes] =
              static_cast<float>((fraction * 3 >> 8) - 1) * d;
      }
  }
}

void encode_tq1_0(const float* source, std::byte* destination, int64_t n) {
  uint8_t codes[256];
  for (; n > 0; n -= 256, source += 256, destination += sizeof(BlockTQ1_0)) {
    BlockTQ1_0 block = {.d = f16_from_f32(ternary_codes(source, codes))};
    set_codes(codes, block);
    std::memcpy(destination, &block, sizeof block);
  }
}

}  // namespace scalar

namespace {

HWY_EXPORT(encode_tq1_0);

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_tq1_0);
  kernel(source, destination, n);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 256, sizeof(BlockTQ1_0), 256, {offsetof(BlockTQ1_0, d)}, first_index,
               census);
}

void pack(const FittedBlock& fitted, std::byte* out) {
  uint8_t codes[256];
  for (int i = 0; i < 256; ++i) codes[i] = static_cast<uint8_t>(fitted.levels[i] + 1);
  BlockTQ1_0 block = {.d = fitted.d};
  set_codes(codes, block);
  std::memcpy(out, &block, sizeof block);
}

constexpr ScaledType search = {
    .sub = 256, .count = 1, .block_bytes = sizeof(BlockTQ1_0), .set = LevelSet::whole,
    .low = -1, .high = 1, .scale_low = 1, .scale_high = 1,
    .first = 1, .last = 3, .tries = 30, .wide = 24, .close = 12, .pack = pack};

}  // namespace

constinit const Codec tq1_0 = {
    .name = "TQ1_0",
    .kind = CodecKind::block,
    .block_elements = 256,
    .block_bytes = sizeof(BlockTQ1_0),
    .decode = scalar::decode_tq1_0,
    .encode = encode,
    .encode_best = best<tq1_0, search>,
    .census = census,
};

}  // namespace recast::codec
#endif
