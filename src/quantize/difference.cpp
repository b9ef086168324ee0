#include "quantize/difference.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "base/parallel.h"

namespace recast {

namespace {

std::optional<double> root_of_ratio(double error, double size) {
  if (error == 0) return 0;
  if (size == 0) return std::nullopt;
  return std::sqrt(error / size);
}

}  // namespace

void Difference::add(const Difference& part) {
  weights += part.weights;
  nonfinite += part.nonfinite;
  lost += part.lost;
  error += part.error;
  size += part.size;
  other += part.other;
  product += part.product;
  largest = std::max(largest, part.largest);
  weighted_error += part.weighted_error;
  weighted_size += part.weighted_size;
}

std::optional<double> Difference::relative_rmse() const { return root_of_ratio(error, size); }
std::optional<double> Difference::weighted_relative_rmse() const {
  return root_of_ratio(weighted_error, weighted_size);
}
std::optional<double> Difference::cosine() const {
  if (size == 0 || other == 0) return std::nullopt;
  return std::clamp(product / std::sqrt(size) / std::sqrt(other), -1.0, 1.0);
}
std::optional<double> Difference::sqnr_db() const {
  if (error == 0 || size == 0) return std::nullopt;
  return 10 * std::log10(size / error);
}

void add_pairs(const float* a, const float* b, const float* weights, int64_t n, double negligible,
               Difference& sum) {
  for (int64_t i = 0; i < n; ++i) {
    if (!std::isfinite(a[i]) || !std::isfinite(b[i])) {
      ++(std::isfinite(a[i]) ? sum.lost : sum.nonfinite);
      continue;
    }
    const double x = a[i], y = b[i];
    const double distance = std::fabs(x - y);
    const double square = distance <= negligible ? 0 : distance * distance;
    ++sum.weights;
    sum.error += square;
    sum.size += x * x;
    sum.other += y * y;
    sum.product += x * y;
    sum.largest = std::max(sum.largest, distance);
    if (!weights) continue;
    sum.weighted_error += static_cast<double>(weights[i]) * square;
    sum.weighted_size += static_cast<double>(weights[i]) * x * x;
  }
}

void decode_elements(const Value& value, int64_t begin, int64_t end, std::vector<float>& out) {
  FloatCensus ignored;
  const Window bytes = value.fetch(begin, end, ignored);
  out.resize(static_cast<size_t>(end - begin));
  value.codec().decode(bytes.bytes().data(), out.data(), end - begin);
}

namespace {

constexpr int64_t piece_elements = 32 * 1024;  // decoded, they stay in the second cache
constexpr int64_t run_elements = 4 * 1024 * 1024;  // of one task: fixed, so that sums are

// Elements that are read at once: whole blocks of both, and whole rows where a value works by rows.
int64_t piece_of(const Comparand& c) {
  const int64_t block = std::lcm(c.a->codec().block_elements, c.b->codec().block_elements);
  const int64_t piece = std::max({piece_elements, c.a->good_read(), c.b->good_read()});
  const int64_t row = row_length(c.a->shape());
  if (row <= piece) return piece / row * row;
  const bool stored = c.a->extent() && c.b->extent();
  return !stored && c.a->shape().size() > 1 ? row : std::max(block, piece / block * block);
}

struct Task {
  size_t comparand;
  int64_t begin, end, piece;
};

std::vector<Task> tasks_of(const std::vector<Comparand>& comparands) {
  std::vector<Task> tasks;
  for (size_t i = 0; i < comparands.size(); ++i) {
    const int64_t elements = comparands[i].a->elements();
    if (elements == 0) continue;
    const int64_t piece = piece_of(comparands[i]);
    const int64_t run = piece * std::max<int64_t>(1, run_elements / piece);
    for (int64_t at = 0; at < elements; at += run)
      tasks.push_back({i, at, std::min(elements, at + run), piece});
  }
  return tasks;
}

uint64_t cost_of(const Comparand& c, const Task& task) {
  const int64_t n = std::min(task.piece, task.end - task.begin);
  uint64_t bytes = 2 * sizeof(float) * static_cast<uint64_t>(n);
  for (const ValuePtr& value : {c.a, c.b})
    bytes += value->scratch_bytes(n) + (value->extent() ? 0 : value->codec().bytes(n));
  return bytes;
}

// Values of the columns from element `at` on; those of each matrix of a stack where there are such.
void add_weighted(const Comparand& c, const float* a, const float* b, int64_t at, int64_t n,
                  Difference& sum) {
  const Shape& shape = c.a->shape();
  const int64_t row = row_length(shape);
  const auto all = static_cast<int64_t>(c.importance->size());
  const int64_t matrix = all > row ? row * shape[shape.size() - 2] : c.a->elements();
  for (int64_t done = 0; done < n;) {
    const int64_t column = (at + done) % row;
    const int64_t first = (at + done) / matrix * row % all + column;
    const int64_t count = std::min(n - done, row - column);
    add_pairs(a + done, b + done, c.importance->data() + first, count, -1, sum);
    done += count;
  }
}

Difference difference_of(const Comparand& c, const Task& task) {
  Difference sum;
  std::vector<float> a, b;
  for (int64_t at = task.begin; at < task.end; at += task.piece) {
    const int64_t n = std::min(task.piece, task.end - at);
    decode_elements(*c.a, at, at + n, a);
    decode_elements(*c.b, at, at + n, b);
    if (c.importance)
      add_weighted(c, a.data(), b.data(), at, n, sum);
    else
      add_pairs(a.data(), b.data(), nullptr, n, -1, sum);
  }
  return sum;
}

}  // namespace

std::vector<Difference> differences(const std::vector<Comparand>& comparands,
                                    const DifferenceRun& run) {
  const std::vector<Task> tasks = tasks_of(comparands);
  const auto count = static_cast<int64_t>(tasks.size());
  std::vector<Difference> parts(tasks.size());
  MemoryBudget budget(run.memory);
  const auto cost = [&](int64_t i) {
    const Task& task = tasks[static_cast<size_t>(i)];
    return cost_of(comparands[task.comparand], task);
  };
  const int64_t ran = parallel_admit(count, run.threads, budget, run.stop, cost, [&](int64_t i) {
    const Task& task = tasks[static_cast<size_t>(i)];
    const Comparand& c = comparands[task.comparand];
    parts[static_cast<size_t>(i)] = difference_of(c, task);
    const int64_t n = task.end - task.begin;
    if (run.advance) run.advance(task.comparand, c.a->codec().bytes(n) + c.b->codec().bytes(n));
  });
  if (ran < count) fail(codes::stopped, {.found = "weights were being compared"});
  std::vector<Difference> out(comparands.size());
  for (size_t i = 0; i < tasks.size(); ++i) out[tasks[i].comparand].add(parts[i]);
  return out;
}

}  // namespace recast
