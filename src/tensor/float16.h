#pragma once

#include <bit>
#include <cstdint>

// The two 16-bit floats, one value at a time, in integer arithmetic: the same bits on every CPU.
// Vector kernels elsewhere give these very bits. Needs the default rounding mode and subnormals
// kept (no flush to zero). Source: IEEE 754-2019; NaN rules as llama.cpp v0.5.0 writes them.
namespace recast {

// Exact. A NaN keeps sign and payload and becomes quiet, as the conversion instructions do it.
inline float f32_from_f16(uint16_t half) {
  const uint32_t sign = (half & 0x8000u) << 16;
  const uint32_t magnitude = (half & 0x7fffu) << 13;
  if (magnitude >= 0x7c00u << 13) {
    const uint32_t quiet = magnitude > 0x7c00u << 13 ? 0x00400000u : 0u;
    return std::bit_cast<float>(sign | 0x7f800000u | quiet | magnitude);
  }
  // Times 2^112 moves the exponent from bias 15 to bias 127; f16 subnormals become normal by it.
  const float value = std::bit_cast<float>(magnitude) * 0x1p112f;
  return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(value));
}

// Rounds to nearest even, keeps subnormals; |x| >= 65520 becomes infinity, NaN 0x7e00 with its
// sign.
inline uint16_t f16_from_f32(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  const uint32_t magnitude = bits & 0x7fffffffu;
  uint32_t half;
  if (magnitude > 0x7f800000u) {
    half = 0x7e00u;
  } else if (magnitude >= 0x477ff000u) {  // 65520, half way to the first value that is not there
    half = 0x7c00u;
  } else if (magnitude < 0x38800000u) {  // 2^-14: the last bit of 0.5f + x is worth 2^-24, so the
    const float sum = std::bit_cast<float>(magnitude) + 0.5f;  // addition does the rounding
    half = std::bit_cast<uint32_t>(sum) - 0x3f000000u;
  } else {
    const uint32_t odd = (magnitude >> 13) & 1u;
    half = (magnitude - (112u << 23) + 0xfffu + odd) >> 13;
  }
  return static_cast<uint16_t>((bits >> 16 & 0x8000u) | half);
}

// Exact, NaN payloads included.
inline float f32_from_bf16(uint16_t brain) {
  return std::bit_cast<float>(static_cast<uint32_t>(brain) << 16);
}

// Rounds to nearest even; a NaN keeps its upper bits and gets bit 6, so that it stays a NaN.
inline uint16_t bf16_from_f32(float value) {
  const uint32_t bits = std::bit_cast<uint32_t>(value);
  if ((bits & 0x7fffffffu) > 0x7f800000u) return static_cast<uint16_t>((bits >> 16) | 0x40u);
  return static_cast<uint16_t>((bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

}  // namespace recast
