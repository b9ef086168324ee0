#pragma once

#include <string>
#include <string_view>

namespace recast {

// Byte-level BPE writes each byte as one printable character: 33-126, 161-172 and 174-255 as the
// code point of the same number, the other 68 as U+0100 upwards in byte order.
std::string to_byte_alphabet(std::string_view bytes);

}  // namespace recast
