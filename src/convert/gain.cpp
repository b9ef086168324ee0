#include "convert/gain.h"

#include <cmath>

#include "base/parallel.h"
#include "convert/quantize_options.h"
#include "quantize/measure.h"

namespace recast {

namespace {

constexpr int64_t sampled_weights = int64_t{1} << 15;

}  // namespace

Gain measure_gain(const Plan& plan) {
  const ConvertOptions& options = plan.request.options;
  const std::vector<Packing>& packings = plan.target.packings;
  if (effort_of(options) != Effort::aggressive || packings.empty()) return {};
  struct Errors {
    TypeError balanced, aggressive;
  };
  std::vector<Errors> errors(packings.size());
  parallel_for(static_cast<int64_t>(packings.size()), plan.threads, [&](int64_t i) {
    const Packing& packing = packings[static_cast<size_t>(i)];
    const Codec& codec = plan.target.checkpoint.tensors[packing.tensor].codec();
    const ValuePtr sample = sample_rows(packing.input, sampled_weights);
    const auto with = [&](Effort effort) {
      return type_error(sample, codec, packing.importance,
                        {.replace_nonfinite = options.allow_nonfinite, .effort = effort});
    };
    errors[static_cast<size_t>(i)] = {with(Effort::balanced), with(Effort::aggressive)};
  });
  Gain gain{.tensors = static_cast<int64_t>(packings.size())};
  double power = 0;
  for (size_t i = 0; i < packings.size(); ++i) {
    const auto& [balanced, aggressive] = errors[i];
    const double of = balanced.power * static_cast<double>(packings[i].input->elements());
    power += of;
    gain.balanced += balanced.weighted * balanced.weighted * of;
    gain.aggressive += aggressive.weighted * aggressive.weighted * of;
  }
  gain.balanced = power > 0 ? std::sqrt(gain.balanced / power) : 0;
  gain.aggressive = power > 0 ? std::sqrt(gain.aggressive / power) : 0;
  return gain;
}

}  // namespace recast
