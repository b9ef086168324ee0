// Source: facts on general.* keys, section 1, read the other way round.
#include <fmt/format.h>

#include <algorithm>

#include "convert/card.h"

namespace recast {

namespace {

// Keys in the order in which cards have them.
constexpr std::string_view key_order[] = {
    "license",  "license_name",          "license_link", "base_model", "base_model_relation",
    "language", "tags",                  "datasets",     "library_name", "pipeline_tag",
    "quantized_by"};

std::string text_at(const Metadata& metadata, std::string_view key) {
  const MetaValue* value = metadata.find(key);
  const std::string* text = value ? value->as_string() : nullptr;
  return text ? *text : "";
}

void add_distinct(std::vector<std::string>& list, std::string text) {
  if (!text.empty() && std::find(list.begin(), list.end(), text) == list.end())
    list.push_back(std::move(text));
}

json::Value list_of(const std::vector<std::string>& texts) {
  json::Array out;
  for (const std::string& text : texts) out.emplace_back(text);
  return out;
}

json::Value one_or_list(const std::vector<std::string>& texts) {
  return texts.size() == 1 ? json::Value(texts.front()) : list_of(texts);
}

// A licence as it is copied: what it is called, and where it is.
struct License {
  std::string id, name, link;
  bool operator==(const License&) const = default;
};

class FrontMatter {
 public:
  explicit FrontMatter(CardMaterial& material) : material_(material) {
    for (const auto& [key, value] : material.old_card) card_.set(key, value);
  }

  json::Object run() {
    copy_license();
    add_base_models();
    add_texts("language", "general.languages");
    add_texts("tags", "general.tags");
    add_datasets();
    std::vector<std::string> quantizers;
    for (const CardModel& model : material_.models)
      add_distinct(quantizers, text_at(model.model.metadata, "general.quantized_by"));
    if (!quantizers.empty() && !card_.find("quantized_by"))
      card_.set("quantized_by", fmt::format("{}", fmt::join(quantizers, ", ")));
    return ordered();
  }

 private:
  // The texts of a key of the old card: one or a list.
  std::vector<std::string> old_texts(std::string_view key) const {
    std::vector<std::string> out;
    const json::Value* value = card_.find(key);
    if (!value) return out;
    const json::Array one{*value};
    for (const json::Value& item : value->as_array() ? *value->as_array() : one)
      if (const std::string* text = item.as_string())
        add_distinct(out, *text);
      else if (const json::Number* number = item.as_number())
        add_distinct(out, number->text);
    return out;
  }

  std::string old_text(std::string_view key) const {
    return fmt::format("{}", fmt::join(old_texts(key), ","));
  }

  // Copied when all that name one name the same; the whole of it from one place.
  void copy_license() {
    std::vector<License> named;
    const auto add = [&](License license) {
      if (license != License{} && std::find(named.begin(), named.end(), license) == named.end())
        named.push_back(std::move(license));
    };
    add({old_text("license"), old_text("license_name"), old_text("license_link")});
    for (const CardModel& model : material_.models) {
      const Metadata& metadata = model.model.metadata;
      if (model.model.convention == Convention::gguf)
        add({text_at(metadata, "general.license"), text_at(metadata, "general.license.name"),
             text_at(metadata, "general.license.link")});
    }
    for (const std::string_view key : {"license", "license_name", "license_link"})
      card_.erase(key);
    if (named.empty())
      add_warning(material_.warnings,
                  Finding(codes::license_unknown, {.file = material_.folder}));
    else if (named.size() > 1)
      warn_of_difference(named);
    else
      set_license(named.front());
  }

  void warn_of_difference(const std::vector<License>& named) {
    std::vector<std::string> texts;
    for (const License& license : named)
      texts.push_back(printable(license.id.empty() ? license.name : license.id));
    add_warning(material_.warnings,
                Finding(codes::license_differs, {.found = fmt::format("{}", fmt::join(texts, "; ")),
                                                 .file = material_.folder}));
  }

  void set_license(const License& license) {
    // Metadata join a list by commas, which no identifier of a licence holds.
    std::vector<std::string> ids;
    for (size_t start = 0; start <= license.id.size();) {
      const size_t end = std::min(license.id.find(',', start), license.id.size());
      std::string id = license.id.substr(start, end - start);
      id.erase(0, id.find_first_not_of(' '));
      add_distinct(ids, std::move(id));
      start = end + 1;
    }
    if (!ids.empty()) card_.set("license", one_or_list(ids));
    if (!license.name.empty()) card_.set("license_name", license.name);
    if (!license.link.empty()) card_.set("license_link", license.link);
  }

  // Ids of models or datasets whose address on the hub the metadata know.
  std::vector<std::string> linked_ids(std::string_view kind, std::string_view prefix) const {
    std::vector<std::string> out;
    for (const CardModel& model : material_.models) {
      const Metadata& metadata = model.model.metadata;
      const MetaValue* count = metadata.find(fmt::format("general.{}.count", kind));
      const int64_t n = count ? count->as_int().value_or(0) : 0;
      for (int64_t i = 0; i < std::min<int64_t>(n, 1000); ++i) {
        std::string url = text_at(metadata, fmt::format("general.{}.{}.repo_url", kind, i));
        if (!url.starts_with(hub)) continue;
        url.erase(0, hub.size());
        if (url.starts_with(prefix)) url.erase(0, prefix.size());
        if (std::count(url.begin(), url.end(), '/') == 1 && url.front() != '/' && url.back() != '/')
          add_distinct(out, std::move(url));
      }
    }
    return out;
  }

  void add_base_models() {
    if (!card_.find("base_model"))
      if (const auto ids = linked_ids("base_model", ""); !ids.empty())
        card_.set("base_model", one_or_list(ids));
    const bool packed = std::any_of(material_.models.begin(), material_.models.end(),
                                    [](const CardModel& model) { return model.is_packed; });
    if (packed && card_.find("base_model") && !card_.find("base_model_relation"))
      card_.set("base_model_relation", "quantized");
  }

  void add_datasets() {
    if (card_.find("datasets")) return;
    if (const auto ids = linked_ids("dataset", "datasets/"); !ids.empty())
      card_.set("datasets", list_of(ids));
  }

  // What the old card says, then what the files say beside it. They count the task of the model
  // among its tags.
  void add_texts(std::string_view key, std::string_view general) {
    std::vector<std::string> texts = old_texts(key);
    const size_t of_card = texts.size();
    const std::string task = old_text("pipeline_tag");
    for (const CardModel& model : material_.models) {
      const MetaValue* value = model.model.metadata.find(general);
      const auto* list = value ? value->as_strings() : nullptr;
      for (const std::string& text : list ? *list : std::vector<std::string>{})
        if (text != task) add_distinct(texts, text);
    }
    if (texts.size() > of_card) card_.set(key, list_of(texts));
  }

  json::Object ordered() const {
    json::Object out;
    for (const std::string_view key : key_order)
      if (const json::Value* value = card_.find(key)) out.emplace_back(key, *value);
    for (const auto& [key, value] : *card_.as_object())
      if (std::find(std::begin(key_order), std::end(key_order), key) == std::end(key_order))
        out.emplace_back(key, value);
    return out;
  }

  static constexpr std::string_view hub = "https://huggingface.co/";
  CardMaterial& material_;
  json::Value card_{json::Object{}};
};

}  // namespace

json::Object card_front_matter(CardMaterial& material) { return FrontMatter(material).run(); }

}  // namespace recast
