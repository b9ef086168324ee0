#pragma once

#include <cstdint>
#include <string>

// Sizes, times and counts as people read them. Every function uses '.' as the decimal point,
// whatever the locale.
namespace recast::cli {

std::string bytes_text(uint64_t bytes);                // "134 B", "4.58 GiB", "439.1 GiB"
std::string rate_text(double bytes_a_second);          // "612 MiB/s"
std::string clock_text(double seconds);                // "0:12", "1:02:03"
std::string duration_text(double seconds);             // "25.1 s", "41 min", "2 h 5 min"
std::string count_text(uint64_t count);                // "8,030,261,248"
std::string plural(uint64_t count, const char* noun);  // "1 file", "3 files"

}  // namespace recast::cli
