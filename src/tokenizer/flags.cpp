#include "tokenizer/flags.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "tokenizer/family_flags.h"

namespace recast {

namespace {

// Role in tokenizer_config.json, name in GGUF; cls has no key of its own there.
struct Role {
  std::string_view name;
  std::string_view gguf;
};
constexpr Role role_table[] = {
    {"bos", "bos"}, {"eos", "eos"},   {"unk", "unknown"}, {"sep", "seperator"}, {"pad", "padding"},
    {"cls", ""},    {"mask", "mask"}, {"eot", "eot"},     {"eom", "eom"},
};

std::string text_of(const json::Value* value) {
  if (value && value->is_object()) value = value->find("content");
  return value && value->as_string() ? *value->as_string() : std::string();
}
std::string text_at(const json::Value& object, std::string_view outer, std::string_view inner) {
  const json::Value* value = object.find(outer);
  return value ? text_of(value->find(inner)) : std::string();
}

class SpecialTokens {
 public:
  SpecialTokens(const SpecialTokenSources& sources, Vocabulary& out, std::vector<Finding>& warnings,
                std::vector<std::string>& assumptions)
      : in_(sources), out_(out), warnings_(warnings), assumptions_(assumptions) {}

  void set() {
    set_family_flags(false);
    set_sentencepiece_flags();
    read_texts();
    if (in_.tokenizer_json) read_post_processor(in_.tokenizer_json->post_processor);
    set_from_tokenizer_config();
    set_from_config();
    set_from_template();
    set_family_ids();
    set_eos_ids();
    compare_ids();
    if (in_.tokenizer_json) read_normalizer(in_.tokenizer_json->normalizer);
    set_prefix_from_config();
    set_family_flags(true);
    if (const auto count = config_int("type_vocab_size"); count && *count >= 0)
      out_.token_type_count = static_cast<uint32_t>(*count);
    else if (in_.model_type == "distilbert")  // has no types: one for all tokens
      out_.token_type_count = 1;
  }

 private:
  void set_flag(std::string_view name, bool value) {
    for (auto& [key, old] : out_.flags)
      if (key == name) {
        old = value;
        return;
      }
    out_.flags.emplace_back(name, value);
  }
  bool is_id(const json::Value& value) const {
    const auto id = value.as_int();
    return id && *id >= 0 && *id < std::ssize(out_.tokens);
  }
  void warn_of_id(std::string_view key, const json::Value& value, const std::string& file) {
    warnings_.emplace_back(codes::special_id_range,
                           ErrorFacts{.where = key_where(key),
                                      .expected = fmt::format("an id below {}", out_.tokens.size()),
                                      .found = printable(json::write(value)),
                                      .file = file});
  }
  void set_id(std::string_view role, int64_t id, bool overwrite = false) {
    if (role.empty()) return;
    if (!is_id(id)) return warn_of_id(fmt::format("{}_token_id", role), id, "");
    for (auto& [key, old] : out_.special_ids)
      if (key == role) {
        if (overwrite) old = static_cast<uint32_t>(id);
        return;
      }
    out_.special_ids.emplace_back(role, static_cast<uint32_t>(id));
  }

  const json::Value* config_value(std::string_view key) const {
    if (!in_.config) return nullptr;
    const json::Value* value = in_.config->find(key);
    if (value && !value->is_null()) return value;
    const json::Value* text = in_.config->find("text_config");
    return text ? text->find(key) : nullptr;
  }
  const json::Value* generation_value(std::string_view key) const {
    return in_.generation_config ? in_.generation_config->find(key) : nullptr;
  }
  std::optional<int64_t> config_int(std::string_view key) const {
    const json::Value* value = config_value(key);
    return value ? value->as_int() : std::nullopt;
  }

  // Rule 1: the texts of the roles; cls stands in for bos, sep for eos.
  void read_texts() {
    if (!in_.tokenizer_config) return;
    for (const Role& role : role_table)
      texts_[role.name] = text_of(in_.tokenizer_config->find(fmt::format("{}_token", role.name)));
    texts_["eot"].clear();
    texts_["eom"].clear();
    if (!in_.tokenizer_json) return;
    if (texts_["bos"].empty()) texts_["bos"] = texts_["cls"];
    if (texts_["eos"].empty()) texts_["eos"] = texts_["sep"];
  }

  void read_post_processor(const json::Value& processor) {
    if (const json::Value* list = processor.find("processors"); list && list->is_array()) {
      for (const json::Value& part : *list->as_array()) read_post_processor(part);
      return;
    }
    const std::string type = text_of(processor.find("type"));
    if (type == "RobertaProcessing") read_roberta(processor);
    if (type == "TemplateProcessing") read_template(processor);
  }

  // Rule 2.
  void read_roberta(const json::Value& processor) {
    for (const std::string_view flag : {"add_bos_token", "add_eos_token", "add_sep_token"})
      set_flag(flag, true);
    for (const std::string_view role : {"cls", "sep"}) {
      const json::Value* pair = processor.find(role);
      const bool named = pair && pair->is_array() && !pair->as_array()->empty();
      std::string& text = texts_[role];
      if (text.empty()) text = named ? text_of(&pair->as_array()->front()) : std::string();
    }
  }

  // Rules 3 and 4.
  void read_template(const json::Value& processor) {
    const json::Value* single = processor.find("single");
    const json::Array* parts = single ? single->as_array() : nullptr;
    std::string first, last;
    if (parts && parts->size() > 1) {
      first = text_at(parts->front(), "SpecialToken", "id");
      last = text_at(parts->back(), "SpecialToken", "id");
    }
    if (!first.empty()) {
      std::string& bos = texts_["bos"];
      if (bos.empty() && texts_["cls"].empty()) bos = first;
      set_flag("add_bos_token", first == bos || first == texts_["cls"]);
    }
    if (!last.empty()) {
      std::string& eos = texts_["eos"];
      if (!eos.empty() && last != eos) texts_[texts_["eot"].empty() ? "eot" : "eom"] = eos;
      eos = last;
      set_flag("add_eos_token", true);
    }
    const json::Value* pair = processor.find("pair");
    if (pair && pair->is_array()) read_pair(*pair->as_array(), first, last);
  }

  // Rule 5.
  void read_pair(const json::Array& pair, const std::string& first, const std::string& last) {
    auto begin = pair.begin(), end = pair.end();
    if (begin == end) return;
    if (!first.empty() && text_at(*begin, "SpecialToken", "id") == first) ++begin;
    if (begin != end && !last.empty() && text_at(*(end - 1), "SpecialToken", "id") == last) --end;
    const auto between = end - begin - 2;
    if (between < 1 || text_at(*begin, "Sequence", "id") != "A" ||
        text_at(*(end - 1), "Sequence", "id") != "B")
      return;
    const auto separates = [&](const json::Value& part) {
      const std::string text = text_at(part, "SpecialToken", "id");
      return !text.empty() && (text == texts_["sep"] || text == texts_["eos"]);
    };
    const bool add = (separates(begin[1]) && last.empty()) || (between == 2 && separates(begin[2]));
    set_flag("add_sep_token", add);
    if (add && texts_["sep"].empty()) texts_["sep"] = texts_["eos"];
  }

  // Rules 6 and 7, first half.
  void set_from_tokenizer_config() {
    if (!in_.tokenizer_config) return;
    for (const Role& role : role_table) {
      const json::Value* add = in_.tokenizer_config->find(fmt::format("add_{}_token", role.name));
      const bool has_flag = role.name == "bos" || role.name == "eos" || role.name == "sep";
      if (has_flag && add && add->as_bool())
        set_flag(fmt::format("add_{}_token", role.name), *add->as_bool());
      const std::string& text = texts_[role.name];
      if (text.empty() || !in_.tokenizer_json) continue;
      if (const auto id = in_.tokenizer_json->added_id(text)) set_id(role.gguf, *id);
    }
  }

  // Rule 7, second half. A list of stop ids gives eos and, when two, eot.
  void set_from_config() {
    for (const Role& role : role_table) {
      const std::string key = fmt::format("{}_token_id", role.name);
      const json::Value* value = config_value(key);
      if (!value || value->is_null() || role.gguf.empty()) continue;
      const json::Array* list = role.name == "eos" ? value->as_array() : nullptr;
      if (list)
        set_stops(key, *list);
      else if (is_id(*value))
        set_id(role.gguf, *value->as_int());
      else
        warn_of_id(key, *value, in_.config_file);
    }
  }
  void set_stops(std::string_view key, const json::Array& list) {
    warn_of_stops(key, list, in_.config_file);
    if (out_.special_id("eos")) return;
    for (size_t i = 0; i < std::min<size_t>(list.size(), 2); ++i)
      if (is_id(list[i])) set_id(i == 0 ? "eos" : "eot", *list[i].as_int());
  }
  void warn_of_stops(std::string_view key, const json::Array& list, const std::string& file) {
    const auto bad = std::find_if(list.begin(), list.end(),
                                  [&](const json::Value& value) { return !is_id(value); });
    if (bad != list.end()) warn_of_id(key, *bad, file);
  }

  // Where no tokenizer_config names the roles, the post-processor's frame does.
  void set_from_template() {
    if (in_.tokenizer_config || !in_.tokenizer_json) return;
    for (const std::string_view role : {"bos", "eos"})
      if (const auto id = in_.tokenizer_json->added_id(texts_[role])) set_id(role, *id);
  }

  void set_family_ids() {
    for (const FamilyId& row : id_table) {
      if (row.model_type != in_.model_type) continue;
      if (!row.config_key.empty()) {
        if (const auto id = config_int(row.config_key)) set_id(row.role, *id, row.overwrite);
        continue;
      }
      const auto token = std::find_if(out_.tokens.begin(), out_.tokens.end(),
                                      [&](const Token& t) { return t.text == row.text; });
      if (token != out_.tokens.end()) set_id(row.role, token - out_.tokens.begin(), row.overwrite);
    }
  }

  void set_eos_ids() {
    const json::Value* stop = generation_value("eos_token_id");
    if (stop && stop->is_array())
      warn_of_stops("eos_token_id", *stop->as_array(), in_.generation_file);
    else
      stop = config_value("eos_token_id");
    if (!stop || !stop->is_array()) return;
    for (const json::Value& value : *stop->as_array())
      if (is_id(value)) out_.eos_ids.push_back(static_cast<uint32_t>(*value.as_int()));
  }

  // Files of one model often disagree where a text begins and ends: which one counts is told.
  void compare_ids() {
    for (const std::string_view role : {"bos", "eos"}) {
      const auto used = out_.special_id(role);
      const std::string key = fmt::format("{}_token_id", role);
      std::string others;
      const auto compare = [&](std::string_view file, const json::Value* value) {
        if (used && value && is_id(*value) && *value->as_int() != static_cast<int64_t>(*used))
          others += fmt::format("; {} says {}", file, *value->as_int());
      };
      compare("config.json", config_value(key));
      compare("generation_config.json", generation_value(key));
      if (!others.empty()) assumptions_.push_back(fmt::format("{} {}{}", key, *used, others));
    }
  }

  // Rule 8.
  void read_normalizer(const json::Value& normalizer) {
    if (const json::Value* list = normalizer.find("normalizers"); list && list->is_array())
      for (const json::Value& part : *list->as_array()) read_normalizer(part);
    const std::string type = text_of(normalizer.find("type"));
    if (type == "Lowercase") set_flag("normalizer.lowercase", true);
    if (type == "StripAccents") set_flag("normalizer.strip_accents", true);
    if (type != "BertNormalizer") return;
    for (const std::string_view key : {"lowercase", "strip_accents"}) {
      const json::Value* value = normalizer.find(key);
      if (value && value->as_bool()) set_flag(fmt::format("normalizer.{}", key), *value->as_bool());
    }
  }

  void set_sentencepiece_flags() {
    if (!in_.sentencepiece) return set_stage_flags();
    const bool unigram = out_.kind == VocabularyKind::unigram;
    // The runtime's default is true: a model without the prefix must say so.
    const bool prefix = in_.sentencepiece->add_dummy_prefix;
    if (unigram || in_.model_type == "internlm2" || !prefix) set_flag("add_space_prefix", prefix);
    if (!unigram) return;
    set_flag("remove_extra_whitespaces", in_.sentencepiece->remove_extra_whitespaces);
    out_.precompiled_charsmap = in_.sentencepiece->precompiled_charsmap;
  }

  // What a sentencepiece model would say, from the stages of a tokenizer.json that replaces it.
  void set_stage_flags() {
    const bool unigram = out_.kind == VocabularyKind::unigram;
    if (!in_.tokenizer_json || (!unigram && out_.kind != VocabularyKind::sentencepiece_bpe)) return;
    set_flag("add_space_prefix", prepends_space(*in_.tokenizer_json));
    if (!unigram) return;
    const json::Value* clean =
        in_.tokenizer_config ? in_.tokenizer_config->find("clean_up_tokenization_spaces") : nullptr;
    set_flag("remove_extra_whitespaces", !clean || clean->as_bool().value_or(true));
    const std::string charsmap = charsmap_of(in_.tokenizer_json->normalizer);
    out_.precompiled_charsmap.assign(charsmap.begin(), charsmap.end());
  }

  void set_prefix_from_config() {
    const auto* end = std::end(prefix_from_config);
    if (!in_.tokenizer_config || std::find(prefix_from_config, end, in_.model_type) == end) return;
    const json::Value* prefix = in_.tokenizer_config->find("add_prefix_space");
    if (prefix && prefix->as_bool()) set_flag("add_space_prefix", *prefix->as_bool());
  }

  void set_family_flags(bool winning) {
    for (const FamilyFlag& row : flag_table) {
      if (row.model_type != in_.model_type || row.wins != winning) continue;
      if (row.only_with_tokens && row.only_with_tokens != std::ssize(out_.tokens)) continue;
      if (!row.only_without.empty() && config_value(row.only_without)) continue;
      set_flag(row.flag, row.value);
    }
  }

  const SpecialTokenSources& in_;
  Vocabulary& out_;
  std::vector<Finding>& warnings_;
  std::vector<std::string>& assumptions_;
  std::map<std::string_view, std::string> texts_;  // by role
};

}  // namespace

void set_special_tokens(const SpecialTokenSources& sources, Vocabulary& vocabulary,
                        std::vector<Finding>& warnings, std::vector<std::string>& assumptions) {
  SpecialTokens(sources, vocabulary, warnings, assumptions).set();
}

}  // namespace recast
