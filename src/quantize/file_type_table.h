#pragma once

#include <cstdint>
#include <iterator>
#include <string_view>

#include "codec/codecs.h"
#include "quantize/file_types.h"

// The table of file types, where rules over sets of them are written.
namespace recast {

inline constexpr FileType file_type_table[] = {
    {"f32", &codec::f32, 0},
    {"f16", &codec::f16, 1},
    {"bf16", &codec::bf16, 32},
    {"q8_0", &codec::q8_0, 7},
    {"q4_0", &codec::q4_0, 2},
    {"q4_1", &codec::q4_1, 3},
    {"q5_0", &codec::q5_0, 8},
    {"q5_1", &codec::q5_1, 9},
    {"q2_k", &codec::q2_k, 10},
    {"q2_k_s", &codec::q2_k, 21},
    {"q3_k_s", &codec::q3_k, 11},
    {"q3_k_m", &codec::q3_k, 12, "q3_k"},
    {"q3_k_l", &codec::q3_k, 13},
    {"q4_k_s", &codec::q4_k, 14},
    {"q4_k_m", &codec::q4_k, 15, "q4_k"},
    {"q5_k_s", &codec::q5_k, 16},
    {"q5_k_m", &codec::q5_k, 17, "q5_k"},
    {"q6_k", &codec::q6_k, 18},
    {"iq1_s", &codec::iq1_s, 24},
    {"iq1_m", &codec::iq1_m, 31},
    {"iq2_xxs", &codec::iq2_xxs, 19},
    {"iq2_xs", &codec::iq2_xs, 20},
    {"iq2_s", &codec::iq2_xs, 28},
    {"iq2_m", &codec::iq2_s, 29},
    {"iq3_xxs", &codec::iq3_xxs, 23},
    {"iq3_xs", &codec::iq3_s, 22},
    {"iq3_s", &codec::iq3_s, 26},
    {"iq3_m", &codec::iq3_s, 27},
    {"iq4_nl", &codec::iq4_nl, 25},
    {"iq4_xs", &codec::iq4_xs, 30},
    {"tq1_0", &codec::tq1_0, 36},
    {"tq2_0", &codec::tq2_0, 37},
    {"mxfp4_moe", &codec::mxfp4, 38, "mxfp4"},
    {"nvfp4", &codec::nvfp4, 39},
    {"q1_0", &codec::q1_0, 40},
    {"q2_0", &codec::q2_0, 41},
};

// A set of file types: a bit for each row.
using FileTypes = uint64_t;
static_assert(std::size(file_type_table) <= 64);

inline FileTypes file_type_bit(const FileType& type) {
  return FileTypes{1} << (&type - file_type_table);
}

// The set of the names in a blank-separated list. A name that the table lacks does not compile.
consteval FileTypes file_types(std::string_view names) {
  FileTypes set = 0;
  for (size_t start = 0; start < names.size();) {
    size_t end = names.find(' ', start);
    if (end == std::string_view::npos) end = names.size();
    const std::string_view name = names.substr(start, end - start);
    FileTypes found = 0;
    for (size_t i = 0; i < std::size(file_type_table); ++i)
      if (file_type_table[i].name == name) found = FileTypes{1} << i;
    if (found == 0) throw "no such file type";
    set |= found;
    start = end + 1;
  }
  return set;
}

}  // namespace recast
