#pragma once

#include <fmt/format.h>

#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "io/file.h"

namespace recast {

// A File over bytes of its own: what was unpacked from another file, or made by a test. Windows are
// copies.
class MemoryFile : public File {
 public:
  MemoryFile(std::string name, std::vector<std::byte> bytes)
      : name_(std::move(name)), bytes_(std::move(bytes)) {}
  MemoryFile(std::string name, std::string_view text) : name_(std::move(name)) {
    const auto bytes = std::as_bytes(std::span(text));
    bytes_.assign(bytes.begin(), bytes.end());
  }

  uint64_t size() const override { return bytes_.size(); }
  const std::string& name() const override { return name_; }

  void read_at(uint64_t offset, std::span<std::byte> destination) const override {
    require(offset, destination.size());
    if (!destination.empty())
      std::memcpy(destination.data(), bytes_.data() + offset, destination.size());
  }

  Window window(uint64_t offset, uint64_t bytes) const override {
    require(offset, bytes);
    auto buffer = std::make_unique_for_overwrite<std::byte[]>(bytes);
    read_at(offset, {buffer.get(), bytes});
    return Window::own(std::move(buffer), bytes);
  }

  Fingerprint fingerprint() const override { return {.size = bytes_.size()}; }
  void check_unchanged() const override {}

 private:
  void require(uint64_t offset, uint64_t bytes) const {
    const uint64_t left = offset < size() ? size() - offset : 0;
    if (offset > size() || bytes > left)
      fail(codes::truncated, {.where = offset_where(offset),
                              .expected = fmt::format("{} bytes", bytes),
                              .found = fmt::format("{} bytes", left),
                              .file = name_});
  }

  std::string name_;
  std::vector<std::byte> bytes_;
};

}  // namespace recast
