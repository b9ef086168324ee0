#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace recast::fuzz {

using Bytes = std::span<const std::byte>;

// A row of parsers.def.
struct Parser {
  std::string_view name;
  std::string_view seeds;
  void (*feed)(Bytes);  // throws what the parser throws
};
std::span<const Parser> all_parsers();
const Parser* find_parser(std::string_view name);

// Feeds the parser. It may return, or throw an Error that is not `internal`; anything else is a
// finding: says what and aborts.
void run(const Parser& parser, Bytes input);

}  // namespace recast::fuzz
