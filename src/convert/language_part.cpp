#include "convert/language_part.h"

#include <fmt/format.h>

#include "arch/recognise.h"

namespace recast {

json::Value language_part(const json::Value& config, const Architecture& arch) {
  if (!config.is_object() || !language_member(config)) return config;
  json::Value part = language_config(config);
  part.set("architectures", json::Array{json::Value(words(arch.classes).front())});
  part.set("model_type", arch.name);
  return part;
}

void leave_modalities_out(const Canonical& canonical, bool text_only, const std::string& source,
                          Target& target) {
  const std::vector<std::string>& names = canonical.other_modalities;
  if (names.empty()) return;
  const std::string found = fmt::format("{} tensors, \"{}\" first", names.size(),
                                        printable(names.front()));
  if (!text_only) fail(codes::other_modalities, {.found = found, .file = source});
  target.warnings.push_back(Error(codes::modalities_left_out, {.found = found, .file = source}));
  for (const std::string& name : names)
    target.dropped.push_back(fmt::format("{} (no part of the language model)", name));
}

void warn_of_text_only(bool text_only, const std::string& source, Target& target) {
  if (!text_only) return;
  for (const Finding& warning : target.warnings)
    if (warning.code == &codes::modalities_left_out) return;
  target.warnings.push_back(
      Error(codes::option_no_effect, {.where = "--text-only",
                                      .found = "the model has no part for images or sound",
                                      .file = source}));
}

}  // namespace recast
