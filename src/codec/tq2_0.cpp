// TQ2_0: 256 ternary weights in 66 bytes.
//
//   bytes 0-63    qs   2 bits a code t; byte 32 h + l: codes 128 h + l + 32 k at bits 2 k
//   bytes 64-65   d    f16
//
//   w = d * (t - 1)
//
// Source: ggml of llama.cpp v0.5.0, block_tq2_0, dequantize_row_tq2_0, quantize_row_tq2_0_ref.
#include <cstddef>
#include <cstring>

#include "codec/best.h"
#include "codec/codecs.h"
#include "codec/nonfinite.h"
#include "codec/runs.h"
#include "codec/scalar.h"
#include "codec/tq.h"
#include "tensor/float16.h"

#ifndef RECAST_CODEC_TQ2_0_TYPE
#define RECAST_CODEC_TQ2_0_TYPE
namespace recast::codec {

struct BlockTQ2_0 {
  uint8_t qs[64];
  uint16_t d;
};
static_assert(sizeof(BlockTQ2_0) == 66);

inline void set_codes(const uint8_t* codes, BlockTQ2_0& block) {
  for (int h = 0; h < 2; ++h)
    for (int l = 0; l < 32; ++l) {
      const uint8_t* c = codes + 128 * h + l;
      block.qs[32 * h + l] = static_cast<uint8_t>((c[0] & 3) | (c[32] & 3) << 2 |
                                                  (c[64] & 3) << 4 | (c[96] & 3) << 6);
    }
}

// See runs.h.
struct RunsTQ2_0 {
  using Block = BlockTQ2_0;
  static constexpr int elements = 256, run = 256;
  static constexpr bool affine = false;
  static constexpr std::nullptr_t table = nullptr;
  static HWY_INLINE void read(const Block& block, Runs<elements, run>& out) {
    out.scales[0] = f32_from_f16(block.d);
    for (int k = 0; k < 8; ++k)
      for (int l = 0; l < 32; ++l)
        out.levels[32 * k + l] =
            static_cast<int8_t>((block.qs[k / 4 * 32 + l] >> (k % 4 * 2) & 3) - 1);
  }
};

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/tq2_0.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/decode-inl.h"
#include "codec/rounded_ones-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void encode_tq2_0(const float* x, std::byte* out, int64_t n) {
  scalar::encode_tq2_0(x, out, n);
}
#else
void encode_tq2_0(const float* x, std::byte* out, int64_t n) {
  alignas(64) uint8_t codes[256];
  for (; n > 0; n -= 256, x += 256, out += sizeof(BlockTQ2_0)) {
    BlockTQ2_0 block = {.d = f16_from_f32(codes_of_ones(x, 256, 1, codes))};
    set_codes(codes, block);
    std::memcpy(out, &block, sizeof block);
  }
}
#endif

void decode_tq2_0(const std::byte* in, float* out, int64_t n) {
  decode_runs<RunsTQ2_0>(in, out, n);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {

void decode_tq2_0(const std::byte* source, float* destination, int64_t n) {
  decode_runs<RunsTQ2_0>(source, destination, n);
}

void encode_tq2_0(const float* source, std::byte* destination, int64_t n) {
  uint8_t codes[256];
  for (; n > 0; n -= 256, source += 256, destination += sizeof(BlockTQ2_0)) {
    BlockTQ2_0 block = {.d = f16_from_f32(ternary_codes(source, codes))};
    set_codes(codes, block);
    std::memcpy(destination, &block, sizeof block);
  }
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_tq2_0);
HWY_EXPORT(encode_tq2_0);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_tq2_0);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_tq2_0);
  kernel(source, destination, n);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 256, sizeof(BlockTQ2_0), 256, {offsetof(BlockTQ2_0, d)}, first_index,
               census);
}

void pack(const FittedBlock& fitted, std::byte* out) {
  uint8_t codes[256];
  for (int i = 0; i < 256; ++i) codes[i] = static_cast<uint8_t>(fitted.levels[i] + 1);
  BlockTQ2_0 block = {.d = fitted.d};
  set_codes(codes, block);
  std::memcpy(out, &block, sizeof block);
}

constexpr ScaledType search = {
    .sub = 256, .count = 1, .block_bytes = sizeof(BlockTQ2_0), .set = LevelSet::whole,
    .low = -1, .high = 1, .scale_low = 1, .scale_high = 1,
    .first = 1, .last = 3, .tries = 30, .wide = 24, .close = 12, .pack = pack};

}  // namespace

constinit const Codec tq2_0 = {
    .name = "TQ2_0",
    .kind = CodecKind::block,
    .block_elements = 256,
    .block_bytes = sizeof(BlockTQ2_0),
    .decode = decode,
    .encode = encode,
    .encode_best = best<tq2_0, search>,
    .census = census,
};

}  // namespace recast::codec
#endif
