// The 8-bit floats: sign, exponent, mantissa; codes as in the OCP 8-bit floating point
// specification (E4M3, E5M2, E8M0) and as AMD and Graphcore define them (FNUZ: no infinity, no
// negative zero, its code is the one NaN). Rounding to nearest even. What rounds beyond the largest
// value becomes that value in E4M3, infinity in E5M2, NaN in the FNUZ types: measured on casts of
// PyTorch 2.13 (its early releases made NaN of it in E4M3).
#include <algorithm>
#include <array>
#include <bit>

#include "codec/codecs.h"
#include "codec/nonfinite.h"

namespace recast::codec {

namespace {

struct Layout {
  int mantissa_bits;
  int bias;
  uint8_t last_finite;  // code of the largest finite value
  uint8_t beyond;       // code of what is larger: that value, infinity or NaN
  uint8_t nan;          // code that a NaN is stored as
  bool fnuz;            // the code 0x80 is NaN, and there is no other
};

constexpr Layout e4m3 = {3, 7, 0x7e, 0x7e, 0x7f, false};
constexpr Layout e5m2 = {2, 15, 0x7b, 0x7c, 0x7f, false};
constexpr Layout e4m3fnuz = {3, 8, 0x7f, 0x80, 0x80, true};
constexpr Layout e5m2fnuz = {2, 16, 0x7f, 0x80, 0x80, true};

constexpr float power_of_two(int exponent) {  // -126 ... 127
  return std::bit_cast<float>(static_cast<uint32_t>(exponent + 127) << 23);
}

constexpr float value_of(const Layout& layout, uint8_t code) {
  const int magnitude = code & 0x7f;
  const uint32_t sign = (code & 0x80u) << 24;
  if (layout.fnuz ? code == 0x80 : magnitude > layout.last_finite) {
    const bool infinite = !layout.fnuz && layout.beyond != layout.nan && magnitude == layout.beyond;
    return std::bit_cast<float>(sign | (infinite ? 0x7f800000u : 0x7fc00000u));
  }
  const int exponent = magnitude >> layout.mantissa_bits;
  const int hidden = exponent > 0 ? 1 << layout.mantissa_bits : 0;
  const int mantissa = (magnitude & ((1 << layout.mantissa_bits) - 1)) + hidden;
  const float value = static_cast<float>(mantissa) *
                      power_of_two(std::max(exponent, 1) - layout.bias - layout.mantissa_bits);
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(value));
}

template <Layout layout>
constexpr std::array<float, 256> make_values() {
  std::array<float, 256> values = {};
  for (int code = 0; code < 256; ++code)
    values[static_cast<size_t>(code)] = value_of(layout, static_cast<uint8_t>(code));
  return values;
}

template <Layout layout>
constexpr std::array<float, 256> values = make_values<layout>();

template <Layout layout>
void decode(const std::byte* source, float* destination, int64_t n) {
  for (int64_t i = 0; i < n; ++i) destination[i] = values<layout>[static_cast<uint8_t>(source[i])];
}

// Both roundings are computed and one is chosen, so that compilers make vectors of the loop.
template <Layout layout>
uint8_t code_of(float value) {
  constexpr int dropped = 23 - layout.mantissa_bits;
  constexpr float first_normal = power_of_two(1 - layout.bias);
  // Its last bit is worth the smallest subnormal: adding it rounds to a multiple of that.
  constexpr float magic = power_of_two(1 - layout.bias + dropped);
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & 0x7fffffffu;
  const uint32_t sign = bits >> 24 & 0x80u;
  const uint32_t subnormal = std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + magic) -
                             std::bit_cast<uint32_t>(magic);
  const uint32_t odd = magnitude >> dropped & 1u;
  constexpr uint32_t rebias = static_cast<uint32_t>(127 - layout.bias) << 23;
  const uint32_t normal = (magnitude - rebias + (1u << (dropped - 1)) - 1u + odd) >> dropped;
  uint32_t code = magnitude < std::bit_cast<uint32_t>(first_normal) ? subnormal : normal;
  code = code > layout.last_finite ? layout.beyond : code;
  code = magnitude > 0x7f800000u ? layout.nan : code;
  const uint32_t negative_zero = layout.fnuz && code == 0 ? 0u : sign;
  return static_cast<uint8_t>(code | negative_zero);
}

template <Layout layout>
void encode(const float* source, std::byte* destination, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    destination[i] = static_cast<std::byte>(code_of<layout>(source[i]));
}

template <Layout layout>
void census(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  for (int64_t i = 0; i < n; ++i) {
    const uint8_t code = static_cast<uint8_t>(source[i]);
    if (layout.fnuz ? code != 0x80 : (code & 0x7f) <= layout.last_finite) continue;
    const float value = values<layout>[code];
    add_nonfinite(value != value, first_index + i, census);
  }
}

template <Layout layout>
constexpr Codec float8(std::string_view name) {
  return {.name = name,
          .block_bytes = 1,
          .max_finite = value_of(layout, layout.last_finite),
          .min_positive = value_of(layout, 1),
          .decode = decode<layout>,
          .encode = encode<layout>,
          .census = census<layout>};
}

// Powers of two, 2^(code - 127); 255 is NaN. The scales of microscaling formats.
void decode_e8m0(const std::byte* source, float* destination, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t code = static_cast<uint8_t>(source[i]);
    const uint32_t bits = code == 0 ? 0x00400000u : code == 255 ? 0x7fc00000u : code << 23;
    destination[i] = std::bit_cast<float>(bits);
  }
}

void census_e8m0(const std::byte* source, int64_t n, int64_t first_index, FloatCensus& census) {
  for (int64_t i = 0; i < n; ++i)
    if (source[i] == std::byte{255}) add_nonfinite(true, first_index + i, census);
}

}  // namespace

constinit const Codec f8_e4m3 = float8<e4m3>("F8_E4M3");
constinit const Codec f8_e5m2 = float8<e5m2>("F8_E5M2");
constinit const Codec f8_e4m3fnuz = float8<e4m3fnuz>("F8_E4M3FNUZ");
constinit const Codec f8_e5m2fnuz = float8<e5m2fnuz>("F8_E5M2FNUZ");
constinit const Codec f8_e8m0 = {
    .name = "F8_E8M0",
    .block_bytes = 1,
    .max_finite = 0x1p127f,
    .min_positive = 0x1p-127f,
    .decode = decode_e8m0,
    .census = census_e8m0,
};

}  // namespace recast::codec
