#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace recast {

// Offset of the first byte that is not part of valid UTF-8; empty when all of it is valid.
// Overlong forms, surrogates (U+D800..U+DFFF) and code points above U+10FFFF are invalid.
std::optional<uint64_t> find_invalid_utf8(std::string_view text);

// The same text with U+FFFD for every byte that is not part of valid UTF-8.
std::string with_valid_utf8(std::string_view text);

}  // namespace recast
