// Layout:
//   0      u64   N, little-endian: bytes of the header
//   8      N     JSON object, first byte {, spaces at its end; NAME -> {"dtype", "shape",
//                "data_offsets": [begin, end)}, offsets relative to 8 + N; "__metadata__" ->
//                strings
//   8 + N  ...   the tensors' bytes: row-major, little-endian, without gap, overlap or rest
// Source: README of the reference library; where that is lenient (repeated keys, leading space, NUL
// in names) this reader refuses.

#include "wire/safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/checked_math.h"
#include "base/error.h"
#include "base/limits.h"
#include "wire/json_events.h"
#include "wire/mistaken.h"

namespace recast {

namespace {

constexpr std::string_view metadata_key = "__metadata__";
constexpr uint64_t length_bytes = 8;

// Collects the entries of the JSON text. A small state machine over depth: 1 is the header object,
// 2 a tensor's object or the metadata, 3 the two arrays of numbers. Members it does not know are
// skipped at any depth.
class HeaderEvents : public json::Events {
 public:
  HeaderEvents(std::string file, uint64_t data_begin, uint64_t data_bytes)
      : file_(std::move(file)), data_begin_(data_begin), data_bytes_(data_bytes) {}

  std::vector<SafetensorsEntry> entries;
  SafetensorsMetadata metadata;
  uint64_t ignored_members = 0;
  std::string first_ignored;

  void null() override {
    if (depth_ == 1 && in_metadata_)
      in_entry_ = false;  // MLX writes "__metadata__": null
    else
      refuse("null");
  }
  void boolean(bool value) override { refuse(value ? "true" : "false"); }
  void number(std::string_view text) override {
    if (depth_ != 3 || !expects_numbers()) return refuse(text);
    std::vector<uint64_t>& list = field_ == Field::shape ? shape_ : offsets_;
    uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
      fail_entry(field_ == Field::shape ? codes::safetensors_shape : codes::safetensors_offsets,
                 std::string(field_name()) + " of integers from 0 to 18446744073709551615",
                 printable(text));
    ++count_;
    if (list.size() <= most_rank_) list.push_back(value);  // a hostile list is only counted
  }
  void string(std::string_view text) override {
    if (depth_ == 2 && in_metadata_) {
      metadata.emplace_back(member_, text);
    } else if (depth_ == 2 && field_ == Field::dtype) {
      const SafetensorsDtype* dtype = find_safetensors_dtype(text);
      if (!dtype)
        fail_entry(codes::safetensors_dtype, "a dtype of the format", "dtype " + printable(text));
      entry_.dtype = dtype->name;
      bits_ = static_cast<uint64_t>(dtype->bits);
    } else {
      refuse("a string");
    }
  }
  void key(std::string_view name) override {
    if (depth_ == 1) return start_entry(name);
    if (depth_ != 2) return;
    if (in_metadata_) member_ = name;
    field_ = name == "dtype"          ? Field::dtype
             : name == "shape"        ? Field::shape
             : name == "data_offsets" ? Field::offsets
                                      : Field::unknown;
    if (!in_metadata_ && field_ == Field::unknown && ++ignored_members == 1)
      first_ignored = fmt::format("{}, {}", place(), key_where(name));
  }
  void start_object() override {
    if (depth_ >= 2) enter_container("an object", skipping());
    ++depth_;
  }
  void end_object() override {
    leave_container();
    if (depth_ != 1) return;
    if (!in_metadata_) finish_entry();
    in_entry_ = false;
  }
  void start_array() override {
    enter_container("an array",
                    depth_ == 2 ? skipping() || expects_numbers() : depth_ > 2 && skipping());
    count_ = 0;
    ++depth_;
  }
  void end_array() override {
    leave_container();
    if (depth_ == 2 && !in_metadata_) finish_list();
  }
  std::string place() const override {
    if (!in_entry_) return {};
    return in_metadata_ ? key_where(metadata_key) : tensor_where(entry_.name);
  }

 private:
  enum class Field { unknown, dtype, shape, offsets };

  bool skipping() const { return wrong_depth_ >= 0 || (!in_metadata_ && field_ == Field::unknown); }
  bool expects_numbers() const {
    return !in_metadata_ && (field_ == Field::shape || field_ == Field::offsets);
  }
  std::string_view field_name() const {
    return field_ == Field::dtype ? "dtype" : field_ == Field::shape ? "shape" : "data_offsets";
  }

  [[noreturn]] void fail_limit(const ErrorCode& code, Limit which, uint64_t needed) const {
    fail(code, over_limit(code, which, {.where = place(), .file = file_}, needed));
  }
  [[noreturn]] void fail_entry(const ErrorCode& code, std::string expected,
                               std::string found) const {
    fail(code, {.where = place(),
                .expected = std::move(expected),
                .found = std::move(found),
                .file = file_});
  }

  // Refuses a value that may not stand here, unless it belongs to a member that is skipped.
  void refuse(std::string_view found) const {
    if (depth_ >= 2 && skipping()) return;
    if (in_metadata_)
      fail(
          codes::safetensors_metadata,
          {.where = depth_ == 2 ? fmt::format("{}, {}", key_where(metadata_key), key_where(member_))
                                : key_where(metadata_key),
           .expected = depth_ == 2 ? "a string" : "an object of strings",
           .found = printable(found),
           .file = file_});
    const std::string expected = depth_ < 2    ? "an object"
                                 : depth_ == 3 ? fmt::format("integers in {}", field_name())
                                 : field_ == Field::dtype
                                     ? "dtype to be a string"
                                     : fmt::format("{} to be an array", field_name());
    fail_entry(codes::safetensors_entry, expected, printable(found));
  }

  // A container that may not stand here is refused at its end: one that is nested beyond all limits
  // is better called that.
  void enter_container(std::string_view kind, bool allowed) {
    if (allowed || wrong_depth_ >= 0) return;
    wrong_depth_ = depth_;
    wrong_kind_ = kind;
  }

  void leave_container() {
    if (--depth_ != wrong_depth_) return;
    wrong_depth_ = -1;
    refuse(wrong_kind_);
  }

  void start_entry(std::string_view name) {
    entry_ = {};
    entry_.name = name;
    in_entry_ = true;
    in_metadata_ = name == metadata_key;
    field_ = Field::unknown;
    bits_ = 0;
    has_shape_ = has_offsets_ = false;
    shape_.clear();
    offsets_.clear();
    if (name.find('\0') != name.npos)
      fail_entry(codes::safetensors_name, "a name without NUL", "a NUL byte in the name");
    if (name.size() > most_name_bytes_)
      fail_limit(codes::safetensors_name_length, Limit::safetensors_name_bytes, name.size());
  }

  void finish_list() {
    if (field_ == Field::shape) {
      has_shape_ = true;
      if (count_ > most_rank_)
        fail_limit(codes::safetensors_rank, Limit::safetensors_rank, count_);
    } else if (field_ == Field::offsets) {
      has_offsets_ = true;
      if (count_ != 2)
        fail_entry(codes::safetensors_entry, "two numbers in data_offsets",
                   fmt::format("{}", count_));
    }
  }

  void finish_entry() {
    const std::string_view missing = bits_ == 0      ? "dtype"
                                     : !has_shape_   ? "shape"
                                     : !has_offsets_ ? "data_offsets"
                                                     : "";
    if (!missing.empty())
      fail_entry(codes::safetensors_entry, std::string(missing), fmt::format("no {}", missing));
    check_extent();
    entry_.begin = data_begin_ + offsets_[0];
    entry_.end = data_begin_ + offsets_[1];
    entries.push_back(std::move(entry_));
  }

  void check_extent() {
    const std::string offsets = fmt::format("offsets [{}, {}]", offsets_[0], offsets_[1]);
    if (offsets_[0] > offsets_[1])
      fail_entry(codes::safetensors_offsets, "begin not after end", offsets);
    if (offsets_[1] > data_bytes_)
      fail_entry(codes::safetensors_offsets,
                 fmt::format("at most {}, the data bytes of the file", data_bytes_), offsets);
    std::optional<uint64_t> size = bits_;
    for (const uint64_t extent : shape_) {
      size = size ? checked_mul(*size, extent) : size;
      entry_.shape.push_back(static_cast<int64_t>(extent));
    }
    const std::string shape = fmt::format("shape [{}]", fmt::join(shape_, ", "));
    const bool fits = std::all_of(shape_.begin(), shape_.end(),
                                  [](uint64_t extent) { return extent <= INT64_MAX; });
    if (!size || !fits)
      fail_entry(codes::safetensors_shape, "a size within 64 bits", shape + ", an overflow");
    if (*size % 8 != 0)
      fail_entry(codes::safetensors_size, "a size of whole bytes",
                 fmt::format("{} bits of {}", *size, entry_.dtype));
    if (*size / 8 != offsets_[1] - offsets_[0])
      fail_entry(codes::safetensors_size,
                 fmt::format("{} bytes by {} of {}", *size / 8, shape, entry_.dtype),
                 fmt::format("{} bytes by {}", offsets_[1] - offsets_[0], offsets));
  }

  const std::string file_;
  const uint64_t data_begin_, data_bytes_;
  const uint64_t most_name_bytes_ = limit(Limit::safetensors_name_bytes);
  const uint64_t most_rank_ = limit(Limit::safetensors_rank);
  int depth_ = 0;
  bool in_entry_ = false, in_metadata_ = false;
  int wrong_depth_ = -1;  // of the container at hand that may not stand there, -1: none
  std::string_view wrong_kind_;
  Field field_ = Field::unknown;
  std::string member_;  // key within the metadata
  SafetensorsEntry entry_;
  uint64_t bits_ = 0;
  bool has_shape_ = false, has_offsets_ = false;
  uint64_t count_ = 0;  // numbers of the list at hand
  std::vector<uint64_t> shape_, offsets_;
};

// The bytes between the length and the data.
std::vector<std::byte> read_header_text(const File& file) {
  std::vector<std::byte> start(std::min<uint64_t>(file.size(), sniff_bytes));
  file.read_at(0, start);
  if (const ErrorCode* mistaken = sniff_mistaken_file(start))
    fail(*mistaken, {.file = file.name()});
  if (file.size() < length_bytes)
    fail(codes::truncated, {.expected = "at least 8 bytes, the header length",
                            .found = fmt::format("{} bytes", file.size()),
                            .file = file.name()});
  uint64_t length = 0;
  for (uint64_t i = length_bytes; i-- > 0;)
    length = length << 8 | std::to_integer<uint64_t>(start[i]);
  if (length < 2 || length > file.size() - length_bytes)
    fail(codes::safetensors_header_length,
         {.where = offset_where(0),
          .expected = fmt::format("2 to {} bytes, what follows", file.size() - length_bytes),
          .found = fmt::to_string(length),
          .file = file.name()});
  if (length > limit(Limit::safetensors_header_bytes))
    fail_limit(codes::safetensors_header_size, Limit::safetensors_header_bytes,
               {.expected = "a header", .file = file.name()}, length);
  std::vector<std::byte> text(length);
  file.read_at(length_bytes, text);
  if (text[0] != std::byte{'{'})
    fail(codes::safetensors_start,
         {.where = offset_where(length_bytes),
          .expected = "it must begin with {",
          .found = fmt::format("byte 0x{:02x}", std::to_integer<unsigned>(text[0])),
          .file = file.name()});
  return text;
}

// Entries must follow each other without gap and overlap, and fill the data.
void check_coverage(const SafetensorsHeader& header, const File& file) {
  uint64_t end = header.data_begin;
  std::string_view previous;
  const auto neighbour = [&] {
    return previous.empty() ? std::string("the header") : tensor_where(previous);
  };
  for (const SafetensorsEntry& entry : header.entries) {
    const ErrorCode& code =
        entry.begin < end ? codes::safetensors_overlap : codes::safetensors_hole;
    if (entry.begin != end)
      fail(code,
           {.where = fmt::format("{}, {}", tensor_where(entry.name), offset_where(entry.begin)),
            .expected =
                fmt::format("offset {}, where {} ends", end - header.data_begin, neighbour()),
            .found = fmt::format("offset {}", entry.begin - header.data_begin),
            .file = file.name()});
    end = entry.end;
    previous = entry.name;
  }
  if (end != file.size())
    fail(codes::safetensors_trailing, {.where = offset_where(end),
                                       .expected = "the end of the file",
                                       .found = fmt::format("{} bytes", file.size() - end),
                                       .file = file.name()});
}

}  // namespace

const SafetensorsDtype* find_safetensors_dtype(std::string_view name) {
  const auto* row = std::find_if(std::begin(safetensors_dtypes), std::end(safetensors_dtypes),
                                 [&](const SafetensorsDtype& dtype) { return dtype.name == name; });
  return row == std::end(safetensors_dtypes) ? nullptr : row;
}

SafetensorsHeader read_safetensors_header(const File& file) {
  const std::vector<std::byte> text = read_header_text(file);
  SafetensorsHeader header;
  header.data_begin = length_bytes + text.size();
  HeaderEvents events(file.name(), header.data_begin, file.size() - header.data_begin);
  json::parse_events(text,
                     {.file = file.name(),
                      .base_offset = length_bytes,
                      .size_limit = Limit::safetensors_header_bytes},
                     events);
  header.entries = std::move(events.entries);
  header.metadata = std::move(events.metadata);
  header.ignored_members = events.ignored_members;
  header.first_ignored = std::move(events.first_ignored);
  std::stable_sort(header.entries.begin(), header.entries.end(),
                   [](const SafetensorsEntry& a, const SafetensorsEntry& b) {
                     return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
                   });
  check_coverage(header, file);
  return header;
}

}  // namespace recast
