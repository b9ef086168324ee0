#include "model/metadata_override.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <vector>

#include "base/error.h"
#include "model/general_keys.h"

namespace recast {
namespace {

struct Type {
  MetaType type;
  MetaType element;
};

struct TypeRow {
  std::string_view name;
  MetaType type;
  int64_t low, high;  // of integers
};
constexpr TypeRow type_table[] = {
    {"u8", MetaType::u8, 0, UINT8_MAX},
    {"i8", MetaType::i8, INT8_MIN, INT8_MAX},
    {"u16", MetaType::u16, 0, UINT16_MAX},
    {"i16", MetaType::i16, INT16_MIN, INT16_MAX},
    {"u32", MetaType::u32, 0, UINT32_MAX},
    {"i32", MetaType::i32, INT32_MIN, INT32_MAX},
    {"i64", MetaType::i64, INT64_MIN, INT64_MAX},
    {"u64", MetaType::u64, 0, 0},
    {"f32", MetaType::f32, 0, 0},
    {"f64", MetaType::f64, 0, 0},
    {"bool", MetaType::boolean, 0, 0},
    {"string", MetaType::string, 0, 0},
};
constexpr std::string_view type_names =
    "u8 i8 u16 i16 u32 i32 u64 i64 f32 f64 bool string, or one with []";

const TypeRow& row_of(MetaType type) {
  for (const TypeRow& row : type_table)
    if (row.type == type) return row;
  fail(codes::bug, {.where = "metadata type", .found = std::string(meta_type_name(type))});
}

std::string spelled(const Type& type) {
  if (type.type != MetaType::array) return std::string(row_of(type.type).name);
  return std::string(row_of(type.element).name) + "[]";
}

std::optional<Type> type_by_name(std::string_view name) {
  const bool array = name.ends_with("[]");
  if (array) name.remove_suffix(2);
  for (const TypeRow& row : type_table)
    if (row.name == name) return array ? Type{MetaType::array, row.type} : Type{row.type, row.type};
  return std::nullopt;
}

// Words that can only be meant as a type, so that a slip is not stored as text: "u33", "f16",
// "x[]".
bool looks_like_type(std::string_view name) {
  if (name.ends_with("[]")) return true;
  return name.size() > 1 && std::string_view("uif").find(name[0]) != std::string_view::npos &&
         name.find_first_not_of("0123456789", 1) == std::string_view::npos;
}

[[noreturn]] void refuse(std::string_view key, std::string expected, std::string_view found) {
  fail(codes::bad_value, {.where = "--metadata " + printable(key),
                          .expected = std::move(expected),
                          .found = printable(found)});
}

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<int64_t> integer(const TypeRow& row, std::string_view text) {
  if (row.type == MetaType::boolean) {
    if (text == "true" || text == "True" || text == "1") return 1;
    if (text == "false" || text == "False" || text == "0") return 0;
    return std::nullopt;
  }
  const auto value = number<int64_t>(text);
  return value && *value >= row.low && *value <= row.high ? value : std::nullopt;
}

std::optional<double> real(MetaType type, std::string_view text) {
  auto value = number<double>(text);
  if (value && type == MetaType::f32) value = static_cast<double>(static_cast<float>(*value));
  return value && std::isfinite(*value) ? value : std::nullopt;
}

// Calls `store` with the value in the form that MetaValue holds it in.
template <class Store>
void parse_scalar(std::string_view key, MetaType type, std::string_view text, Store store) {
  const TypeRow& row = row_of(type);
  const auto give = [&](auto value) {
    if (!value) refuse(key, "a value of type " + std::string(row.name), text);
    store(*value);
  };
  if (type == MetaType::string)
    store(std::string(text));
  else if (type == MetaType::u64)
    give(number<uint64_t>(text));
  else if (type == MetaType::f32 || type == MetaType::f64)
    give(real(type, text));
  else
    give(integer(row, text));
}

std::vector<std::string_view> cut_at_commas(std::string_view text) {
  std::vector<std::string_view> items;
  while (!text.empty()) {
    const size_t n = std::min(text.find(','), text.size());
    std::string_view item = text.substr(0, n);
    while (item.starts_with(' ')) item.remove_prefix(1);
    while (item.ends_with(' ')) item.remove_suffix(1);
    items.push_back(item);
    text.remove_prefix(std::min(n + 1, text.size()));
  }
  return items;
}

MetaValue::Array empty_array(MetaType element) {
  switch (element) {
    case MetaType::string:
      return std::vector<std::string>();
    case MetaType::f32:
    case MetaType::f64:
      return std::vector<double>();
    case MetaType::u64:
      return std::vector<uint64_t>();
    default:
      return std::vector<int64_t>();
  }
}

MetaValue parse_as(std::string_view key, const Type& type, std::string_view text) {
  MetaValue value{type.type, {}, {}};
  if (type.type != MetaType::array) {
    parse_scalar(key, type.type, text, [&](auto v) { value.data = std::move(v); });
    return value;
  }
  value.element = type.element;
  MetaValue::Array array = empty_array(type.element);
  for (const std::string_view item : cut_at_commas(text))
    parse_scalar(key, type.element, item,
                 [&]<class T>(T v) { std::get<std::vector<T>>(array).push_back(std::move(v)); });
  value.data = std::move(array);
  return value;
}

}  // namespace

MetaValue parse_metadata_value(std::string_view key, std::string_view text,
                               const MetaValue* present) {
  if (key.empty()) refuse(key, "KEY=VALUE with a key", "=" + std::string(text));
  if (key == "general.alignment")
    fail(codes::bad_value, {.where = "--metadata general.alignment",
                            .expected = "a key that does not depend on the layout of the file",
                            .found = printable(text),
                            .fix = "--format-option gguf.alignment=BYTES"});
  const std::string_view prefix = text.substr(0, std::min(text.find(':'), text.size()));
  const bool has_prefix = prefix.size() < text.size();
  const auto named = has_prefix ? type_by_name(prefix) : std::nullopt;
  if (const auto known = find_general_key(key)) {
    const Type type{known->type, known->element};
    if (named && spelled(*named) == spelled(type)) text.remove_prefix(prefix.size() + 1);
    return parse_as(key, type, text);
  }
  if (named) return parse_as(key, *named, text.substr(prefix.size() + 1));
  if (has_prefix && looks_like_type(prefix))
    refuse(key, "a type: " + std::string(type_names), prefix);
  if (present) return parse_as(key, {present->type, present->element}, text);
  return MetaValue::string(std::string(text));
}

void apply_overrides(Metadata& metadata, MetadataOverrides overrides, OverrideKeys keys) {
  for (const auto& [key, text] : overrides) {
    if (keys == OverrideKeys::not_general && key.starts_with("general.")) continue;
    if (text.empty())
      metadata.erase(key);
    else
      metadata.set(key, parse_metadata_value(key, text, metadata.find(key)));
  }
}

}  // namespace recast
