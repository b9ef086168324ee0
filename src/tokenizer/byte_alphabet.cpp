#include "tokenizer/byte_alphabet.h"

#include <array>
#include <cstdint>

namespace recast {

namespace {

std::array<uint16_t, 256> code_points() {
  std::array<uint16_t, 256> table{};
  uint16_t next = 0x100;
  for (uint16_t byte = 0; byte < 256; ++byte) {
    const bool printable = (byte >= 33 && byte <= 126) || (byte >= 161 && byte != 173);
    table[byte] = printable ? byte : next++;
  }
  return table;
}

}  // namespace

std::string to_byte_alphabet(std::string_view bytes) {
  static const std::array<uint16_t, 256> table = code_points();
  std::string out;
  for (const char c : bytes) {
    const uint16_t code = table[static_cast<uint8_t>(c)];
    if (code < 0x80) {
      out += static_cast<char>(code);
    } else {
      out += static_cast<char>(0xC0 | code >> 6);
      out += static_cast<char>(0x80 | (code & 0x3F));
    }
  }
  return out;
}

}  // namespace recast
