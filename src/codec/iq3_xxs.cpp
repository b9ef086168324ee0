// IQ3_XXS: 256 weights in 98 bytes, 8 sub-blocks of 32, groups of 4.
//
//   bytes 0-1     d       f16
//   bytes 2-65    ids     a grid id a group
//   bytes 66-97   signs   u32 a sub-block: 7 signs of 8 weights at bits 7 k, the scale at 28-31
//
//   w = d * (scale + 0.5) / 2 * sign * value of the level (4, 12, 20, 28, 36, 44, 52, 62)
//
// Signs: bit i negates weight i; the eighth makes their number even.
// Source: ggml of llama.cpp v0.5.0, block_iq3_xxs, dequantize_row_iq3_xxs, quantize_iq3_xxs.
#include <cstddef>
#include <cstring>

#include "codec/best.h"
#include "codec/codecs.h"
#include "codec/eights.h"
#include "codec/iq23.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"
#include "tensor/float16.h"

#ifndef RECAST_CODEC_IQ3_XXS_TYPE
#define RECAST_CODEC_IQ3_XXS_TYPE
namespace recast::codec {

struct BlockIQ3_XXS {
  uint16_t d;
  uint8_t ids[64];
  uint8_t signs[32];
};
static_assert(sizeof(BlockIQ3_XXS) == 98);

struct IQ3_XXS {
  using Block = BlockIQ3_XXS;
  static constexpr int sub = 32, group = 4, bits = 3, top = 7, tries = 15;
  static constexpr bool parity = true, fit_first = false, keeps_ids_of_zero = false;
  static constexpr float skip = 1e-8f, base = 15, step = 0.2f, factor = 1.0125f, sigma_factor = 2;
  static constexpr float plain_sigma = 0;
  static constexpr iq::Redo redo = iq::Redo::off_grid;
  static const iq::Grid& grid() { return iq::iq3xxs_grid(); }

  static void set(const iq::Levels& levels, const uint8_t* codes, Block& block) {
    for (int q = 0; q < 64; ++q) block.ids[q] = static_cast<uint8_t>(grid().id(levels.keys[q]));
    for (int b = 0; b < 8; ++b) {
      uint32_t signs = static_cast<uint32_t>(codes[b]) << 28;
      for (int k = 0; k < 4; ++k)
        signs |= static_cast<uint32_t>(levels.signs[4 * b + k]) << (7 * k);
      std::memcpy(block.signs + 4 * b, &signs, sizeof signs);
    }
  }
};

// See eights.h.
struct EightsIQ3_XXS {
  using Block = BlockIQ3_XXS;
  static constexpr int elements = 256;
  static constexpr bool has_signs = true, shifted = false;
  static float step(const Block& block) { return f32_from_f16(block.d); }
  static const uint64_t* levels() {
    static const std::vector<uint64_t> table =
        iq::value_bytes(iq::iq3xxs_keys, 4, 3, iq::iq3_xxs_values);
    return table.data();
  }
  static HWY_INLINE Eight eight(const Block& block, float d, int h, const uint64_t* table) {
    uint32_t signs;
    std::memcpy(&signs, block.signs + h / 4 * 4, sizeof signs);
    return {.scale = d * (0.5f + static_cast<float>(signs >> 28)) * 0.5f,
            .levels = table[block.ids[2 * h]] | table[block.ids[2 * h + 1]] << 32,
            .signs = iq::even_signs(signs >> (7 * (h % 4)) & 127)};
  }
};

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/iq3_xxs.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/decode-inl.h"
#include "codec/iq23-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

void encode_iq3_xxs(const float* x, const float* importance, std::byte* out, int64_t n,
                    int64_t row) {
  encode_iq23<IQ3_XXS>(x, importance, out, n, row);
}

void decode_iq3_xxs(const std::byte* in, float* out, int64_t n) {
  decode_eights<EightsIQ3_XXS>(in, out, n);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {

void decode_iq3_xxs(const std::byte* source, float* destination, int64_t n) {
  decode_eights<EightsIQ3_XXS>(source, destination, n);
}

void encode_iq3_xxs(const float* source, std::byte* destination, int64_t n) {
  iq::scalar::encode<IQ3_XXS>(source, nullptr, destination, n, n);
}

void encode_weighted_iq3_xxs(const float* source, const float* importance, std::byte* destination,
                             int64_t rows, int64_t row) {
  iq::scalar::encode<IQ3_XXS>(source, importance, destination, rows * row, row);
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_iq3_xxs);
HWY_EXPORT(encode_iq3_xxs);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_iq3_xxs);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_iq3_xxs);
  kernel(source, nullptr, destination, n, n);
}

void encode_weighted(const float* source, const float* importance, std::byte* destination,
                     int64_t rows, int64_t row) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_iq3_xxs);
  kernel(source, importance, destination, rows * row, row);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 256, sizeof(BlockIQ3_XXS), 256, {0}, first_index, census);
}

constexpr GridType search = {
    .sub = 32, .group = 4, .codes = 16, .block_bytes = sizeof(BlockIQ3_XXS),
    .signs = GridSigns::even, .grid = iq::iq3xxs_grid,
    .tables = {iq::iq3xxs_coordinates, nullptr},
    .table_of_group = false, .whole_grid = true,
    .first = 11, .last = 20, .tries = 7, .pack = iq::pack<IQ3_XXS>};

}  // namespace

constinit const Codec iq3_xxs = {
    .name = "IQ3_XXS",
    .kind = CodecKind::block,
    .block_elements = 256,
    .block_bytes = sizeof(BlockIQ3_XXS),
    .decode = decode,
    .encode = encode,
    .encode_weighted = encode_weighted,
    .encode_fast = fast<search>,
    .encode_best = best<iq3_xxs, search>,
    .census = census,
};

}  // namespace recast::codec
#endif
