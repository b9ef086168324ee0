#pragma once

#include <cstdint>
#include <string_view>

#include "base/error.h"

namespace recast {

// The six stages of R-031, in order. Stages that stream together overlap.
enum class Stage { load, transform, quantize, convert, save, validate };
inline constexpr std::string_view stage_names[] = {"load",    "transform", "quantize",
                                                   "convert", "save",      "validate"};
inline std::string_view stage_name(Stage stage) {
  return stage_names[static_cast<size_t>(stage)];
}

// What happens, never how it looks: a terminal bar, JSON lines and server events implement it.
// Every call may come from any thread; stages may overlap. Units are bytes.
struct Progress {
  virtual ~Progress() = default;
  virtual void begin(Stage, uint64_t total_bytes) = 0;
  virtual void advance(Stage, uint64_t bytes, std::string_view item) = 0;  // item: tensor at work
  virtual void end(Stage) = 0;
  virtual void warn(const Finding&) = 0;
  virtual void note(std::string_view) {}  // one plain sentence, such as what was detected
};

}  // namespace recast
