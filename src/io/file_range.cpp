#include "io/file_range.h"

#include <fmt/format.h>

#include <cassert>

#include "base/error.h"

namespace recast {
namespace {

class FileRange final : public File {
 public:
  FileRange(std::shared_ptr<const File> file, uint64_t offset, uint64_t bytes)
      : file_(std::move(file)), offset_(offset), bytes_(bytes) {}

  uint64_t size() const override { return bytes_; }
  const std::string& name() const override { return file_->name(); }
  Fingerprint fingerprint() const override { return file_->fingerprint(); }
  void check_unchanged() const override { file_->check_unchanged(); }

  void read_at(uint64_t offset, std::span<std::byte> destination) const override {
    require(offset, destination.size());
    file_->read_at(offset_ + offset, destination);
  }
  Window window(uint64_t offset, uint64_t bytes) const override {
    require(offset, bytes);
    return file_->window(offset_ + offset, bytes);
  }
  uint64_t next_data(uint64_t offset, uint64_t end) const override {
    return file_->next_data(offset_ + offset, offset_ + end) - offset_;
  }
  uint64_t next_hole(uint64_t offset, uint64_t end) const override {
    return file_->next_hole(offset_ + offset, offset_ + end) - offset_;
  }

 private:
  void require(uint64_t offset, uint64_t bytes) const {
    if (offset <= bytes_ && bytes <= bytes_ - offset) return;
    fail(codes::truncated,
         {.where = offset_where(offset_ + offset),
          .expected = fmt::format("{} bytes", bytes),
          .found = fmt::format("{} bytes of a part that ends there",
                               offset < bytes_ ? bytes_ - offset : 0),
          .file = name()});
  }

  std::shared_ptr<const File> file_;
  uint64_t offset_, bytes_;
};

}  // namespace

std::shared_ptr<const File> file_range(std::shared_ptr<const File> file, uint64_t offset,
                                       uint64_t bytes) {
  assert(offset <= file->size() && bytes <= file->size() - offset);
  return std::make_shared<FileRange>(std::move(file), offset, bytes);
}

}  // namespace recast
