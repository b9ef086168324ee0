#include "cli/document.h"

#include <fmt/format.h>

namespace recast::cli {

const json::Value* at(const json::Value& document, Path path) {
  const json::Value* value = &document;
  for (std::string_view key : path) {
    value = value->find(key);
    if (!value) return nullptr;
  }
  return value;
}

std::string text_at(const json::Value& document, Path path) {
  const json::Value* value = at(document, path);
  const std::string* text = value ? value->as_string() : nullptr;
  return text ? *text : "";
}

uint64_t number_at(const json::Value& document, Path path) {
  const json::Value* value = at(document, path);
  return value ? value->as_uint().value_or(0) : 0;
}

double real_at(const json::Value& document, Path path) {
  const json::Value* value = at(document, path);
  return value ? value->as_double().value_or(0) : 0;
}

bool truth_at(const json::Value& document, Path path) {
  const json::Value* value = at(document, path);
  return value && value->as_bool().value_or(false);
}

const json::Array& array_at(const json::Value& document, Path path) {
  static const json::Array none;
  const json::Value* value = at(document, path);
  const json::Array* array = value ? value->as_array() : nullptr;
  return array ? *array : none;
}

const json::Object& object_at(const json::Value& document, Path path) {
  static const json::Object none;
  const json::Value* value = at(document, path);
  const json::Object* object = value ? value->as_object() : nullptr;
  return object ? *object : none;
}

std::string value_text(const json::Value& value) {
  if (const std::string* text = value.as_string()) return *text;
  const json::Value* first = value.find("first");
  if (!first || !first->as_array() || !value.find("count")) return json::write(value);
  std::string out = fmt::format("{}[{}]", text_at(value, {"type"}), number_at(value, {"count"}));
  std::string_view separator = " ";
  for (const json::Value& element : *first->as_array()) {
    out.append(separator).append(json::write(element));
    separator = ", ";
  }
  return first->as_array()->size() < number_at(value, {"count"}) ? out + " ..." : out;
}

}  // namespace recast::cli
