#include "arch/rope_spellings.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace recast {

namespace {

// Members beyond the numbers of rope.cpp that a family or a runtime reads, or that say only how the
// scaling came about. Source: the models of transformers 5, and the configs that name them.
constexpr std::string_view known_members =
    "mrope_section mrope_interleaved truncate alpha finetuned llama_4_scaling_beta short_mscale "
    "long_mscale";

// What acts only by a kind of scaling.
constexpr std::string_view scaling_members =
    "factor attention_factor beta_fast beta_slow low_freq_factor high_freq_factor mscale "
    "mscale_all_dim long_factor short_factor";

std::string today(const std::string& type, const Architecture& arch) {
  // "su" and phi-3's "yarn" were the first names of longrope.
  if (type == "su" || (type == "yarn" && arch.gguf_original_context)) return "longrope";
  // The sections of "mrope" are a member of their own; the frequencies are the usual ones.
  return type == "mrope" ? "default" : type;
}

// A factor of 1 is written where nothing is scaled.
bool acts(std::string_view key, const json::Value& value) {
  return has_word(scaling_members, key) && !value.is_null() &&
         !(key == "factor" && value.as_double() == 1.0);
}

std::optional<double> factor_of(const json::Value& object) {
  const json::Value* factor = object.find("factor");
  return factor ? factor->as_double() : std::nullopt;
}

}  // namespace

std::optional<std::string> rope_type_of(const json::Object& members, const Architecture& arch,
                                        const std::string& file) {
  std::optional<std::string> type;
  for (const auto& [key, value] : members) {
    if ((key != "rope_type" && key != "type") || value.is_null()) continue;
    const std::string* name = value.as_string();
    const bool agrees = name && (!type || *type == today(*name, arch));
    if (!agrees)
      fail(codes::config_value,
           {.where = key_where(key),
            .expected = name ? fmt::format("{}, as the other spelling says", printable(*type))
                             : std::string("a name"),
            .found = printable(json::write(value)),
            .fix = name ? "remove the wrong one of rope_type and type" : "",
            .file = file});
    type = today(*name, arch);
  }
  return type;
}

void check_rope_objects(const json::Value& parameters, const json::Value& scaling,
                        const Architecture& arch, const std::string& file) {
  const json::Object *a = parameters.as_object(), *b = scaling.as_object();
  if (!a || !b || b->empty()) return;
  const std::string first = rope_type_of(*a, arch, file).value_or("default");
  const std::string second = rope_type_of(*b, arch, file).value_or("default");
  const bool scales = first != "default";
  if (first == second && (!scales || factor_of(parameters) == factor_of(scaling))) return;
  fail(codes::config_value, {.where = key_where("rope_scaling"),
                             .expected = "what rope_parameters says: " +
                                         printable(json::write(parameters)),
                             .found = printable(json::write(scaling)),
                             .fix = "remove the wrong one of rope_parameters and rope_scaling",
                             .file = file});
}

void warn_of_rope_members(const json::Object& members, std::string_view object,
                          const ModelFacts& model, const std::string& file,
                          std::vector<Finding>& warnings) {
  const bool named = std::any_of(members.begin(), members.end(), [](const auto& member) {
    return (member.first == "rope_type" || member.first == "type") && !member.second.is_null();
  });
  std::vector<std::string> unread;
  for (const auto& [key, value] : model.rope.unknown)
    if (!value.is_null() && !has_word(known_members, key))
      unread.push_back(fmt::format("{}.{}", object, printable(key)));
  if (model.rope.type == "default")
    for (const auto& [key, value] : members) {
      if (!acts(key, value)) continue;
      if (named)
        unread.push_back(fmt::format("{}.{}", object, key));
      else
        add_warning(warnings, Error(codes::assumed,
                                    {.where = key_where(fmt::format("{}.rope_type", object)),
                                     .found = fmt::format("default, which has no {}", key),
                                     .file = file}));
    }
  if (unread.empty()) return;
  add_warning(warnings, Error(codes::unknown_config_key,
                              {.where = key_where(unread.front()),
                               .found = fmt::format("{}: {}", unread.size(),
                                                    fmt::join(unread, ", ")),
                               .file = file}));
}

}  // namespace recast
