// Layout of a GGUF file, version 3 (2 is the same; 1 has 32-bit counts). All numbers in the byte
// order of the writer, little-endian unless converted. Source: the GGUF specification.
//
//   "GGUF"  u32 version  u64 tensors  u64 keys
//   keys    x { string key, u32 type, value }          string = u64 length, bytes
//   tensors x { string name, u32 rank, u64 extent[rank] innermost first, u32 type, u64 offset }
//   zeros up to the alignment; tensor data, each tensor padded to the alignment
#include "formats/gguf/header.h"

#include <fmt/format.h>

#include <array>
#include <unordered_set>

#include "base/checked_math.h"
#include "formats/gguf/values.h"
#include "io/byte_reader.h"
#include "wire/utf8.h"

namespace recast::gguf {
namespace {

constexpr uint64_t max_keys = 65'536;
constexpr uint64_t max_tensors = 1'000'000;
constexpr uint64_t max_key_bytes = 65'535;
constexpr uint64_t max_name_bytes = 4'096;
constexpr uint64_t min_key_bytes = 8 + 1 + 4 + 1;     // key of one byte, type, a value of one byte
constexpr uint64_t min_tensor_bytes = 8 + 4 + 4 + 8;  // empty name, rank 0, type, offset
constexpr uint32_t newest_version = 3;

std::string read_magic(ByteReader& in) { return in.get_text(4, 4, "the magic number"); }

// Whether the counts that follow the version can be true in the byte order of the reader.
bool counts_fit(const File& file, uint64_t offset, bool big_endian) {
  if (file.size() < offset + 16) return true;  // the reader will say what is missing
  const Window window = file.window(offset, 16);
  ByteReader in(window.bytes(), file.name(), offset);
  in.set_big_endian(big_endian);
  const uint64_t left = file.size() - offset - 16;
  const auto tensors = in.get<uint64_t>(), keys = in.get<uint64_t>();
  return tensors <= left / min_tensor_bytes && keys <= left / min_key_bytes;
}

// Reads the version and finds the byte order: that in which it is a small number.
uint32_t read_version(ByteReader& in, const File& file) {
  const auto version = in.get<uint32_t>("the version");
  if (version >= 2 && version <= newest_version) return version;
  const uint32_t swapped = __builtin_bswap32(version);
  if (swapped >= 1 && swapped <= newest_version) {
    if (!counts_fit(file, in.offset(), true))
      in.fail(codes::gguf_endian, {.expected = "one byte order throughout",
                                   .found = fmt::format("version {} big-endian, counts "
                                                        "little-endian",
                                                        swapped)});
    in.set_big_endian(true);
    if (swapped > 1) return swapped;
  }
  if (version == 0) in.fail(codes::gguf_version, {.expected = "version 2 or 3", .found = "0"});
  const uint32_t named = swapped == 1 ? swapped : version;
  in.fail(codes::gguf_version_unsupported,
          {.expected = "version 2 or 3", .found = fmt::format("version {}", named)});
}

uint64_t read_count(ByteReader& in, uint64_t minimum_bytes, uint64_t limit, std::string_view what) {
  const auto count = in.get<uint64_t>(fmt::format("the number of {}", what));
  in.require_room(count, minimum_bytes, what);
  if (count > limit)
    in.fail(codes::gguf_too_many, {.expected = fmt::format("at most {} {}", limit, what),
                                   .found = fmt::format("{}", count)});
  return count;
}

// A key or a tensor name: C strings elsewhere, so a zero byte would cut it there.
void check_text(const ByteReader& in, const std::string& text, const ErrorCode& code,
                std::string_view what) {
  std::string problem;
  if (text.empty()) problem = "an empty " + std::string(what);
  if (text.find('\0') != std::string::npos)
    problem = fmt::format("a zero byte in {} \"{}\"", what, printable(text));
  if (find_invalid_utf8(text))
    problem = fmt::format("bytes that are not UTF-8 in {} \"{}\"", what, printable(text));
  if (!problem.empty()) in.fail(code, {.expected = "UTF-8 text", .found = problem});
}

Metadata read_metadata(ByteReader& in, uint64_t count) {
  Metadata metadata;
  std::unordered_set<std::string> seen;
  for (uint64_t i = 0; i < count; ++i) {
    std::string key = in.get_text(in.get<uint64_t>("the length of a metadata key"), max_key_bytes,
                                  "a metadata key");
    check_text(in, key, codes::gguf_key, "metadata key");
    if (!seen.insert(key).second) in.fail(codes::gguf_duplicate_key, {.where = key_where(key)});
    MetaValue value = read_value(in, key);
    metadata.append(std::move(key), std::move(value));
  }
  return metadata;
}

uint32_t alignment_of(const ByteReader& in, const Metadata& metadata) {
  const MetaValue* value = metadata.find("general.alignment");
  if (!value) return default_alignment;
  const int64_t bytes = value->type == MetaType::u32 ? value->as_int().value() : 0;
  if (bytes < 1 || bytes > max_alignment || (bytes & (bytes - 1)) != 0)
    in.fail(codes::gguf_alignment,
            {.where = key_where("general.alignment"),
             .expected = fmt::format("a u32, a power of two up to {}", max_alignment),
             .found = value->as_int()
                          ? fmt::format("{} {}", meta_type_name(value->type), *value->as_int())
                          : std::string(meta_type_name(value->type))});
  return static_cast<uint32_t>(bytes);
}

Shape read_shape(ByteReader& in, const std::string& name, uint32_t rank) {
  Shape shape(rank);
  for (uint32_t i = 0; i < rank; ++i) {
    const auto extent = in.get<uint64_t>();
    if (extent > INT64_MAX)
      in.fail(codes::gguf_dimension, {.where = tensor_where(name),
                                      .expected = "a dimension below 2^63",
                                      .found = fmt::format("{}", extent)});
    shape[rank - 1 - i] = static_cast<int64_t>(extent);
  }
  return shape;
}

const Type* read_type(ByteReader& in, const std::string& name) {
  const auto id = in.get<uint32_t>();
  const Type* type = find_type(id);
  if (!type || !type->codec)
    in.fail(codes::gguf_type_unknown,
            {.where = tensor_where(name),
             .found = type ? fmt::format("type {} ({}, removed from GGUF)", id, type->name)
                           : fmt::format("type {}", id)});
  if (in.big_endian() && !type->swappable)
    in.fail(codes::gguf_big_endian_type,
            {.where = tensor_where(name), .found = fmt::format("type {}", type->name)});
  return type;
}

uint64_t data_bytes(const ByteReader& in, const TensorEntry& entry) {
  const Codec& codec = *entry.type->codec;
  const auto elements = element_count(entry.shape);
  const auto bytes =
      elements ? checked_mul(static_cast<uint64_t>(*elements), codec.block_bytes) : std::nullopt;
  if (!bytes)
    in.fail(codes::gguf_dimension, {.where = tensor_where(entry.name),
                                    .expected = "a size below 2^63 (no overflow)",
                                    .found = "shape " + to_string(entry.shape)});
  if (!codec.fits_row(row_length(entry.shape)))
    in.fail(codes::gguf_row, {.where = tensor_where(entry.name),
                              .expected = fmt::format("a multiple of the {} block of {}",
                                                      entry.type->name, codec.block_elements),
                              .found = fmt::format("rows of {}", row_length(entry.shape))});
  return codec.bytes(*elements);
}

TensorEntry read_tensor_entry(ByteReader& in) {
  TensorEntry entry;
  entry.name =
      in.get_text(in.get<uint64_t>("the length of a tensor name"), max_name_bytes, "a tensor name");
  check_text(in, entry.name, codes::gguf_tensor_name, "tensor name");
  const std::string what = "dimensions, type and offset of " + tensor_where(entry.name);
  const auto rank = in.get<uint32_t>(what);
  if (rank > max_rank)
    in.fail(codes::gguf_rank, {.where = tensor_where(entry.name),
                               .expected = fmt::format("at most {} dimensions", max_rank),
                               .found = fmt::format("{}", rank)});
  in.require_room(1, 8 * rank + 4 + 8, what);
  entry.shape = read_shape(in, entry.name, rank);
  entry.type = read_type(in, entry.name);
  entry.offset = in.get<uint64_t>();
  entry.bytes = data_bytes(in, entry);
  return entry;
}

std::vector<TensorEntry> read_tensor_table(ByteReader& in, uint64_t count) {
  std::vector<TensorEntry> tensors;
  std::unordered_set<std::string> seen;
  for (uint64_t i = 0; i < count; ++i) {
    tensors.push_back(read_tensor_entry(in));
    if (!seen.insert(tensors.back().name).second)
      in.fail(codes::gguf_duplicate_tensor, {.where = tensor_where(tensors.back().name)});
  }
  return tensors;
}

[[noreturn]] void fail_offset(const ByteReader& in, const std::vector<TensorEntry>& tensors,
                              size_t i, uint64_t expected, uint32_t alignment) {
  const TensorEntry& entry = tensors[i];
  ErrorFacts facts{
      .where = tensor_where(entry.name),
      .expected = fmt::format("offset {} in the data, aligned to {}", expected, alignment),
      .found = fmt::format("offset {}", entry.offset)};
  const bool overlaps = entry.offset < expected && entry.offset % alignment == 0;
  if (overlaps) facts.found += ", inside " + tensor_where(tensors[i - 1].name);
  in.fail(overlaps ? codes::gguf_overlap : codes::gguf_offset, std::move(facts));
}

// Turns offsets in the data section, which must be the running padded sum, into absolute ones.
// Returns where the data ends, without and with the padding of the last tensor.
std::array<uint64_t, 2> place_tensors(const ByteReader& in, std::vector<TensorEntry>& tensors,
                                      uint64_t data_begin, uint32_t alignment,
                                      uint64_t file_bytes) {
  std::array<uint64_t, 2> end{data_begin, data_begin};
  for (size_t i = 0; i < tensors.size(); ++i) {
    TensorEntry& entry = tensors[i];
    if (entry.offset != end[1] - data_begin)
      fail_offset(in, tensors, i, end[1] - data_begin, alignment);
    entry.offset = end[1];
    if (entry.offset > file_bytes || entry.bytes > file_bytes - entry.offset)
      in.fail(codes::truncated,
              {.where = tensor_where(entry.name),
               .expected = fmt::format("{} bytes from offset {}", entry.bytes, entry.offset),
               .found = fmt::format("a file of {} bytes", file_bytes)});
    end = {entry.offset + entry.bytes, align_up(entry.offset + entry.bytes, alignment)};
  }
  return end;
}

}  // namespace

Header read_header(const std::shared_ptr<const File>& file) {
  ByteReader in(file, 0, file->size());
  const std::string magic = read_magic(in);
  if (magic != "GGUF")
    in.fail(codes::gguf_magic, {.where = offset_where(0),
                                .expected = "\"GGUF\"",
                                .found = fmt::format("\"{}\"", printable(magic))});
  Header header;
  header.version = read_version(in, *file);
  header.big_endian = in.big_endian();
  const uint64_t tensors = read_count(in, min_tensor_bytes, max_tensors, "tensors");
  const uint64_t keys = read_count(in, min_key_bytes, max_keys, "metadata keys");
  header.metadata = read_metadata(in, keys);
  header.alignment = alignment_of(in, header.metadata);
  header.tensors = read_tensor_table(in, tensors);
  const uint64_t data_begin = align_up(in.offset(), header.alignment);
  const auto [end, padded_end] =
      place_tensors(in, header.tensors, data_begin, header.alignment, file->size());
  header.trailing_bytes = file->size() - std::min(file->size(), padded_end);
  if (header.trailing_bytes > 0)
    header.warnings.push_back(Error(
        codes::gguf_trailing, {.where = offset_where(padded_end),
                               .found = fmt::format("{} trailing bytes", header.trailing_bytes),
                               .file = file->name()}));
  return header;
}

std::string describe_start(const File& file) {
  if (file.size() < 8) return {};
  const Window window = file.window(0, 8);
  ByteReader in(window.bytes(), file.name());
  const std::string magic = read_magic(in);
  if (magic == "FUGG") return "reversed GGUF magic";
  if (magic != "GGUF") return {};
  const auto version = in.get<uint32_t>();
  const uint32_t swapped = __builtin_bswap32(version);
  return swapped < version ? fmt::format("GGUF magic, version {}, big-endian", swapped)
                           : fmt::format("GGUF magic, version {}", version);
}

}  // namespace recast::gguf
