#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <string_view>
#include <vector>

// Weights as models have them, and as they should not have them, for tests and benchmarks. The same
// values in every run.
namespace recast::oracle {

inline constexpr std::string_view distributions[] = {"gauss", "laplace", "uniform", "tiny",
                                                     "constant"};

// n values in rows of 1024: Gaussian with a scale a row and outliers; Laplace; uniform; values
// down to the subnormals of f32 and up to its limits; blocks that are zero, constant, of two
// values, or zero but for one.
inline std::vector<float> make_weights(std::string_view distribution, int64_t n) {
  std::mt19937_64 random(20240901 + distribution.size());
  std::normal_distribution<float> gauss;
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> w(static_cast<size_t>(n));
  float row_scale = 1;
  int kind = 0;
  float constant = 0;
  for (size_t i = 0; i < w.size(); ++i) {
    if (i % 1024 == 0) row_scale = std::exp2(4 * uniform(random) - 6);
    if (distribution == "gauss") {
      w[i] = gauss(random) * row_scale * (random() % 997 == 0 ? 20.0f : 1.0f);
    } else if (distribution == "laplace") {
      const float u = uniform(random);
      w[i] = -0.05f * std::copysign(std::log1p(-std::fabs(u)), u);
    } else if (distribution == "uniform") {
      w[i] = uniform(random);
    } else if (distribution == "tiny") {
      // One block in four reaches the largest f32, the rest stay below 2^-100.
      if (i % 32 == 0) kind = static_cast<int>(random() % 4);
      const int exponent = kind == 0 ? 127 : -100 - static_cast<int>(i / 32 % 51);
      w[i] = std::ldexp(uniform(random), exponent);
      if (random() % 64 == 0) w[i] = std::copysign(0.0f, w[i]);
    } else {
      if (i % 32 == 0) {
        kind = static_cast<int>(random() % 6);
        constant = uniform(random);
      }
      const bool heads = random() % 2;
      if (kind == 0) w[i] = 0.0f;
      if (kind == 1) w[i] = heads ? 0.0f : -0.0f;
      if (kind == 2) w[i] = constant;
      if (kind == 3) w[i] = heads ? constant : -constant;
      if (kind == 4) w[i] = random() % 32 == 0 ? constant : -0.0f;
      if (kind == 5) w[i] = std::copysign(heads ? std::fabs(constant) : 0.0f, constant);
    }
  }
  return w;
}

// Importance of the columns of a row: in turn 256 of a log-normal, 256 of which three in ten are 0,
// 256 with whole runs of 16 and of 32 zeros, 256 from 1e-6 to 1e6.
inline std::vector<float> make_importance(int64_t row) {
  std::mt19937_64 random(7);
  std::normal_distribution<float> gauss;
  std::uniform_real_distribution<float> uniform(-1, 1);
  std::vector<float> importance(static_cast<size_t>(row));
  for (size_t i = 0; i < importance.size(); ++i) {
    const size_t kind = i / 256 % 4;
    float value = std::exp(gauss(random));
    if (kind == 1 && random() % 10 < 3) value = 0;
    if (kind == 2 && i / 16 % 5 < 2) value = 0;
    if (kind == 3) value = std::pow(10.0f, 6 * uniform(random));
    importance[i] = value;
  }
  return importance;
}

}  // namespace recast::oracle
