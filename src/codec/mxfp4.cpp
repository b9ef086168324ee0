// MXFP4: 32 weights in 17 bytes.
//
//   byte 0        e    exponent of the scale: 2^(e - 128) of the doubled values of fp4.h
//   bytes 1-16    qs   byte j: code j in the low nibble, code j + 16 in the high one
//
//   w = 2^(e - 128) * fp4_doubled[code]
//
// Encoding: e = floor(log2(M)) + 125, M the largest magnitude, the logarithm rounded to f32 first.
// Source: ggml of llama.cpp v0.5.0, block_mxfp4, dequantize_row_mxfp4, quantize_row_mxfp4_ref.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstring>

#include "codec/best.h"
#include "codec/codecs.h"
#include "codec/fp4.h"
#include "codec/nonfinite.h"
#include "codec/runs.h"
#include "codec/scalar.h"

#ifndef RECAST_CODEC_MXFP4_TYPE
#define RECAST_CODEC_MXFP4_TYPE
namespace recast::codec {

struct BlockMXFP4 {
  uint8_t e;
  uint8_t qs[16];
};
static_assert(sizeof(BlockMXFP4) == 17);

// 2^(e - 128), subnormals for 0 and 1.
inline float scale_of(uint8_t e) {
  return std::bit_cast<float>(e < 2 ? 0x00200000u << e : static_cast<uint32_t>(e - 1) << 23);
}

// Of a zero block 0. Wraps for magnitudes below 2^-125. The logarithm of a double is right in every
// C library; that of a float differs between them just below powers of two.
// Elsewhere the exponent field is the floor.
inline uint8_t exponent_of(float magnitude) {
  if (!(magnitude > 0)) return 0;
  const uint32_t bits = std::bit_cast<uint32_t>(magnitude);
  if (bits >= 0x00800000u && (bits & 0x007fffffu) < 0x007fff00u)
    return static_cast<uint8_t>((bits >> 23) - 2);
  const float logarithm = static_cast<float>(std::log2(static_cast<double>(magnitude)));
  return static_cast<uint8_t>(static_cast<int>(std::floor(logarithm)) + 125);
}

// See runs.h.
struct RunsMXFP4 {
  using Block = BlockMXFP4;
  static constexpr int elements = 32, run = 32;
  static constexpr bool affine = false;
  static constexpr const int8_t* table = fp4_table;
  static constexpr int half = 16;
  static constexpr uint64_t nibbles = offsetof(Block, qs);
  static HWY_INLINE void read(const Block& block, Runs<elements, run>& out) {
    out.scales[0] = scale_of(block.e);
  }
};

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/mxfp4.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/decode-inl.h"
#include "codec/fp4-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void encode_mxfp4(const float* x, std::byte* out, int64_t n) {
  scalar::encode_mxfp4(x, out, n);
}
#else
void encode_mxfp4(const float* x, std::byte* out, int64_t n) {
  for (; n > 0; n -= 32, x += 32, out += sizeof(BlockMXFP4)) {
    // Straight into place: a block put together elsewhere would be read before it is written.
    const uint8_t e = exponent_of(largest_magnitude(x, 32));
    uint8_t* const bytes = reinterpret_cast<uint8_t*>(out);
    bytes[0] = e;
    write_fp4(x, 16, scale_of(e), bytes + offsetof(BlockMXFP4, qs));
  }
}
#endif

void decode_mxfp4(const std::byte* in, float* out, int64_t n) {
  decode_runs<RunsMXFP4>(in, out, n);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {

void decode_mxfp4(const std::byte* source, float* destination, int64_t n) {
  decode_runs<RunsMXFP4>(source, destination, n);
}

void encode_mxfp4(const float* source, std::byte* destination, int64_t n) {
  for (; n > 0; n -= 32, source += 32, destination += sizeof(BlockMXFP4)) {
    float largest = 0;
    for (int i = 0; i < 32; ++i) largest = std::max(largest, std::fabs(source[i]));
    BlockMXFP4 block = {.e = exponent_of(largest)};
    const float scale = scale_of(block.e);
    for (int j = 0; j < 16; ++j)
      block.qs[j] = static_cast<uint8_t>(nearest_fp4(source[j], scale) |
                                         nearest_fp4(source[j + 16], scale) << 4);
    std::memcpy(destination, &block, sizeof block);
  }
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_mxfp4);
HWY_EXPORT(encode_mxfp4);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_mxfp4);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_mxfp4);
  kernel(source, destination, n);
}

// Exponent 255 is a scale of 2^127; products with it can be infinite.
void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  float values[32];
  for (int64_t i = 0; i < n; i += 32, source += sizeof(BlockMXFP4)) {
    if (static_cast<uint8_t>(*source) < 253) continue;
    scalar::decode_mxfp4(source, values, 32);
    for (int k = 0; k < 32; ++k)
      if (!std::isfinite(values[k])) add_nonfinite(false, first_index + i + k, census);
  }
}

void pack(const FittedBlock& fitted, std::byte* out) {
  const int8_t* levels = fitted.levels;
  BlockMXFP4 block = {.e = static_cast<uint8_t>(fitted.scales[0])};
  for (int j = 0; j < 16; ++j)
    block.qs[j] = static_cast<uint8_t>(fp4_code(levels[j]) | fp4_code(levels[j + 16]) << 4);
  std::memcpy(out, &block, sizeof block);
}

constexpr Fp4Type search = {
    .sub = 32, .count = 1, .block_bytes = sizeof(BlockMXFP4), .last = 252, .above = 0,
    .value = scale_of, .pack = pack};

}  // namespace

constinit const Codec mxfp4 = {
    .name = "MXFP4",
    .kind = CodecKind::block,
    .block_elements = 32,
    .block_bytes = sizeof(BlockMXFP4),
    .decode = decode,
    .encode = encode,
    .encode_best = best<mxfp4, search>,
    .census = census,
};

}  // namespace recast::codec
#endif
