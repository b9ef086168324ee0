// Numbers, block sizes and field offsets as published with ggml; each size of an opaque block is
// written as the sum of its fields in their order.
#include "formats/gguf/types.h"

#include <algorithm>
#include <iterator>

#include "codec/codecs.h"

namespace recast::gguf {
namespace {

constexpr Codec opaque(std::string_view name, int64_t elements, uint64_t bytes) {
  return {.name = name, .kind = CodecKind::block, .block_elements = elements, .block_bytes = bytes};
}

constinit const Codec q8_1 = opaque("Q8_1", 32, 2 + 2 + 32);
constinit const Codec q8_k = opaque("Q8_K", 256, 4 + 256 + 32);

constexpr int none = -1;

// Index is the number.
constexpr Type types[] = {
    {0, "F32", &codec::f32},
    {1, "F16", &codec::f16},
    {2, "Q4_0", &codec::q4_0, {0, none}},
    {3, "Q4_1", &codec::q4_1, {0, 2}},
    {4, "Q4_2", nullptr},
    {5, "Q4_3", nullptr},
    {6, "Q5_0", &codec::q5_0, {}, false},  // qh: four bytes or one word, by who wrote it
    {7, "Q5_1", &codec::q5_1, {}, false},
    {8, "Q8_0", &codec::q8_0, {0, none}},
    {9, "Q8_1", &q8_1, {0, 2}, true, false},
    {10, "Q2_K", &codec::q2_k, {80, 82}},
    {11, "Q3_K", &codec::q3_k, {108, none}},
    {12, "Q4_K", &codec::q4_k, {0, 2}},
    {13, "Q5_K", &codec::q5_k, {0, 2}},
    {14, "Q6_K", &codec::q6_k, {208, none}},
    {15, "Q8_K", &q8_k, {}, false, false},
    {16, "IQ2_XXS", &codec::iq2_xxs, {}, false},
    {17, "IQ2_XS", &codec::iq2_xs, {}, false},
    {18, "IQ3_XXS", &codec::iq3_xxs, {}, false},
    {19, "IQ1_S", &codec::iq1_s, {}, false},
    {20, "IQ4_NL", &codec::iq4_nl, {0, none}},
    {21, "IQ3_S", &codec::iq3_s, {}, false},
    {22, "IQ2_S", &codec::iq2_s, {}, false},
    {23, "IQ4_XS", &codec::iq4_xs, {0, 2}},
    {24, "I8", &codec::i8},
    {25, "I16", &codec::i16},
    {26, "I32", &codec::i32},
    {27, "I64", &codec::i64},
    {28, "F64", &codec::f64},
    {29, "IQ1_M", &codec::iq1_m, {}, false},
    {30, "BF16", &codec::bf16},
    {31, "Q4_0_4_4", nullptr},
    {32, "Q4_0_4_8", nullptr},
    {33, "Q4_0_8_8", nullptr},
    {34, "TQ1_0", &codec::tq1_0, {52, none}},
    {35, "TQ2_0", &codec::tq2_0, {64, none}},
    {36, "IQ4_NL_4_4", nullptr},
    {37, "IQ4_NL_4_8", nullptr},
    {38, "IQ4_NL_8_8", nullptr},
    {39, "MXFP4", &codec::mxfp4},
    {40, "NVFP4", &codec::nvfp4},
    {41, "Q1_0", &codec::q1_0, {0, none}},
    {42, "Q2_0", &codec::q2_0, {0, none}},
};

constexpr bool numbers_are_indices() {
  for (uint32_t i = 0; i < std::size(types); ++i)
    if (types[i].id != i) return false;
  return true;
}
static_assert(numbers_are_indices());

}  // namespace

const Type* find_type(uint32_t id) { return id < std::size(types) ? &types[id] : nullptr; }

const Type* type_of(const Codec& codec) {
  const auto* row = std::find_if(std::begin(types), std::end(types),
                                 [&](const Type& t) { return t.codec == &codec; });
  return row == std::end(types) ? nullptr : row;
}

}  // namespace recast::gguf
