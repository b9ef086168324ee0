#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/limits.h"

namespace recast::protobuf {

enum class WireType : uint8_t { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

// Name of the file to blame and how deep messages may still be nested.
struct ReadOptions {
  std::string_view file;     // outlives every cursor
  uint64_t base_offset = 0;  // of the message within the file
  uint64_t levels_left = limit(Limit::protobuf_depth);
};

// A cursor over the fields of one message. Copies nothing: bytes(), text() and message() are views
// into the message, which outlives them. Linear; unknown fields are skipped by calling next().
//
//     for (Message in(bytes, {.file = name}); in.next();)
//       switch (in.number()) {
//         case 1: piece.text = in.text(); break;
//         case 2: piece.score = in.as_float(); break;
//       }
//
// Throws (kind corrupt, with the offset) truncated when a number is cut, protobuf_length for a
// length past the end, protobuf_varint for one of more than 10 bytes or 64 bits, protobuf_field for
// field number 0, for groups and unknown wire types, and for a value read as another wire type
// than it has; protobuf_depth (resource).
class Message {
 public:
  Message(std::span<const std::byte> message, const ReadOptions& options)
      : message_(message), options_(options) {}

  // Moves to the next field; false at the end of the message.
  bool next();
  uint32_t number() const { return number_; }
  WireType type() const { return type_; }
  // Of the field's tag, within the file.
  uint64_t offset() const { return options_.base_offset + field_; }

  // The value of the current field. Requires: next() returned true.
  uint64_t as_uint64() const;
  int64_t as_int64() const { return static_cast<int64_t>(as_uint64()); }
  int32_t as_int32() const;   // also enums; protobuf_varint when it does not fit
  int64_t as_sint64() const;  // zigzag
  bool as_bool() const { return as_uint64() != 0; }
  float as_float() const;
  double as_double() const;
  std::span<const std::byte> bytes() const;
  std::string_view text() const;  // may hold NUL and invalid UTF-8
  Message message() const;

  // Appends the items of a repeated field, which may stand there packed or one by one.
  void append_to(std::vector<int64_t>& varints) const;
  void append_to(std::vector<float>& numbers) const;
  void append_to(std::vector<double>& numbers) const;

  // Throws with the file and the place of the current field.
  [[noreturn]] void fail(const ErrorCode& code, ErrorFacts facts = {}) const;

 private:
  uint64_t take_varint();
  uint64_t take_fixed(uint64_t n);
  void require(WireType type, std::string_view wanted) const;
  template <class T, class Bits>
  void append_fixed(WireType single, std::vector<T>& numbers) const;

  std::span<const std::byte> message_;
  ReadOptions options_;
  size_t position_ = 0;  // of the next field
  size_t field_ = 0;     // of the current one
  uint32_t number_ = 0;
  WireType type_ = WireType::varint;
  uint64_t value_ = 0;                // of a number
  std::span<const std::byte> bytes_;  // of the bytes
};

}  // namespace recast::protobuf
