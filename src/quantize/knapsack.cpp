#include "quantize/knapsack.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace recast {

namespace {

constexpr size_t most_cells = size_t{1} << 24;  // of the table that is walked back: a byte each

// Indices of the choices that nothing beats, by rising cost and falling loss.
std::vector<size_t> undominated(const Choices& choices) {
  std::vector<size_t> order(choices.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    if (choices[a].cost != choices[b].cost) return choices[a].cost < choices[b].cost;
    return choices[a].loss < choices[b].loss;
  });
  std::vector<size_t> kept;
  for (const size_t i : order)
    if (kept.empty() || choices[i].loss < choices[kept.back()].loss) kept.push_back(i);
  return kept;
}

using Fronts = std::vector<std::vector<size_t>>;

Fronts fronts_of(std::span<const Choices> items) {
  Fronts fronts;
  for (const Choices& choices : items) fronts.push_back(undominated(choices));
  return fronts;
}

// The exact answer for costs in whole units above the cheapest, each rounded up: never over budget,
// at least `wanted` of it. Positions in the fronts; empty when there is none.
std::vector<size_t> by_units(std::span<const Choices> items, const Fronts& fronts, uint64_t slack,
                             size_t most_units, uint64_t wanted) {
  const size_t units =
      std::max<size_t>(1, std::min(most_cells / std::max<size_t>(1, items.size()), most_units));
  const uint64_t unit = slack / units + 1;
  const size_t cells = static_cast<size_t>(slack / unit) + 1;
  constexpr double never = std::numeric_limits<double>::infinity();
  std::vector<double> least(cells, never), next(cells);  // for exactly so many units
  least[0] = 0;
  std::vector<std::vector<uint8_t>> taken(items.size(), std::vector<uint8_t>(cells));
  for (size_t i = 0; i < items.size(); ++i) {
    const auto& front = fronts[i];
    const uint64_t base = items[i][front[0]].cost;
    std::fill(next.begin(), next.end(), never);
    for (size_t k = 0; k < front.size(); ++k) {
      const Choice& choice = items[i][front[k]];
      const uint64_t steps = (choice.cost - base + unit - 1) / unit;
      for (size_t u = static_cast<size_t>(std::min<uint64_t>(steps, cells)); u < cells; ++u)
        if (const double loss = least[u - steps] + choice.loss; loss < next[u]) {
          next[u] = loss;
          taken[i][u] = static_cast<uint8_t>(k);
        }
    }
    least.swap(next);
  }
  const auto first = least.begin() + static_cast<int64_t>(
                                          std::min<uint64_t>((wanted + unit - 1) / unit, cells - 1));
  const auto best = std::min_element(first, least.end());
  if (*best == never) return {};
  std::vector<size_t> chosen(items.size());
  for (size_t i = items.size(), u = static_cast<size_t>(best - least.begin()); i-- > 0;) {
    chosen[i] = taken[i][u];
    const auto& front = fronts[i];
    const uint64_t more = items[i][front[chosen[i]]].cost - items[i][front[0]].cost;
    u -= static_cast<size_t>((more + unit - 1) / unit);
  }
  return chosen;
}

// What rounding left over buys further steps, the best trade first.
void spend_rest(std::span<const Choices> items, const Fronts& fronts, uint64_t rest,
                std::vector<size_t>& chosen) {
  for (;;) {
    double best = 0;
    size_t item = 0, to = 0;
    for (size_t i = 0; i < items.size(); ++i) {
      const Choice& now = items[i][fronts[i][chosen[i]]];
      for (size_t k = chosen[i] + 1; k < fronts[i].size(); ++k) {
        const Choice& then = items[i][fronts[i][k]];
        if (then.cost - now.cost > rest) break;
        const double gain = (now.loss - then.loss) / static_cast<double>(then.cost - now.cost);
        if (gain > best) {
          best = gain;
          item = i;
          to = k;
        }
      }
    }
    if (best <= 0) return;
    rest -= items[item][fronts[item][to]].cost - items[item][fronts[item][chosen[item]]].cost;
    chosen[item] = to;
  }
}

}  // namespace

std::vector<size_t> knapsack(std::span<const Choices> items, uint64_t budget, size_t units,
                             uint64_t least_cost) {
  const Fronts fronts = fronts_of(items);
  uint64_t least = 0, most = 0;
  for (size_t i = 0; i < items.size(); ++i) {
    least += items[i][fronts[i].front()].cost;
    most += items[i][fronts[i].back()].cost;
  }
  if (least > budget || most < least_cost) return {};
  std::vector<size_t> chosen(items.size());
  if (most <= budget) {
    for (size_t i = 0; i < items.size(); ++i) chosen[i] = fronts[i].size() - 1;
  } else {
    chosen = by_units(items, fronts, budget - least, units, least_cost - std::min(least, least_cost));
    if (chosen.empty()) return {};
    uint64_t cost = 0;
    for (size_t i = 0; i < items.size(); ++i) cost += items[i][fronts[i][chosen[i]]].cost;
    spend_rest(items, fronts, budget - cost, chosen);
  }
  for (size_t i = 0; i < items.size(); ++i) chosen[i] = fronts[i][chosen[i]];
  return chosen;
}

}  // namespace recast
