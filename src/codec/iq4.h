#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>

// The 16 levels of IQ4_NL and IQ4_XS and the search of the scale of 32 values.
// Source: ggml of llama.cpp v0.5.0, kvalues_iq4nl, quantize_row_iq4_nl_impl.
namespace recast::codec {

inline constexpr float iq4_levels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                         1,    13,   25,  38,  53,  69,  89,  113};
alignas(16) inline constexpr int8_t iq4_table[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                                     1,    13,   25,  38,  53,  69,  89,  113};
// Between the levels; a value on one of them takes the upper level.
inline constexpr float iq4_middles[15] = {-115.5f, -93.5f, -74.0f, -57.0f, -42.0f,
                                          -28.5f,  -16.0f, -4.5f,  7.0f,   19.0f,
                                          31.5f,   45.5f,  61.0f,  79.0f,  101.0f};

namespace scalar {

// The code of the nearest level. The subtractions of the source are exact near every middle, so
// that this is what it computes.
inline int nearest_iq4(float x) {
  int code = 0;
  for (const float middle : iq4_middles) code += !(x < middle);
  return code;
}

// The scale d of 32 values for x = d * level: 16 of them are tried.
inline float fit_iq4(const float* x, const float* w) {
  float largest = 0;
  for (int i = 0; i < 32; ++i)
    if (std::fabs(x[i]) > std::fabs(largest)) largest = x[i];
  if (std::fabs(largest) < 1e-15f) return 0;
  float d = -largest / iq4_levels[0], best = 0;
  for (int t = -8; t <= 7; ++t) {
    // The first is the plain one.
    const float inverse =
        t == -8 ? 1 / d : (static_cast<float>(t) + iq4_levels[0]) / largest;
    float qx = 0, q2 = 0;
    for (int i = 0; i < 32; ++i) {
      const float q = iq4_levels[nearest_iq4(inverse * x[i])];
      qx += w[i] * q * x[i];
      q2 += w[i] * q * q;
    }
    if (t == -8) {
      d = q2 > 0 ? qx / q2 : 0.0f;
      best = d * qx;
    } else if (q2 > 0 && qx * qx > best * q2) {
      d = qx / q2;
      best = d * qx;
    }
  }
  return d;
}

// Codes of 32 values at x = scale * level, two a byte: code j in the low nibble of byte j, code
// j + 16 in the high one.
inline void set_iq4_codes(const float* x, float scale, uint8_t* bytes) {
  const float inverse = scale != 0 ? 1 / scale : 0.0f;
  for (int j = 0; j < 16; ++j)
    bytes[j] = static_cast<uint8_t>(nearest_iq4(inverse * x[j]) |
                                    nearest_iq4(inverse * x[j + 16]) << 4);
}

}  // namespace scalar

// By level + 128, where there is one.
inline constexpr std::array<uint8_t, 256> iq4_codes = [] {
  std::array<uint8_t, 256> codes = {};
  for (uint8_t code = 0; code < 16; ++code)
    codes[static_cast<size_t>(static_cast<int>(iq4_levels[code]) + 128)] = code;
  return codes;
}();

// The same for 32 values of iq4_levels.
inline void set_iq4_levels(const int8_t* levels, uint8_t* bytes) {
  const auto code = [](int8_t level) { return iq4_codes[static_cast<size_t>(level + 128)]; };
  for (int j = 0; j < 16; ++j)
    bytes[j] = static_cast<uint8_t>(code(levels[j]) | code(levels[j + 16]) << 4);
}

}  // namespace recast::codec
