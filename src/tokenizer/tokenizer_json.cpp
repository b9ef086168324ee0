#include "tokenizer/tokenizer_json.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <unordered_map>

#include "base/error.h"
#include "base/limits.h"
#include "tokenizer/base64.h"
#include "tokenizer/sentencepiece.h"

namespace recast {

namespace {

// Shape tells the type of files that do not say it: see guess_model.
struct ModelRow {
  std::string_view type;
  TokenizerModel model;
};
constexpr ModelRow model_table[] = {
    {"BPE", TokenizerModel::bpe},
    {"Unigram", TokenizerModel::unigram},
    {"WordPiece", TokenizerModel::wordpiece},
    {"WordLevel", TokenizerModel::wordlevel},
};

class Reader {
 public:
  Reader(const json::Value& model, const std::string& file) : model_(model), file_(file) {}

  TokenizerJson read() {
    out_.model = read_type();
    out_.unk_token = text("unk_token");
    out_.subword_prefix = text("continuing_subword_prefix");
    out_.byte_fallback = flag("byte_fallback");
    out_.ignore_merges = flag("ignore_merges");
    out_.model == TokenizerModel::unigram ? read_scored_vocab() : read_vocab();
    if (out_.model == TokenizerModel::bpe) read_merges();
    return std::move(out_);
  }

 private:
  [[noreturn]] void bad_field(std::string_view key, std::string expected, std::string found) const {
    fail(codes::tokenizer_field, {.where = key_where(fmt::format("model.{}", key)),
                                  .expected = std::move(expected),
                                  .found = std::move(found),
                                  .file = file_});
  }
  const json::Value& member(std::string_view key) const {
    static const json::Value null;
    const json::Value* value = model_.find(key);
    return value ? *value : null;
  }
  std::string text(std::string_view key) const {
    const std::string* value = member(key).as_string();
    return value ? *value : std::string();
  }
  bool flag(std::string_view key) const { return member(key).as_bool().value_or(false); }

  TokenizerModel read_type() const {
    const json::Value& type = member("type");
    if (type.is_null()) return guess_model();
    const std::string* name = type.as_string();
    for (const ModelRow& row : model_table)
      if (name && *name == row.type) return row.model;
    fail(codes::tokenizer_model,
         {.where = key_where("model.type"),
          .found = name ? fmt::format("\"{}\"", printable(*name)) : std::string(type.type_name()),
          .file = file_});
  }
  TokenizerModel guess_model() const {
    if (member("merges").is_array()) return TokenizerModel::bpe;
    if (member("vocab").is_array()) return TokenizerModel::unigram;
    return member("continuing_subword_prefix").is_string() ? TokenizerModel::wordpiece
                                                           : TokenizerModel::wordlevel;
  }

  void read_vocab() {
    const json::Object* vocab = member("vocab").as_object();
    if (!vocab) bad_field("vocab", "an object", std::string(member("vocab").type_name()));
    for (const auto& [token, value] : *vocab) {
      const auto id = static_cast<size_t>(check_token_id(value, token, file_, std::ssize(*vocab)));
      if (id >= out_.vocab.size()) out_.vocab.resize(id + 1);
      if (out_.vocab[id])
        fail(codes::token_id_twice,
             {.where = fmt::format("id {}", id),
              .found =
                  fmt::format("\"{}\" and \"{}\"", printable(*out_.vocab[id]), printable(token)),
              .file = file_});
      out_.vocab[id] = token;
    }
    ids_.reserve(out_.vocab.size());
    for (size_t id = 0; id < out_.vocab.size(); ++id)
      if (out_.vocab[id]) ids_.emplace(*out_.vocab[id], static_cast<int64_t>(id));
    if (const auto unk = ids_.find(out_.unk_token); unk != ids_.end()) out_.unk_id = unk->second;
  }

  void read_scored_vocab() {
    const json::Array* vocab = member("vocab").as_array();
    if (!vocab) bad_field("vocab", "an array", std::string(member("vocab").type_name()));
    for (const json::Value& entry : *vocab) {
      const json::Array* pair = entry.as_array();
      const std::string* piece = pair && pair->size() == 2 ? (*pair)[0].as_string() : nullptr;
      const auto score = piece ? (*pair)[1].as_double() : std::nullopt;
      if (!score) bad_field("vocab", "pairs of piece and score", json::write(entry));
      if (!std::isfinite(*score))
        fail(codes::piece_score, {.where = fmt::format("piece {}", out_.vocab.size()),
                                  .found = fmt::format("\"{}\"", printable(*piece)),
                                  .file = file_});
      out_.vocab.emplace_back(*piece);
      out_.scores.push_back(static_cast<float>(*score));
    }
    out_.unk_id = member("unk_id").as_int();
    if (out_.unk_id && (*out_.unk_id < 0 || *out_.unk_id >= std::ssize(out_.vocab)))
      bad_field("unk_id", "an id of the vocabulary", std::to_string(*out_.unk_id));
  }

  void read_merges() {
    const json::Value& list = member("merges");
    const json::Array* merges = list.as_array();
    if (!merges) bad_field("merges", "an array", std::string(list.type_name()));
    out_.merges.reserve(merges->size());
    for (const json::Value& entry : *merges) {
      out_.merges.push_back(read_merge(entry));
      const auto& [left, right] = out_.merges.back();
      if (!known(left) || !known(right) || !known(joined(left, right)))
        fail(codes::merge_unknown, {.where = fmt::format("merge {}", out_.merges.size() - 1),
                                    .expected = "two tokens of the vocabulary that make a third",
                                    .found = fmt::format("\"{}\"", printable(left + " " + right)),
                                    .file = file_});
    }
  }
  // ["left", "right"], or "left right" as files before 2024 have it.
  std::pair<std::string, std::string> read_merge(const json::Value& entry) const {
    if (const json::Array* pair = entry.as_array(); pair && pair->size() == 2) {
      const std::string *left = (*pair)[0].as_string(), *right = (*pair)[1].as_string();
      if (left && right) return {*left, *right};
    }
    if (const std::string* text = entry.as_string()) {
      const size_t blank = text->find(' ');
      if (blank != std::string::npos && text->find(' ', blank + 1) == std::string::npos)
        return {text->substr(0, blank), text->substr(blank + 1)};
    }
    fail(codes::merge_form, {.where = fmt::format("merge {}", out_.merges.size()),
                             .found = printable(json::write(entry)),
                             .file = file_});
  }
  bool known(std::string_view token) const { return ids_.contains(token); }
  std::string joined(const std::string& left, const std::string& right) const {
    const bool cut = !out_.subword_prefix.empty() && right.starts_with(out_.subword_prefix);
    return left + (cut ? right.substr(out_.subword_prefix.size()) : right);
  }

  const json::Value& model_;
  const std::string& file_;
  TokenizerJson out_;
  std::unordered_map<std::string_view, int64_t> ids_;  // views of out_.vocab
};

json::Value member_of(const json::Value& root, std::string_view key) {
  const json::Value* value = root.find(key);
  return value ? *value : json::Value();
}

bool scores_are_floats(const json::Value& model) {
  const json::Value* vocab = model.find("vocab");
  return std::all_of(vocab->as_array()->begin(), vocab->as_array()->end(),
                     [](const json::Value& entry) {
                       const double score = *(*entry.as_array())[1].as_double();
                       return static_cast<double>(static_cast<float>(score)) == score;
                     });
}

// Requires: `root` was read.
json::Value without_vocabulary(json::Value root, TokenizerModel type) {
  json::Value& model = *root.find("model");
  if (type == TokenizerModel::bpe) model.erase("merges");
  if (type != TokenizerModel::unigram || scores_are_floats(model)) model.erase("vocab");
  return root;
}

void check_added(const std::vector<AddedToken>& added, const std::string& file) {
  std::unordered_map<int64_t, const AddedToken*> seen;
  for (const AddedToken& token : added) {
    const auto [other, fresh] = seen.emplace(token.id, &token);
    if (fresh || other->second->content == token.content) continue;
    fail(codes::token_id_twice,
         {.where = fmt::format("added_tokens, id {}", token.id),
          .found = fmt::format("\"{}\" and \"{}\"", printable(other->second->content),
                               printable(token.content)),
          .file = file});
  }
}

}  // namespace

std::optional<int64_t> TokenizerJson::added_id(std::string_view content) const {
  for (const AddedToken& token : added)
    if (token.content == content) return token.id;
  return std::nullopt;
}

int64_t check_token_id(const json::Value& value, std::string_view token, const std::string& file,
                       int64_t tokens) {
  const auto id = value.as_int();
  const int64_t end = id_limit(tokens);
  if (id && *id >= 0 && *id < end) return *id;
  ErrorFacts facts{.where = fmt::format("token \"{}\"", printable(token)),
                   .expected = fmt::format("an id from 0 to {}", end - 1),
                   .found = value.is_number() ? value.as_number()->text
                                              : std::string(value.type_name()),
                   .file = file};
  if (!id || *id < 0) fail(codes::token_id_range, std::move(facts));
  const bool any_file = end == max_token_id();
  fail_limit(codes::token_id_range, any_file ? Limit::token_ids : Limit::spare_token_ids,
             std::move(facts), static_cast<uint64_t>(*id) + 1);
}

bool prepends_space(const TokenizerJson& json) {
  const auto has = [](const json::Value& part, std::string_view members, const auto& test,
                      const auto& self) -> bool {
    if (const json::Value* list = part.find(members); list && list->is_array())
      return std::any_of(
          list->as_array()->begin(), list->as_array()->end(),
          [&](const json::Value& inner) { return self(inner, members, test, self); });
    const json::Value* type = part.find("type");
    return type && type->as_string() && test(*type->as_string(), part);
  };
  const auto prepends = [](const std::string& type, const json::Value& part) {
    if (type != "Metaspace") return type == "Prepend";
    const json::Value* scheme = part.find("prepend_scheme");
    const json::Value* old = part.find("add_prefix_space");
    if (scheme) return !(*scheme == json::Value("never"));
    return !old || old->as_bool().value_or(true);
  };
  return has(json.normalizer, "normalizers", prepends, has) ||
         has(json.pre_tokenizer, "pretokenizers", prepends, has);
}

std::string charsmap_of(const json::Value& normalizer, const std::string& file) {
  if (const json::Value* list = normalizer.find("normalizers"); list && list->is_array()) {
    for (const json::Value& part : *list->as_array())
      if (std::string bytes = charsmap_of(part, file); !bytes.empty()) return bytes;
    return {};
  }
  const json::Value* charsmap = normalizer.find("precompiled_charsmap");
  if (!charsmap || charsmap->is_null()) return {};
  const std::string* text = charsmap->as_string();
  const auto bytes = text ? decode_base64(*text) : std::nullopt;
  if (!bytes)
    fail(codes::charsmap_broken,
         {.where = key_where("precompiled_charsmap"), .expected = "base64", .file = file});
  if (!bytes->empty())
    check_charsmap({reinterpret_cast<const uint8_t*>(bytes->data()), bytes->size()}, file);
  return *bytes;
}

AddedToken read_added_token(const json::Value& value, const std::string& file, int64_t tokens) {
  const json::Value* content = value.find("content");
  if (!content || !content->as_string())
    fail(codes::tokenizer_field, {.where = key_where("added_tokens"),
                                  .expected = "an object with content and id",
                                  .found = printable(json::write(value)),
                                  .file = file});
  AddedToken token{.content = *content->as_string()};
  if (const json::Value* id = value.find("id"))
    token.id = check_token_id(*id, token.content, file, tokens);
  const auto flag = [&](std::string_view key, bool otherwise) {
    const json::Value* member = value.find(key);
    return member ? member->as_bool().value_or(otherwise) : otherwise;
  };
  token.special = flag("special", false);
  token.normalized = flag("normalized", !token.special);
  token.lstrip = flag("lstrip", false);
  token.rstrip = flag("rstrip", false);
  token.single_word = flag("single_word", false);
  return token;
}

TokenizerJson parse_tokenizer_json(json::Value root, const std::string& file) {
  const json::Value* model = root.find("model");
  if (!model || !model->is_object())
    fail(codes::tokenizer_field,
         {.where = key_where("model"), .expected = "an object", .file = file});
  TokenizerJson out = Reader(*model, file).read();
  if (const json::Value* added = root.find("added_tokens"))
    if (const json::Array* list = added->as_array())
      for (const json::Value& entry : *list)
        out.added.push_back(
            read_added_token(entry, file, std::ssize(out.vocab) + std::ssize(*list)));
  check_added(out.added, file);
  out.normalizer = member_of(root, "normalizer");
  out.pre_tokenizer = member_of(root, "pre_tokenizer");
  out.post_processor = member_of(root, "post_processor");
  out.decoder = member_of(root, "decoder");
  out.rest = without_vocabulary(std::move(root), out.model);
  return out;
}

}  // namespace recast
