// NVFP4: 64 weights in 36 bytes, 4 sub-blocks of 16.
//
//   bytes 0-3    scales   UE4M3: 4 bits of exponent (bias 7), 3 of mantissa; 0x7f means 0
//   bytes 4-35   qs       8 bytes a sub-block, byte j: code j in the low nibble, j + 8 in the high
//
//   w = 0.5 * scale * fp4_doubled[code]
//
// Encoding: scale = M / 6 rounded, M the largest magnitude.
// Source: ggml of llama.cpp v0.5.0, block_nvfp4, dequantize_row_nvfp4, quantize_row_nvfp4_ref.
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

#ifndef RECAST_CODEC_NVFP4_TYPE
#define RECAST_CODEC_NVFP4_TYPE
namespace recast::codec {

struct BlockNVFP4 {
  uint8_t scales[4];
  uint8_t qs[32];
};
static_assert(sizeof(BlockNVFP4) == 36);

inline float ue4m3_value(uint8_t code) {
  const uint32_t exponent = code >> 3 & 15u, mantissa = code & 7u;
  if (code == 0x7f) return 0;
  if (exponent == 0) return static_cast<float>(mantissa) * 0x1p-9f;
  return std::bit_cast<float>((exponent + 120) << 23 | mantissa << 20);
}

// Rounds halves up; at most 448.
inline uint8_t ue4m3_code(float v) {
  if (!(v > 0)) return 0;
  v = std::min(v, 448.0f);
  const uint32_t bits = std::bit_cast<uint32_t>(v);
  int exponent = static_cast<int>(bits >> 23) - 127 + 7;
  if (exponent <= 0)
    return static_cast<uint8_t>(std::min(static_cast<int>(v * 512 + 0.5f), 7));
  if (exponent >= 15) return 0x7e;
  uint32_t mantissa = (bits >> 20 & 7) + (bits >> 19 & 1);
  if (mantissa == 8) {
    mantissa = 0;
    if (++exponent >= 15) return 0x7e;
  }
  return static_cast<uint8_t>(static_cast<uint32_t>(exponent) << 3 | mantissa);
}

// See runs.h.
struct RunsNVFP4 {
  using Block = BlockNVFP4;
  static constexpr int elements = 64, run = 16;
  static constexpr bool affine = false;
  static constexpr const int8_t* table = fp4_table;
  static constexpr int half = 8;
  static constexpr uint64_t nibbles = offsetof(Block, qs);
  static HWY_INLINE void read(const Block& block, Runs<elements, run>& out) {
    for (int b = 0; b < 4; ++b) out.scales[b] = 0.5f * ue4m3_value(block.scales[b]);
  }
};

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/nvfp4.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/decode-inl.h"
#include "codec/fp4-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void encode_nvfp4(const float* x, std::byte* out, int64_t n) {
  scalar::encode_nvfp4(x, out, n);
}
#else
void encode_nvfp4(const float* x, std::byte* out, int64_t n) {
  const hn::Rebind<uint8_t, LaneF> u8;
  for (; n > 0; n -= 64, out += sizeof(BlockNVFP4)) {
    uint8_t* const bytes = reinterpret_cast<uint8_t*>(out);
    for (int b = 0; b < 4; ++b, x += 16) {
      const float largest = largest_magnitude(x, 16);
      const uint8_t code = ue4m3_code(largest / 6);
      const float scale = 0.5f * ue4m3_value(code);
      const Fp4Bounds bounds = fp4_bounds(scale);
      alignas(16) uint8_t codes[16];
      for (int i = 0; i < 16; i += lanes)
        hn::StoreU(hn::DemoteTo(u8, nearest_fp4(x + i, bounds)), u8, codes + i);
      // Far above the largest scale the distances to several codes round to the same number.
      if (largest > 1e6f)
        for (int i = 0; i < 16; ++i)
          codes[i] = static_cast<uint8_t>(scalar::nearest_fp4(x[i], scale));
      uint64_t low, high;
      std::memcpy(&low, codes, sizeof low);
      std::memcpy(&high, codes + 8, sizeof high);
      low |= high << 4;
      bytes[b] = code;
      std::memcpy(bytes + offsetof(BlockNVFP4, qs) + 8 * b, &low, sizeof low);
    }
  }
}
#endif

void decode_nvfp4(const std::byte* in, float* out, int64_t n) {
  decode_runs<RunsNVFP4>(in, out, n);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {

void decode_nvfp4(const std::byte* source, float* destination, int64_t n) {
  decode_runs<RunsNVFP4>(source, destination, n);
}

void encode_nvfp4(const float* source, std::byte* destination, int64_t n) {
  for (; n > 0; n -= 64, source += 64, destination += sizeof(BlockNVFP4)) {
    BlockNVFP4 block;
    for (int b = 0; b < 4; ++b) {
      const float* x = source + 16 * b;
      float largest = 0;
      for (int i = 0; i < 16; ++i) largest = std::max(largest, std::fabs(x[i]));
      block.scales[b] = ue4m3_code(largest / 6);
      const float scale = 0.5f * ue4m3_value(block.scales[b]);
      for (int j = 0; j < 8; ++j)
        block.qs[8 * b + j] =
            static_cast<uint8_t>(nearest_fp4(x[j], scale) | nearest_fp4(x[j + 8], scale) << 4);
    }
    std::memcpy(destination, &block, sizeof block);
  }
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_nvfp4);
HWY_EXPORT(encode_nvfp4);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_nvfp4);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_nvfp4);
  kernel(source, destination, n);
}

// The scales have no NaN and no infinity.
void census(const std::byte*, int64_t, int64_t, FloatCensus&) {}

void pack(const FittedBlock& fitted, std::byte* out) {
  BlockNVFP4 block;
  for (int b = 0; b < 4; ++b) {
    const int8_t* levels = fitted.levels + 16 * b;
    block.scales[b] = static_cast<uint8_t>(fitted.scales[b]);
    for (int j = 0; j < 8; ++j)
      block.qs[8 * b + j] =
          static_cast<uint8_t>(fp4_code(levels[j]) | fp4_code(levels[j + 8]) << 4);
  }
  std::memcpy(out, &block, sizeof block);
}

constexpr Fp4Type search = {
    .sub = 16, .count = 4, .block_bytes = sizeof(BlockNVFP4), .last = 0x7e, .above = 7,
    .value = [](uint8_t code) { return 0.5f * ue4m3_value(code); }, .pack = pack};

}  // namespace

constinit const Codec nvfp4 = {
    .name = "NVFP4",
    .kind = CodecKind::block,
    .block_elements = 64,
    .block_bytes = sizeof(BlockNVFP4),
    .decode = decode,
    .encode = encode,
    .encode_best = best<nvfp4, search>,
    .census = census,
};

}  // namespace recast::codec
#endif
