#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace recast {

// The bytes of a text in the standard alphabet of RFC 4648, padding required; empty when the text
// is not such.
std::optional<std::string> decode_base64(std::string_view text);
std::string encode_base64(std::string_view bytes);

}  // namespace recast
