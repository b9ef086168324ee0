#include "codec/search.h"

#include <algorithm>

namespace recast::codec::scalar {

namespace {

float affine_error(const AffineSearch& search, const float* x, const float* w, const int* codes,
                   float scale, float min) {
  float sum = 0;
  for (int i = 0; i < search.n; ++i) {
    const float e = scale * static_cast<float>(codes[i]) + min - x[i];
    sum += w[i] * (search.absolute ? std::fabs(e) : e * e);
  }
  return sum;
}

void keep(int n, const int* codes, uint8_t* kept, int offset) {
  for (int i = 0; i < n; ++i) kept[i] = static_cast<uint8_t>(codes[i] + offset);
}

// Sums over codes l: w * x * l and w * l * l.
struct Sums {
  float lx = 0, l2 = 0;
  void add(float w, float x, int code) {
    const float l = static_cast<float>(code);
    lx += w * x * l;
    l2 += w * l * l;
  }
};

// Sums over the codes clamp(rounded(inverse * x)).
Sums round_signed(int n, int half, const float* x, const float* w, float inverse, int* codes) {
  Sums sums;
  for (int i = 0; i < n; ++i) {
    codes[i] = clamped(rounded(inverse * x[i]), -half, half - 1);
    sums.add(w[i], x[i], codes[i]);
  }
  return sums;
}

// One code leaves the sums and a better one enters, where that makes lx * lx / l2 larger.
// `positive`: without the value both sums must stay above 0, and codes are 0 ... high.
bool change_code(bool positive, int low, int high, float x, float w, uint8_t& code, int current,
                 Sums& sums) {
  const float l = static_cast<float>(current);
  float lx = sums.lx - w * x * l;
  float l2 = sums.l2 - w * l * l;
  if (!(lx > 0) || (positive && !(l2 > 0))) return false;
  int next = rounded(x * l2 / lx);
  next = positive ? std::min(high, next) : clamped(next, low, high);
  if (next == current) return false;
  const float m = static_cast<float>(next);
  lx += w * x * m;
  l2 += w * m * m;
  if (!(l2 > 0) && !positive) return false;
  if (!(lx * lx * sums.l2 > sums.lx * sums.lx * l2)) return false;
  code = static_cast<uint8_t>(next);
  sums = {lx, l2};
  return true;
}

}  // namespace

Affine fit_affine(const AffineSearch& search, const float* x, const float* w, uint8_t* codes) {
  const int n = search.n;
  const float top = static_cast<float>(search.top);
  // From the first product on, not from 0: the sign of a zero min can depend on it.
  float min = x[0], max = x[0], sum_w = w[0], sum_x = w[0] * x[0];
  for (int i = 1; i < n; ++i) {
    min = std::min(min, x[i]);
    max = std::max(max, x[i]);
    sum_w += w[i];
    sum_x += w[i] * x[i];
  }
  if (min > 0) min = 0;
  std::fill_n(codes, n, uint8_t{0});
  if (max == min) return {0, -min};
  int tried[32];
  const float inverse = top / (max - min);
  float scale = 1 / inverse;
  for (int i = 0; i < n; ++i)
    tried[i] = clamped(rounded(inverse * (x[i] - min)), 0, search.top);
  keep(n, tried, codes, 0);
  float best = affine_error(search, x, w, tried, scale, min);
  for (int t = 0; t <= search.tries; ++t) {
    const float near = (search.first + search.step * static_cast<float>(t) + top) / (max - min);
    float l1 = 0, l2 = 0, lx = 0;
    for (int i = 0; i < n; ++i) {
      tried[i] = clamped(rounded(near * (x[i] - min)), 0, search.top);
      const float l = static_cast<float>(tried[i]);
      l1 += w[i] * l;
      l2 += w[i] * l * l;
      lx += w[i] * l * x[i];
    }
    const float determinant = sum_w * l2 - l1 * l1;
    if (!(determinant > 0)) continue;
    float new_scale = (sum_w * lx - sum_x * l1) / determinant;
    float new_min = (l2 * sum_x - l1 * lx) / determinant;
    if (new_min > 0) {
      new_min = 0;
      new_scale = lx / l2;
    }
    const float error = affine_error(search, x, w, tried, new_scale, new_min);
    if (!(error < best)) continue;
    keep(n, tried, codes, 0);
    best = error;
    scale = new_scale;
    min = new_min;
  }
  return {scale, -min};
}

float fit_signed(int n, int half, const float* x, const float* w, uint8_t* codes) {
  std::fill_n(codes, n, uint8_t{0});
  const float largest = first_largest(n, x);
  if (std::fabs(largest) < 1e-15f) return 0;
  // The sums of all tries at once: compilers make vectors of them, and none waits for another.
  constexpr int tries = 19, padded = 20;
  float inverse[padded], lx[padded] = {}, l2[padded] = {};
  for (int t = 0; t < padded; ++t) {
    const int tenths = t == 0 || t == tries ? 0 : t <= 9 ? t - 10 : t - 9;  // 0, -9 ... -1, 1 ... 9
    inverse[t] = -(static_cast<float>(half) + 0.1f * static_cast<float>(tenths)) / largest;
  }
  for (int i = 0; i < n; ++i) {
    const float wx = w[i] * x[i];
    for (int t = 0; t < padded; ++t) {
      const float l = static_cast<float>(clamped(rounded(inverse[t] * x[i]), -half, half - 1));
      lx[t] += wx * l;
      l2[t] += w[i] * l * l;
    }
  }
  int kept = 0;
  float scale = l2[0] != 0 ? lx[0] / l2[0] : 0.0f;
  float best = scale * lx[0];
  for (int t = 1; t < tries; ++t) {
    if (!(l2[t] > 0 && lx[t] * lx[t] > best * l2[t])) continue;
    kept = t;
    scale = lx[t] / l2[t];
    best = scale * lx[t];
  }
  for (int i = 0; i < n; ++i)
    codes[i] = static_cast<uint8_t>(clamped(rounded(inverse[kept] * x[i]), -half, half - 1) + half);
  return scale;
}

float fit_signed_by_sweeps(int n, int half, const float* x, uint8_t* codes) {
  std::fill_n(codes, n, uint8_t{0});
  const float largest = first_largest(n, x);
  if (std::fabs(largest) < 1e-15f) return 0;
  float w[32];
  int signed_codes[32];
  for (int i = 0; i < n; ++i) w[i] = x[i] * x[i];
  Sums sums = round_signed(n, half, x, w, -static_cast<float>(half) / largest, signed_codes);
  for (int sweep = 0; sweep < 5; ++sweep) {
    bool changed = false;
    for (int i = 0; i < n; ++i) {
      uint8_t code = 0;
      if (!change_code(false, -half, half - 1, x[i], w[i], code, signed_codes[i], sums)) continue;
      signed_codes[i] = static_cast<int8_t>(code);
      changed = true;
    }
    if (!changed) break;
  }
  keep(n, signed_codes, codes, half);
  return sums.l2 > 0 ? sums.lx / sums.l2 : 0.0f;
}

float fit_positive(int n, int top, const float* x, const float* w, uint8_t* codes) {
  float largest = 0;
  for (int i = 0; i < n; ++i) largest = std::max(largest, x[i]);
  std::fill_n(codes, n, uint8_t{0});
  if (largest < 1e-15f) return 0;
  float inverse = static_cast<float>(top) / largest, best = 0;
  float scale = 1 / inverse;
  for (int i = 0; i < n; ++i) {
    codes[i] = static_cast<uint8_t>(rounded(inverse * x[i]));
    const float e = x[i] - scale * static_cast<float>(codes[i]);
    best += w[i] * e * e;
  }
  for (int t = -4; t <= 4; ++t) {
    if (t == 0) continue;
    const float near = (0.1f * static_cast<float>(t) + static_cast<float>(top)) / largest;
    scale = 1 / near;
    float error = 0;
    for (int i = 0; i < n; ++i) {
      const int l = std::min(top, rounded(near * x[i]));
      const float e = x[i] - scale * static_cast<float>(l);
      error += w[i] * e * e;
    }
    if (!(error < best)) continue;
    best = error;
    inverse = near;
  }
  Sums sums;
  for (int i = 0; i < n; ++i) {
    const int l = std::min(top, rounded(inverse * x[i]));
    codes[i] = static_cast<uint8_t>(l);
    sums.add(w[i], x[i], l);
  }
  for (int sweep = 0; sweep < 5; ++sweep) {
    bool changed = false;
    for (int i = 0; i < n; ++i)
      changed |= change_code(true, 0, top, x[i], w[i], codes[i], codes[i], sums);
    if (!changed) break;
  }
  return sums.l2 > 0 ? sums.lx / sums.l2 : 0.0f;
}

}  // namespace recast::codec::scalar
