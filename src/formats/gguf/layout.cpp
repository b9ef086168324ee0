#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/checked_math.h"
#include "base/limits.h"
#include "formats/gguf/tokenizer_keys.h"
#include "formats/gguf/gguf.h"
#include "formats/gguf/header.h"
#include "formats/gguf/values.h"
#include "formats/part_name.h"
#include "formats/tensor_sums.h"

namespace recast::gguf {
namespace {

constexpr size_t max_written_name = 63;  // ggml keeps names in 64 bytes with their zero
constexpr size_t max_parts = 65'535;     // split.count is a u16
constexpr std::string_view alignment_key = "general.alignment";

// Tensors [begin, end) of the checkpoint.
struct PartRange {
  size_t begin, end;
};

bool is_power_of_two(uint64_t n) { return n != 0 && (n & (n - 1)) == 0; }

uint32_t choose_alignment(const Checkpoint& checkpoint, const WriteOptions& options) {
  const MetaValue* kept = checkpoint.metadata.find(alignment_key);
  uint64_t alignment = default_alignment;
  if (kept) alignment = static_cast<uint64_t>(kept->as_int().value_or(0));
  if (options.alignment != 0) alignment = options.alignment;
  if (const uint64_t most = limit(Limit::gguf_alignment);
      !is_power_of_two(alignment) || alignment > most)
    fail(codes::bad_value, {.where = std::string(alignment_key),
                            .expected = fmt::format("a power of two up to {}", most),
                            .found = fmt::format("{}", alignment)});
  return static_cast<uint32_t>(alignment);
}

void check_writable(const Checkpoint& checkpoint) {
  for (const Tensor& tensor : checkpoint.tensors) {
    const Type* type = type_of(tensor.codec());
    if (!type || !type->stored)
      fail(codes::type_not_stored, {.where = tensor_where(tensor.name),
                                    .expected = "a type of GGUF",
                                    .found = std::string(tensor.codec().name)});
    if (tensor.name.empty() || tensor.name.size() > max_written_name)
      fail(codes::gguf_not_writable, {.where = tensor_where(tensor.name),
                                      .expected = "a name of 1 to 63 bytes",
                                      .found = fmt::format("{} bytes", tensor.name.size())});
    if (tensor.shape().size() > max_rank)
      fail(codes::gguf_not_writable, {.where = tensor_where(tensor.name),
                                      .expected = "at most 4 dimensions",
                                      .found = "shape " + to_string(tensor.shape())});
  }
}

// The limit of "tensors:N" or "size:BYTES".
uint64_t split_limit(std::string_view split, std::string_view method) {
  uint64_t limit = 0;
  const std::string_view text = split.substr(method.size());
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), limit);
  if (error != std::errc() || end != text.data() + text.size() || limit == 0)
    fail(codes::bad_value, {.where = "split",
                            .expected = std::string(method) + "N with N above 0",
                            .found = std::string(split)});
  return limit;
}

// "3,3,9": part after part by the number of tensors up to its end.
std::vector<PartRange> parts_that_end(std::string_view ends, size_t tensors) {
  std::vector<PartRange> parts;
  size_t begin = 0;
  for (const char* at = ends.data(); at < ends.data() + ends.size();) {
    size_t end = 0;
    at = std::from_chars(at, ends.data() + ends.size(), end).ptr + 1;
    end = std::clamp(end, begin, tensors);
    parts.push_back({begin, end});
    begin = end;
  }
  parts.back().end = tensors;
  return parts;
}

std::vector<PartRange> split_tensors(const Checkpoint& checkpoint, const std::string& split,
                                     uint32_t alignment) {
  constexpr std::string_view by_count = "tensors:", by_size = "size:", by_ends = "ends:";
  const size_t tensors = checkpoint.tensors.size();
  if (split.empty()) return {{0, tensors}};
  if (split.starts_with(by_ends)) return parts_that_end(split.substr(by_ends.size()), tensors);
  const bool counts = split.starts_with(by_count);
  if (!counts && !split.starts_with(by_size))
    fail(codes::bad_value,
         {.where = "split", .expected = "tensors:N or size:BYTES", .found = split});
  const uint64_t limit = split_limit(split, counts ? by_count : by_size);
  std::vector<PartRange> parts{{0, 0}};
  uint64_t filled = 0;
  for (size_t i = 0; i < tensors; ++i) {
    const uint64_t cost = counts ? 1 : align_up(checkpoint.tensors[i].bytes(), alignment);
    if (filled > 0 && filled + cost > limit) {
      parts.push_back({i, i});
      filled = 0;
    }
    filled += cost;
    parts.back().end = i + 1;
  }
  if (parts.size() > max_parts)
    fail(codes::gguf_too_many_parts, {.where = "split",
                                      .expected = "at most 65535 parts",
                                      .found = fmt::format("{}", parts.size())});
  return parts;
}

// Keys that this writer sets itself: values from a source would be stale.
bool is_own_key(std::string_view key) {
  return key == alignment_key || key == tensor_sums_key || key == "split.no" ||
         key == "split.count" || key == "split.tensors.count";
}

Metadata part_metadata(const Checkpoint& checkpoint, const WriteOptions& options, size_t part,
                       size_t parts, uint32_t alignment) {
  Metadata metadata;
  if (part == 0)
    for (const auto& [key, value] : checkpoint.metadata.entries())
      if (!is_own_key(key)) metadata.append(key, value);
  // A tokenizer from another format is keys here; one of a GGUF is among the keys already.
  if (part == 0 && checkpoint.vocabulary && !metadata.find("tokenizer.ggml.model"))
    write_tokenizer_keys(*checkpoint.vocabulary, metadata);
  if (alignment != default_alignment)
    metadata.append(std::string(alignment_key), MetaValue::u32(alignment));
  if (parts > 1) {
    metadata.append("split.no", MetaValue::u16(static_cast<uint16_t>(part)));
    metadata.append("split.count", MetaValue::u16(static_cast<uint16_t>(parts)));
    metadata.append("split.tensors.count",
                    MetaValue::i32(static_cast<int32_t>(checkpoint.tensors.size())));
  }
  if (part == 0 && options.tensor_sums) {
    const std::vector<std::string> sums(checkpoint.tensors.size(),
                                        std::string(tensor_sum_digits, '0'));
    metadata.append(std::string(tensor_sums_key), MetaValue::strings(sums));
  }
  return metadata;
}

// Writes the keys; `sums` gets the places of the digits of the tensor sums.
void write_metadata(std::string& out, const Metadata& metadata, std::vector<LayoutSum>& sums) {
  for (const auto& [key, value] : metadata.entries()) {
    write_text(out, key);
    const uint64_t start = out.size();
    write_value(out, value);
    if (key != tensor_sums_key) continue;
    const uint64_t first = start + 4 + 4 + 8 + 8;  // type, element type, count, length of the first
    for (size_t i = 0; i < value.array_size(); ++i)
      sums.push_back({i, 0, first + i * (tensor_sum_digits + 8)});
  }
}

void write_tensor_entry(std::string& out, const Tensor& tensor, uint64_t offset) {
  write_text(out, tensor.name);
  const Shape& shape = tensor.shape();
  write_u32(out, static_cast<uint32_t>(shape.size()));
  for (auto extent = shape.rbegin(); extent != shape.rend(); ++extent)
    write_u64(out, static_cast<uint64_t>(*extent));
  write_u32(out, type_of(tensor.codec())->id);
  write_u64(out, offset);
}

void add_part(Layout& layout, const Checkpoint& checkpoint, const Metadata& metadata,
              PartRange range, uint32_t alignment, std::string name) {
  const size_t file = layout.files.size();
  std::string header = "GGUF";
  write_u32(header, 3);
  write_u64(header, range.end - range.begin);
  write_u64(header, metadata.entries().size());
  write_metadata(header, metadata, layout.sums);
  const size_t first_place = layout.places.size();
  uint64_t data_bytes = 0;
  for (size_t i = range.begin; i < range.end; ++i) {
    write_tensor_entry(header, checkpoint.tensors[i], data_bytes);
    layout.places.push_back({i, file, data_bytes});
    data_bytes += align_up(checkpoint.tensors[i].bytes(), alignment);
  }
  const uint64_t data_begin = align_up(header.size(), alignment);
  for (size_t i = first_place; i < layout.places.size(); ++i) layout.places[i].offset += data_begin;
  layout.files.push_back({std::move(name), data_begin + data_bytes});
  layout.pieces.push_back({file, 0, std::move(header)});
}

}  // namespace

Layout lay_out(const Checkpoint& checkpoint, const WriteOptions& options) {
  check_writable(checkpoint);
  const uint32_t alignment = choose_alignment(checkpoint, options);
  const auto parts = split_tensors(checkpoint, options.split, alignment);
  const std::string prefix = stem_of(options.name, ".gguf");
  Layout layout;
  for (size_t part = 0; part < parts.size(); ++part) {
    const auto number = static_cast<uint32_t>(part + 1),
               count = static_cast<uint32_t>(parts.size());
    add_part(layout, checkpoint, part_metadata(checkpoint, options, part, parts.size(), alignment),
             parts[part], alignment,
             count == 1 ? options.name : part_file_name(prefix, number, count, ".gguf"));
  }
  return layout;
}

}  // namespace recast::gguf
