#include "cli/progress_meter.h"

#include <algorithm>
#include <vector>

namespace recast::cli {

constexpr double window_s = 15;
constexpr double sample_every_s = 1;

void ProgressMeter::begin(Stage stage, uint64_t total_bytes, double now_s) {
  const auto i = static_cast<size_t>(stage);
  stages_[i] = {.started = true, .total = total_bytes, .began_s = now_s};
  samples_[i].assign(1, {now_s, 0});
}

void ProgressMeter::advance(Stage stage, uint64_t bytes, std::string_view item, double now_s) {
  stages_[static_cast<size_t>(stage)].done += bytes;
  item_ = item;
  sample(stage, now_s);
}

void ProgressMeter::end(Stage stage, double now_s) {
  StageState& state = stages_[static_cast<size_t>(stage)];
  state.ended = true;
  state.ended_s = now_s;
}

std::optional<Stage> ProgressMeter::current() const {
  std::optional<Stage> running, ran;
  for (size_t i = 0; i < stages_.size(); ++i) {
    if (!stages_[i].started) continue;
    ran = static_cast<Stage>(i);
    if (!stages_[i].ended) running = ran;
  }
  return running ? running : ran;
}

void ProgressMeter::sample(Stage stage, double now_s) {
  std::deque<Sample>& samples = samples_[static_cast<size_t>(stage)];
  if (samples.empty() || now_s - samples.back().at_s < sample_every_s) return;
  samples.push_back({now_s, state(stage).done});
  while (samples.size() > 2 && now_s - samples[1].at_s > window_s) samples.pop_front();
}

double ProgressMeter::median_rate(Stage stage) const {
  const std::deque<Sample>& samples = samples_[static_cast<size_t>(stage)];
  std::vector<double> rates;
  for (size_t i = 1; i < samples.size(); ++i)
    rates.push_back(static_cast<double>(samples[i].done - samples[i - 1].done) /
                    (samples[i].at_s - samples[i - 1].at_s));
  if (rates.empty()) return 0;
  const auto middle = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2);
  std::nth_element(rates.begin(), middle, rates.end());
  return *middle;
}

std::optional<Snapshot> ProgressMeter::snapshot(double now_s) {
  const std::optional<Stage> stage = current();
  if (!stage) return std::nullopt;
  sample(*stage, now_s);
  Snapshot out;
  out.stage = *stage;
  out.state = state(*stage);
  out.item = item_;
  out.rate = median_rate(*stage);
  const uint64_t done = std::min(out.state.done, out.state.total);
  const double share = out.state.total ? static_cast<double>(done) / out.state.total : 0;
  out.percent = out.state.ended ? 100 : std::min(99, static_cast<int>(share * 100));
  if (now_s - out.state.began_s >= 3 && share >= 0.05 && out.rate > 0)
    out.left_s = static_cast<double>(out.state.total - done) / out.rate;
  return out;
}

}  // namespace recast::cli
