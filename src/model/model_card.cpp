// Source: facts on general.* keys, sections 1 and 7.
#include "model/model_card.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "model/checkpoint.h"
#include "model/general_keys.h"
#include "model/model_name.h"

namespace recast {
namespace {

// Keys of the front matter that feed one general.* key; the first with a value wins.
struct CardRow {
  std::string_view key;
  std::string_view sources[3];
  std::string_view separator = ", ";  // when the card gives a list
};
constexpr CardRow card_table[] = {
    {"general.name", {"name", "model_name"}},
    {"general.author", {"author", "model_author", "model_creator"}},
    {"general.version", {"version", "model_version"}},
    {"general.organization", {"organization", "model_organization"}},
    {"general.finetune", {"finetune", "model_finetune"}},
    {"general.basename", {"basename", "model_basename"}},
    {"general.description", {"description", "model_description"}},
    {"general.size_label", {"size_label", "model_size_label"}},
    {"general.license", {"license"}, ","},
    {"general.license.name", {"license_name"}},
    {"general.license.link", {"license_link"}},
    {"general.source.url", {"url", "model_url"}},
    {"general.source.doi", {"doi", "model_doi"}},
    {"general.source.uuid", {"uuid", "model_uuid"}},
    {"general.source.repo_url", {"repo_url", "model_repo_url"}},
};

// Reads one card; every member that cannot be used is blamed by its key.
class CardReader {
 public:
  CardReader(const json::Value& card, int64_t parameters, Metadata& general,
             std::vector<Finding>& warnings)
      : card_(card), parameters_(parameters), general_(general), warnings_(warnings) {}

  void read_texts() {
    for (const CardRow& row : card_table)
      for (const std::string_view source : row.sources) {
        const std::string text = joined(texts(source), row.separator);
        if (text.empty()) continue;
        general_.set(row.key, MetaValue::string(text));
        break;
      }
  }

  void read_list(std::string_view key, std::string_view first, std::string_view second) {
    std::vector<std::string> items = texts(first);
    const bool distinct = key == "general.tags";
    for (std::string& item : texts(second)) items.push_back(std::move(item));
    std::vector<std::string> kept;
    for (std::string& item : items)
      if (!distinct || std::find(kept.begin(), kept.end(), item) == kept.end())
        kept.push_back(std::move(item));
    if (!kept.empty()) general_.set(key, MetaValue::strings(std::move(kept)));
  }

  // Base models and datasets: "general.base_model" with the count and the fields of each.
  void read_links(std::string_view prefix, std::span<const std::string_view> sources) {
    for (const std::string_view source : sources) {
      const json::Value* value = card_.find(source);
      if (!value || value->is_null()) continue;
      const json::Array one{*value};
      const json::Array& items = value->as_array() ? *value->as_array() : one;
      uint32_t count = 0;
      for (const json::Value& item : items)
        count += read_link(fmt::format("{}.{}.", prefix, count), source, item);
      if (count > 0) general_.set(fmt::format("{}.count", prefix), MetaValue::u32(count));
      return;
    }
  }

 private:
  std::optional<std::string> text(const json::Value& value) const {
    if (const std::string* s = value.as_string()) return *s;
    if (const json::Number* n = value.as_number()) return n->text;
    if (const auto b = value.as_bool()) return *b ? "true" : "false";
    return std::nullopt;
  }

  // The text or texts of a member, without empty ones.
  std::vector<std::string> texts(std::string_view key) {
    const json::Value* value = key.empty() ? nullptr : card_.find(key);
    std::vector<std::string> out;
    if (!value || value->is_null()) return out;
    const json::Array one{*value};
    for (const json::Value& item : value->as_array() ? *value->as_array() : one) {
      std::optional<std::string> t = text(item);
      if (!t)
        ignore(key, item);
      else if (!t->empty())
        out.push_back(std::move(*t));
    }
    return out;
  }

  static std::string joined(const std::vector<std::string>& items, std::string_view separator) {
    return fmt::format("{}", fmt::join(items, separator));
  }

  bool read_link(const std::string& prefix, std::string_view source, const json::Value& item) {
    if (const std::string* id = item.as_string()) return read_id(prefix, *id);
    if (!item.is_object()) return ignore(source, item);
    bool any = false;
    for (const std::string_view field : link_fields()) {
      const json::Value* value = item.find(field);
      any |= value && set(prefix + std::string(field), text(*value).value_or(""));
    }
    return any;
  }

  bool read_id(const std::string& prefix, std::string_view id) {
    static constexpr std::string_view hub = "https://huggingface.co/";
    std::string url;
    if (id.starts_with("http://") || id.starts_with("https://") || id.starts_with("ssh://")) {
      url = id;
      id = id.starts_with("http://")    ? id.substr(7)
           : id.starts_with("https://") ? id.substr(8)
                                        : "";
      constexpr std::string_view host = "huggingface.co/";
      id = id.starts_with(host) ? id.substr(host.size()) : "";
      if (std::count(id.begin(), id.end(), '/') != 1 || id.front() == '/' || id.back() == '/')
        id = "";
    }
    // A place on somebody's disk: its last part is a name, the rest is nobody's business.
    if (id.find('\\') != std::string_view::npos || id.starts_with('/') || id.starts_with('~'))
      id.remove_prefix(std::min(id.find_last_of("/\\") + 1, id.size()));
    const ModelName name = split_model_id(id, {.parameters = parameters_});
    if (url.empty() && !name.organization.empty() && !name.full_name.empty())
      url = fmt::format("{}{}/{}", hub, name.organization, name.full_name);
    bool any = set(prefix + "name", title_case(name.full_name));
    any |= set(prefix + "version", name.version);
    any |= set(prefix + "organization", title_case(name.organization));
    any |= set(prefix + "repo_url", url);
    return any;
  }

  bool set(const std::string& key, std::string value) {
    if (value.empty()) return false;
    general_.set(key, MetaValue::string(std::move(value)));
    return true;
  }

  bool ignore(std::string_view key, const json::Value& value) {
    add_warning(warnings_,
                Finding(codes::card_value_ignored, {.where = key_where(key),
                                                    .expected = "text",
                                                    .found = std::string(value.type_name()),
                                                    .file = "README.md"}));
    return false;
  }

  const json::Value& card_;
  int64_t parameters_;
  Metadata& general_;
  std::vector<Finding>& warnings_;
};

}  // namespace

void read_model_card(const json::Value& card, int64_t parameters, Metadata& general,
                     std::vector<Finding>& warnings) {
  static constexpr std::string_view base_models[] = {"base_model", "base_models",
                                                     "base_model_sources"};
  static constexpr std::string_view datasets[] = {"datasets", "dataset", "dataset_sources"};
  CardReader reader(card, parameters, general, warnings);
  reader.read_texts();
  reader.read_links("general.base_model", base_models);
  reader.read_links("general.dataset", datasets);
  reader.read_list("general.tags", "tags", "pipeline_tag");
  reader.read_list("general.languages", "languages", "language");
}

}  // namespace recast
