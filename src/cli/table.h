#pragma once

#include <string>
#include <vector>

#include "cli/terminal.h"

namespace recast::cli {

// Rows of cells: aligned columns on a terminal, one tab-separated record a line elsewhere, where
// nothing is shortened. Cells are escaped. `right` holds the numbers of right-aligned columns.
std::string render_table(const std::vector<std::vector<std::string>>& rows,
                         const Terminal& terminal, const std::vector<size_t>& right = {});

// "label    text" lines; the text is wrapped under itself on a terminal, after a tab elsewhere.
std::string render_field(std::string_view label, std::string_view text, const Terminal& terminal);

}  // namespace recast::cli
