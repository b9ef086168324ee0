#pragma once

#include <span>
#include <string>
#include <string_view>

#include "wire/json.h"

namespace recast::json {

// What a JSON text says, in its order. For readers that keep something smaller than a Value. The
// views are valid during the call. A receiver may throw to end the parse.
class Events {
 public:
  virtual ~Events() = default;
  virtual void null() = 0;
  virtual void boolean(bool value) = 0;
  virtual void number(std::string_view text) = 0;  // as spelled; also NaN, Infinity, -Infinity
  virtual void string(std::string_view text) = 0;  // unescaped, valid UTF-8, may hold NUL
  virtual void start_object() = 0;
  virtual void key(std::string_view name) = 0;
  virtual void end_object() = 0;
  virtual void start_array() = 0;
  virtual void end_array() = 0;
  // What is being read, such as `tensor "w"`; put before the offset in `where` of an error.
  virtual std::string place() const { return {}; }
};

// Reports one JSON value. Refuses what parse() refuses, by the same codes, before the receiver
// sees the offending item; one level of depth costs no stack. Linear in the text.
void parse_events(std::span<const std::byte> text, const ParseOptions& options, Events& events);

}  // namespace recast::json
