#include "cli/warnings.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

#include "cli/message.h"

namespace recast::cli {

bool WarningLog::add(const Finding& warning) {
  std::lock_guard lock(mutex_);
  const std::string identity = fmt::format("{}\n{}\n{}\n{}\n{}", warning.code->id, warning.file,
                                           warning.where, warning.expected, warning.found);
  if (!seen_.insert(std::hash<std::string>()(identity)).second) return false;
  auto group = std::find_if(groups_.begin(), groups_.end(),
                            [&](const Group& g) { return g.first.code == warning.code; });
  if (group == groups_.end()) group = groups_.insert(groups_.end(), Group{warning, 0, {}});
  ++group->count;
  const std::string& place = warning.where.empty() ? warning.file : warning.where;
  if (group->places.size() < 3 && !place.empty()) group->places.push_back(place);
  return true;
}

bool WarningLog::empty() const {
  std::lock_guard lock(mutex_);
  return groups_.empty();
}

Finding WarningLog::merged(const Group& group) const {
  Finding out = group.first;
  if (group.count < 2) return out;
  out.where = fmt::format("{} places: {}", group.count, fmt::join(group.places, "; "));
  if (group.count > group.places.size()) out.where += " ...";
  return out;
}

std::vector<Finding> WarningLog::grouped() const {
  std::lock_guard lock(mutex_);
  std::vector<Finding> out;
  for (const Group& group : groups_) out.push_back(merged(group));
  return out;
}

json::Array WarningLog::documents() const {
  std::lock_guard lock(mutex_);
  json::Array out;
  for (const Group& group : groups_) {
    out.push_back(message_json(merged(group)));
    if (group.count > 1) out.back().set("count", group.count);
  }
  return out;
}

}  // namespace recast::cli
