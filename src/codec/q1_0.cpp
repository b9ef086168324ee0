// Q1_0: 128 weights in 18 bytes.
//
//   bytes 0-1     d    f16, the mean magnitude
//   bytes 2-17    qs   bit j % 8 of byte j / 8: set where weight j is not negative
//
//   w = set ? d : -d
//
// Source: ggml of llama.cpp v0.5.0, block_q1_0, dequantize_row_q1_0, quantize_row_q1_0_ref.
#include <cmath>
#include <cstddef>
#include <cstring>

#include "codec/codecs.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"
#include "tensor/float16.h"

namespace recast::codec {
namespace {

struct BlockQ1_0 {
  uint16_t d;
  uint8_t qs[16];
};
static_assert(sizeof(BlockQ1_0) == 18);

}  // namespace

namespace scalar {

void decode_q1_0(const std::byte* source, float* destination, int64_t n) {
  for (; n > 0; n -= 128, source += sizeof(BlockQ1_0), destination += 128) {
    BlockQ1_0 block;
    std::memcpy(&block, source, sizeof block);
    const float d = f32_from_f16(block.d);
    for (int j = 0; j < 128; ++j) destination[j] = block.qs[j / 8] >> (j % 8) & 1 ? d : -d;
  }
}

void encode_q1_0(const float* source, std::byte* destination, int64_t n) {
  for (; n > 0; n -= 128, source += 128, destination += sizeof(BlockQ1_0)) {
    float sum = 0;
    for (int j = 0; j < 128; ++j) sum += std::fabs(source[j]);
    BlockQ1_0 block = {.d = f16_from_f32(sum / 128)};
    for (int j = 0; j < 128; ++j)
      block.qs[j / 8] |= static_cast<uint8_t>((source[j] >= 0) << (j % 8));
    std::memcpy(destination, &block, sizeof block);
  }
}

}  // namespace scalar

namespace {
void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  count_scales(source, n / 128, sizeof(BlockQ1_0), 128, {0}, first_index, census);
}
}  // namespace

constinit const Codec q1_0 = {
    .name = "Q1_0",
    .kind = CodecKind::block,
    .block_elements = 128,
    .block_bytes = sizeof(BlockQ1_0),
    .decode = scalar::decode_q1_0,
    .encode = scalar::encode_q1_0,
    .census = census,
};

}  // namespace recast::codec
