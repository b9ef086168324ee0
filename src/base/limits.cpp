#include "base/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <iterator>
#include <string>

namespace recast {

namespace {

constexpr uint64_t any = no_ceiling;
constexpr LimitRow rows[] = {
#define RECAST_LIMIT(symbol, name, value, most, unit, reason) \
  {Limit::symbol, name, value, most, unit, reason},
#include "base/limits.def"
#undef RECAST_LIMIT
};

// Relaxed: a limit guards no other memory, and is set before threads start.
std::array<std::atomic<uint64_t>, std::size(rows)> values = {
#define RECAST_LIMIT(symbol, name, value, most, unit, reason) uint64_t{value},
#include "base/limits.def"
#undef RECAST_LIMIT
};

std::string with_unit(uint64_t value, std::string_view unit) {
  return unit.empty() ? fmt::format("{}", value) : fmt::format("{} {}", value, unit);
}

}  // namespace

std::span<const LimitRow> all_limits() { return rows; }
const LimitRow& limit_row(Limit which) { return rows[static_cast<size_t>(which)]; }

const LimitRow* find_limit(std::string_view name) {
  std::string dashed(name);
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  const auto* row = std::find_if(std::begin(rows), std::end(rows),
                                 [&](const LimitRow& one) { return one.name == dashed; });
  return row == std::end(rows) ? nullptr : row;
}

uint64_t limit(Limit which) {
  return values[static_cast<size_t>(which)].load(std::memory_order_relaxed);
}

void set_limit(std::string_view name, uint64_t value) {
  const LimitRow* row = find_limit(name);
  if (!row)
    fail(codes::bad_value, {.expected = "the name of a limit",
                            .found = fmt::format("\"{}\"", printable(name)),
                            .fix = "recast list limits"});
  if (value == 0 || value > row->most)
    fail(codes::bad_value, {.expected = fmt::format("{} from 1 to {}", row->name, row->most),
                            .found = fmt::format("{}", value),
                            .fix = "recast list limits"});
  values[static_cast<size_t>(row->limit)].store(value, std::memory_order_relaxed);
}

ErrorFacts over_limit(const ErrorCode& code, Limit which, ErrorFacts facts,
                      std::optional<uint64_t> needed) {
  const LimitRow& row = limit_row(which);
  const uint64_t now = limit(which);
  if (!facts.expected.empty()) facts.expected += ": ";
  facts.expected += fmt::format("at most {} (limit {})", with_unit(now, row.unit), row.name);
  if (needed && facts.found.empty()) facts.found = with_unit(*needed, row.unit);
  if (facts.fix.empty()) facts.fix = code.fix;
  // What is needed is not always known: then twice as much is a try.
  const uint64_t more = needed ? *needed : now > row.most / 2 ? row.most : 2 * now;
  if (more > now && more <= row.most)
    facts.fix += fmt::format("; --limit {}={} allows more", row.name, more);
  return facts;
}

void fail_limit(const ErrorCode& code, Limit which, ErrorFacts facts,
                std::optional<uint64_t> needed) {
  fail(code, over_limit(code, which, std::move(facts), needed));
}

}  // namespace recast
