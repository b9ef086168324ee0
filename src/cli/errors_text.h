#pragma once

#include <string>
#include <utility>
#include <vector>

#include "cli/terminal.h"
#include "wire/json.h"

namespace recast::cli {

// How many tensors a text lists by their error: the `top` worst, or with `all` every one.
struct ErrorsShown {
  size_t top = 10;
  bool all = false;
};

// The document of inspect --errors (docs/schemas/errors.json) for people: both models, totals, the
// heat map, the worst tensors, what has no counterpart.
std::string errors_text(const json::Value& document, const ErrorsShown& shown,
                        const Terminal& terminal);

// Its first lines: label and text, which may be empty.
std::vector<std::pair<std::string, std::string>> errors_terms(const json::Value& document);

// The rows of a document, the largest relative RMSE first; a row without a number leads. Equal ones
// keep their order.
std::vector<const json::Value*> worst_first(const json::Array& tensors);

// Numbers as the tables show them; "-" for null.
std::string ratio_text(const json::Value& row, std::string_view key);  // "0.0423"

}  // namespace recast::cli
