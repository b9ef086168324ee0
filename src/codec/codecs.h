#pragma once

#include <span>
#include <string_view>

#include "tensor/codec.h"

// Every packing of values that Recast knows, one file and one line of codecs.cpp each.
namespace recast::codec {

// Plain types. Source of the names: the safetensors format.
extern const Codec f64, f32, f16, bf16, f8_e4m3, f8_e5m2, f8_e4m3fnuz, f8_e5m2fnuz, f8_e8m0;
extern const Codec i8, i16, i32, i64, u8, u16, u32, u64, boolean, c64, f4, f6_e2m3, f6_e3m2;
// GGUF blocks. Source: ggml, quoted in each file.
extern const Codec q4_0, q4_1, q5_0, q5_1, q8_0, q1_0, q2_0, tq1_0, tq2_0, mxfp4, nvfp4;
extern const Codec q2_k, q3_k, q4_k, q5_k, q6_k, iq4_nl, iq4_xs, iq3_xxs, iq3_s, iq2_xxs, iq2_xs;
extern const Codec iq2_s, iq1_s, iq1_m;

// All of them in the order of `recast list types`.
std::span<const Codec* const> all();
// By name, any letter case, '-' and '_' alike, with the synonyms of R-027 (fp16 = f16 = float16 =
// half); null when unknown.
const Codec* find(std::string_view name);

}  // namespace recast::codec
