#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/checked_math.h"
#include "base/error.h"
#include "wire/json.h"
#include "wire/safetensors.h"
#include "wire/utf8.h"

namespace recast {

namespace {

constexpr uint64_t length_bytes = 8;
constexpr uint64_t alignment = 8;

void check_name(const std::string& name) {
  if (name == "__metadata__" || name.find('\0') != name.npos)
    fail(codes::safetensors_name, {.where = tensor_where(name),
                                   .expected = "a name without NUL that is not __metadata__",
                                   .found = printable(name)});
  if (find_invalid_utf8(name)) fail(codes::json_utf8, {.where = tensor_where(name)});
}

uint64_t size_bytes(const SafetensorsTensor& tensor) {
  const auto count = element_count(tensor.shape);
  const auto bits =
      count ? checked_mul(static_cast<uint64_t>(*count),
                          static_cast<uint64_t>(find_safetensors_dtype(tensor.dtype)->bits))
            : std::nullopt;
  if (!bits)
    fail(codes::safetensors_shape, {.where = tensor_where(tensor.name),
                                    .expected = "a size within 64 bits",
                                    .found = to_string(tensor.shape)});
  if (*bits % 8 != 0)
    fail(codes::safetensors_size, {.where = tensor_where(tensor.name),
                                   .expected = "a size of whole bytes",
                                   .found = fmt::format("{} bits of {}", *bits, tensor.dtype)});
  return *bits / 8;
}

// Numbers of the tensors in the order of the file.
std::vector<size_t> file_order(std::span<const SafetensorsTensor> tensors) {
  std::vector<size_t> order(tensors.size());
  std::iota(order.begin(), order.end(), 0);
  // Rows of one table: the address is the rank.
  std::sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    return std::pair(find_safetensors_dtype(tensors[a].dtype), std::string_view(tensors[a].name)) <
           std::pair(find_safetensors_dtype(tensors[b].dtype), std::string_view(tensors[b].name));
  });
  return order;
}

// Names equal in two dtypes are not neighbours in the order of the file.
void check_unique(std::span<const SafetensorsTensor> tensors) {
  std::vector<std::string_view> names;
  for (const SafetensorsTensor& tensor : tensors) names.push_back(tensor.name);
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) fail(codes::json_duplicate_key, {.where = tensor_where(*twice)});
}

std::string quoted(const std::string& text) { return json::write(json::Value(text)); }

void append_metadata(const SafetensorsMetadata& metadata, std::string& text) {
  if (metadata.empty()) return;
  text += "\"__metadata__\":{";
  for (const auto& [key, value] : metadata) {
    if (find_invalid_utf8(key) || find_invalid_utf8(value))
      fail(codes::json_utf8, {.where = key_where(key)});
    text += fmt::format("{}:{},", quoted(key), quoted(value));
  }
  text.back() = '}';
  text += ',';
}

// Length, text and spaces up to the alignment.
std::vector<std::byte> framed(std::string text) {
  text.append(align_up(text.size(), alignment) - text.size(), ' ');
  if (text.size() > safetensors_most_header_bytes)
    fail(codes::safetensors_header_size,
         {.expected = fmt::format("a header of at most {} bytes", safetensors_most_header_bytes),
          .found = fmt::format("{} bytes", text.size())});
  std::vector<std::byte> out;
  out.reserve(length_bytes + text.size());
  for (uint64_t i = 0; i < length_bytes; ++i)
    out.push_back(static_cast<std::byte>(text.size() >> (8 * i)));
  for (const char c : text) out.push_back(static_cast<std::byte>(c));
  return out;
}

}  // namespace

SafetensorsLayout plan_safetensors(std::span<const SafetensorsTensor> tensors,
                                   const SafetensorsMetadata& metadata) {
  check_unique(tensors);
  SafetensorsLayout layout;
  layout.offsets.resize(tensors.size());
  std::string text = "{";
  append_metadata(metadata, text);
  uint64_t offset = 0;
  for (const size_t i : file_order(tensors)) {
    const SafetensorsTensor& tensor = tensors[i];
    check_name(tensor.name);
    const auto end = checked_add(offset, size_bytes(tensor));
    if (!end) fail(codes::safetensors_shape, {.where = tensor_where(tensor.name)});
    layout.offsets[i] = offset;
    text +=
        fmt::format("{}:{{\"dtype\":\"{}\",\"shape\":[{}],\"data_offsets\":[{},{}]}},",
                    quoted(tensor.name), tensor.dtype, fmt::join(tensor.shape, ","), offset, *end);
    offset = *end;
  }
  if (text.back() == ',') text.pop_back();
  layout.header = framed(text + "}");
  for (uint64_t& begin : layout.offsets) begin += layout.header.size();
  layout.file_bytes = layout.header.size() + offset;
  return layout;
}

}  // namespace recast
