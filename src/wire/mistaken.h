#pragma once

#include <cstddef>
#include <span>

#include "base/error.h"

namespace recast {

// How many bytes of a file's beginning sniff_mistaken_file wants to see.
inline constexpr size_t sniff_bytes = 512;

// What a download or a clone leaves in place of the real file: codes::empty_file, lfs_pointer or
// html_page; null when the beginning looks like none of them.
const ErrorCode* sniff_mistaken_file(std::span<const std::byte> first_bytes);

}  // namespace recast
