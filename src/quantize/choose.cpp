#include "quantize/choose.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "quantize/knapsack.h"

namespace recast {

namespace {

// How often, and with which part of the loss, the measures beside the prior are heard.
constexpr int most_rounds = 12;
constexpr double first_share = 0.1, growth = 1.5;
constexpr double most_for_filling = 1.1;

// What one unit of each measure counts.
using Factors = Losses;

double sum(const Losses& losses, const Factors& factors) {
  return losses.prior * factors.prior + losses.power * factors.power +
         losses.relative * factors.relative;
}

std::vector<Choices> items(std::span<const TypeOptions> matrices, const Factors& factors) {
  std::vector<Choices> out;
  for (const TypeOptions& options : matrices) {
    Choices choices;
    for (const TypeOption& option : options)
      choices.push_back({option.bytes, sum(option.losses, factors)});
    out.push_back(std::move(choices));
  }
  return out;
}

// One over the least that a recipe within the budget loses; 1 where none fits, so that the measures
// still add up.
Factors against_recipes(std::span<const RatedChoice> recipes, uint64_t budget) {
  constexpr double none = std::numeric_limits<double>::infinity();
  Losses least{none, none, none};
  for (const RatedChoice& recipe : recipes) {
    if (recipe.bytes > budget) continue;
    least.prior = std::min(least.prior, recipe.losses.prior);
    least.power = std::min(least.power, recipe.losses.power);
    least.relative = std::min(least.relative, recipe.losses.relative);
  }
  const auto inverse = [](double x) { return x > 0 && x < none ? 1 / x : 0; };
  const double prior = inverse(least.prior);
  return {prior > 0 ? prior : 1, inverse(least.power), inverse(least.relative)};
}

// A target is to be used: a choice that leaves more than a hundredth of it gives way to one that does
// not, where that loses little more.
std::vector<size_t> filled(std::span<const TypeOptions> matrices, const Factors& factors,
                           uint64_t budget, size_t units, std::vector<size_t> chosen) {
  const RatedChoice made = rate(matrices, chosen);
  const uint64_t least = budget - budget / 100;
  if (made.bytes >= least) return chosen;
  std::vector<size_t> fuller = knapsack(items(matrices, factors), budget, units, least);
  if (fuller.empty()) return chosen;
  const RatedChoice other = rate(matrices, fuller);
  const bool near = sum(other.losses, factors) <= most_for_filling * sum(made.losses, factors);
  return other.bytes >= least && near ? fuller : chosen;
}

}  // namespace

Losses& Losses::operator+=(const Losses& other) {
  prior += other.prior;
  power += other.power;
  relative += other.relative;
  return *this;
}

RatedChoice rate(std::span<const TypeOptions> matrices, std::span<const size_t> chosen) {
  RatedChoice rated;
  for (size_t i = 0; i < matrices.size(); ++i) {
    rated.bytes += matrices[i][chosen[i]].bytes;
    rated.losses += matrices[i][chosen[i]].losses;
  }
  return rated;
}

std::vector<size_t> choose_within(std::span<const TypeOptions> matrices,
                                  std::span<const RatedChoice> recipes, uint64_t budget,
                                  size_t units) {
  const Factors unit = against_recipes(recipes, budget);
  Factors factors{unit.prior, 0, first_share * unit.relative};
  std::vector<size_t> first, strong;
  double share = first_share;
  for (int round = 0; round < most_rounds; ++round) {
    const std::vector<size_t> chosen = knapsack(items(matrices, factors), budget, units);
    if (chosen.empty()) return chosen;
    const Losses found = rate(matrices, chosen).losses;
    const bool prior = found.prior * unit.prior <= 1, power = found.power * unit.power <= 1;
    const bool relative = found.relative * unit.relative <= 1;
    const bool compares = unit.power > 0;
    if (!compares || (prior && power && relative))
      return filled(matrices, factors, budget, units, chosen);
    if (first.empty()) first = chosen;
    if (strong.empty() && prior && power) strong = chosen;
    share *= growth;
    if (!power) factors.power = share * unit.power;
    if (!relative) factors.relative = share * unit.relative;
  }
  factors = {unit.prior, 0, first_share * unit.relative};
  return filled(matrices, factors, budget, units, strong.empty() ? first : strong);
}

std::vector<size_t> smallest(std::span<const TypeOptions> matrices) {
  std::vector<size_t> chosen;
  for (const TypeOptions& options : matrices)
    chosen.push_back(static_cast<size_t>(
        std::min_element(options.begin(), options.end(),
                         [](const auto& a, const auto& b) { return a.bytes < b.bytes; }) -
        options.begin()));
  return chosen;
}

}  // namespace recast
