#include "model/metadata.h"

#include <algorithm>

namespace recast {

std::string_view meta_type_name(MetaType type) {
  static constexpr std::string_view names[] = {"u8",   "i8",     "u16",   "i16", "u32", "i32", "f32",
                                               "bool", "string", "array", "u64", "i64", "f64"};
  return names[static_cast<size_t>(type)];
}

std::optional<int64_t> MetaValue::as_int() const {
  if (const auto* v = std::get_if<int64_t>(&data)) return *v;
  if (const auto* v = std::get_if<uint64_t>(&data); v && *v <= INT64_MAX)
    return static_cast<int64_t>(*v);
  return std::nullopt;
}

std::optional<double> MetaValue::as_double() const {
  if (const auto* v = std::get_if<double>(&data)) return *v;
  if (const auto* v = std::get_if<int64_t>(&data)) return static_cast<double>(*v);
  if (const auto* v = std::get_if<uint64_t>(&data)) return static_cast<double>(*v);
  return std::nullopt;
}

std::optional<bool> MetaValue::as_bool() const {
  if (type != MetaType::boolean) return std::nullopt;
  return std::get<int64_t>(data) != 0;
}

const std::string* MetaValue::as_string() const { return std::get_if<std::string>(&data); }

namespace {
template <class T>
const std::vector<T>* array_of(const MetaValue& value) {
  const MetaValue::Array* array = value.as_array();
  return array ? std::get_if<std::vector<T>>(array) : nullptr;
}
}  // namespace

const std::vector<std::string>* MetaValue::as_strings() const { return array_of<std::string>(*this); }
const std::vector<double>* MetaValue::as_doubles() const { return array_of<double>(*this); }
const std::vector<int64_t>* MetaValue::as_ints() const { return array_of<int64_t>(*this); }

size_t MetaValue::array_size() const {
  const Array* array = as_array();
  return array ? std::visit([](const auto& v) { return v.size(); }, *array) : 0;
}

const MetaValue* Metadata::find(std::string_view key) const {
  const auto it = std::find_if(entries_.begin(), entries_.end(),
                               [&](const Entry& e) { return e.first == key; });
  return it == entries_.end() ? nullptr : &it->second;
}

void Metadata::set(std::string_view key, MetaValue value) {
  for (Entry& e : entries_)
    if (e.first == key) {
      e.second = std::move(value);
      return;
    }
  entries_.emplace_back(key, std::move(value));
}

bool Metadata::erase(std::string_view key) {
  return std::erase_if(entries_, [&](const Entry& e) { return e.first == key; }) > 0;
}

}  // namespace recast
