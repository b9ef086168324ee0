// The plain types that need no kernel of their own, little endian.
#include <cstring>

#include "codec/codecs.h"
#include "codec/nonfinite.h"

namespace recast::codec {

namespace {

// Largest and smallest values that pass through f32, the type of all arithmetic here.
constexpr float f32_max = 0x1.fffffep127f;
constexpr float f32_min = 0x1p-149f;

void decode_f32(const std::byte* source, float* destination, int64_t n) {
  if (n > 0) std::memcpy(destination, source, static_cast<size_t>(n) * sizeof(float));
}

void encode_f32(const float* source, std::byte* destination, int64_t n) {
  if (n > 0) std::memcpy(destination, source, static_cast<size_t>(n) * sizeof(float));
}

void decode_f64(const std::byte* source, float* destination, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    double value;
    std::memcpy(&value, source + 8 * i, sizeof value);
    destination[i] = static_cast<float>(value);
  }
}

void encode_f64(const float* source, std::byte* destination, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const double value = source[i];
    std::memcpy(destination + 8 * i, &value, sizeof value);
  }
}

constexpr Codec copied(std::string_view name, uint64_t block_bytes, int64_t block_elements = 1) {
  return {.name = name,
          .kind = CodecKind::integer,
          .block_elements = block_elements,
          .block_bytes = block_bytes};
}

}  // namespace

constinit const Codec f32 = {
    .name = "F32",
    .block_bytes = 4,
    .max_finite = f32_max,
    .min_positive = f32_min,
    .decode = decode_f32,
    .encode = encode_f32,
    .census = count_nonfinite<uint32_t, 0x7f800000u, 0x007fffffu>,
};

// Takes every f32; max_finite and min_positive are what can come back.
constinit const Codec f64 = {
    .name = "F64",
    .block_bytes = 8,
    .max_finite = f32_max,
    .min_positive = f32_min,
    .decode = decode_f64,
    .encode = encode_f64,
    .census = count_nonfinite<uint64_t, 0x7ff0000000000000u, 0x000fffffffffffffu>,
};

constinit const Codec i8 = copied("I8", 1);
constinit const Codec i16 = copied("I16", 2);
constinit const Codec i32 = copied("I32", 4);
constinit const Codec i64 = copied("I64", 8);
constinit const Codec u8 = copied("U8", 1);
constinit const Codec u16 = copied("U16", 2);
constinit const Codec u32 = copied("U32", 4);
constinit const Codec u64 = copied("U64", 8);
constinit const Codec boolean = copied("BOOL", 1);  // one byte, 0 or 1
constinit const Codec c64 = copied("C64", 8);       // two f32: real, imaginary

// Packed without gaps: the fewest elements that end at a byte.
constinit const Codec f4 = copied("F4", 1, 2);
constinit const Codec f6_e2m3 = copied("F6_E2M3", 3, 4);
constinit const Codec f6_e3m2 = copied("F6_E3M2", 3, 4);

}  // namespace recast::codec
