#include "wire/decimal.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace recast::json {

std::optional<Decimal> to_decimal(std::string_view number) {
  Decimal out;
  if (number.starts_with('-')) {
    out.negative = true;
    number.remove_prefix(1);
  }
  size_t i = 0;
  int64_t point = -1;  // digits before the decimal point, once it was seen
  for (; i < number.size() && number[i] != 'e' && number[i] != 'E'; ++i) {
    if (number[i] == '.')
      point = static_cast<int64_t>(out.digits.size());
    else if (number[i] >= '0' && number[i] <= '9')
      out.digits += number[i];
    else
      return std::nullopt;
  }
  out.exponent = point < 0 ? static_cast<int64_t>(out.digits.size()) : point;
  const size_t first = out.digits.find_first_not_of('0');
  if (first == out.digits.npos) return Decimal{};
  int64_t power = 0;
  if (i < number.size()) {
    std::string_view text = number.substr(i + 1);
    if (text.starts_with('+')) text.remove_prefix(1);
    if (std::from_chars(text.data(), text.data() + text.size(), power).ec != std::errc())
      return std::nullopt;
  }
  out.digits.erase(0, first);
  out.digits.erase(out.digits.find_last_not_of('0') + 1);
  if (__builtin_add_overflow(out.exponent - static_cast<int64_t>(first), power, &out.exponent))
    return std::nullopt;
  return out;
}

std::optional<uint64_t> to_whole(const Decimal& decimal) {
  constexpr int64_t most_digits = 20;  // of 2^64
  const auto count = static_cast<int64_t>(decimal.digits.size());
  if (decimal.exponent < count || decimal.exponent > most_digits) return std::nullopt;
  if (count == 0) return 0;
  const std::string text =
      decimal.digits + std::string(static_cast<size_t>(decimal.exponent - count), '0');
  uint64_t value = 0;
  if (std::from_chars(text.data(), text.data() + text.size(), value).ec != std::errc())
    return std::nullopt;
  return value;
}

std::string shortest_text(double value) {
  if (std::isnan(value)) return "NaN";
  if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
  char buffer[40];
  const char* end =
      std::to_chars(buffer, buffer + sizeof(buffer), value, std::chars_format::scientific).ptr;
  std::string_view text(buffer, static_cast<size_t>(end - buffer));  // -d.ddde+XX
  const std::string sign = text.starts_with('-') ? "-" : "";
  text.remove_prefix(sign.size());
  const size_t e = text.find('e');
  int power = 0;
  std::from_chars(text.data() + e + (text[e + 1] == '+' ? 2 : 1), text.data() + text.size(), power);
  // Python leaves the plain form below 1e-4 and from 1e16 on.
  if (power < -4 || power >= 16) return sign + std::string(text);
  std::string digits(1, text[0]);
  if (e > 2) digits += text.substr(2, e - 2);
  const auto size = static_cast<int>(digits.size());
  if (power < 0) return sign + "0." + std::string(static_cast<size_t>(-power - 1), '0') + digits;
  if (size <= power + 1)
    return sign + digits + std::string(static_cast<size_t>(power + 1 - size), '0') + ".0";
  return sign + digits.substr(0, static_cast<size_t>(power) + 1) + "." +
         digits.substr(static_cast<size_t>(power) + 1);
}

}  // namespace recast::json
