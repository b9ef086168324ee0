#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/limits.h"
#include "io/file.h"

namespace recast::json {

class Value;
using Array = std::vector<Value>;
// Members in order of the text. The parser refuses duplicates.
using Object = std::vector<std::pair<std::string, Value>>;

// A number as it is spelled in the text ("1e-06", "10000.0"), so that writing it back changes
// nothing. NaN, Infinity and -Infinity are accepted as bare words, as Python writes them.
struct Number {
  std::string text;
};

// One JSON value. Copies are deep; moves are cheap.
class Value {
 public:
  Value() = default;  // null
  Value(std::nullptr_t) {}
  Value(bool value) : data_(value) {}
  Value(int value) : Value(static_cast<int64_t>(value)) {}
  Value(int64_t value);
  Value(uint64_t value);
  Value(double value);  // shortest text that reads back to the same double, as Python's repr
  Value(const char* text) : data_(std::string(text)) {}
  Value(std::string text) : data_(std::move(text)) {}
  Value(std::string_view text) : data_(std::string(text)) {}
  Value(Number number) : data_(std::move(number)) {}
  Value(Array array) : data_(std::move(array)) {}
  Value(Object object) : data_(std::move(object)) {}

  bool is_null() const { return std::holds_alternative<std::monostate>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  bool is_number() const { return std::holds_alternative<Number>(data_); }
  bool is_string() const { return std::holds_alternative<std::string>(data_); }
  bool is_array() const { return std::holds_alternative<Array>(data_); }
  bool is_object() const { return std::holds_alternative<Object>(data_); }
  std::string_view type_name() const;  // "null" "boolean" "number" "string" "array" "object"

  // Empty when the value is of another type, or a number that does not fit exactly (as_int accepts
  // "4" and "4.0", refuses "4.5" and anything beyond int64).
  std::optional<bool> as_bool() const;
  std::optional<int64_t> as_int() const;
  std::optional<uint64_t> as_uint() const;
  std::optional<double> as_double() const;  // also the tagged object {"__float__": "Infinity"}
  const std::string* as_string() const { return std::get_if<std::string>(&data_); }
  const Array* as_array() const { return std::get_if<Array>(&data_); }
  Array* as_array() { return std::get_if<Array>(&data_); }
  const Object* as_object() const { return std::get_if<Object>(&data_); }
  Object* as_object() { return std::get_if<Object>(&data_); }
  const Number* as_number() const { return std::get_if<Number>(&data_); }

  // The member of an object; null when this is no object or has no such member. Linear: to look up
  // many keys of a large object (a vocabulary), walk as_object() once into an index of your own.
  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  // Sets or appends a member. Requires: is_object() or is_null().
  void set(std::string_view key, Value value);
  bool erase(std::string_view key);

  bool operator==(const Value& other) const;  // numbers by value, objects regardless of order

 private:
  std::variant<std::monostate, bool, Number, std::string, Array, Object> data_;
};

struct ParseOptions {
  std::string file;          // to blame
  uint64_t base_offset = 0;  // of the text within `file`, added to every offset reported
  Limit size_limit = Limit::json_bytes;  // of the text; its depth is bounded by Limit::json_depth
};
// One JSON value and nothing after it but white space. Throws (kind corrupt unless said)
// json_syntax with the offset, json_duplicate_key, json_depth and json_size (resource), json_utf8,
// json_surrogate for a lone surrogate escape. A number beyond the range of a double, a byte order
// mark and a NUL byte are syntax errors. Iterative: depth costs no stack.
Value parse(std::span<const std::byte> text, const ParseOptions& options);
Value parse(std::string_view text, const ParseOptions& options);
// The whole file. Throws empty_file, lfs_pointer, html_page by name before it complains of syntax.
Value parse_file(const File& file, ParseOptions options = {});

// Text with the given indent (0: one line, separators ", " and ": " as Python's json.dumps;
// otherwise as json.dumps(indent=N)). Non-ASCII is written as it is, invalid UTF-8 as U+FFFD.
std::string write(const Value& value, int indent = 0);

}  // namespace recast::json
