#include "formats/spelling.h"

#include <algorithm>
#include <string>

namespace recast {
namespace {

std::string folded(std::string_view word) {
  std::string out;
  for (const char c : word)
    if (c != '-' && c != '_') out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

}  // namespace

bool is_spelled(std::string_view word, std::string_view spellings) {
  const std::string wanted = folded(word);
  while (!spellings.empty()) {
    const size_t blank = std::min(spellings.find(' '), spellings.size());
    if (!wanted.empty() && folded(spellings.substr(0, blank)) == wanted) return true;
    spellings.remove_prefix(std::min(blank + 1, spellings.size()));
  }
  return false;
}

}  // namespace recast
