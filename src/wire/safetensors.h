#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/file.h"
#include "tensor/shape.h"

namespace recast {

// The element types of a safetensors file, highest rank first: files are written in this order, so
// that every tensor is aligned to its element size without padding.
struct SafetensorsDtype {
  std::string_view name;
  int bits;  // of one element; 4 and 6 are packed, and a whole tensor fills whole bytes
};
inline constexpr SafetensorsDtype safetensors_dtypes[] = {
    {"U64", 64},    {"I64", 64},        {"F64", 64},        {"C64", 64},    {"F32", 32},
    {"U32", 32},    {"I32", 32},        {"BF16", 16},       {"F16", 16},    {"U16", 16},
    {"I16", 16},    {"F8_E5M2FNUZ", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E8M0", 8}, {"F8_E4M3", 8},
    {"F8_E5M2", 8}, {"I8", 8},          {"U8", 8},          {"F6_E3M2", 6}, {"F6_E2M3", 6},
    {"F4", 4},      {"BOOL", 8},
};
// The row of the table; null when there is none.
const SafetensorsDtype* find_safetensors_dtype(std::string_view name);

// What the reference library reads, and therefore the most that is written; ours reads up to
// Limit::safetensors_header_bytes.
inline constexpr uint64_t safetensors_most_header_bytes = 100'000'000;

using SafetensorsMetadata = std::vector<std::pair<std::string, std::string>>;

struct SafetensorsEntry {
  std::string name;
  std::string_view dtype;       // a name of safetensors_dtypes
  Shape shape;                  // row-major; empty is a scalar, an extent may be 0
  uint64_t begin = 0, end = 0;  // bytes of the file, absolute; not necessarily aligned
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;  // in order of their bytes, without gap or overlap
  SafetensorsMetadata metadata;           // `__metadata__`, in order of the text
  uint64_t data_begin = 0;                // absolute offset of the first weight byte
  uint64_t ignored_members = 0;           // of entries, beyond the three of the format
  std::string first_ignored;              // where the first of them stands
};

// Reads and checks the header: 8 bytes of length, JSON, then bytes that the tensors cover exactly.
// No weights are read. Linear: 100,000 tensors take tenths of a second.
// Throws (kind corrupt) truncated, empty_file, lfs_pointer, html_page; safetensors_header_length,
// safetensors_start; the codes of json::parse; for one tensor, named, safetensors_name,
// safetensors_entry, safetensors_dtype, safetensors_shape, safetensors_offsets, safetensors_size,
// safetensors_overlap, safetensors_hole; safetensors_trailing, safetensors_metadata. Kind resource:
// safetensors_header_size (100 MB), safetensors_rank (8), safetensors_name_length (4096 bytes).
SafetensorsHeader read_safetensors_header(const File& file);

// A tensor to be written. Requires: dtype is a name of safetensors_dtypes.
struct SafetensorsTensor {
  std::string name;
  std::string_view dtype;
  Shape shape;
};

struct SafetensorsLayout {
  std::vector<std::byte> header;  // the file's beginning: length, JSON, spaces up to 8 bytes
  std::vector<uint64_t> offsets;  // absolute, of each given tensor, in the order they were given
  uint64_t file_bytes = 0;
};

// Lays a file out as the reference library does: `__metadata__` first (left out when empty), then
// tensors by rank of dtype and by the bytes of their names. Throws safetensors_name for a name that
// the format cannot hold, json_duplicate_key, json_utf8, safetensors_shape, safetensors_size for
// packed elements that do not fill whole bytes, safetensors_header_size.
SafetensorsLayout plan_safetensors(std::span<const SafetensorsTensor> tensors,
                                   const SafetensorsMetadata& metadata);

}  // namespace recast
