#include "quantize/importance.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "codec/codecs.h"
#include "quantize/recipe.h"

namespace recast {

namespace {

constexpr std::string_view sums_end = ".in_sum2", counts_end = ".counts";

std::vector<float> floats(const Tensor& tensor, const std::string& file) {
  if (&tensor.codec() != &codec::f32)
    fail(codes::imatrix_file, {.where = tensor_where(tensor.name),
                               .expected = "F32",
                               .found = std::string(tensor.codec().name),
                               .file = file});
  FloatCensus ignored;
  std::vector<float> values(static_cast<size_t>(tensor.elements()));
  tensor.value->read(0, tensor.elements(), std::as_writable_bytes(std::span(values)), ignored);
  return values;
}

// Sums of squares over how many rows went into them.
ImportanceValues mean(const Tensor& sums, const Tensor& counts, const std::string& file) {
  std::vector<float> values = floats(sums, file);
  const std::vector<float> n = floats(counts, file);
  if (values.empty() || n.empty() || values.size() % n.size() != 0 ||
      static_cast<int64_t>(values.size() / n.size()) != row_length(sums.shape()))
    fail(codes::imatrix_file, {.where = tensor_where(sums.name),
                               .expected = "a count for each row of sums",
                               .found = fmt::format("{} of {} sums", n.size(), values.size()),
                               .file = file});
  const size_t row = values.size() / n.size();
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = n[i / row] > 0 ? values[i] / n[i / row] : 1;
  return std::make_shared<const std::vector<float>>(std::move(values));
}

}  // namespace

Importance importance_from(const Checkpoint& matrix) {
  const std::string file = matrix.files.empty() ? matrix.name : matrix.files.front().second->name();
  Importance importance;
  for (const Tensor& sums : matrix.tensors) {
    if (!sums.name.ends_with(sums_end)) continue;
    const std::string name = sums.name.substr(0, sums.name.size() - sums_end.size());
    const Tensor* counts = matrix.find(name + std::string(counts_end));
    if (!counts)
      fail(codes::imatrix_file, {.where = tensor_where(sums.name),
                                 .expected = fmt::format("{} beside it", counts_end.substr(1)),
                                 .file = file});
    importance.entries.emplace(name, mean(sums, *counts, file));
  }
  if (importance.entries.empty())
    fail(codes::imatrix_file, {.expected = "tensors NAME.in_sum2 and NAME.counts", .file = file});
  const MetaValue* chunks = matrix.metadata.find("imatrix.chunk_count");
  importance.chunks = chunks ? chunks->as_int().value_or(0) : 0;
  const MetaValue* datasets = matrix.metadata.find("imatrix.datasets");
  const auto* names = datasets ? datasets->as_strings() : nullptr;
  if (names && !names->empty()) importance.dataset = names->front();
  return importance;
}

void check_importance(const Importance& importance, const std::string& path) {
  for (const auto& [name, values] : importance.entries) {
    const auto bad = std::find_if(values->begin(), values->end(),
                                  [](float v) { return !std::isfinite(v) || v < 0; });
    if (bad != values->end())
      fail(codes::imatrix_file, {.where = tensor_where(name),
                                 .expected = "finite values, not negative",
                                 .found = fmt::format("{}", *bad),
                                 .file = path});
  }
}

void choose_entries(Importance& importance, const std::vector<NamePattern>& include,
                    const std::vector<NamePattern>& exclude) {
  auto& entries = importance.entries;
  const auto require_use = [&](const NamePattern& pattern) {
    if (std::none_of(entries.begin(), entries.end(),
                     [&](const auto& entry) { return pattern.matches(entry.first); }))
      fail(codes::pattern_unused, {.where = pattern.option(),
                                   .expected = "the name of an entry of the importance matrix",
                                   .found = printable(pattern.text())});
  };
  for (const NamePattern& pattern : exclude) require_use(pattern);
  for (const NamePattern& pattern : include) require_use(pattern);
  const auto any = [](const std::vector<NamePattern>& patterns, std::string_view name) {
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const NamePattern& pattern) { return pattern.matches(name); });
  };
  std::erase_if(entries, [&](const auto& entry) {
    return any(exclude, entry.first) || (!include.empty() && !any(include, entry.first));
  });
}

ImportanceValues importance_of(const Importance& importance, std::string_view name,
                               const Shape& shape) {
  const auto it = importance.entries.find(name);
  if (it == importance.entries.end()) return nullptr;
  const int64_t stacked = shape.size() > 2 ? shape[shape.size() - 3] : 1;
  const int64_t wanted = row_length(shape) * stacked;
  if (static_cast<int64_t>(it->second->size()) == wanted) return it->second;
  if (kind_of(name) == Kind::embedding) return nullptr;
  fail(codes::imatrix_mismatch, {.where = tensor_where(name),
                                 .expected = fmt::format("{} values", wanted),
                                 .found = fmt::format("{}", it->second->size()),
                                 .file = importance.file});
}

void describe_importance(const Importance& importance, Metadata& metadata) {
  metadata.set("quantize.imatrix.file", MetaValue::string(importance.file));
  if (!importance.dataset.empty())
    metadata.set("quantize.imatrix.dataset", MetaValue::string(importance.dataset));
  metadata.set("quantize.imatrix.entries_count",
               MetaValue::u32(static_cast<uint32_t>(importance.entries.size())));
  if (importance.chunks > 0)
    metadata.set("quantize.imatrix.chunks_count",
                 MetaValue::u32(static_cast<uint32_t>(importance.chunks)));
}

}  // namespace recast
