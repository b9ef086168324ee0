#include "tokenizer/build_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <unordered_set>

#include "tokenizer/base64.h"
#include "tokenizer/pretokenizer.h"

namespace recast {

namespace {

constexpr std::string_view blank = "\u2581";

bool is_added(const Token& token) {
  return token.type == TokenType::control || token.type == TokenType::unknown ||
         token.type == TokenType::user_defined;
}
bool is_sentencepiece(VocabularyKind kind) {
  return kind == VocabularyKind::sentencepiece_bpe || kind == VocabularyKind::unigram;
}

std::string with_blocks(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (c == ' ')
      out += blank;
    else
      out += c;
  return out;
}

std::optional<uint32_t> unknown_of(const Vocabulary& v) {
  const auto is_unknown = [](const Token& token) { return token.type == TokenType::unknown; };
  const auto it = std::find_if(v.tokens.begin(), v.tokens.end(), is_unknown);
  if (it != v.tokens.end()) return static_cast<uint32_t>(it - v.tokens.begin());
  if (const auto id = v.special_id("unknown")) return id;
  if (!is_sentencepiece(v.kind)) return std::nullopt;
  const auto named = std::find_if(v.tokens.begin(), v.tokens.end(),
                                  [](const Token& token) { return token.text == "<unk>"; });
  return named == v.tokens.end() ? 0 : static_cast<uint32_t>(named - v.tokens.begin());
}

// User-defined tokens hold blanks in GGUF. Where a blank is put in front of every text, a token
// that is matched before that must keep them; see build_added_tokens.
void restore_blanks(FileTokens& files) {
  if (files.space_prefix) return;
  std::unordered_set<std::string> texts;
  for (const Token& token : files.tokens) texts.insert(token.text);
  for (Token& token : files.tokens)
    if (token.type == TokenType::user_defined && !texts.contains(with_blocks(token.text)))
      token.text = with_blocks(token.text);
}

// "▁a" begins a word, "a" goes on in one; "▁" alone is that character inside a word, as no token is
// empty.
void restore_wordpiece(std::vector<Token>& tokens) {
  for (Token& token : tokens) {
    if (is_added(token) || token.type == TokenType::unused) continue;
    if (token.text.starts_with(blank) && token.text != blank)
      token.text.erase(0, blank.size());
    else
      token.text.insert(0, "##");
  }
}

json::Value special_part(const std::string& text, int type) {
  return json::Object{{"SpecialToken", json::Object{{"id", text}, {"type_id", type}}}};
}
json::Value sequence_part(const char* name, int type) {
  return json::Object{{"Sequence", json::Object{{"id", name}, {"type_id", type}}}};
}

// Empty too when the id is one of the unused tokens that files leave out.
std::optional<uint32_t> special_of(const Vocabulary& v, const FileTokens& files,
                                   std::string_view role) {
  const auto id = v.special_id(role);
  return id && *id < files.tokens.size() ? id : std::nullopt;
}

// `pair` joins two texts the way `single` frames each; BERT has its first token only once.
json::Value build_template(const Vocabulary& v, const FileTokens& files, bool bos, bool eos) {
  // Files of BERT name cls and sep, or bos and eos, or all four.
  const auto either = [&](const char* role, const char* otherwise) {
    const auto id = special_of(v, files, role);
    return id || v.kind != VocabularyKind::wordpiece ? id : special_of(v, files, otherwise);
  };
  const auto bos_id = bos ? either("bos", "cls") : std::nullopt;
  const auto eos_id = eos ? either("eos", "seperator") : std::nullopt;
  if (!bos_id && !eos_id) return {};
  json::Array single, pair;
  json::Object special;
  const auto put = [&](json::Array& list, std::optional<uint32_t> id, int type) {
    if (!id) return;
    const std::string& text = files.tokens[*id].text;
    list.push_back(special_part(text, type));
    if (std::none_of(special.begin(), special.end(),
                     [&](const auto& e) { return e.first == text; }))
      special.emplace_back(text, json::Object{{"id", text},
                                              {"ids", json::Array{static_cast<int64_t>(*id)}},
                                              {"tokens", json::Array{text}}});
  };
  put(single, bos_id, 0);
  single.push_back(sequence_part("A", 0));
  put(single, eos_id, 0);
  pair = single;
  if (v.kind != VocabularyKind::wordpiece) put(pair, bos_id, 1);
  pair.push_back(sequence_part("B", 1));
  put(pair, eos_id, 1);
  return json::Object{{"type", "TemplateProcessing"},
                      {"single", std::move(single)},
                      {"pair", std::move(pair)},
                      {"special_tokens", std::move(special)}};
}

json::Value build_roberta(const FileTokens& files, uint32_t cls, uint32_t sep) {
  const auto pair = [&](uint32_t id) {
    return json::Array{files.tokens[id].text, static_cast<int64_t>(id)};
  };
  return json::Object{{"type", "RobertaProcessing"},
                      {"sep", pair(sep)},
                      {"cls", pair(cls)},
                      {"trim_offsets", true},
                      {"add_prefix_space", false}};
}

json::Value byte_level(bool trim_offsets) {
  return json::Object{{"type", "ByteLevel"},
                      {"add_prefix_space", true},
                      {"trim_offsets", trim_offsets},
                      {"use_regex", true}};
}

json::Object vocab_object(const FileTokens& files) {
  json::Object vocab;
  vocab.reserve(files.tokens.size());
  for (size_t id = 0; id < files.tokens.size(); ++id)
    vocab.emplace_back(files.tokens[id].text, static_cast<int64_t>(id));
  return vocab;
}

json::Value unknown_text(const FileTokens& files) {
  return files.unknown ? json::Value(files.tokens[*files.unknown].text) : json::Value();
}

json::Object bpe_model(const FileTokens& files, json::Array merges) {
  return json::Object{{"type", "BPE"},
                      {"dropout", nullptr},
                      {"unk_token", nullptr},
                      {"continuing_subword_prefix", nullptr},
                      {"end_of_word_suffix", nullptr},
                      {"fuse_unk", false},
                      {"byte_fallback", false},
                      {"ignore_merges", false},
                      {"vocab", vocab_object(files)},
                      {"merges", std::move(merges)}};
}

json::Value replace_stage(std::string_view from, std::string_view to) {
  return json::Object{
      {"type", "Replace"}, {"pattern", json::Object{{"String", from}}}, {"content", to}};
}

json::Value replace_regex(std::string_view from, std::string_view to) {
  return json::Object{
      {"type", "Replace"}, {"pattern", json::Object{{"Regex", from}}}, {"content", to}};
}

// The form of published Llama 2 files: it gives the ids of sentencepiece.
void build_llama(const Vocabulary& v, const FileTokens& files, json::Value& root) {
  json::Array merges, decoders;
  for (auto& [left, right] : merges_of_pieces(files.tokens))
    merges.push_back(json::Array{std::move(left), std::move(right)});
  json::Value replace = replace_stage(" ", blank);
  root.set("normalizer",
           !files.space_prefix
               ? std::move(replace)
               : json::Object{{"type", "Sequence"},
                              {"normalizers",
                               json::Array{json::Object{{"type", "Prepend"}, {"prepend", blank}},
                                           std::move(replace)}}});
  root.set("post_processor", build_template(v, files, adds_bos(v), adds_eos(v)));
  decoders.push_back(replace_stage(blank, " "));
  decoders.push_back(json::Object{{"type", "ByteFallback"}});
  decoders.push_back(json::Object{{"type", "Fuse"}});
  if (files.space_prefix)
    decoders.push_back(
        json::Object{{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  root.set("decoder", json::Object{{"type", "Sequence"}, {"decoders", std::move(decoders)}});

  json::Value model = bpe_model(files, std::move(merges));
  model.set("unk_token", unknown_text(files));
  model.set("fuse_unk", true);
  model.set("byte_fallback", std::any_of(files.tokens.begin(), files.tokens.end(),
                                         [](const Token& t) { return t.type == TokenType::byte; }));
  root.set("model", std::move(model));
}

void build_gpt2(const Vocabulary& v, const FileTokens& files, json::Value& root) {
  // Sources under these names normalize, although the runtime of GGUF does not.
  constexpr std::string_view normalized[] = {"qwen2", "deepseek-r1-qwen", "olmo", "command-r",
                                             "modern-bert"};
  const PreRow& row = *find_pre(v.pre);
  json::Array merges;
  for (const std::string& merge : v.merges) {
    const size_t gap = merge.find(' ');
    merges.push_back(json::Array{merge.substr(0, gap), merge.substr(gap + 1)});
  }
  if (std::find(std::begin(normalized), std::end(normalized), v.pre) != std::end(normalized))
    root.set("normalizer", json::Object{{"type", "NFC"}});
  root.set("pre_tokenizer", build_pre_tokenizer(row.stages));
  const auto cls = special_of(v, files, "bos");
  auto sep = special_of(v, files, "seperator");
  if (!sep) sep = special_of(v, files, "eos");
  json::Value processor = row.only == PreRow::Only::roberta && adds_bos(v) && cls && sep
                              ? build_roberta(files, *cls, *sep)
                              : build_template(v, files, adds_bos(v), adds_eos(v));
  root.set("post_processor", processor.is_null() ? byte_level(false) : std::move(processor));
  root.set("decoder", byte_level(true));
  json::Value model = bpe_model(files, std::move(merges));
  model.set("ignore_merges", row.ignores_merges);
  root.set("model", std::move(model));
}

void build_bert(const Vocabulary& v, const FileTokens& files, json::Value& root) {
  const auto accents = v.flag("normalizer.strip_accents");
  root.set("normalizer",
           json::Object{{"type", "BertNormalizer"},
                        {"clean_text", true},
                        {"handle_chinese_chars", true},
                        {"strip_accents", accents ? json::Value(*accents) : json::Value()},
                        {"lowercase", v.flag("normalizer.lowercase").value_or(true)}});
  root.set("pre_tokenizer", json::Object{{"type", "BertPreTokenizer"}});
  root.set("post_processor", build_template(v, files, true, true));
  root.set("decoder", json::Object{{"type", "WordPiece"}, {"prefix", "##"}, {"cleanup", true}});
  root.set("model", json::Object{{"type", "WordPiece"},
                                 {"unk_token", unknown_text(files)},
                                 {"continuing_subword_prefix", "##"},
                                 {"max_input_chars_per_word", 100},
                                 {"vocab", vocab_object(files)}});
}

// What the flags of the keys say of letters, as the files of ALBERT have it.
json::Array folding_stages(const Vocabulary& v) {
  json::Array out;
  if (v.flag("normalizer.strip_accents").value_or(false)) {
    out.push_back(json::Object{{"type", "NFKD"}});
    out.push_back(json::Object{{"type", "StripAccents"}});
  }
  if (v.flag("normalizer.lowercase").value_or(false))
    out.push_back(json::Object{{"type", "Lowercase"}});
  return out;
}

// Null for no stage, the stage alone for one.
json::Value in_sequence(const char* members, json::Array stages) {
  if (stages.empty()) return {};
  if (stages.size() == 1) return std::move(stages.front());
  return json::Object{{"type", "Sequence"}, {members, std::move(stages)}};
}

json::Value build_metaspace(const char* prepend_scheme) {
  return json::Object{{"type", "Metaspace"},
                      {"replacement", blank},
                      {"prepend_scheme", prepend_scheme},
                      {"split", true}};
}

void build_unigram(const Vocabulary& v, const FileTokens& files, json::Value& root) {
  const json::Value metaspace = build_metaspace(files.space_prefix ? "always" : "never");
  json::Array vocab;
  for (const Token& token : files.tokens)
    vocab.push_back(json::Array{token.text, static_cast<double>(token.score)});
  json::Array normalizers = folding_stages(v);
  if (!v.precompiled_charsmap.empty()) {
    // The charsmap turns every white space into a blank; what is left is cut at blanks.
    normalizers.push_back(
        json::Object{{"type", "Precompiled"},
                     {"precompiled_charsmap",
                      encode_base64({reinterpret_cast<const char*>(v.precompiled_charsmap.data()),
                                     v.precompiled_charsmap.size()})}});
    root.set("pre_tokenizer",
             json::Object{{"type", "Sequence"},
                          {"pretokenizers",
                           json::Array{json::Object{{"type", "WhitespaceSplit"}}, metaspace}}});
  } else {
    if (v.flag("remove_extra_whitespaces").value_or(true)) {
      // ^ and $ would be ends of lines here. Sentencepiece cuts U+2581 off the end too.
      normalizers.push_back(replace_regex("\\A +|[ \u2581]+\\z", ""));
      normalizers.push_back(replace_regex(" {2,}", " "));
    }
    // Metaspace puts no blank before a text that begins with U+2581, sentencepiece does.
    if (files.space_prefix)
      normalizers.push_back(json::Object{{"type", "Prepend"}, {"prepend", blank}});
    root.set("pre_tokenizer", build_metaspace("never"));
  }
  root.set("normalizer", in_sequence("normalizers", std::move(normalizers)));
  root.set("post_processor", build_template(v, files, adds_bos(v), adds_eos(v)));
  root.set("decoder", metaspace);
  root.set("model", json::Object{{"type", "Unigram"},
                                 {"unk_id", static_cast<int64_t>(files.unknown.value_or(0))},
                                 {"vocab", std::move(vocab)},
                                 {"byte_fallback", false}});
}

}  // namespace

FileTokens file_tokens(const Vocabulary& v) {
  FileTokens files{.tokens = v.tokens, .unknown = unknown_of(v)};
  while (!files.tokens.empty() && files.tokens.back().type == TokenType::unused)
    files.tokens.pop_back();
  if (files.unknown && *files.unknown >= files.tokens.size()) files.unknown.reset();
  if (is_sentencepiece(v.kind)) {
    // A sentencepiece model must have one.
    if (!files.unknown && !files.tokens.empty()) files.unknown = 0;
    files.space_prefix = v.flag("add_space_prefix").value_or(true);
    restore_blanks(files);
    if (files.unknown) files.tokens[*files.unknown].type = TokenType::unknown;
  }
  if (v.kind == VocabularyKind::wordpiece) restore_wordpiece(files.tokens);
  return files;
}

SentencePieceModel build_sentencepiece(const Vocabulary& v, const FileTokens& files) {
  using Algorithm = SentencePieceModel::Algorithm;
  const bool unigram = v.kind == VocabularyKind::unigram;
  SentencePieceModel model{.pieces = files.tokens,
                           .algorithm = unigram ? Algorithm::unigram : Algorithm::bpe};
  for (Token& piece : model.pieces) {
    if (piece.type == TokenType::byte) model.byte_fallback = true;
    if (piece.type == TokenType::user_defined) piece.text = with_blocks(piece.text);
  }
  const auto set = [&](std::optional<uint32_t> id, int32_t& number, std::string& text) {
    number = id && *id < model.pieces.size() ? static_cast<int32_t>(*id) : -1;
    if (number >= 0) text = model.pieces[*id].text;
  };
  set(files.unknown, model.unk_id, model.unk_piece);
  set(v.special_id("bos"), model.bos_id, model.bos_piece);
  set(v.special_id("eos"), model.eos_id, model.eos_piece);
  set(v.special_id("padding"), model.pad_id, model.pad_piece);
  model.precompiled_charsmap = v.precompiled_charsmap;
  model.add_dummy_prefix = files.space_prefix;
  model.remove_extra_whitespaces = v.flag("remove_extra_whitespaces").value_or(unigram);
  return model;
}

json::Value build_tokenizer_json(const Vocabulary& v, const FileTokens& files) {
  json::Value root =
      json::Object{{"version", "1.0"},          {"truncation", nullptr},
                   {"padding", nullptr},        {"added_tokens", build_added_tokens(v, files)},
                   {"normalizer", nullptr},     {"pre_tokenizer", nullptr},
                   {"post_processor", nullptr}, {"decoder", nullptr},
                   {"model", nullptr}};
  if (v.kind == VocabularyKind::sentencepiece_bpe) build_llama(v, files, root);
  if (v.kind == VocabularyKind::byte_bpe) build_gpt2(v, files, root);
  if (v.kind == VocabularyKind::wordpiece) build_bert(v, files, root);
  if (v.kind == VocabularyKind::unigram) build_unigram(v, files, root);
  return root;
}

json::Array build_added_tokens(const Vocabulary& v, const FileTokens& files) {
  // Sentencepiece matches user-defined pieces in the text with U+2581 for blanks, that is after
  // normalizing; not possible where the normalizer would put a blank in front of the token itself.
  const bool after = v.kind == VocabularyKind::sentencepiece_bpe && !files.space_prefix;
  const auto mask = v.special_id("mask");
  const PreRow* row = find_pre(v.pre);
  const bool roberta =
      v.kind == VocabularyKind::byte_bpe && row && row->only == PreRow::Only::roberta;
  json::Array out;
  for (size_t id = 0; id < files.tokens.size(); ++id) {
    const Token& token = files.tokens[id];
    if (!is_added(token)) continue;
    const bool special = token.type != TokenType::user_defined;
    const bool strips_left = roberta && (mask == id || token.text == "<mask>");
    out.push_back(json::Object{{"id", static_cast<int64_t>(id)},
                               {"content", token.text},
                               {"single_word", false},
                               {"lstrip", strips_left},
                               {"rstrip", false},
                               {"normalized", after && !special},
                               {"special", special}});
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> merges_of_pieces(
    const std::vector<Token>& pieces) {
  std::unordered_map<std::string_view, size_t> ids;
  for (size_t id = 0; id < pieces.size(); ++id)
    if (pieces[id].type == TokenType::normal) ids.emplace(pieces[id].text, id);
  struct Merge {
    size_t result, cut;
  };
  std::vector<Merge> merges;
  for (const auto& [text, id] : ids)
    for (size_t cut = 1; cut < text.size(); ++cut)
      if (ids.contains(text.substr(0, cut)) && ids.contains(text.substr(cut)))
        merges.push_back({id, cut});
  std::sort(merges.begin(), merges.end(), [&](const Merge& a, const Merge& b) {
    return std::tuple(-pieces[a.result].score, a.result, a.cut) <
           std::tuple(-pieces[b.result].score, b.result, b.cut);
  });
  std::vector<std::pair<std::string, std::string>> out;
  for (const Merge& merge : merges) {
    const std::string& text = pieces[merge.result].text;
    out.emplace_back(text.substr(0, merge.cut), text.substr(merge.cut));
  }
  return out;
}

bool adds_bos(const Vocabulary& v) {
  const PreRow* row = v.kind == VocabularyKind::byte_bpe ? find_pre(v.pre) : nullptr;
  const bool otherwise = v.kind == VocabularyKind::sentencepiece_bpe || (row && row->adds_bos);
  return v.flag("add_bos_token").value_or(otherwise);
}

bool adds_eos(const Vocabulary& v) {
  return v.flag("add_eos_token").value_or(v.kind == VocabularyKind::unigram);
}

}  // namespace recast
