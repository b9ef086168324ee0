#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "arch/facts.h"
#include "arch/recognise.h"
#include "arch/rope.h"
#include "codec/codecs.h"
#include "convert/carry.h"

// Which of the config members that travel in a GGUF are believed: anybody can write such keys, and
// a key of the file itself may have been edited since.
namespace recast {

namespace {

constexpr std::string_view rope_members =
    "rope_parameters rope_scaling rope_theta partial_rotary_factor "
    "original_max_position_embeddings";
// They would make the config that of a model of several modalities, whose language part is theirs.
constexpr std::string_view inner_configs = "text_config llm_config language_config thinker_config";

bool close(double a, double b) { return std::abs(a - b) <= 1e-5 * std::max(1.0, std::abs(b)); }

bool same_value(const MetaValue& a, const MetaValue& b) {
  const auto x = a.as_double(), y = b.as_double();
  return x && y ? close(*x, *y) : a == b;
}

// The factors that a rope tensor of the file holds, against those of a config.
bool same_factors(const Checkpoint& source, Role role, const std::vector<float>& factors) {
  const std::string_view name = role == Role::rope_freqs          ? "rope_freqs.weight"
                                : role == Role::rope_factors_long ? "rope_factors_long.weight"
                                                                  : "rope_factors_short.weight";
  const Tensor* tensor = source.find(name);
  if (!tensor || &tensor->codec() != &codec::f32 || tensor->elements() != std::ssize(factors))
    return false;
  std::vector<float> own(factors.size());
  FloatCensus unused;
  tensor->value->read(0, tensor->elements(), std::as_writable_bytes(std::span(own)), unused);
  return std::equal(own.begin(), own.end(), factors.begin(),
                    [](float a, float b) { return close(a, b); });
}

// Whether the file holds what would be written for these facts, and no other scaling.
bool says_same_rope(const Checkpoint& source, const ModelFacts& told) {
  const std::string start = fmt::format("{}.rope.", told.arch->gguf);
  const std::string scaling = start + "scaling.";
  const Metadata written = gguf_metadata(told);
  for (const auto& [key, value] : written.entries()) {
    const MetaValue* own = key.starts_with(start) ? source.metadata.find(key) : &value;
    if (!own || !same_value(*own, value)) return false;
  }
  for (const auto& [key, value] : source.metadata.entries())
    if (key.starts_with(scaling) && key != scaling + "finetuned" && !written.find(key))
      return false;
  const auto tensors = rope_tensors(told);
  return std::all_of(tensors.begin(), tensors.end(), [&](const auto& entry) {
    return same_factors(source, entry.first, entry.second);
  });
}

class Trust {
 public:
  Trust(const Checkpoint& source, const Architecture& arch, std::vector<Finding>& warnings)
      : source_(source), arch_(arch), warnings_(warnings) {}

  json::Value believed(json::Value carried) {
    for (const auto& [key, value] : source_.metadata.entries())
      if (key.starts_with("src.hf.") && !value.as_string())
        warn(key, "a text", std::string(meta_type_name(value.type)));
    for (const std::string_view key : words(inner_configs))
      drop(carried, key, "the members of a language model");
    drop(carried, "quantization_config", "none, as the weights are those of this file");
    warn_of_code(carried.find("auto_map"));
    check_family(carried, "model_type");
    check_family(carried, "architectures");
    check_rope(carried);
    return carried;
  }

 private:
  void warn(std::string_view key, std::string expected, std::string found) {
    add_warning(warnings_, Error(codes::not_carried, {.where = key_where(key),
                                                      .expected = std::move(expected),
                                                      .found = std::move(found),
                                                      .fix = "remove the key from the file",
                                                      .file = first_file(source_)}));
  }
  void drop(json::Value& carried, std::string_view key, std::string expected) {
    const json::Value* value = carried.find(key);
    if (!value) return;
    warn(fmt::format("src.hf.{}", key), std::move(expected), printable(json::write(*value)));
    carried.erase(key);
  }

  // Classes of another repository ("OWNER/NAME--module.Class"); those of the folder stay behind.
  void warn_of_code(const json::Value* auto_map) {
    const std::string text = auto_map ? json::write(*auto_map) : "";
    if (text.find("--") == std::string::npos) return;
    add_warning(warnings_, Error(codes::auto_map, {.where = key_where("src.hf.auto_map"),
                                                   .found = printable(text),
                                                   .file = first_file(source_)}));
  }

  // A name of another family; one that is not known here is the source's own.
  void check_family(json::Value& carried, std::string_view key) {
    const json::Value* value = carried.find(key);
    if (value && value->is_array() && !value->as_array()->empty())
      value = &value->as_array()->front();
    const std::string* name = value ? value->as_string() : nullptr;
    const Architecture* named = name ? find_architecture(*name) : nullptr;
    if (named && named != &arch_ && named->gguf != arch_.gguf)
      drop(carried, key, fmt::format("a name of {}, as the file says", arch_.name));
  }

  // Scaling that no config may say is no scaling of this file either.
  bool is_same_rope(const json::Value& carried) const {
    try {
      std::vector<Finding> unused;
      const ModelFacts told = facts_from_gguf(arch_, source_, beyond_gguf(carried, arch_), unused);
      const json::Value* theta = carried.find("rope_theta");
      const auto number = theta ? theta->as_double() : std::nullopt;
      const bool same_base = !theta || !told.facts.has(Fact::rope_theta) ||
                             (number && close(*number, told.facts.real(Fact::rope_theta)));
      return same_base && says_same_rope(source_, told);
    } catch (const Error& error) {
      if (error.code != &codes::config_value && error.code != &codes::config_key_missing) throw;
      return false;
    }
  }

  void check_rope(json::Value& carried) {
    const std::vector<std::string_view> members = words(rope_members);
    if (std::none_of(members.begin(), members.end(),
                     [&](std::string_view key) { return carried.find(key); }))
      return;
    if (is_same_rope(carried)) return;
    for (const std::string_view key : members)
      drop(carried, key, fmt::format("what the keys {}.rope.* say", arch_.gguf));
  }

  const Checkpoint& source_;
  const Architecture& arch_;
  std::vector<Finding>& warnings_;
};

}  // namespace

json::Value believed_config(const Checkpoint& source, const Architecture& arch,
                            std::vector<Finding>& warnings) {
  return Trust(source, arch, warnings).believed(restore_config(source));
}

}  // namespace recast
