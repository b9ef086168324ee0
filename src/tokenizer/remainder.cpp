#include "tokenizer/remainder.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "io/hash.h"
#include "tokenizer/base64.h"
#include "tokenizer/build_model.h"

namespace recast {

namespace {

constexpr std::string_view json_name = "tokenizer.json";
constexpr std::string_view config_name = "tokenizer_config.json";
constexpr std::string_view whole_files[] = {"special_tokens_map.json", "added_tokens.json"};

using Merges = std::vector<std::pair<std::string, std::string>>;

// Guesses of a file from the keys. What differs is stored, so a guess must never change: files that
// were made with it are out in the world.
std::string guess_text(const Vocabulary& v, size_t id) {
  const Token& token = v.tokens[id];
  constexpr std::string_view begins_word = "\u2581";
  if (v.kind != VocabularyKind::wordpiece || token.type != TokenType::normal) return token.text;
  if (token.text.starts_with(begins_word) && token.text != begins_word)
    return token.text.substr(begins_word.size());
  return fmt::format("##{}", token.text);
}
bool guess_present(const Vocabulary& v, size_t id) {
  return v.tokens[id].type != TokenType::unused;
}
Merges guess_merges(const Vocabulary& v) {
  if (v.kind == VocabularyKind::sentencepiece_bpe) return merges_of_pieces(v.tokens);
  Merges out;
  out.reserve(v.merges.size());
  for (const std::string& merge : v.merges) {
    const size_t gap = std::min(merge.find(' '), merge.size() - 1);
    out.emplace_back(merge.substr(0, gap), merge.substr(gap + 1));
  }
  return out;
}

void feed(Xxh3& hash, std::string_view text) {
  const uint64_t bytes = text.size();
  hash.update(std::as_bytes(std::span(&bytes, 1)));
  hash.update(std::as_bytes(std::span(text)));
}

std::string hash_of(const Vocabulary& v) {
  Xxh3 hash;
  feed(hash, vocabulary_kind_name(v.kind));
  feed(hash, v.pre);
  for (const Token& token : v.tokens) {
    feed(hash, token.text);
    const auto type = static_cast<int32_t>(token.type);
    const float score = v.has_scores ? token.score : 0;
    hash.update(std::as_bytes(std::span(&type, 1)));
    hash.update(std::as_bytes(std::span(&score, 1)));
  }
  for (const std::string& merge : v.merges) feed(hash, merge);
  auto ids = v.special_ids;
  std::sort(ids.begin(), ids.end());
  for (const auto& [role, id] : ids) feed(hash, fmt::format("{} {}", role, id));
  auto flags = v.flags;
  std::sort(flags.begin(), flags.end());
  for (const auto& [name, value] : flags) feed(hash, fmt::format("{} {}", name, value));
  hash.update(std::as_bytes(std::span(v.precompiled_charsmap)));
  return hash.digest().hex();
}

int64_t id_number(size_t id) { return static_cast<int64_t>(id); }

// Ids that the keys have and the file lacks, and the other way round.
json::Value vocab_remainder(const Vocabulary& v, const TokenizerJson& file) {
  json::Array absent, but;
  const size_t count = std::max(v.tokens.size(), file.vocab.size());
  size_t run = 0;
  const auto end_run = [&](size_t end) {
    if (run > 0) absent.push_back(json::Array{id_number(end - run), id_number(run)});
    run = 0;
  };
  for (size_t id = 0; id < count; ++id) {
    const bool guessed = id < v.tokens.size() && guess_present(v, id);
    const std::string* text = id < file.vocab.size() && file.vocab[id] ? &*file.vocab[id] : nullptr;
    if (guessed && !text)
      ++run;
    else
      end_run(id);
    if (!text) continue;
    const bool scored = file.model == TokenizerModel::unigram;
    const bool same_text = guessed && guess_text(v, id) == *text;
    if (same_text && (!scored || file.scores[id] == v.tokens[id].score)) continue;
    json::Array row{id_number(id), *text};
    if (scored) row.emplace_back(static_cast<double>(file.scores[id]));
    but.emplace_back(std::move(row));
  }
  end_run(count);
  return json::Object{{"absent", std::move(absent)}, {"but", std::move(but)}};
}

// {"id", "content", ...}: flags that are false and a content that the keys have are left out.
json::Value added_remainder(const Vocabulary& v, const json::Value& token) {
  json::Object out;
  if (!token.is_object()) return token;
  const json::Value* id = token.find("id");
  const int64_t number = id ? id->as_int().value_or(-1) : -1;
  const bool held = number >= 0 && number < std::ssize(v.tokens);
  for (const auto& [key, value] : *token.as_object()) {
    if (value.as_bool() == false) continue;
    const bool known = key == "content" && held &&
                       value == json::Value(v.tokens[static_cast<size_t>(number)].text);
    if (!known) out.emplace_back(key, value);
  }
  return out;
}

json::Value json_remainder(const Vocabulary& v, const TokenizerJson& file) {
  json::Value rest = file.rest;
  if (json::Value* added = rest.find("added_tokens"); added && added->is_array())
    for (json::Value& token : *added->as_array()) token = added_remainder(v, token);
  json::Value out = json::Object{{"rest", std::move(rest)}, {"vocab", vocab_remainder(v, file)}};
  if (file.model != TokenizerModel::bpe || file.merges == guess_merges(v)) return out;
  json::Array merges;
  for (const auto& [left, right] : file.merges) merges.push_back(json::Array{left, right});
  out.set("merges", std::move(merges));
  return out;
}

// The scalar settings of a sentencepiece file, once for both directions.
template <class Model, class Visit>
void visit_settings(Model& model, const Visit& visit) {
  visit("byte_fallback", model.byte_fallback);
  visit("treat_whitespace_as_suffix", model.whitespace_as_suffix);
  visit("unk_id", model.unk_id);
  visit("bos_id", model.bos_id);
  visit("eos_id", model.eos_id);
  visit("pad_id", model.pad_id);
  visit("unk_piece", model.unk_piece);
  visit("bos_piece", model.bos_piece);
  visit("eos_piece", model.eos_piece);
  visit("pad_piece", model.pad_piece);
  visit("normalizer", model.normalizer);
  visit("add_dummy_prefix", model.add_dummy_prefix);
  visit("remove_extra_whitespaces", model.remove_extra_whitespaces);
  visit("escape_whitespaces", model.escape_whitespaces);
}

json::Value pieces_remainder(const Vocabulary& v, const SentencePieceModel& model, size_t first) {
  json::Value out = json::Object{{"model_type", static_cast<int64_t>(model.algorithm)},
                                 {"count", id_number(model.pieces.size())},
                                 {"first_id", id_number(first)}};
  visit_settings(model, [&](const char* key, const auto& value) { out.set(key, value); });
  if (model.precompiled_charsmap != v.precompiled_charsmap)
    out.set("precompiled_charsmap",
            encode_base64({reinterpret_cast<const char*>(model.precompiled_charsmap.data()),
                           model.precompiled_charsmap.size()}));
  json::Array but;
  for (size_t i = 0; i < model.pieces.size(); ++i) {
    const Token& piece = model.pieces[i];
    const Token* held = i + first < v.tokens.size() ? &v.tokens[i + first] : nullptr;
    if (held && piece.text == held->text && piece.score == held->score && piece.type == held->type)
      continue;
    but.push_back(json::Array{id_number(i), piece.text, static_cast<double>(piece.score),
                              static_cast<int64_t>(piece.type)});
  }
  out.set("but", std::move(but));
  return out;
}

// added_tokens_decoder as transformers writes it.
json::Value decoder_of(const json::Array& added) {
  json::Object out;
  for (const json::Value& token : added) {
    const json::Value* id = token.find("id");
    const auto number = id ? id->as_int() : std::nullopt;
    if (!number) continue;
    json::Value entry = token;
    entry.erase("id");
    out.emplace_back(std::to_string(*number), std::move(entry));
  }
  return out;
}

// A template that the keys hold: true; a list of them: their names.
json::Value template_remainder(const Vocabulary& v, const json::Value& value) {
  if (value.is_string())
    return v.chat_template && value == json::Value(*v.chat_template) ? json::Value(true) : value;
  if (!value.is_array()) return value;
  json::Array names;
  size_t further = 0;
  for (const json::Value& entry : *value.as_array()) {
    const json::Value *name = entry.find("name"), *text = entry.find("template");
    if (!name || !name->as_string() || !text || !text->as_string()) return value;
    const bool usual = *name->as_string() == "default";
    const std::string* held = nullptr;
    if (usual && v.chat_template) held = &*v.chat_template;
    if (!usual && further < v.named_templates.size()) held = &v.named_templates[further++].second;
    if (!held || *held != *text->as_string()) return value;
    names.push_back(*name);
  }
  return names;
}

// Settings that hold a path say where a file was on another machine.
bool is_path(const json::Value& value) {
  return value.as_string() && value.as_string()->starts_with('/');
}

json::Value config_remainder(const Vocabulary& v, const TokenizerFiles& files) {
  json::Value out = json::Object{};
  const json::Value* added =
      files.tokenizer_json ? files.tokenizer_json->rest.find("added_tokens") : nullptr;
  for (const auto& [key, value] : *files.tokenizer_config->as_object()) {
    if (is_path(value)) continue;
    if (key == "chat_template")
      out.set(key, template_remainder(v, value));
    else if (key == "added_tokens_decoder" && added && added->is_array() &&
             value == decoder_of(*added->as_array()))
      out.set(key, true);
    else
      out.set(key, value);
  }
  return out;
}

// Reads a remainder. Every member is checked: it comes from a file.
class Restorer {
 public:
  Restorer(const json::Value& in, const Vocabulary& v, const std::string& file)
      : in_(in), v_(v), file_(file) {}

  std::vector<NewFile> run() {
    if (const json::Value* part = in_.find(json_name)) put_json(json_name, tokenizer_json(*part));
    for (const std::string_view name :
         {"tokenizer.model", "spiece.model", "sentencepiece.bpe.model"})
      if (const json::Value* part = in_.find(name))
        out_.push_back({std::string(name), write_sentencepiece(sentencepiece(*part))});
    if (const json::Value* part = in_.find(config_name)) put_json(config_name, config(*part));
    for (const std::string_view name : whole_files)
      if (const json::Value* part = in_.find(name)) put_json(name, *part);
    if (in_.find("vocab.txt")) out_.push_back({"vocab.txt", vocab_txt()});
    return std::move(out_);
  }

 private:
  [[noreturn]] void damaged(std::string_view part, std::string expected) const {
    fail(codes::tokenizer_field, {.where = key_where(fmt::format("src.hf.tokenizer, {}", part)),
                                  .expected = std::move(expected),
                                  .file = file_});
  }
  void put_json(std::string_view name, const json::Value& value) {
    out_.push_back({std::string(name), json::write(value, 2) + "\n"});
  }
  const json::Value& member(const json::Value& part, std::string_view key) const {
    const json::Value* value = part.find(key);
    if (!value) damaged(key, "a member of this name");
    return *value;
  }
  const json::Array& list(const json::Value& part, std::string_view key) const {
    const json::Array* value = member(part, key).as_array();
    if (!value) damaged(key, "an array");
    return *value;
  }
  // Row of a "but" or "absent" list: `size` values, the first an id.
  std::pair<size_t, const json::Array*> row(const json::Value& value, size_t size,
                                            std::string_view key) const {
    const json::Array* items = value.as_array();
    const auto id = items && items->size() == size ? items->front().as_int() : std::nullopt;
    if (!id || *id < 0 || *id >= max_token_id())
      damaged(key, fmt::format("an id and {} more", size - 1));
    return {static_cast<size_t>(*id), items};
  }

  json::Value tokenizer_json(const json::Value& part) {
    json::Value root = member(part, "rest");
    if (!root.is_object()) damaged("rest", "an object");
    if (json::Value* added = root.find("added_tokens"); added && added->is_array())
      for (json::Value& token : *added->as_array()) token = added_token(token);
    json::Value* model = root.find("model");
    if (!model || !model->is_object()) damaged("model", "an object");
    const json::Value* type = model->find("type");
    const bool unigram =
        type ? *type == json::Value("Unigram") : v_.kind == VocabularyKind::unigram;
    const bool bpe = type ? *type == json::Value("BPE") : !unigram;
    if (!model->find("vocab")) model->set("vocab", vocab(member(part, "vocab"), unigram));
    const json::Value* merges = part.find("merges");
    if (bpe) model->set("merges", merges ? *merges : merges_of_keys());
    return root;
  }
  json::Value merges_of_keys() const {
    json::Array out;
    for (auto& [left, right] : guess_merges(v_))
      out.push_back(json::Array{std::move(left), std::move(right)});
    return out;
  }
  json::Value added_token(const json::Value& stored) const {
    json::Value out = stored;
    const json::Value* id = stored.find("id");
    const auto number = id ? id->as_int() : std::nullopt;
    if (!number || *number < 0 || *number >= max_token_id()) damaged("added_tokens", "an id");
    if (!stored.find("content")) {
      if (*number >= std::ssize(v_.tokens)) damaged("added_tokens", "an id of the vocabulary");
      out.set("content", v_.tokens[static_cast<size_t>(*number)].text);
    }
    for (const std::string_view flag : {"single_word", "lstrip", "rstrip", "normalized", "special"})
      if (!stored.find(flag)) out.set(flag, false);
    return out;
  }

  json::Value vocab(const json::Value& part, bool unigram) const {
    std::vector<std::optional<std::string>> texts(v_.tokens.size());
    std::vector<json::Value> scores(v_.tokens.size());
    for (size_t id = 0; id < texts.size(); ++id) {
      if (guess_present(v_, id)) texts[id] = guess_text(v_, id);
      scores[id] = static_cast<double>(v_.tokens[id].score);
    }
    for (const json::Value& value : list(part, "absent")) {
      const auto [first, items] = row(value, 2, "absent");
      const auto count = (*items)[1].as_int();
      if (!count || *count < 0 || first + static_cast<size_t>(*count) > texts.size())
        damaged("absent", "ids of the vocabulary");
      for (size_t i = 0; i < static_cast<size_t>(*count); ++i) texts[first + i].reset();
    }
    const size_t limit = texts.size() + list(part, "but").size();  // bounds what is allocated
    for (const json::Value& value : list(part, "but")) {
      const auto [id, items] = row(value, unigram ? 3 : 2, "but");
      if (id >= limit || !(*items)[1].as_string()) damaged("but", "the text of a token");
      if (id >= texts.size()) texts.resize(id + 1), scores.resize(id + 1);
      texts[id] = *(*items)[1].as_string();
      if (unigram) scores[id] = (*items)[2];
    }
    return unigram ? pieces_of(texts, scores) : object_of(texts);
  }
  static json::Value object_of(std::vector<std::optional<std::string>>& texts) {
    json::Object out;
    for (size_t id = 0; id < texts.size(); ++id)
      if (texts[id]) out.emplace_back(std::move(*texts[id]), id_number(id));
    return out;
  }
  static json::Value pieces_of(std::vector<std::optional<std::string>>& texts,
                               std::vector<json::Value>& scores) {
    json::Array out;
    for (size_t id = 0; id < texts.size(); ++id)
      if (texts[id]) out.push_back(json::Array{std::move(*texts[id]), std::move(scores[id])});
    return out;
  }

  void set_setting(bool& out, const json::Value& value) const {
    if (!value.as_bool()) damaged("tokenizer.model", "a boolean");
    out = *value.as_bool();
  }
  void set_setting(int32_t& out, const json::Value& value) const {
    const auto number = value.as_int();
    if (!number || *number < -1 || *number >= max_token_id()) damaged("tokenizer.model", "an id");
    out = static_cast<int32_t>(*number);
  }
  void set_setting(std::string& out, const json::Value& value) const {
    if (!value.as_string()) damaged("tokenizer.model", "a text");
    out = *value.as_string();
  }

  SentencePieceModel sentencepiece(const json::Value& part) const {
    SentencePieceModel model;
    visit_settings(
        model, [&](const char* key, auto& setting) { set_setting(setting, member(part, key)); });
    const auto type = member(part, "model_type").as_int();
    const auto count = member(part, "count").as_int();
    if (!type || *type < 1 || *type > 4) damaged("model_type", "1 to 4");
    if (!count || *count < 0 || *count > std::ssize(v_.tokens) + std::ssize(list(part, "but")))
      damaged("count", "a count of pieces");
    model.algorithm = static_cast<SentencePieceModel::Algorithm>(*type);
    const auto first = member(part, "first_id").as_int();
    if (!first || *first < 0 || *first > std::ssize(v_.tokens)) damaged("first_id", "an id");
    model.pieces.assign(v_.tokens.begin() + *first, v_.tokens.end());
    model.pieces.resize(static_cast<size_t>(*count));
    for (const json::Value& value : list(part, "but")) set_piece(value, model.pieces);
    model.precompiled_charsmap = v_.precompiled_charsmap;
    if (const json::Value* stored = part.find("precompiled_charsmap")) {
      const auto bytes = stored->as_string() ? decode_base64(*stored->as_string()) : std::nullopt;
      if (!bytes) damaged("precompiled_charsmap", "base64");
      model.precompiled_charsmap.assign(bytes->begin(), bytes->end());
    }
    return model;
  }
  void set_piece(const json::Value& value, std::vector<Token>& pieces) const {
    const auto [id, items] = row(value, 4, "but");
    const std::string* text = (*items)[1].as_string();
    const auto score = (*items)[2].as_double();
    const auto type = (*items)[3].as_int();
    if (id >= pieces.size() || !text || !score || !type || *type < 1 || *type > 6)
      damaged("but", "text, score and type of a piece");
    pieces[id] = {*text, static_cast<float>(*score), static_cast<TokenType>(*type)};
  }

  json::Value config(const json::Value& part) const {
    json::Value out = part;
    if (!part.is_object()) damaged(config_name, "an object");
    if (json::Value* value = out.find("chat_template")) *value = chat_template(*value);
    json::Value* decoder = out.find("added_tokens_decoder");
    const json::Value* file = in_.find(json_name);
    if (!decoder || decoder->as_bool() != true || !file) return out;
    json::Array tokens;
    for (const json::Value& token : list(member(*file, "rest"), "added_tokens"))
      tokens.push_back(added_token(token));
    *decoder = decoder_of(tokens);
    return out;
  }
  // Texts come from the keys: they may have been edited since.
  json::Value chat_template(const json::Value& stored) const {
    if (stored.as_bool() == true)
      return v_.chat_template ? json::Value(*v_.chat_template) : json::Value();
    const json::Array* names = stored.as_array();
    if (!names || !std::all_of(names->begin(), names->end(),
                               [](const json::Value& name) { return name.is_string(); }))
      return stored;
    json::Array out;
    size_t further = 0;
    for (const json::Value& name : *names) {
      const bool usual = *name.as_string() == "default";
      if (usual ? !v_.chat_template : further >= v_.named_templates.size()) continue;
      const std::string& text = usual ? *v_.chat_template : v_.named_templates[further++].second;
      out.push_back(json::Object{{"name", name}, {"template", text}});
    }
    return out;
  }

  std::string vocab_txt() const {
    std::string out;
    for (size_t id = 0; id < v_.tokens.size(); ++id)
      if (guess_present(v_, id)) out.append(guess_text(v_, id)).push_back('\n');
    return out;
  }

  const json::Value& in_;
  const Vocabulary& v_;
  const std::string& file_;
  std::vector<NewFile> out_;
};

}  // namespace

json::Value tokenizer_remainder(const Vocabulary& v, const TokenizerFiles& files) {
  json::Value out = json::Object{{"vocabulary", hash_of(v)}};
  if (files.tokenizer_json) out.set(json_name, json_remainder(v, *files.tokenizer_json));
  if (files.sentencepiece)
    out.set(files.sentencepiece_name, pieces_remainder(v, *files.sentencepiece, files.first_id));
  if (files.tokenizer_config && files.tokenizer_config->is_object())
    out.set(config_name, config_remainder(v, files));
  const json::Value* whole[] = {files.special_tokens_map, files.added_tokens};
  for (size_t i = 0; i < std::size(whole); ++i)
    if (whole[i]) out.set(whole_files[i], *whole[i]);
  if (files.vocab_txt) out.set("vocab.txt", true);
  if (!files.templates.empty()) {
    json::Array names;
    for (const std::string& name : files.templates) names.emplace_back(name);
    out.set("templates", std::move(names));
  }
  return out.as_object()->size() > 1 ? out : json::Value();
}

bool remainder_belongs(const json::Value& remainder, const Vocabulary& v) {
  const json::Value* hash = remainder.find("vocabulary");
  return hash && *hash == json::Value(hash_of(v));
}

std::vector<NewFile> restore_tokenizer_files(const json::Value& remainder,
                                             const Vocabulary& vocabulary,
                                             const std::string& file) {
  return Restorer(remainder, vocabulary, file).run();
}

std::vector<std::string> template_names(const json::Value& remainder, const Vocabulary& v) {
  std::vector<std::string> out;
  const json::Value* names = remainder.find("templates");
  if (!names || !names->is_array()) return out;
  for (const json::Value& name : *names->as_array())
    if (name.as_string()) out.push_back(*name.as_string());
  if (out.size() != v.named_templates.size()) out.clear();
  return out;
}

}  // namespace recast
