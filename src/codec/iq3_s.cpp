// IQ3_S: 256 weights in 110 bytes, 8 sub-blocks of 32, groups of 4.
//
//   bytes 0-1       d        f16
//   bytes 2-65      ids      the lower 8 bits of the grid id of each group
//   bytes 66-73     qh       the upper bit of 8 ids a byte, the first low
//   bytes 74-105    signs    a byte for 8 weights, bit i negates weight i
//   bytes 106-109   scales   4 bits a sub-block, the even one low
//
//   w = d * (2 * scale + 1) * sign * (2 * level + 1)
//
// Where some but not all sub-blocks are zero, the reference writes ids and signs of the later ones
// too early and reads them back wrongly; here they lie at their places.
// Source: ggml of llama.cpp v0.5.0, block_iq3_s, dequantize_row_iq3_s, quantize_iq3_s.
#include <algorithm>
#include <cstddef>
#include <cstring>

#include "codec/best.h"
#include "codec/codecs.h"
#include "codec/eights.h"
#include "codec/iq23.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"
#include "tensor/float16.h"

#ifndef RECAST_CODEC_IQ3_S_TYPE
#define RECAST_CODEC_IQ3_S_TYPE
namespace recast::codec {

struct BlockIQ3_S {
  uint16_t d;
  uint8_t ids[64];
  uint8_t qh[8];
  uint8_t signs[32];
  uint8_t scales[4];
};
static_assert(sizeof(BlockIQ3_S) == 110);

struct IQ3_S {
  using Block = BlockIQ3_S;
  static constexpr int sub = 32, group = 4, bits = 3, top = 7, tries = 9;
  static constexpr bool parity = false, fit_first = false, keeps_ids_of_zero = true;
  static constexpr float skip = 0, base = 15, step = 0.2f, factor = 1.033f, sigma_factor = 2;
  static constexpr float plain_sigma = 0;
  static constexpr iq::Redo redo = iq::Redo::unless_all_on_grid;
  static const iq::Grid& grid() { return iq::iq3s_grid(); }

  static void set(const iq::Levels& levels, const uint8_t* codes, Block& block) {
    for (int q = 0; q < 64; ++q) {
      const int id = grid().id(levels.keys[q]);
      block.ids[q] = static_cast<uint8_t>(id);
      block.qh[q / 8] |= static_cast<uint8_t>(id >> 8 << (q % 8));
    }
    std::memcpy(block.signs, levels.signs, sizeof block.signs);
    for (int b = 0; b < 8; ++b)
      block.scales[b / 2] |= static_cast<uint8_t>(codes[b] << (b % 2 * 4));
  }
};

// See eights.h.
struct EightsIQ3_S {
  using Block = BlockIQ3_S;
  static constexpr int elements = 256;
  static constexpr bool has_signs = true, shifted = false;
  static float step(const Block& block) { return f32_from_f16(block.d); }
  static const uint64_t* levels() {
    static const std::vector<uint64_t> table =
        iq::value_bytes(iq::iq3s_keys, 4, 3, iq::iq3_s_values);
    return table.data();
  }
  static HWY_INLINE Eight eight(const Block& block, float d, int h, const uint64_t* table) {
    const int code = block.scales[h / 8] >> (h / 4 % 2 * 4) & 15;
    const int upper = block.qh[h / 4] >> (h % 4 * 2);
    const uint64_t low = table[block.ids[2 * h] | (upper & 1) << 8];
    const uint64_t high = table[block.ids[2 * h + 1] | (upper & 2) << 7];
    return {.scale = d * static_cast<float>(1 + 2 * code),
            .levels = low | high << 32,
            .signs = block.signs[h]};
  }
};

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/iq3_s.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/decode-inl.h"
#include "codec/iq23-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

void encode_iq3_s(const float* x, const float* importance, std::byte* out, int64_t n,
                  int64_t row) {
  encode_iq23<IQ3_S>(x, importance, out, n, row);
}

void decode_iq3_s(const std::byte* in, float* out, int64_t n) {
  decode_eights<EightsIQ3_S>(in, out, n);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {

void decode_iq3_s(const std::byte* source, float* destination, int64_t n) {
  decode_eights<EightsIQ3_S>(source, destination, n);
}

void encode_iq3_s(const float* source, std::byte* destination, int64_t n) {
  iq::scalar::encode<IQ3_S>(source, nullptr, destination, n, n);
}

void encode_weighted_iq3_s(const float* source, const float* importance, std::byte* destination,
                           int64_t rows, int64_t row) {
  iq::scalar::encode<IQ3_S>(source, importance, destination, rows * row, row);
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_iq3_s);
HWY_EXPORT(encode_iq3_s);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_iq3_s);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_iq3_s);
  kernel(source, nullptr, destination, n, n);
}

void encode_weighted(const float* source, const float* importance, std::byte* destination,
                     int64_t rows, int64_t row) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_iq3_s);
  kernel(source, importance, destination, rows * row, row);
}

// Some sub-blocks are zero, others are not.
int64_t mended(const float* source, int64_t n) {
  int64_t blocks = 0;
  for (const float* x = source; x < source + n; x += 256) {
    int zeros = 0;
    for (int b = 0; b < 8; ++b)
      zeros += std::all_of(x + 32 * b, x + 32 * b + 32, [](float value) { return value == 0; });
    blocks += zeros > 0 && zeros < 8;
  }
  return blocks;
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 256, sizeof(BlockIQ3_S), 256, {0}, first_index, census);
}

constexpr GridType search = {
    .sub = 32, .group = 4, .codes = 16, .block_bytes = sizeof(BlockIQ3_S),
    .signs = GridSigns::free, .grid = iq::iq3s_grid,
    .tables = {iq::iq3s_coordinates, nullptr},
    .table_of_group = false, .whole_grid = true,
    .first = 11, .last = 20, .tries = 7, .pack = iq::pack<IQ3_S>};

}  // namespace

constinit const Codec iq3_s = {
    .name = "IQ3_S",
    .kind = CodecKind::block,
    .block_elements = 256,
    .block_bytes = sizeof(BlockIQ3_S),
    .decode = decode,
    .encode = encode,
    .encode_weighted = encode_weighted,
    .encode_fast = fast<search>,
    .encode_best = best<iq3_s, search>,
    .mended = mended,
    .census = census,
};

}  // namespace recast::codec
#endif
