#pragma once

#include <string_view>

namespace recast {

// Whether `word` is one of the blank-separated `spellings`; letter case, '-' and '_' do not matter.
bool is_spelled(std::string_view word, std::string_view spellings);

}  // namespace recast
