#pragma once

#include <cstdint>

#include "hwy/targets.h"

// For tests and benchmarks: runs the kernels of one instruction set after the other.
namespace recast {

// Makes the kernels dispatch to this target while the object lives. Not for use beside threads that
// run kernels.
class HeldTarget {
 public:
  explicit HeldTarget(int64_t target) { choose(target); }
  ~HeldTarget() { choose(0); }
  HeldTarget(const HeldTarget&) = delete;
  HeldTarget& operator=(const HeldTarget&) = delete;

 private:
  static void choose(int64_t target) {  // 0: whatever the CPU offers
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  }
};

// Calls body(name) with each target held that this CPU runs and this build has.
template <class Body>
void each_target(Body&& body) {
  for (const int64_t target : hwy::SupportedAndGeneratedTargets()) {
    const HeldTarget held(target);
    body(hwy::TargetName(target));
  }
}

}  // namespace recast
