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
#include "codec/runs.h"
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

// The bytes of one run; the loop over them is the inner one, so that compilers make vectors of it.
template <int run>
inline void set_digits(const uint8_t* codes, BlockTQ1_0& block) {
  constexpr DigitRun r = digit_runs[run];
  uint16_t numbers[r.bytes] = {};
  for (int k = 0; k < 5; ++k)
    for (int m = 0; m < r.bytes; ++m) {
      const int digit = k < r.digits ? codes[r.first_weight + m + k * r.bytes] : 0;
      numbers[m] = static_cast<uint16_t>(3 * numbers[m] + digit);
    }
  for (int m = 0; m < r.bytes; ++m) {
    const uint16_t fraction = static_cast<uint16_t>(256 * numbers[m] + 242);
    block.digits[r.first_byte + m] = static_cast<uint8_t>(fraction / 243);
  }
}

inline void set_codes(const uint8_t* codes, BlockTQ1_0& block) {
  set_digits<0>(codes, block);
  set_digits<1>(codes, block);
  set_digits<2>(codes, block);
}

// See runs.h.
struct RunsTQ1_0 {
  using Block = BlockTQ1_0;
  static constexpr int elements = 256, run = 256;
  static constexpr bool affine = false;
  static constexpr std::nullptr_t table = nullptr;
  static HWY_INLINE void read(const Block& block, Runs<elements, run>& out) {
    out.scales[0] = f32_from_f16(block.d);
    // All bytes together, so that compilers make vectors of them.
    uint8_t fractions[64] = {};
    int8_t digits[5][64];
    std::memcpy(fractions, block.digits, sizeof block.digits);
    for (int k = 0; k < 5; ++k)
      for (int m = 0; m < 64; ++m) {
        const uint16_t three = static_cast<uint16_t>(3 * fractions[m]);
        digits[k][m] = static_cast<int8_t>((three >> 8) - 1);
        fractions[m] = static_cast<uint8_t>(three);
      }
    for (const DigitRun& r : digit_runs)
      for (int k = 0; k < r.digits; ++k)
        std::memcpy(out.levels + r.first_weight + k * r.bytes, digits[k] + r.first_byte,
                    static_cast<size_t>(r.bytes));
  }
};

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/tq1_0.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/decode-inl.h"
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

void decode_tq1_0(const std::byte* in, float* out, int64_t n) {
  decode_runs<RunsTQ1_0>(in, out, n);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {

void decode_tq1_0(const std::byte* source, float* destination, int64_t n) {
  decode_runs<RunsTQ1_0>(source, destination, n);
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

HWY_EXPORT(decode_tq1_0);
HWY_EXPORT(encode_tq1_0);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_tq1_0);
  kernel(source, destination, n);
}

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
    .decode = decode,
    .encode = encode,
    .encode_best = best<tq1_0, search>,
    .census = census,
};

}  // namespace recast::codec
#endif
