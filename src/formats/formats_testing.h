#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "formats/detect.h"
#include "io/hash.h"
#include "io/io_testing.h"

// What the tests of this room share: GGUF files built byte by byte, reading as the program does,
// and writing a layout out without the executor.
namespace recast::formats_testing {

using io_testing::Scratch;

// Appends numbers and strings as a GGUF of either byte order holds them.
class GgufBytes {
 public:
  explicit GgufBytes(bool big_endian = false) : big_endian_(big_endian) {}

  template <class T>
  GgufBytes& put(T value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    if (big_endian_) std::reverse(raw, raw + sizeof value);
    bytes.append(raw, sizeof value);
    return *this;
  }
  GgufBytes& text(std::string_view text) {
    put<uint64_t>(text.size());
    bytes += text;
    return *this;
  }
  GgufBytes& key(std::string_view name, uint32_t type) { return text(name).template put<uint32_t>(type); }
  GgufBytes& tensor(std::string_view name, std::vector<uint64_t> extents, uint32_t type,
                    uint64_t offset) {
    text(name).template put<uint32_t>(static_cast<uint32_t>(extents.size()));
    for (const uint64_t extent : extents) put(extent);
    return put(type).put(offset);
  }
  GgufBytes& start(uint32_t version, uint64_t tensors, uint64_t keys) {
    bytes += "GGUF";
    return put(version).put(tensors).put(keys);
  }
  GgufBytes& pad(size_t alignment = 32) {
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment, '\0');
    return *this;
  }

  std::string bytes;

 private:
  bool big_endian_;
};

// Two tensors of 96 and 36 bytes behind three keys: F32 [3, 8] with the values 0 to 23, and Q4_0
// [2, 32], of which each block holds its scale and the bytes 0 to 15.
inline std::string small_gguf(uint32_t version = 3, bool big_endian = false) {
  GgufBytes out(big_endian);
  out.start(version, 2, 3);
  out.key("general.architecture", 8).text("llama");
  out.key("a.list", 9).put<uint32_t>(3).put<uint64_t>(2).put<int16_t>(-2).put<int16_t>(300);
  out.key("a.float", 6).put(0.25f);
  out.tensor("blk.0.first", {8, 3}, 0, 0);
  out.tensor("second.weight", {32, 2}, 2, 96);
  out.pad();
  for (int i = 0; i < 24; ++i) out.put(static_cast<float>(i));
  for (const uint16_t scale : {uint16_t{0x3c00}, uint16_t{0x3801}}) {
    out.put(scale);
    for (uint8_t i = 0; i < 16; ++i) out.put(i);
  }
  return out.pad().bytes;
}

inline Checkpoint read_path(const std::string& path, std::string_view from = "") {
  const auto source = open_source(path);
  return detect(*source, from).format->read(source, {});
}

inline std::string stored_bytes(const Tensor& tensor) {
  std::string bytes(tensor.bytes(), '\0');
  FloatCensus ignored;
  tensor.value->read(0, tensor.elements(), std::as_writable_bytes(std::span(bytes)), ignored);
  return bytes;
}

// Writes every file of the layout beneath `folder`.
inline void write_layout(const Checkpoint& checkpoint, const Layout& layout, const Scratch& folder) {
  std::vector<std::string> files;
  for (const OutputFileSpec& file : layout.files) files.emplace_back(file.bytes, '\0');
  const auto put = [&](size_t file, uint64_t offset, std::string_view bytes) {
    ASSERT_LE(offset + bytes.size(), files[file].size()) << layout.files[file].name;
    files[file].replace(offset, bytes.size(), bytes);
  };
  for (const LayoutPiece& piece : layout.pieces) put(piece.file, piece.offset, piece.bytes);
  for (const LayoutPlace& place : layout.places)
    put(place.file, place.offset, stored_bytes(checkpoint.tensors[place.tensor]));
  for (const LayoutCopy& copy : layout.copies) {
    std::string bytes(copy.source->size(), '\0');
    copy.source->read_at(0, std::as_writable_bytes(std::span(bytes)));
    put(copy.file, 0, bytes);
  }
  for (const LayoutSum& sum : layout.sums) {
    const std::string bytes = stored_bytes(checkpoint.tensors[sum.tensor]);
    put(sum.file, sum.offset, xxh3_128(io_testing::bytes_of(bytes)).hex());
  }
  for (size_t i = 0; i < files.size(); ++i) folder.write(layout.files[i].name, files[i]);
}

// The same names, types, shapes and bytes, in any order.
inline void expect_same_tensors(const Checkpoint& a, const Checkpoint& b) {
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (const Tensor& tensor : a.tensors) {
    const Tensor* other = b.find(tensor.name);
    ASSERT_NE(other, nullptr) << tensor.name;
    EXPECT_EQ(tensor.codec().name, other->codec().name) << tensor.name;
    EXPECT_EQ(tensor.shape(), other->shape()) << tensor.name;
    EXPECT_EQ(stored_bytes(tensor), stored_bytes(*other)) << tensor.name;
  }
}

// A safetensors file: the header as given, padded, and the data.
inline std::string safetensors_bytes(std::string header, std::string_view data) {
  header.resize((header.size() + 7) / 8 * 8, ' ');
  std::string out;
  const uint64_t length = header.size();
  out.append(reinterpret_cast<const char*>(&length), 8);
  return out + header + std::string(data);
}

}  // namespace recast::formats_testing
