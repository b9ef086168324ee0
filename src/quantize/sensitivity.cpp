#include "quantize/sensitivity.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace recast {

namespace {

// KL divergence of the output over the squared relative error of all matrices of a kind, measured
// with one kind packed at a time. In a deeper model a layer has its share of the sum only.
double of_kind(Kind kind) {
  switch (kind) {
    case Kind::output: return 0.70;
    case Kind::embedding: return 0.15;
    case Kind::ffn_down: return 0.36;
    case Kind::ffn_gate: return 0.18;
    case Kind::ffn_up: return 0.14;
    case Kind::attn_output: return 0.09;
    case Kind::attn_v:
    case Kind::attn_k: return 0.09;
    case Kind::attn_q: return 0.07;
    case Kind::other:
    case Kind::any: break;
  }
  return 0.18;
}

}  // namespace

std::vector<double> sensitivities(std::span<const MatrixPower> matrices, int64_t layers) {
  struct OfKind {
    double power = 0;
    int64_t count = 0;
  };
  std::map<Kind, OfKind> kinds;
  for (const MatrixPower& matrix : matrices) {
    OfKind& kind = kinds[kind_of(matrix.gguf_name)];
    kind.power += matrix.power;
    ++kind.count;
  }
  const bool tied = !kinds.contains(Kind::output);
  std::vector<double> out;
  for (const MatrixPower& matrix : matrices) {
    const Kind kind = kind_of(matrix.gguf_name);
    const OfKind& all = kinds[kind];
    double factor = of_kind(kind);
    if (kind == Kind::embedding && tied) factor += of_kind(Kind::output);
    if (layer_of(matrix.gguf_name) >= 0) factor /= static_cast<double>(std::max<int64_t>(1, layers));
    // Half way between the relative error and the absolute one.
    const double mean = all.power / static_cast<double>(all.count);
    out.push_back(mean > 0 ? factor * std::sqrt(matrix.power / mean) : factor);
  }
  return out;
}

}  // namespace recast
