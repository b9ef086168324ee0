#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

#include "wire/json.h"

// Reading the documents of the library (docs/schemas). What is absent or of another type reads as
// empty or zero: a document of a newer version must still print.
namespace recast::cli {

using Path = std::initializer_list<std::string_view>;

const json::Value* at(const json::Value& document, Path path);  // null when absent
std::string text_at(const json::Value& document, Path path);
uint64_t number_at(const json::Value& document, Path path);
double real_at(const json::Value& document, Path path);
bool truth_at(const json::Value& document, Path path);
const json::Array& array_at(const json::Value& document, Path path);
const json::Object& object_at(const json::Value& document, Path path);

// A value as one line: text without quotes, shortened arrays as `string[128256] "a", "b" ...`,
// anything else as JSON.
std::string value_text(const json::Value& value);

}  // namespace recast::cli
