#pragma once

#include <string_view>

namespace recast::cli {

// What every page carries within itself: its looks, and the copying of tables as CSV.
extern const std::string_view html_style, html_script;

}  // namespace recast::cli
