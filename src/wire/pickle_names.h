#pragma once

#include <string_view>

namespace recast {

// Whether calling this dotted name runs code or touches the system, whatever the arguments.
// `builtins.getattr` is not among them: of a class it is an enum member.
bool runs_code(std::string_view name);
// Whether it is getattr of either Python.
bool is_getattr(std::string_view name);

}  // namespace recast
