#include "wire/utf8.h"

#include <cstring>

namespace recast {

namespace {

// One row per class of lead byte: how many bytes follow, and the range of the first of them, which
// alone decides about overlong forms, surrogates and the end of the code space.
// Source: The Unicode Standard, table 3-7.
struct LeadByte {
  uint8_t first, last;
  uint8_t following;
  uint8_t second_first, second_last;
};
constexpr LeadByte lead_bytes[] = {
    {0x00, 0x7F, 0, 0x00, 0x00}, {0xC2, 0xDF, 1, 0x80, 0xBF}, {0xE0, 0xE0, 2, 0xA0, 0xBF},
    {0xE1, 0xEC, 2, 0x80, 0xBF}, {0xED, 0xED, 2, 0x80, 0x9F}, {0xEE, 0xEF, 2, 0x80, 0xBF},
    {0xF0, 0xF0, 3, 0x90, 0xBF}, {0xF1, 0xF3, 3, 0x80, 0xBF}, {0xF4, 0xF4, 3, 0x80, 0x8F},
};

// Length of the sequence at the start of `text`, 0 when it is invalid.
size_t sequence_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  for (const LeadByte& row : lead_bytes) {
    if (byte(0) < row.first || byte(0) > row.last) continue;
    if (row.following >= text.size()) return 0;
    if (row.following == 0) return 1;
    if (byte(1) < row.second_first || byte(1) > row.second_last) return 0;
    for (size_t i = 2; i <= row.following; ++i)
      if ((byte(i) & 0xC0) != 0x80) return 0;
    return row.following + size_t{1};
  }
  return 0;
}

}  // namespace

std::optional<uint64_t> find_invalid_utf8(std::string_view text) {
  constexpr uint64_t high_bits = 0x8080808080808080;
  size_t i = 0;
  while (i < text.size()) {
    uint64_t word;
    if (i + sizeof(word) <= text.size()) {
      std::memcpy(&word, text.data() + i, sizeof(word));
      if ((word & high_bits) == 0) {  // eight ASCII bytes at once: nearly all of every file
        i += sizeof(word);
        continue;
      }
    }
    const size_t length = sequence_length(text.substr(i));
    if (length == 0) return i;
    i += length;
  }
  return std::nullopt;
}

std::string with_valid_utf8(std::string_view text) {
  std::string out;
  for (auto at = find_invalid_utf8(text); at; at = find_invalid_utf8(text)) {
    out.append(text.substr(0, *at)).append("\xEF\xBF\xBD");
    text.remove_prefix(*at + 1);
  }
  return out.append(text);
}

}  // namespace recast
