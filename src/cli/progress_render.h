#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/progress_meter.h"
#include "cli/terminal.h"
#include "wire/json.h"

// A snapshot as people and programs see it. Pure functions; no line ends in a line feed.
namespace recast::cli {

struct MemoryUse {
  uint64_t now = 0, limit = 0;  // bytes of anonymous memory; a limit of 0 is not shown
};

// At most four lines, none wider than the terminal: title, bar with numbers, tensor at work.
std::vector<std::string> bar_lines(std::string_view title, const Snapshot& snapshot,
                                   MemoryUse memory, const Terminal& terminal);
// "convert 51% 7.8GiB 612MiB/s 0:12 left"
std::string plain_line(const Snapshot& snapshot);
// Members of a `progress` event, schema docs/schemas/progress.json.
json::Object progress_members(const Snapshot& snapshot, MemoryUse memory);

// "2026-11-20T08:31:02Z", with milliseconds on demand, from seconds since 1970.
std::string utc_text(double wall_s, bool milliseconds = false);

}  // namespace recast::cli
