// IQ2_S: 256 weights in 82 bytes, 16 sub-blocks of 16, groups of 8.
//
//   bytes 0-1     d        f16
//   bytes 2-33    ids      the lower 8 bits of the grid id of each group
//   bytes 34-65   signs    a byte a group, bit i negates weight i
//   bytes 66-73   qh       the upper 2 bits of 4 ids a byte, the first low
//   bytes 74-81   scales   4 bits a sub-block, the even one low
//
//   w = d * (scale + 0.5) / 4 * sign * value of the level (8, 25, 43)
//
// Source: ggml of llama.cpp v0.5.0, block_iq2_s, dequantize_row_iq2_s, quantize_iq2_s.
#include <cstddef>
#include <cstring>

#include "codec/best.h"
#include "codec/codecs.h"
#include "codec/eights.h"
#include "codec/iq23.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"
#include "tensor/float16.h"

#ifndef RECAST_CODEC_IQ2_S_TYPE
#define RECAST_CODEC_IQ2_S_TYPE
namespace recast::codec {

struct BlockIQ2_S {
  uint16_t d;
  uint8_t ids[32], signs[32];
  uint8_t qh[8];
  uint8_t scales[8];
};
static_assert(sizeof(BlockIQ2_S) == 82);

struct IQ2_S {
  using Block = BlockIQ2_S;
  static constexpr int sub = 16, group = 8, bits = 2, top = 2, tries = 9;
  static constexpr bool parity = false, fit_first = false, keeps_ids_of_zero = true;
  static constexpr float skip = 1e-8f, base = 5, step = 0.1f, factor = 0.9875f, sigma_factor = 2;
  static constexpr float plain_sigma = 0.25f;
  static constexpr iq::Redo redo = iq::Redo::off_grid;
  static const iq::Grid& grid() { return iq::iq2s_grid(); }

  static void set(const iq::Levels& levels, const uint8_t* codes, Block& block) {
    for (int h = 0; h < 32; ++h) {
      const int id = grid().id(levels.keys[h]);
      block.ids[h] = static_cast<uint8_t>(id);
      block.signs[h] = levels.signs[h];
      block.qh[h / 4] |= static_cast<uint8_t>(id >> 8 << (h % 4 * 2));
    }
    for (int c = 0; c < 16; ++c)
      block.scales[c / 2] |= static_cast<uint8_t>(codes[c] << (c % 2 * 4));
  }
};

// See eights.h.
struct EightsIQ2_S {
  using Block = BlockIQ2_S;
  static constexpr int elements = 256;
  static constexpr bool has_signs = true, shifted = false;
  static float step(const Block& block) { return f32_from_f16(block.d); }
  static const uint64_t* levels() {
    static const std::vector<uint64_t> table =
        iq::value_bytes(iq::iq2s_keys, 8, 2, iq::iq2_values);
    return table.data();
  }
  static HWY_INLINE Eight eight(const Block& block, float d, int h, const uint64_t* table) {
    const int code = block.scales[h / 4] >> (h / 2 % 2 * 4) & 15;
    const int id = block.ids[h] | (block.qh[h / 4] >> (h % 4 * 2) & 3) << 8;
    return {.scale = d * (0.5f + static_cast<float>(code)) * 0.25f,
            .levels = table[id],
            .signs = block.signs[h]};
  }
};

}  // namespace recast::codec
#endif

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/iq2_s.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/decode-inl.h"
#include "codec/iq23-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

void encode_iq2_s(const float* x, const float* importance, std::byte* out, int64_t n,
                  int64_t row) {
  encode_iq23<IQ2_S>(x, importance, out, n, row);
}

void decode_iq2_s(const std::byte* in, float* out, int64_t n) {
  decode_eights<EightsIQ2_S>(in, out, n);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {

void decode_iq2_s(const std::byte* source, float* destination, int64_t n) {
  decode_eights<EightsIQ2_S>(source, destination, n);
}

void encode_iq2_s(const float* source, std::byte* destination, int64_t n) {
  iq::scalar::encode<IQ2_S>(source, nullptr, destination, n, n);
}

void encode_weighted_iq2_s(const float* source, const float* importance, std::byte* destination,
                           int64_t rows, int64_t row) {
  iq::scalar::encode<IQ2_S>(source, importance, destination, rows * row, row);
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_iq2_s);
HWY_EXPORT(encode_iq2_s);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_iq2_s);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_iq2_s);
  kernel(source, nullptr, destination, n, n);
}

void encode_weighted(const float* source, const float* importance, std::byte* destination,
                     int64_t rows, int64_t row) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_iq2_s);
  kernel(source, importance, destination, rows * row, row);
}

void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 256, sizeof(BlockIQ2_S), 256, {0}, first_index, census);
}

constexpr GridType search = {
    .sub = 16, .group = 8, .codes = 16, .block_bytes = sizeof(BlockIQ2_S),
    .signs = GridSigns::free, .grid = iq::iq2s_grid,
    .tables = {iq::iq2_coordinates, nullptr},
    .table_of_group = false, .whole_grid = true,
    .first = 3.5f, .last = 8, .tries = 7, .pack = iq::pack<IQ2_S>};

}  // namespace

constinit const Codec iq2_s = {
    .name = "IQ2_S",
    .kind = CodecKind::block,
    .block_elements = 256,
    .block_bytes = sizeof(BlockIQ2_S),
    .decode = decode,
    .encode = encode,
    .encode_weighted = encode_weighted,
    .encode_fast = fast<search>,
    .encode_best = best<iq2_s, search>,
    .census = census,
};

}  // namespace recast::codec
#endif
