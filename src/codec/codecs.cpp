#include "codec/codecs.h"

#include <algorithm>
#include <string>

namespace recast::codec {

namespace {

constexpr const Codec* table[] = {
    &f64,     &f32,     &f16,         &bf16,                                    // floats
    &f8_e4m3, &f8_e5m2, &f8_e4m3fnuz, &f8_e5m2fnuz, &f8_e8m0,                   // 8-bit floats
    &q8_0,    &q5_1,    &q5_0,        &q4_1,        &q4_0,                      // GGUF blocks
    &q6_k,    &q5_k,    &q4_k,        &q3_k,        &q2_k,
    &iq4_nl,  &iq4_xs,  &tq1_0,       &tq2_0,       &mxfp4,   &nvfp4, &q2_0, &q1_0,
    &iq3_s,   &iq3_xxs, &iq2_s,       &iq2_xs,      &iq2_xxs, &iq1_m, &iq1_s,
    &i64,     &i32,     &i16,         &i8,          &u64,     &u32, &u16, &u8,  // integers
    &boolean, &c64,     &f6_e2m3,     &f6_e3m2,     &f4,                        // only copied
};

// Other spellings, lower case. Source: NumPy, PyTorch and ONNX names of the same types.
struct Synonym {
  std::string_view spelling;
  const Codec* codec;
};
constexpr Synonym synonyms[] = {
    {"float64", &f64},
    {"fp64", &f64},
    {"double", &f64},
    {"float32", &f32},
    {"fp32", &f32},
    {"float", &f32},
    {"float16", &f16},
    {"fp16", &f16},
    {"half", &f16},
    {"bfloat16", &bf16},
    {"float8_e4m3fn", &f8_e4m3},
    {"float8_e4m3", &f8_e4m3},
    {"f8_e4m3fn", &f8_e4m3},
    {"fp8_e4m3", &f8_e4m3},
    {"float8_e5m2", &f8_e5m2},
    {"fp8_e5m2", &f8_e5m2},
    {"float8_e4m3fnuz", &f8_e4m3fnuz},
    {"float8_e5m2fnuz", &f8_e5m2fnuz},
    {"float8_e8m0fnu", &f8_e8m0},
    {"float8_e8m0", &f8_e8m0},
    {"int8", &i8},
    {"int16", &i16},
    {"int32", &i32},
    {"int64", &i64},
    {"uint8", &u8},
    {"uint16", &u16},
    {"uint32", &u32},
    {"uint64", &u64},
    {"boolean", &boolean},
    {"complex64", &c64},
};

std::string normal_spelling(std::string_view name) {
  std::string normal(name);
  for (char& c : normal) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (c == '-') c = '_';
  }
  return normal;
}

}  // namespace

std::span<const Codec* const> all() { return table; }

const Codec* find(std::string_view name) {
  const std::string wanted = normal_spelling(name);
  for (const Codec* codec : table)
    if (normal_spelling(codec->name) == wanted) return codec;
  for (const Synonym& synonym : synonyms)
    if (synonym.spelling == wanted) return synonym.codec;
  return nullptr;
}

}  // namespace recast::codec
