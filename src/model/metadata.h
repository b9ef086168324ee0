#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace recast {

// Types of a metadata value. The numbers are GGUF's; other formats map onto them.
enum class MetaType : uint32_t {
  u8 = 0, i8 = 1, u16 = 2, i16 = 3, u32 = 4, i32 = 5, f32 = 6, boolean = 7, string = 8, array = 9,
  u64 = 10, i64 = 11, f64 = 12,
};
std::string_view meta_type_name(MetaType type);  // "u32", "string" ...

// A typed metadata value: a scalar, or an array of scalars of one type. Integers of every width
// are held as int64 or uint64, with the width in `type`; f32 is held as the double of that float.
struct MetaValue {
  // Arrays: integers (u8 .. i64, boolean) as int64, u64 as uint64, floats as double, strings.
  // Never held. libstdc++ 12 takes a variant of nothing but vectors for one that always has a value,
  // and frees twice when memory runs out during its copy; a type that it does not know prevents it.
  struct Unheld : std::vector<int64_t> {
    Unheld() = default;
  };
  using Array = std::variant<std::vector<int64_t>, std::vector<uint64_t>, std::vector<double>,
                             std::vector<std::string>, Unheld>;
  MetaType type = MetaType::u32;          // MetaType::array for arrays
  MetaType element = MetaType::u32;       // of an array
  std::variant<int64_t, uint64_t, double, std::string, Array> data;

  static MetaValue u32(uint32_t v) { return {MetaType::u32, {}, static_cast<int64_t>(v)}; }
  static MetaValue i32(int32_t v) { return {MetaType::i32, {}, static_cast<int64_t>(v)}; }
  static MetaValue u16(uint16_t v) { return {MetaType::u16, {}, static_cast<int64_t>(v)}; }
  static MetaValue f32(float v) { return {MetaType::f32, {}, static_cast<double>(v)}; }
  static MetaValue boolean(bool v) { return {MetaType::boolean, {}, static_cast<int64_t>(v)}; }
  static MetaValue string(std::string v) { return {MetaType::string, {}, std::move(v)}; }
  static MetaValue strings(std::vector<std::string> v) {
    return {MetaType::array, MetaType::string, Array(std::move(v))};
  }
  static MetaValue i32s(std::vector<int64_t> v) {
    return {MetaType::array, MetaType::i32, Array(std::move(v))};
  }
  static MetaValue booleans(std::vector<int64_t> v) {
    return {MetaType::array, MetaType::boolean, Array(std::move(v))};
  }
  static MetaValue f32s(std::vector<double> v) {
    return {MetaType::array, MetaType::f32, Array(std::move(v))};
  }

  // Empty when the value is of another sort or does not fit.
  std::optional<int64_t> as_int() const;      // any integer or boolean scalar
  std::optional<double> as_double() const;    // any number
  std::optional<bool> as_bool() const;        // boolean only
  const std::string* as_string() const;
  const Array* as_array() const { return std::get_if<Array>(&data); }
  const std::vector<std::string>* as_strings() const;
  const std::vector<double>* as_doubles() const;
  const std::vector<int64_t>* as_ints() const;
  size_t array_size() const;  // 0 for scalars
  bool operator==(const MetaValue&) const = default;
};

// Keys and values in file order. Setting an existing key keeps its place.
class Metadata {
 public:
  using Entry = std::pair<std::string, MetaValue>;
  const MetaValue* find(std::string_view key) const;
  void set(std::string_view key, MetaValue value);
  // For readers of many keys: no search. Requires: the key is not there yet.
  void append(std::string key, MetaValue value) {
    entries_.emplace_back(std::move(key), std::move(value));
  }
  bool erase(std::string_view key);
  const std::vector<Entry>& entries() const { return entries_; }
  bool empty() const { return entries_.empty(); }

 private:
  std::vector<Entry> entries_;
};

}  // namespace recast
