#include "io/byte_reader.h"

#include <fmt/format.h>

#include <algorithm>

namespace recast {

namespace {
// Headers are read in many small steps: one window serves thousands of them.
constexpr uint64_t window_bytes = uint64_t{1} << 20;
}  // namespace

ByteReader::ByteReader(std::shared_ptr<const File> file, uint64_t offset, uint64_t bytes)
    : file_(std::move(file)), name_(file_->name()), view_offset_(offset) {
  if (offset > file_->size() || bytes > file_->size() - offset)
    fail(codes::truncated, {.expected = fmt::format("{} bytes", bytes),
                            .found = fmt::format("a file of {} bytes", file_->size())});
  end_ = offset + bytes;
}

ByteReader::ByteReader(std::span<const std::byte> bytes, std::string name, uint64_t base_offset)
    : name_(std::move(name)),
      view_(bytes),
      view_offset_(base_offset),
      end_(base_offset + bytes.size()) {}

uint64_t ByteReader::offset() const { return view_offset_ + position_; }
uint64_t ByteReader::remaining() const { return end_ - offset(); }

std::span<const std::byte> ByteReader::take(uint64_t n, std::string_view what) {
  require_room(n, 1, what);
  if (n > view_.size() - position_) refill(n);
  if (window_.cut())
    fail(codes::input_changed, {.found = "the end of the file before " + offset_where(end_)});
  const auto bytes = view_.subspan(position_, static_cast<size_t>(n));
  position_ += static_cast<size_t>(n);
  return bytes;
}

void ByteReader::skip(uint64_t n, std::string_view what) {
  require_room(n, 1, what);
  if (n <= view_.size() - position_) {
    position_ += static_cast<size_t>(n);
    return;
  }
  view_offset_ = offset() + n;
  view_ = {};
  position_ = 0;
}

std::string ByteReader::get_text(uint64_t n, Limit most, std::string_view what) {
  if (n > limit(most))
    fail(codes::too_long, over_limit(codes::too_long, most, {.expected = std::string(what)}, n));
  return get_text(n, n, what);
}

std::string ByteReader::get_text(uint64_t n, uint64_t most, std::string_view what) {
  if (n > most)
    fail(codes::too_long, {.expected = fmt::format("{}: at most {} bytes", what, most),
                           .found = fmt::format("a length of {} bytes", n)});
  const auto bytes = take(n, what);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void ByteReader::require_room(uint64_t count, uint64_t minimum_bytes, std::string_view what) {
  if (minimum_bytes == 0 || count <= remaining() / minimum_bytes) return;
  const std::string size = minimum_bytes == 1
                               ? fmt::format("{} bytes", count)
                               : fmt::format("{} times at least {} bytes", count, minimum_bytes);
  fail(codes::truncated, {.expected = fmt::format("{} for {}", size, what),
                          .found = fmt::format("{} bytes left", remaining())});
}

void ByteReader::fail(const ErrorCode& code, ErrorFacts facts) const {
  facts.file = name_;
  if (facts.where.empty()) facts.where = offset_where(offset());
  recast::fail(code, std::move(facts));
}

void ByteReader::reverse(std::byte* raw, size_t n) { std::reverse(raw, raw + n); }

// Moves the window so that n bytes from the current offset are at hand. Memory never gets here: its
// view is the whole range.
void ByteReader::refill(uint64_t n) {
  const uint64_t at = offset();
  const uint64_t bytes = std::min(std::max(n, window_bytes), end_ - at);
  window_ = Window();  // first unmap the old one: address space may be short
  window_ = file_->window(at, bytes);
  view_ = window_.bytes();
  view_offset_ = at;
  position_ = 0;
}

}  // namespace recast
