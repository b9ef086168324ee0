#include "formats/gguf/tokenizer_keys.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_set>

#include "tokenizer/sentencepiece.h"

// tokenizer.ggml.model       string             none llama gpt2 bert t5 rwkv
// tokenizer.ggml.pre         string
// tokenizer.ggml.tokens      array of string    index is the id
// tokenizer.ggml.scores      array of f32       kinds llama and t5
// tokenizer.ggml.token_type  array of i32       1 normal .. 6 byte
// tokenizer.ggml.merges      array of string    kind gpt2
// tokenizer.ggml.ROLE_token_id u32; tokenizer.ggml.add_ROLE_token and the like bool
// tokenizer.chat_template, tokenizer.chat_template.NAME string; tokenizer.chat_templates the NAMEs
// Source: GGUF specification; the converter of llama.cpp v0.5.0.
namespace recast {

namespace {

constexpr std::string_view prefix = "tokenizer.ggml.";
constexpr std::string_view template_key = "tokenizer.chat_template";

std::string ggml_key(std::string_view name) { return fmt::format("{}{}", prefix, name); }

// Template names in keys: ASCII letters and digits as they are, every other character "_"; one more
// where another template has that name already.
std::string key_name(std::string_view name, const std::vector<std::string>& taken) {
  std::string out;
  for (const unsigned char c : name)
    if (c < 0x80 && std::isalnum(c))
      out += static_cast<char>(c);
    else if ((c & 0xC0) != 0x80)  // not the rest of a character
      out += '_';
  while (out.empty() || std::find(taken.begin(), taken.end(), out) != taken.end()) out += '_';
  return out;
}

void write_tokens(const Vocabulary& v, Metadata& out) {
  std::vector<std::string> texts;
  std::vector<double> scores;
  std::vector<int64_t> types;
  for (const Token& token : v.tokens) {
    texts.push_back(token.text);
    scores.push_back(token.score);
    types.push_back(static_cast<int64_t>(token.type));
  }
  out.set(ggml_key("tokens"), MetaValue::strings(std::move(texts)));
  if (v.has_scores) out.set(ggml_key("scores"), MetaValue::f32s(std::move(scores)));
  out.set(ggml_key("token_type"), MetaValue::i32s(std::move(types)));
}

void write_templates(const Vocabulary& v, Metadata& out) {
  std::vector<std::string> names;
  for (const auto& [name, text] : v.named_templates) {
    names.push_back(key_name(name, names));
    out.set(fmt::format("{}.{}", template_key, names.back()), MetaValue::string(text));
  }
  if (!names.empty())
    out.set(fmt::format("{}s", template_key), MetaValue::strings(std::move(names)));
  if (v.chat_template) out.set(template_key, MetaValue::string(*v.chat_template));
}

class Reader {
 public:
  Reader(const Metadata& in, const std::string& file, std::vector<Finding>* warnings)
      : in_(in), file_(file), warnings_(warnings) {}

  std::optional<Vocabulary> read() {
    const MetaValue* model = find("model");
    if (!model && !find("tokens")) return std::nullopt;
    const std::string* name = model ? model->as_string() : nullptr;
    if (!name) bad_key("model", "a string");
    const auto kind = vocabulary_kind(*name);
    if (!kind)
      fail(codes::tokenizer_model, {.where = key_where(ggml_key("model")),
                                    .found = fmt::format("\"{}\"", printable(*name)),
                                    .file = file_});
    if (*kind == VocabularyKind::none) return std::nullopt;
    out_.kind = *kind;
    read_tokens();
    read_scores();
    read_types();
    note_unknowns();
    // Runtimes refuse a byte-level vocabulary without them; others have none.
    if (find("merges") || out_.kind == VocabularyKind::byte_bpe) read_merges();
    const std::string* pre = find("pre") ? find("pre")->as_string() : nullptr;
    out_.pre = pre ? *pre : "default";
    for (const auto& [key, value] : in_.entries()) read_entry(key, value);
    read_templates();
    return std::move(out_);
  }

 private:
  const MetaValue* find(std::string_view name) const { return in_.find(ggml_key(name)); }
  [[noreturn]] void bad_key(std::string_view name, std::string expected) const {
    const MetaValue* value = find(name);
    fail(codes::gguf_tokenizer_key,
         {.where = key_where(ggml_key(name)),
          .expected = std::move(expected),
          .found = value ? std::string(meta_type_name(value->type)) : "no such key",
          .file = file_});
  }
  const std::vector<std::string>& strings(std::string_view name) const {
    const MetaValue* value = find(name);
    const auto* list = value ? value->as_strings() : nullptr;
    if (!list) bad_key(name, "an array of strings");
    return *list;
  }
  [[noreturn]] void bad_array(const ErrorCode& code, std::string_view name, std::string expected,
                              const MetaValue& value) const {
    const std::string found =
        value.type == MetaType::array
            ? fmt::format("{} values of {}", value.array_size(), meta_type_name(value.element))
            : std::string(meta_type_name(value.type));
    fail(code, {.where = key_where(ggml_key(name)),
                .expected = std::move(expected),
                .found = found,
                .file = file_});
  }

  void read_tokens() {
    for (const std::string& text : strings("tokens")) out_.tokens.push_back({.text = text});
    if (out_.tokens.empty()) bad_key("tokens", "at least one token");
    // Runtimes tell tokens without text apart by their ids.
    known_.reserve(out_.tokens.size());
    for (size_t id = 0; id < out_.tokens.size(); ++id) {
      const std::string& text = out_.tokens[id].text;
      if (!text.empty() && !known_.insert(text).second)
        fail(codes::piece_twice, {.where = fmt::format("{}, token {}", ggml_key("tokens"), id),
                                  .expected = "every text once",
                                  .found = fmt::format("\"{}\"", printable(text)),
                                  .file = file_});
    }
  }

  void assume(std::string where, std::string found) {
    if (warnings_)
      warnings_->emplace_back(codes::assumed,
                              ErrorFacts{.where = std::move(where),
                                         .found = std::move(found),
                                         .fix = "make the GGUF again from its source",
                                         .file = file_});
  }

  void read_scores() {
    const MetaValue* value = find("scores");
    if (!value && (out_.kind == VocabularyKind::sentencepiece_bpe ||
                   out_.kind == VocabularyKind::unigram))
      assume(key_where(ggml_key("scores")), "all tokens score 0");
    if (!value) return;
    const auto* scores = value->as_doubles();
    const size_t count = out_.tokens.size();
    if (!scores || value->element != MetaType::f32 || scores->size() != count)
      bad_array(codes::gguf_scores, "scores", fmt::format("{} values of f32", count), *value);
    for (size_t id = 0; id < count; ++id) {
      if (!std::isfinite((*scores)[id]))
        fail(codes::gguf_scores, {.where = fmt::format("scores, token {}", id),
                                  .expected = "a finite number",
                                  .found = fmt::format("{}", (*scores)[id]),
                                  .file = file_});
      out_.tokens[id].score = static_cast<float>((*scores)[id]);
    }
    out_.has_scores = true;
  }

  void read_types() {
    const MetaValue* value = find("token_type");
    if (!value) return assume(key_where(ggml_key("token_type")), "all tokens are ordinary ones");
    const auto* types = value->as_ints();
    const size_t count = out_.tokens.size();
    if (!types || value->element == MetaType::boolean || types->size() != count)
      bad_array(codes::gguf_token_types, "token_type", fmt::format("{} values of i32", count),
                *value);
    for (size_t id = 0; id < count; ++id) {
      const int64_t type = (*types)[id];
      // 0 is written by old converters for ordinary tokens.
      if (type < 0 || type > 6)
        fail(codes::gguf_token_types, {.where = fmt::format("token_type, token {}", id),
                                       .expected = "0 to 6",
                                       .found = std::to_string(type),
                                       .file = file_});
      Token& token = out_.tokens[id];
      if (type > 0) token.type = static_cast<TokenType>(type);
      if (token.type == TokenType::byte && byte_of_piece(token.text) < 0)
        fail(codes::byte_token, {.where = fmt::format("tokens, token {}", id),
                                 .expected = "<0x00> to <0xFF>",
                                 .found = fmt::format("\"{}\"", printable(token.text)),
                                 .file = file_});
    }
  }

  // Texts that no token spells have one token; several are written by no known tool.
  void note_unknowns() {
    const auto is_unknown = [](const Token& token) { return token.type == TokenType::unknown; };
    const auto begin = out_.tokens.begin(), end = out_.tokens.end();
    const auto first = std::find_if(begin, end, is_unknown);
    const auto second = first == end ? end : std::find_if(first + 1, end, is_unknown);
    if (second == end) return;
    const MetaValue* named = find("unknown_token_id");
    const int64_t used = named ? named->as_int().value_or(first - begin) : first - begin;
    assume(fmt::format("token_type, token {}", second - begin),
           fmt::format("a second unknown token beside {}; token {} is taken", first - begin, used));
  }

  void read_merges() {
    out_.merges = strings("merges");
    for (size_t rank = 0; rank < out_.merges.size(); ++rank) {
      const std::string& merge = out_.merges[rank];
      const auto refuse = [&](const ErrorCode& code, std::string expected) {
        fail(code, {.where = fmt::format("merge {}", rank),
                    .expected = std::move(expected),
                    .found = fmt::format("\"{}\"", printable(merge)),
                    .file = file_});
      };
      if (merge.find(' ') == std::string::npos) refuse(codes::merge_form, "\"left right\"");
      if (out_.kind == VocabularyKind::byte_bpe && !makes_token(merge))
        refuse(codes::merge_unknown, "two tokens of the vocabulary that make a third");
    }
  }
  // Whether some blank parts a merge into two tokens that make a third. Tokens may hold blanks
  // themselves (runtimes look for the first one behind the first byte).
  bool makes_token(std::string_view merge) const {
    for (size_t at = merge.find(' ', 1); at != merge.npos; at = merge.find(' ', at + 1)) {
      const std::string_view left = merge.substr(0, at), right = merge.substr(at + 1);
      if (known_.contains(left) && known_.contains(right) &&
          known_.contains(std::string(left).append(right)))
        return true;
    }
    return false;
  }

  // Special ids, flags and counts, in file order.
  void read_entry(std::string_view key, const MetaValue& value) {
    if (!key.starts_with(prefix)) return;
    const std::string_view name = key.substr(prefix.size());
    constexpr std::string_view suffix = "_token_id";
    if (name.ends_with(suffix)) {
      read_id(name.substr(0, name.size() - suffix.size()), value);
    } else if (const auto flag = value.as_bool()) {
      out_.flags.emplace_back(name, *flag);
    } else if (name == "token_type_count") {
      const auto count = value.as_int();
      if (!count || *count < 0 || *count > UINT32_MAX) bad_key(name, "a count");
      out_.token_type_count = static_cast<uint32_t>(*count);
    } else if (name == "precompiled_charsmap") {
      read_charsmap(value);
    }
  }
  void read_id(std::string_view role, const MetaValue& value) {
    const auto id = value.as_int();
    if (!id || value.type == MetaType::boolean)
      bad_key(fmt::format("{}_token_id", role), "an integer");
    if (*id >= 0 && *id < std::ssize(out_.tokens)) {
      out_.special_ids.emplace_back(role, static_cast<uint32_t>(*id));
      return;
    }
    if (warnings_)
      warnings_->emplace_back(
          codes::special_id_range,
          ErrorFacts{.where = key_where(ggml_key(fmt::format("{}_token_id", role))),
                     .expected = fmt::format("an id below {}", out_.tokens.size()),
                     .found = std::to_string(*id),
                     .file = file_});
  }
  void read_charsmap(const MetaValue& value) {
    const auto* bytes = value.as_ints();
    if (!bytes || (value.element != MetaType::u8 && value.element != MetaType::i8))
      bad_key("precompiled_charsmap", "an array of u8");
    for (const int64_t byte : *bytes)
      out_.precompiled_charsmap.push_back(static_cast<uint8_t>(byte));
    if (!bytes->empty()) check_charsmap(out_.precompiled_charsmap, file_);
  }

  void read_templates() {
    if (const MetaValue* text = in_.find(template_key); text && text->as_string())
      out_.chat_template = *text->as_string();
    const MetaValue* names = in_.find(fmt::format("{}s", template_key));
    if (names && names->as_strings())
      for (const std::string& name : *names->as_strings()) read_template(name);
    const std::string start = fmt::format("{}.", template_key);
    for (const auto& [key, value] : in_.entries())  // those that the list forgot
      if (key.starts_with(start)) read_template(key.substr(start.size()));
  }
  void read_template(const std::string& name) {
    auto& all = out_.named_templates;
    const bool known =
        std::any_of(all.begin(), all.end(), [&](const auto& entry) { return entry.first == name; });
    const MetaValue* text = in_.find(fmt::format("{}.{}", template_key, name));
    if (!known && text && text->as_string()) all.emplace_back(name, *text->as_string());
  }

  const Metadata& in_;
  const std::string& file_;
  std::vector<Finding>* warnings_;
  Vocabulary out_;
  std::unordered_set<std::string_view> known_;  // texts of out_.tokens
};

}  // namespace

void write_tokenizer_keys(const Vocabulary& v, Metadata& out) {
  if (v.token_type_count)
    out.set(ggml_key("token_type_count"), MetaValue::u32(*v.token_type_count));
  out.set(ggml_key("model"), MetaValue::string(std::string(vocabulary_kind_name(v.kind))));
  if (v.kind == VocabularyKind::none) return;
  if (v.kind != VocabularyKind::rwkv) out.set(ggml_key("pre"), MetaValue::string(v.pre));
  write_tokens(v, out);
  if (v.kind == VocabularyKind::byte_bpe) out.set(ggml_key("merges"), MetaValue::strings(v.merges));
  for (const auto& [role, id] : v.special_ids)
    out.set(ggml_key(fmt::format("{}_token_id", role)), MetaValue::u32(id));
  for (const auto& [name, value] : v.flags) out.set(ggml_key(name), MetaValue::boolean(value));
  if (!v.precompiled_charsmap.empty()) {
    std::vector<int64_t> bytes(v.precompiled_charsmap.begin(), v.precompiled_charsmap.end());
    out.set(ggml_key("precompiled_charsmap"),
            {MetaType::array, MetaType::u8, MetaValue::Array(std::move(bytes))});
  }
  write_templates(v, out);
}

std::optional<Vocabulary> read_tokenizer_keys(const Metadata& metadata, const std::string& file,
                                              std::vector<Finding>* warnings) {
  return Reader(metadata, file, warnings).read();
}

}  // namespace recast
