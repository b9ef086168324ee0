#pragma once

#include <string_view>

#include "base/error.h"

namespace recast {

// For tests: the Error that `action` throws; one without a code when it throws none.
template <class Action>
Error caught(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error;
  }
  return {};
}

inline std::string_view symbol_of(const Error& error) {
  return error.code ? error.code->symbol : "none";
}

// Everything a person is shown of an error, to look for the words that must be there.
inline std::string all_text(const Error& error) {
  return error.file + "|" + error.what() + "|" + error.where + "|" + error.expected + "|" +
         error.found;
}

}  // namespace recast
