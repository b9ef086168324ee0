#include "formats/gguf/values.h"

#include <fmt/format.h>

#include <bit>
#include <cstring>
#include <type_traits>

#include "base/limits.h"

namespace recast::gguf {
namespace {

uint64_t stored_bytes(MetaType type) {  // of a scalar; for strings the least there can be
  static constexpr uint8_t bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 8, 0, 8, 8, 8};
  return bytes[static_cast<size_t>(type)];
}

MetaType read_type(ByteReader& in, const std::string& key, std::string_view what) {
  const auto number = in.get<uint32_t>(what);
  if (number > static_cast<uint32_t>(MetaType::f64))
    in.fail(codes::gguf_value_type, {.where = key_where(key),
                                     .expected = "a type from 0 to 12",
                                     .found = fmt::format("type {}", number)});
  return static_cast<MetaType>(number);
}

// Calls `use` with the value of a number in the representation of MetaValue.
template <class Use>
void read_number(ByteReader& in, MetaType type, std::string_view what, Use use) {
  switch (type) {
    case MetaType::u8:
      return use(int64_t{in.get<uint8_t>(what)});
    case MetaType::i8:
      return use(int64_t{in.get<int8_t>(what)});
    case MetaType::u16:
      return use(int64_t{in.get<uint16_t>(what)});
    case MetaType::i16:
      return use(int64_t{in.get<int16_t>(what)});
    case MetaType::u32:
      return use(int64_t{in.get<uint32_t>(what)});
    case MetaType::i32:
      return use(int64_t{in.get<int32_t>(what)});
    case MetaType::i64:
      return use(in.get<int64_t>(what));
    case MetaType::u64:
      return use(in.get<uint64_t>(what));
    case MetaType::f32:
      return use(double{in.get<float>(what)});
    case MetaType::f64:
      return use(in.get<double>(what));
    case MetaType::boolean:
      return use(int64_t{in.get<uint8_t>(what) != 0});
    case MetaType::string:
    case MetaType::array:
      break;
  }
}

std::string read_text(ByteReader& in, std::string_view what) {
  return in.get_text(in.get<uint64_t>(what), Limit::gguf_string_bytes, what);
}

template <class T>
MetaValue::Array read_numbers(ByteReader& in, MetaType element, uint64_t count,
                              std::string_view what) {
  std::vector<T> items;
  items.reserve(count);
  for (uint64_t i = 0; i < count; ++i)
    read_number(in, element, what, [&](auto value) { items.push_back(static_cast<T>(value)); });
  return items;
}

MetaValue read_array(ByteReader& in, const std::string& key, std::string_view what) {
  const MetaType element = read_type(in, key, what);
  if (element == MetaType::array) in.fail(codes::gguf_nested_array, {.where = key_where(key)});
  const auto count = in.get<uint64_t>(what);
  in.require_room(count, stored_bytes(element), what);
  if (count > limit(Limit::gguf_array_items))
    in.fail(codes::gguf_too_many, over_limit(codes::gguf_too_many, Limit::gguf_array_items,
                                             {.where = key_where(key)}, count));
  MetaValue value{MetaType::array, element, {}};
  if (element == MetaType::string) {
    std::vector<std::string> items;
    for (uint64_t i = 0; i < count; ++i) items.push_back(read_text(in, what));
    value.data = MetaValue::Array(std::move(items));
  } else if (element == MetaType::u64) {
    value.data = read_numbers<uint64_t>(in, element, count, what);
  } else if (element == MetaType::f32 || element == MetaType::f64) {
    value.data = read_numbers<double>(in, element, count, what);
  } else {
    value.data = read_numbers<int64_t>(in, element, count, what);
  }
  return value;
}

template <class T>
void write_raw(std::string& out, T value) {
  static_assert(std::endian::native == std::endian::little);
  char raw[sizeof value];
  std::memcpy(raw, &value, sizeof value);
  out.append(raw, sizeof value);
}

void write_number(std::string& out, MetaType type, auto value) {
  if (type == MetaType::f32) return write_raw(out, static_cast<float>(value));
  if (type == MetaType::f64) return write_raw(out, static_cast<double>(value));
  const auto bits = static_cast<uint64_t>(value);  // two's complement: the low bytes of any width
  char raw[sizeof bits];
  std::memcpy(raw, &bits, sizeof bits);
  out.append(raw, stored_bytes(type));
}

void write_array(std::string& out, const MetaValue& value) {
  write_u32(out, static_cast<uint32_t>(value.element));
  write_u64(out, value.array_size());
  std::visit(
      [&](const auto& items) {
        for (const auto& item : items)
          if constexpr (std::is_same_v<std::decay_t<decltype(item)>, std::string>)
            write_text(out, item);
          else
            write_number(out, value.element, item);
      },
      *value.as_array());
}

}  // namespace

MetaValue read_value(ByteReader& in, const std::string& key) {
  const std::string what = "the value of " + key_where(key);
  const MetaType type = read_type(in, key, what);
  if (type == MetaType::array) return read_array(in, key, "the array of " + key_where(key));
  if (type == MetaType::string) return MetaValue::string(read_text(in, what));
  MetaValue value{type, {}, {}};
  read_number(in, type, what, [&](auto number) { value.data = number; });
  return value;
}

void write_value(std::string& out, const MetaValue& value) {
  write_u32(out, static_cast<uint32_t>(value.type));
  if (value.type == MetaType::array) return write_array(out, value);
  if (value.type == MetaType::string) return write_text(out, *value.as_string());
  if (const auto* wide = std::get_if<uint64_t>(&value.data))
    return write_number(out, value.type, *wide);
  if (const auto* real = std::get_if<double>(&value.data))
    return write_number(out, value.type, *real);
  write_number(out, value.type, std::get<int64_t>(value.data));
}

void write_u32(std::string& out, uint32_t value) { write_raw(out, value); }
void write_u64(std::string& out, uint64_t value) { write_raw(out, value); }

void write_text(std::string& out, std::string_view text) {
  write_u64(out, text.size());
  out += text;
}

}  // namespace recast::gguf
