#include "wire/inflated_file.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include "base/error.h"

namespace recast {
namespace {

constexpr uint64_t input_bytes = 64 << 10;
constexpr size_t most_streams = 8;  // as many threads may read one member side by side

// One pass over the deflated bytes (raw deflate, no zlib header).
class Stream {
 public:
  Stream(const File& file, uint64_t offset, uint64_t bytes)
      : file_(file), next_(offset), end_(offset + bytes) {
    if (inflateInit2(&z_, -MAX_WBITS) != Z_OK) fail(codes::out_of_memory);
  }
  ~Stream() { inflateEnd(&z_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  uint64_t position() const { return position_; }

  // Fills the destination; returns how much there was before the end.
  uint64_t read(std::span<std::byte> destination) {
    uint64_t done = 0;
    while (done < destination.size() && !ended_) {
      if (z_.avail_in == 0) refill();
      const auto room = std::min<uint64_t>(destination.size() - done, 1u << 30);
      z_.next_out = reinterpret_cast<Bytef*>(destination.data() + done);
      z_.avail_out = static_cast<uInt>(room);
      const int result = ::inflate(&z_, Z_NO_FLUSH);
      done += room - z_.avail_out;
      ended_ = result == Z_STREAM_END;
      if (result != Z_OK && result != Z_STREAM_END)
        fail(codes::zip_member, {.where = offset_where(next_ - z_.avail_in),
                                 .expected = "deflated data",
                                 .found = z_.msg ? z_.msg : "an early end",
                                 .file = file_.name()});
    }
    position_ += done;
    return done;
  }

 private:
  void refill() {
    const uint64_t n = std::min(input_bytes, end_ - next_);
    input_.resize(n);
    if (n > 0) file_.read_at(next_, input_);
    next_ += n;
    z_.next_in = reinterpret_cast<Bytef*>(input_.data());
    z_.avail_in = static_cast<uInt>(n);
  }

  const File& file_;
  uint64_t next_, end_;  // of the deflated bytes
  std::vector<std::byte> input_;
  z_stream z_{};
  uint64_t position_ = 0;  // of the content
  bool ended_ = false;
};

class InflatedFile final : public File {
 public:
  InflatedFile(std::shared_ptr<const File> file, std::string name, uint64_t offset,
               uint64_t stored_bytes, uint64_t bytes)
      : file_(std::move(file)),
        name_(std::move(name)),
        offset_(offset),
        stored_bytes_(stored_bytes),
        bytes_(bytes) {}

  uint64_t size() const override { return bytes_; }
  const std::string& name() const override { return name_; }
  Fingerprint fingerprint() const override { return file_->fingerprint(); }
  void check_unchanged() const override { file_->check_unchanged(); }

  void read_at(uint64_t offset, std::span<std::byte> destination) const override {
    if (offset > bytes_ || destination.size() > bytes_ - offset)
      fail(codes::truncated, {.where = offset_where(offset),
                              .expected = fmt::format("{} bytes", destination.size()),
                              .found = fmt::format("a member of {} bytes", bytes_),
                              .file = name_});
    std::unique_ptr<Stream> stream = borrow(offset);
    std::vector<std::byte> skipped;
    while (stream->position() < offset) {
      skipped.resize(std::min(input_bytes, offset - stream->position()));
      require(stream->read(skipped), skipped.size());
    }
    require(stream->read(destination), destination.size());
    give_back(std::move(stream));
  }

  Window window(uint64_t offset, uint64_t bytes) const override {
    if (bytes > bytes_) fail(codes::truncated, {.where = offset_where(offset), .file = name_});
    auto buffer = std::make_unique_for_overwrite<std::byte[]>(bytes);
    read_at(offset, {buffer.get(), bytes});
    return Window::own(std::move(buffer), bytes);
  }

 private:
  void require(uint64_t read, uint64_t wanted) const {
    if (read != wanted)
      fail(codes::zip_member, {.expected = fmt::format("{} bytes of content", bytes_),
                               .found = "deflated data that ends before",
                               .file = name_});
  }
  // The stream that is nearest before the offset, or a new one.
  std::unique_ptr<Stream> borrow(uint64_t offset) const {
    const std::lock_guard lock(mutex_);
    size_t best = streams_.size();
    for (size_t i = 0; i < streams_.size(); ++i)
      if (streams_[i]->position() <= offset &&
          (best == streams_.size() || streams_[i]->position() > streams_[best]->position()))
        best = i;
    if (best == streams_.size()) return std::make_unique<Stream>(*file_, offset_, stored_bytes_);
    std::unique_ptr<Stream> stream = std::move(streams_[best]);
    streams_.erase(streams_.begin() + static_cast<ptrdiff_t>(best));
    return stream;
  }
  void give_back(std::unique_ptr<Stream> stream) const {
    const std::lock_guard lock(mutex_);
    if (streams_.size() == most_streams) streams_.erase(streams_.begin());
    streams_.push_back(std::move(stream));
  }

  std::shared_ptr<const File> file_;
  std::string name_;
  uint64_t offset_, stored_bytes_, bytes_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<Stream>> streams_;  // at rest, guarded by mutex_
};

}  // namespace

std::shared_ptr<const File> inflated_file(std::shared_ptr<const File> file, std::string name,
                                          uint64_t offset, uint64_t stored_bytes, uint64_t bytes) {
  return std::make_shared<InflatedFile>(std::move(file), std::move(name), offset, stored_bytes,
                                        bytes);
}

}  // namespace recast
