// A message is a sequence of fields: tag, value. A tag is the varint number << 3 | wire type:
//   0  varint: 7 bits a byte, lowest first, the high bit says that more follow
//   1  8 bytes    5  4 bytes, little-endian
//   2  varint length, then so many bytes: text, a message, packed numbers
//   3, 4  group: obsolete, in none of the formats we read
// Source: protobuf's page "Encoding".

#include "wire/protobuf.h"

#include <fmt/format.h>

#include "base/limits.h"

namespace recast::protobuf {

namespace {

constexpr uint64_t largest_number = (uint64_t{1} << 29) - 1;

std::string_view type_text(WireType type) {
  switch (type) {
    case WireType::varint:
      return "a varint";
    case WireType::fixed64:
      return "8 bytes";
    case WireType::fixed32:
      return "4 bytes";
    case WireType::bytes:
      return "bytes with a length";
  }
  return "";
}

}  // namespace

bool Message::next() {
  field_ = position_;
  if (position_ == message_.size()) return false;
  number_ = 0;
  const uint64_t tag = take_varint();
  const uint64_t number = tag >> 3;
  if (number == 0 || number > largest_number)
    fail(codes::protobuf_field,
         {.expected = fmt::format("a field number from 1 to {}", largest_number),
          .found = fmt::to_string(number)});
  number_ = static_cast<uint32_t>(number);
  const uint64_t type = tag & 7;
  if (type != 0 && type != 1 && type != 2 && type != 5)
    fail(codes::protobuf_field,
         {.expected = "wire type 0, 1, 2 or 5",
          .found = fmt::format("{}{}", type, type == 3 || type == 4 ? ", a group" : "")});
  type_ = static_cast<WireType>(type);
  if (type_ == WireType::fixed64) {
    value_ = take_fixed(8);
  } else if (type_ == WireType::fixed32) {
    value_ = take_fixed(4);
  } else {
    value_ = take_varint();
  }
  if (type_ != WireType::bytes) return true;
  if (value_ > message_.size() - position_)
    fail(codes::protobuf_length,
         {.expected = fmt::format("at most {} bytes", message_.size() - position_),
          .found = fmt::format("length {}", value_)});
  bytes_ = message_.subspan(position_, value_);
  position_ += value_;
  return true;
}

uint64_t Message::take_varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (position_ == message_.size())
      fail(codes::truncated,
           {.expected = "the rest of a varint", .found = "the end of the message"});
    const auto byte = std::to_integer<uint64_t>(message_[position_++]);
    if (shift == 63 && byte > 1) break;  // the tenth byte holds the 64th bit alone
    value |= (byte & 0x7F) << shift;
    if (byte < 0x80) return value;
  }
  fail(codes::protobuf_varint, {.expected = "at most 10 bytes and 64 bits", .found = "more"});
}

uint64_t Message::take_fixed(uint64_t n) {
  const uint64_t left = message_.size() - position_;
  if (n > left)
    fail(codes::truncated,
         {.expected = fmt::format("{} bytes", n), .found = fmt::format("{} bytes", left)});
  uint64_t value = 0;
  for (uint64_t i = n; i-- > 0;)
    value = value << 8 | std::to_integer<uint64_t>(message_[position_ + i]);
  position_ += n;
  return value;
}

void Message::require(WireType type, std::string_view wanted) const {
  if (type_ != type)
    fail(codes::protobuf_field,
         {.expected = std::string(wanted), .found = std::string(type_text(type_))});
}

uint64_t Message::as_uint64() const {
  require(WireType::varint, "a varint");
  return value_;
}

int32_t Message::as_int32() const {
  // A negative one is written with 64 bits by the specification and with 32 by some writers.
  const int64_t value = as_int64();
  if (value < INT32_MIN || value > int64_t{UINT32_MAX})
    fail(codes::protobuf_varint,
         {.expected = "a number of 32 bits", .found = fmt::to_string(value)});
  return static_cast<int32_t>(static_cast<uint32_t>(value));
}

int64_t Message::as_sint64() const {
  const uint64_t value = as_uint64();
  return static_cast<int64_t>(value >> 1 ^ (0 - (value & 1)));
}

float Message::as_float() const {
  require(WireType::fixed32, "4 bytes");
  return std::bit_cast<float>(static_cast<uint32_t>(value_));
}

double Message::as_double() const {
  require(WireType::fixed64, "8 bytes");
  return std::bit_cast<double>(value_);
}

std::span<const std::byte> Message::bytes() const {
  require(WireType::bytes, "bytes with a length");
  return bytes_;
}

std::string_view Message::text() const {
  const auto text = bytes();
  return {reinterpret_cast<const char*>(text.data()), text.size()};
}

Message Message::message() const {
  ReadOptions options = options_;
  const auto inner = bytes();
  options.base_offset += static_cast<uint64_t>(inner.data() - message_.data());
  if (options.levels_left == 0)
    fail(codes::protobuf_depth,
         over_limit(codes::protobuf_depth, Limit::protobuf_depth, {.found = "more"}));
  --options.levels_left;
  return Message(inner, options);
}

void Message::append_to(std::vector<int64_t>& varints) const {
  if (type_ != WireType::bytes) return varints.push_back(as_int64());
  ReadOptions options = options_;
  options.base_offset += static_cast<uint64_t>(bytes_.data() - message_.data());
  Message packed(bytes_, options);
  packed.number_ = number_;
  while (packed.position_ < packed.message_.size()) {
    packed.field_ = packed.position_;
    varints.push_back(static_cast<int64_t>(packed.take_varint()));
  }
}

template <class T, class Bits>
void Message::append_fixed(WireType single, std::vector<T>& numbers) const {
  if (type_ == single) return numbers.push_back(std::bit_cast<T>(static_cast<Bits>(value_)));
  const auto packed = bytes();
  if (packed.size() % sizeof(T) != 0)
    fail(codes::protobuf_length, {.expected = fmt::format("a multiple of {} bytes", sizeof(T)),
                                  .found = fmt::format("length {}", packed.size())});
  static_assert(std::endian::native == std::endian::little);
  const size_t old = numbers.size();
  numbers.resize(old + packed.size() / sizeof(T));
  if (!packed.empty()) std::memcpy(numbers.data() + old, packed.data(), packed.size());
}

void Message::append_to(std::vector<float>& numbers) const {
  append_fixed<float, uint32_t>(WireType::fixed32, numbers);
}

void Message::append_to(std::vector<double>& numbers) const {
  append_fixed<double, uint64_t>(WireType::fixed64, numbers);
}

void Message::fail(const ErrorCode& code, ErrorFacts facts) const {
  if (facts.where.empty())
    facts.where = number_ == 0 ? offset_where(offset())
                               : fmt::format("field {}, {}", number_, offset_where(offset()));
  if (facts.file.empty()) facts.file = options_.file;
  recast::fail(code, std::move(facts));
}

}  // namespace recast::protobuf
