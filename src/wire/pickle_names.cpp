#include "wire/pickle_names.h"

#include <algorithm>
#include <iterator>

namespace recast {
namespace {

// No protection rests on this list: nothing is ever called. It lets a hostile file be refused by
// name even where its calls stand beside sound weights.
constexpr std::string_view modules[] = {
    "os",     "posix",     "nt",    "sys",    "subprocess", "pty",
    "shutil", "importlib", "runpy", "ctypes", "socket",     "webbrowser",
};
constexpr std::string_view builtins[] = {"eval", "exec",  "execfile",   "compile",   "open",
                                         "file", "input", "breakpoint", "__import__"};

std::string_view without_builtins(std::string_view name) {
  for (const std::string_view module : {"builtins.", "__builtin__."})
    if (name.starts_with(module)) return name.substr(module.size());
  return {};
}

template <size_t n>
bool contains(const std::string_view (&list)[n], std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

}  // namespace

bool runs_code(std::string_view name) {
  return contains(modules, name.substr(0, name.find('.'))) ||
         contains(builtins, without_builtins(name));
}

bool is_getattr(std::string_view name) { return without_builtins(name) == "getattr"; }

}  // namespace recast
