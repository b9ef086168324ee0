#include "arch/families.h"

namespace recast {

std::span<const Architecture* const> all_architectures() {
  static constexpr const Architecture* table[] = {&llama, &mistral, &qwen2, &phi3, &gpt2, &gemma};
  return table;
}

std::vector<std::string_view> words(std::string_view list) {
  std::vector<std::string_view> out;
  while (!list.empty()) {
    const size_t end = std::min(list.find(' '), list.size());
    if (end > 0) out.push_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return out;
}

bool has_word(std::string_view list, std::string_view word) {
  for (const std::string_view w : words(list))
    if (w == word) return true;
  return false;
}

}  // namespace recast
