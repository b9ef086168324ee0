#include "cli/choice_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "cli/document.h"
#include "cli/table.h"

namespace recast::cli {

namespace {

constexpr int bar_width = 24;

struct Point {
  double bits, error;
  std::string_view name;
};

std::vector<Point> points(const json::Value& report, std::string_view key) {
  std::vector<Point> out;
  for (const json::Value& one : array_at(report, {"choice", key})) {
    const json::Value* name = one.find("name");
    out.push_back({real_at(one, {"bits_per_weight"}), real_at(one, {"weighted_rmse"}),
                   name && name->as_string() ? std::string_view(*name->as_string()) : ""});
  }
  return out;
}

// A recipe of no more bits with the least error; null when each is larger.
const Point* best_recipe(const std::vector<Point>& recipes, double bits) {
  const Point* best = nullptr;
  for (const Point& recipe : recipes)
    if (recipe.bits <= bits * 1.0001 && (!best || recipe.error < best->error)) best = &recipe;
  return best;
}

std::string bar(double error, double least, double most, bool unicode) {
  if (error <= 0 || least <= 0 || most <= least) return "";
  const double part = std::log(error / least) / std::log(most / least);
  const int n = 1 + static_cast<int>(std::lround(part * (bar_width - 1)));
  std::string out;
  for (int i = 0; i < n; ++i) out += unicode ? "\u2588" : "#";
  return out;
}

}  // namespace

std::string choice_text(const json::Value& report, const Terminal& terminal) {
  if (!at(report, {"choice"})) return "";
  std::vector<Point> curve = points(report, "curve");
  const std::vector<Point> recipes = points(report, "recipes");
  const Point made{real_at(report, {"choice", "bits_per_weight"}),
                   real_at(report, {"choice", "weighted_rmse"}), "chosen"};
  curve.push_back(made);
  std::stable_sort(curve.begin(), curve.end(),
                   [](const Point& a, const Point& b) { return a.bits < b.bits; });
  double least = INFINITY, most = 0;
  for (const Point& point : curve)
    if (point.error > 0) {
      least = std::min(least, point.error);
      most = std::max(most, point.error);
    }
  std::vector<std::vector<std::string>> rows = {
      {"", "bits/weight", "weighted RMSE", "log scale", "best recipe of that size"}};
  for (const Point& point : curve) {
    const Point* recipe = best_recipe(recipes, point.bits);
    rows.push_back({std::string(point.name), fmt::format("{:.2f}", point.bits),
                    fmt::format("{:.5f}", point.error),
                    bar(point.error, least, most, terminal.unicode),
                    recipe ? fmt::format("{:.5f} {}", recipe->error, recipe->name) : ""});
  }
  return render_table(rows, terminal, {1, 2});
}

}  // namespace recast::cli
