#pragma once

#include <cstddef>
#include <cstdint>

// The definitions: what each packing means, one value or block at a time. The vector kernels give
// the same bytes; they are tested against these, and a CPU without vectors runs these.
// Arguments as in Codec: n elements, a multiple of the block; no alignment; never fails.
namespace recast::codec::scalar {

void decode_f16(const std::byte* source, float* destination, int64_t n);
void encode_f16(const float* source, std::byte* destination, int64_t n);
void decode_bf16(const std::byte* source, float* destination, int64_t n);
void encode_bf16(const float* source, std::byte* destination, int64_t n);

void decode_q4_0(const std::byte* source, float* destination, int64_t n);
void encode_q4_0(const float* source, std::byte* destination, int64_t n);
void decode_q4_1(const std::byte* source, float* destination, int64_t n);
void encode_q4_1(const float* source, std::byte* destination, int64_t n);
void decode_q5_0(const std::byte* source, float* destination, int64_t n);
void encode_q5_0(const float* source, std::byte* destination, int64_t n);
void decode_q5_1(const std::byte* source, float* destination, int64_t n);
void encode_q5_1(const float* source, std::byte* destination, int64_t n);
void decode_q8_0(const std::byte* source, float* destination, int64_t n);
void encode_q8_0(const float* source, std::byte* destination, int64_t n);

void encode_weighted_q4_0(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row);
void encode_weighted_q4_1(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row);
void encode_weighted_q5_0(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row);
void encode_weighted_q5_1(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row);

void decode_q2_k(const std::byte* source, float* destination, int64_t n);
void encode_q2_k(const float* source, std::byte* destination, int64_t n);
void encode_weighted_q2_k(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row);
void decode_q3_k(const std::byte* source, float* destination, int64_t n);
void encode_q3_k(const float* source, std::byte* destination, int64_t n);
void encode_weighted_q3_k(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row);
void decode_q4_k(const std::byte* source, float* destination, int64_t n);
void encode_q4_k(const float* source, std::byte* destination, int64_t n);
void encode_weighted_q4_k(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row);
void decode_q5_k(const std::byte* source, float* destination, int64_t n);
void encode_q5_k(const float* source, std::byte* destination, int64_t n);
void encode_weighted_q5_k(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row);
void decode_q6_k(const std::byte* source, float* destination, int64_t n);
void encode_q6_k(const float* source, std::byte* destination, int64_t n);
void encode_weighted_q6_k(const float* source, const float* importance, std::byte* destination,
                          int64_t rows, int64_t row);

void decode_iq4_nl(const std::byte* source, float* destination, int64_t n);
void encode_iq4_nl(const float* source, std::byte* destination, int64_t n);
void encode_weighted_iq4_nl(const float* source, const float* importance, std::byte* destination,
                            int64_t rows, int64_t row);
void decode_iq4_xs(const std::byte* source, float* destination, int64_t n);
void encode_iq4_xs(const float* source, std::byte* destination, int64_t n);
void encode_weighted_iq4_xs(const float* source, const float* importance, std::byte* destination,
                            int64_t rows, int64_t row);
void decode_tq1_0(const std::byte* source, float* destination, int64_t n);
void encode_tq1_0(const float* source, std::byte* destination, int64_t n);
void decode_tq2_0(const std::byte* source, float* destination, int64_t n);
void encode_tq2_0(const float* source, std::byte* destination, int64_t n);
void decode_mxfp4(const std::byte* source, float* destination, int64_t n);
void encode_mxfp4(const float* source, std::byte* destination, int64_t n);
void decode_nvfp4(const std::byte* source, float* destination, int64_t n);
void encode_nvfp4(const float* source, std::byte* destination, int64_t n);
void decode_q1_0(const std::byte* source, float* destination, int64_t n);
void encode_q1_0(const float* source, std::byte* destination, int64_t n);
void decode_q2_0(const std::byte* source, float* destination, int64_t n);
void encode_q2_0(const float* source, std::byte* destination, int64_t n);

void decode_iq3_xxs(const std::byte* source, float* destination, int64_t n);
void encode_iq3_xxs(const float* source, std::byte* destination, int64_t n);
void encode_weighted_iq3_xxs(const float* source, const float* importance, std::byte* destination,
                             int64_t rows, int64_t row);
void decode_iq3_s(const std::byte* source, float* destination, int64_t n);
void encode_iq3_s(const float* source, std::byte* destination, int64_t n);
void encode_weighted_iq3_s(const float* source, const float* importance, std::byte* destination,
                           int64_t rows, int64_t row);
void decode_iq2_xxs(const std::byte* source, float* destination, int64_t n);
void encode_weighted_iq2_xxs(const float* source, const float* importance, std::byte* destination,
                             int64_t rows, int64_t row);
void decode_iq2_xs(const std::byte* source, float* destination, int64_t n);
void encode_weighted_iq2_xs(const float* source, const float* importance, std::byte* destination,
                            int64_t rows, int64_t row);
void decode_iq2_s(const std::byte* source, float* destination, int64_t n);
void encode_iq2_s(const float* source, std::byte* destination, int64_t n);
void encode_weighted_iq2_s(const float* source, const float* importance, std::byte* destination,
                           int64_t rows, int64_t row);
void decode_iq1_s(const std::byte* source, float* destination, int64_t n);
void encode_weighted_iq1_s(const float* source, const float* importance, std::byte* destination,
                           int64_t rows, int64_t row);
void decode_iq1_m(const std::byte* source, float* destination, int64_t n);
void encode_iq1_m(const float* source, std::byte* destination, int64_t n);
void encode_weighted_iq1_m(const float* source, const float* importance, std::byte* destination,
                           int64_t rows, int64_t row);

}  // namespace recast::codec::scalar
