#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace recast::json {

// The exact value of a JSON number: 0.DIGITS * 10^exponent, without leading or trailing zeros.
// Zero has no digits, exponent 0 and no sign.
struct Decimal {
  bool negative = false;
  std::string digits;
  int64_t exponent = 0;

  bool operator==(const Decimal&) const = default;
};

// Empty for NaN and the infinities, and when the exponent itself leaves int64.
std::optional<Decimal> to_decimal(std::string_view number);
// The magnitude, when it is a whole number that fits.
std::optional<uint64_t> to_whole(const Decimal& decimal);

// The shortest text that reads back to the same double, spelled as Python's repr spells it:
// "0.02", "10000.0", "1e-06", "1e+16"; "NaN", "Infinity", "-Infinity" as Python's json does.
std::string shortest_text(double value);

}  // namespace recast::json
