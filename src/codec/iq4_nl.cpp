// IQ4_NL: 32 weights in 18 bytes.
//
//   bytes 0-1    d    f16 scale
//   bytes 2-17   qs   byte j: code j in the low nibble, code j + 16 in the high one
//
//   w = d * iq4_levels[code]
//
// Source: ggml of llama.cpp v0.5.0, block_iq4_nl, dequantize_row_iq4_nl, quantize_iq4_nl.
#include <cstddef>
#include <cstring>

#include "codec/codecs.h"
#include "codec/iq4.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"
#include "codec/search.h"
#include "tensor/float16.h"

namespace recast::codec {
namespace {

struct BlockIQ4_NL {
  uint16_t d;
  uint8_t qs[16];
};
static_assert(sizeof(BlockIQ4_NL) == 18);

}  // namespace

namespace scalar {
namespace {

void encode_block(const float* x, const float* importance, std::byte* out) {
  float w[32];
  if (importance) {
    weigh(x, importance, sum_of_squares(x, 32) * (2.0f / 32), 32, w);
  } else {
    for (int i = 0; i < 32; ++i) w[i] = x[i] * x[i];
  }
  const float d = fit_iq4(x, w);
  BlockIQ4_NL block = {.d = f16_from_f32(d)};
  set_iq4_codes(x, d, block.qs);
  std::memcpy(out, &block, sizeof block);
}

}  // namespace

void decode_iq4_nl(const std::byte* source, float* destination, int64_t n) {
  for (; n > 0; n -= 32, source += sizeof(BlockIQ4_NL), destination += 32) {
    BlockIQ4_NL block;
    std::memcpy(&block, source, sizeof block);
    const float d = f32_from_f16(block.d);
    for (int j = 0; j < 16; ++j) {
      destination[j] = d * iq4_levels[block.qs[j] & 15];
      destination[j + 16] = d * iq4_levels[block.qs[j] >> 4];
    }
  }
}

void encode_iq4_nl(const float* source, std::byte* destination, int64_t n) {
  for (int64_t i = 0; i < n; i += 32, destination += sizeof(BlockIQ4_NL))
    encode_block(source + i, nullptr, destination);
}

void encode_weighted_iq4_nl(const float* source, const float* importance, std::byte* destination,
                            int64_t rows, int64_t row) {
  for (int64_t i = 0; i < rows * row; i += 32, destination += sizeof(BlockIQ4_NL))
    encode_block(source + i, importance + i % row, destination);
}

}  // namespace scalar

namespace {
void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 32, sizeof(BlockIQ4_NL), 32, {0}, first_index, census);
}
}  // namespace

constinit const Codec iq4_nl = {
    .name = "IQ4_NL",
    .kind = CodecKind::block,
    .block_elements = 32,
    .block_bytes = sizeof(BlockIQ4_NL),
    .decode = scalar::decode_iq4_nl,
    .encode = scalar::encode_iq4_nl,
    .encode_weighted = scalar::encode_weighted_iq4_nl,
    .census = census,
};

}  // namespace recast::codec
