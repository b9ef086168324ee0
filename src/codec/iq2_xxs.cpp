// IQ2_XXS: 256 weights in 66 bytes, 8 sub-blocks of 32, groups of 8.
//
//   bytes 0-1    d    f16
//   bytes 2-65   qs   8 bytes a sub-block: the grid ids of its 4 groups, then a u32: 7 signs of
//                     group k at bits 7 k, the scale at bits 28-31
//
//   w = d * (scale + 0.5) / 4 * sign * value of the level (8, 25, 43)
//
// Signs: bit i negates weight i; the eighth makes their number even.
// Source: ggml of llama.cpp v0.5.0, block_iq2_xxs, dequantize_row_iq2_xxs, quantize_iq2_xxs.
#include <cstddef>
#include <cstring>

#include "codec/best.h"
#include "codec/codecs.h"
#include "codec/eights.h"
#include "codec/iq23.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"
#include "tensor/float16.h"

#ifndef RECAST_CODEC_IQ2_XXS_TYPE
#define RECAST_CODEC_IQ2_XXS_TYPE
namespace recast::codec {

struct BlockIQ2_XXS {
  uint16_t d;
  uint8_t qs[64];
};
static_assert(sizeof(BlockIQ2_XXS) == 66);

struct IQ2_XXS {
  using Block = BlockIQ2_XXS;
  static constexpr int sub = 32, group = 8, bits = 2, top = 2, tries = 6;
  static constexpr bool parity = true, fit_first = true, keeps_ids_of_zero = false;
  static constexpr float skip = 1e-15f, base = 5, step = 0.1f, factor = 1, sigma_factor = 1;
  static constexpr float plain_sigma = 0;
  static constexpr iq::Redo redo = iq::Redo::always;
  static const iq::Grid& grid() { return iq::iq2xxs_grid(); }

  static void set(const iq::Levels& levels, const uint8_t* codes, Block& block) {
    for (int b = 0; b < 8; ++b) {
      uint32_t signs = static_cast<uint32_t>(codes[b]) << 28;
      for (int k = 0; k < 4; ++k) {
        block.qs[8 * b + k] = static_cast<uint8_t>(grid().id(levels.keys[4 * b + k]));
        signs |= static_cast<uint32_t>(levels.signs[4 * b + k]) << (7 * k);
      }
      std::memcpy(block.qs + 8 * b + 4, &signs, sizeof signs);
    }
  }
};

// See eights.h.
struct EightsIQ2_XXS {
  using Block = BlockIQ2_XXS;
  static constexpr int elements = 256;
  static constexpr bool has_signs = true, shifted = false;
  static float step(const Block& block) { return f32_from_f16(block.d); }
  static const uint64_t* levels() {
    static const std::vector<uint64_t> table =
        iq::value_bytes(iq::iq2xxs_keys, 8, 2, iq::iq2_values);
    return table.data();
  }
  static HWY_INLINE Eight eight(const Block& block, float d, int h, const uint64_t* table) {
    uint32_t signs;
    std::memcpy(&signs, block.qs + h / 4 * 8 + 4, sizeof signs);
    return {.scale = d * (0.5f + static_cast<float>(signs >> 28)) * 0.25f,
            .levels = table[block.qs[h / 4 * 8 + h % 4]],
            .signs = iq::even_signs(signs >> (7 * (h % 4)) & 127)};
  }
};

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/iq2_xxs.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/decode-inl.h"
#include "codec/iq23-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

void encode_iq2_xxs(const float* x, const float* importance, std::byte* out, int64_t n,
                    int64_t row) {
  encode_iq23<IQ2_XXS>(x, importance, out, n, row);
}

void decode_iq2_xxs(const std::byte* in, float* out, int64_t n) {
  decode_eights<EightsIQ2_XXS>(in, out, n);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {

void decode_iq2_xxs(const std::byte* source, float* destination, int64_t n) {
  decode_eights<EightsIQ2_XXS>(source, destination, n);
}

void encode_weighted_iq2_xxs(const float* source, const float* importance, std::byte* destination,
                             int64_t rows, int64_t row) {
  iq::scalar::encode<IQ2_XXS>(source, importance, destination, rows * row, row);
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_iq2_xxs);
HWY_EXPORT(encode_iq2_xxs);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_iq2_xxs);
  kernel(source, destination, n);
}

void encode_weighted(const float* source, const float* importance, std::byte* destination,
                     int64_t rows, int64_t row) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_iq2_xxs);
  kernel(source, importance, destination, rows * row, row);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 256, sizeof(BlockIQ2_XXS), 256, {0}, first_index, census);
}

constexpr GridType search = {
    .sub = 32, .group = 8, .codes = 16, .block_bytes = sizeof(BlockIQ2_XXS),
    .signs = GridSigns::even, .grid = iq::iq2xxs_grid,
    .tables = {iq::iq2_coordinates, nullptr},
    .table_of_group = false, .whole_grid = true,
    .first = 3.5f, .last = 8, .tries = 7, .pack = iq::pack<IQ2_XXS>};

}  // namespace

constinit const Codec iq2_xxs = {
    .name = "IQ2_XXS",
    .kind = CodecKind::block,
    .block_elements = 256,
    .block_bytes = sizeof(BlockIQ2_XXS),
    .decode = decode,
    .encode_weighted = encode_weighted,
    .encode_fast = fast<search>,
    .encode_best = best<iq2_xxs, search>,
    .census = census,
};

}  // namespace recast::codec
#endif
