#include <algorithm>

#include "formats/dcp/dcp.h"
#include "formats/format.h"
#include "formats/gguf/gguf.h"
#include "formats/hf/hf.h"
#include "formats/meta/meta.h"
#include "formats/pytorch/pytorch.h"
#include "formats/safetensors/safetensors.h"
#include "formats/spelling.h"

namespace recast {
namespace {

constexpr const Format* table[] = {
    &formats::gguf,
    &formats::dcp,
    &formats::hf,
    &formats::safetensors,
    &formats::pytorch,
    &formats::meta,
};

}  // namespace

std::span<const Format* const> all_formats() { return table; }

const Format* find_format(std::string_view name) {
  for (const Format* format : table)
    if (is_spelled(name, format->name) || is_spelled(name, format->aliases)) return format;
  return nullptr;
}

const Format* format_by_extension(std::string_view path) {
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return nullptr;
  for (const Format* format : table)
    if (is_spelled(path.substr(dot), format->extension)) return format;
  return nullptr;
}

}  // namespace recast
