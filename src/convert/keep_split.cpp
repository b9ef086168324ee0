#include "convert/keep_split.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace recast {

namespace {

// The file that each tensor of the source stands in, by its number; empty when one stands in none.
std::map<std::string_view, size_t> files_of(const Checkpoint& source) {
  std::map<std::string_view, size_t> out;
  for (const Tensor& tensor : source.tensors) {
    const auto extent = tensor.value->extent();
    const auto file = std::find_if(source.files.begin(), source.files.end(), [&](const auto& f) {
      return extent && f.second == extent->file;
    });
    if (file == source.files.end()) return {};
    out[tensor.name] = static_cast<size_t>(file - source.files.begin());
  }
  return out;
}

}  // namespace

void keep_split(Plan& plan) {
  std::string& split = plan.request.write.split;
  if (split != kept_split) return;
  split.clear();
  const auto warn = [&](std::string why) {
    plan.request.warnings.push_back(
        Error(codes::option_no_effect, {.where = "--keep-split", .found = std::move(why)}));
  };
  const Checkpoint& source = *plan.source;
  if (plan.request.from != plan.request.to || source.files.size() < 2)
    return warn("the source is no GGUF in several files");
  const auto files = files_of(source);
  if (files.empty()) return warn("the tensors stand in no file as they are written");
  std::vector<size_t> ends(source.files.size(), 0);
  for (const Origin& origin : plan.target.origins)
    for (size_t f = files.at(origin.sources.front()); f < ends.size(); ++f) ++ends[f];
  split = fmt::format("ends:{}", fmt::join(ends, ","));
}

}  // namespace recast
