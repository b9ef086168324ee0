#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/error.h"

namespace recast {

// What a file may claim before it is taken for damaged or hostile. Rows of limits.def.
enum class Limit : uint8_t {
#define RECAST_LIMIT(symbol, name, value, most, unit, reason) symbol,
#include "base/limits.def"
#undef RECAST_LIMIT
};

// The ceiling of a limit that has none of its own: it still fits every signed number.
inline constexpr uint64_t no_ceiling = INT64_MAX;

struct LimitRow {
  Limit limit;
  std::string_view name;     // "gguf-keys", as --limit spells it
  uint64_t default_value;
  uint64_t most;             // that it can be set to; no_ceiling: anything
  std::string_view unit;     // "bytes"; empty for a bare number
  std::string_view reason;   // one line, no full stop
};

// In the order of the table.
std::span<const LimitRow> all_limits();
const LimitRow& limit_row(Limit which);
// By name, '_' for '-'; null when there is none.
const LimitRow* find_limit(std::string_view name);

// The value that holds now. Any thread may ask; a loop asks once, in front of it.
uint64_t limit(Limit which);
// Sets it for the whole process, which is meant to happen before any work. Throws bad_value for a
// name that is not known and for a value that is 0 or above the ceiling.
void set_limit(std::string_view name, uint64_t value);

// The facts of a refusal by a limit, for whatever throws there: `expected` says the value and the
// name (behind what `facts` brings, such as "a tensor name"), `fix` how to allow more, in addition
// to that of `facts` or else of `code`. `needed` is what the file claims, when that is known; it is
// then also `found`, unless `facts` says it better.
ErrorFacts over_limit(const ErrorCode& code, Limit which, ErrorFacts facts = {},
                      std::optional<uint64_t> needed = {});
// Throws them.
[[noreturn]] void fail_limit(const ErrorCode& code, Limit which, ErrorFacts facts = {},
                             std::optional<uint64_t> needed = {});

}  // namespace recast
