#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

#include "base/progress.h"

namespace recast::cli {

// One stage at one moment. Bytes and seconds.
struct StageState {
  bool started = false, ended = false;
  uint64_t done = 0, total = 0;
  double began_s = 0, ended_s = 0;
};

struct Snapshot {
  Stage stage = Stage::load;
  StageState state;
  int percent = 0;               // at most 99 until the stage has ended
  double rate = 0;               // bytes a second, median of the last 15 s; 0 when unknown
  std::optional<double> left_s;  // after 3 s and 5 %
  std::string item;              // tensor at work
};

// Numbers behind every rendering of progress. Knows no clock: callers say what time it is, in
// seconds of a monotonic clock. Not thread safe.
class ProgressMeter {
 public:
  void begin(Stage stage, uint64_t total_bytes, double now_s);
  void advance(Stage stage, uint64_t bytes, std::string_view item, double now_s);
  void end(Stage stage, double now_s);

  const StageState& state(Stage stage) const { return stages_[static_cast<size_t>(stage)]; }
  // Of the latest stage (in order of the six) that runs, else of the latest that ran. Empty before
  // the first one begins.
  std::optional<Snapshot> snapshot(double now_s);

 private:
  struct Sample {
    double at_s;
    uint64_t done;
  };
  std::optional<Stage> current() const;
  void sample(Stage stage, double now_s);
  double median_rate(Stage stage) const;

  std::array<StageState, 6> stages_;
  std::array<std::deque<Sample>, 6> samples_;  // about one a second, 16 at most
  std::string item_;
};

}  // namespace recast::cli
