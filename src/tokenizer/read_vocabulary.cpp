#include "tokenizer/read_vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/limits.h"
#include "tokenizer/flags.h"
#include "tokenizer/plain_files.h"
#include "tokenizer/pretokenizer.h"
#include "tokenizer/remainder.h"
#include "tokenizer/sentencepiece.h"
#include "tokenizer/stage_kinds.h"
#include "tokenizer/token_list.h"
#include "tokenizer/tokenizer_json.h"

namespace recast {

namespace {

constexpr float spare_score = -10000;  // of ids that no file names, as llama.cpp writes them

constexpr std::string_view sentencepiece_names[] = {"tokenizer.model", "spiece.model",
                                                    "sentencepiece.bpe.model"};
constexpr std::string_view tiktoken_names[] = {"tokenizer.model", "tiktoken.model", "qwen.tiktoken",
                                               "tokenizer.tiktoken"};
// Tokenizers of kinds that have no writer here; named, so that nobody takes them for absent.
constexpr std::string_view foreign_names[] = {"tokenizer.jsonl", "rwkv_vocab_v20230424.txt"};

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

class VocabularyReader {
 public:
  explicit VocabularyReader(const TokenizerInput& input) : in_(input) {}

  std::optional<VocabularyResult> read() {
    read_sentencepiece();
    read_tokenizer_json();
    if (!model_ && !json_) read_plain_files();
    if (!model_ && !json_) return std::nullopt;
    tokenizer_config_ = read_json("tokenizer_config.json");
    generation_config_ = find_json("generation_config.json");
    check_class();

    Vocabulary& v = out_.vocabulary;
    v.kind = kind();
    v.has_scores = v.kind == VocabularyKind::sentencepiece_bpe || v.kind == VocabularyKind::unigram;
    v.tokens = tokens();
    if (v.kind == VocabularyKind::byte_bpe) v.merges = merge_lines(*json_);
    v.pre = pre();
    set_special_tokens({.tokenizer_json = from_tokenizer_json_ ? &*json_ : nullptr,
                        .sentencepiece = model_ ? &*model_ : nullptr,
                        .tokenizer_config = tokenizer_config_ ? &*tokenizer_config_ : nullptr,
                        .config = in_.config,
                        .generation_config = generation_config_ ? &*generation_config_ : nullptr,
                        .model_type = in_.model_type,
                        .config_file = shown("config.json"),
                        .generation_file = shown("generation_config.json")},
                       v, out_.warnings, out_.assumptions);
    read_chat_templates(in_.find, in_.template_files,
                        tokenizer_config_ ? &*tokenizer_config_ : nullptr, v, out_.files_used,
                        out_.warnings);
    out_.remainder = remainder();
    return std::move(out_);
  }

 private:
  std::optional<json::Value> find_json(std::string_view name) const {
    const auto file = in_.find(name);
    if (!file) return std::nullopt;
    return json::parse_file(*file, {.size_limit = Limit::tokenizer_bytes});
  }
  std::optional<json::Value> read_json(std::string_view name) {
    auto value = find_json(name);
    if (value) out_.files_used.emplace_back(name);
    return value;
  }
  json::Value remainder() {
    const auto special = read_json("special_tokens_map.json");
    const auto added = find_json("added_tokens.json");
    TokenizerFiles files{.tokenizer_json = from_tokenizer_json_ ? &*json_ : nullptr,
                         .sentencepiece = model_ ? &*model_ : aside_ ? &*aside_ : nullptr,
                         .sentencepiece_name = model_name_,
                         .first_id = fairseq_ || aside_ ? 1u : 0u,
                         .tokenizer_config = tokenizer_config_ ? &*tokenizer_config_ : nullptr,
                         .special_tokens_map = special ? &*special : nullptr,
                         .added_tokens = added ? &*added : nullptr};
    files.vocab_txt = out_.vocabulary.kind == VocabularyKind::wordpiece && in_.find("vocab.txt");
    for (const std::string& name : out_.files_used)
      if (is_template_file(name)) files.templates.push_back(template_name(name));
    return tokenizer_remainder(out_.vocabulary, files);
  }
  std::optional<std::string> read_plain(std::string_view name) {
    const auto file = in_.find(name);
    if (!file) return std::nullopt;
    out_.files_used.emplace_back(name);
    return read_text(*file, Limit::tokenizer_bytes);
  }
  std::string shown(std::string_view name) const {
    const auto file = in_.find(name);
    return file ? file->name() : std::string(name);
  }

  void read_sentencepiece() {
    for (const std::string_view name : sentencepiece_names) {
      const auto file = in_.find(name);
      if (!file || file->size() == 0) continue;
      std::byte first{};
      file->read_at(0, {&first, 1});
      if (!looks_like_sentencepiece({&first, 1})) continue;
      const std::string text = read_text(*file, Limit::tokenizer_bytes);
      model_ = parse_sentencepiece(bytes_of(text), file->name());
      model_name_ = name;
      fairseq_ = name == "sentencepiece.bpe.model" && in_.model_type.starts_with("xlm-roberta");
      out_.files_used.emplace_back(name);
      return;
    }
  }

  void read_tokenizer_json() {
    auto root = read_json("tokenizer.json");
    if (!root) return;
    json_ = parse_tokenizer_json(std::move(*root), shown("tokenizer.json"));
    from_tokenizer_json_ = true;
    warn_of_unknown_stages(*json_, shown("tokenizer.json"), out_.warnings);
    // The ids of fairseq models are those of tokenizer.json, not the piece numbers.
    if (model_ && json_->model == TokenizerModel::unigram && !pieces_have_json_ids()) {
      aside_ = std::move(model_);
      model_.reset();
    }
  }

  bool pieces_have_json_ids() const {
    const size_t count = std::min<size_t>({model_->pieces.size(), json_->vocab.size(), 8});
    for (size_t id = 0; id < count; ++id)
      if (json_->vocab[id] != model_->pieces[id].text) return false;
    return true;
  }

  void read_plain_files() {
    if (auto root = read_json("tekken.json")) {
      json_ = read_tekken(*root, shown("tekken.json"));
      return;
    }
    if (in_.find("vocab.json") && in_.find("merges.txt")) {
      auto vocab = read_json("vocab.json");
      json_ = read_vocab_and_merges(std::move(*vocab), *read_plain("merges.txt"),
                                    shown("vocab.json"), shown("merges.txt"));
      return;
    }
    for (const std::string_view name : tiktoken_names)
      if (const auto text = read_plain(name)) {
        json_ = read_tiktoken(*text, shown(name));
        return;
      }
    if (const auto text = read_plain("vocab.txt")) {
      json_ = read_vocab_txt(*text, shown("vocab.txt"));
      return;
    }
    for (const std::string_view name : foreign_names)
      if (in_.find(name))
        fail(codes::tokenizer_target, {.found = std::string(name), .file = shown(name)});
  }

  // Added tokens must be objects; a tokenizer_config that is no object would hide them all.
  void check_class() const {
    if (tokenizer_config_ && !tokenizer_config_->is_object())
      fail(codes::tokenizer_field, {.expected = "an object",
                                    .found = std::string(tokenizer_config_->type_name()),
                                    .file = shown("tokenizer_config.json")});
  }

  VocabularyKind kind() const {
    using Algorithm = SentencePieceModel::Algorithm;
    if (model_ && model_->algorithm == Algorithm::unigram) return VocabularyKind::unigram;
    if (model_ && model_->algorithm == Algorithm::bpe) return VocabularyKind::sentencepiece_bpe;
    if (model_)
      fail(codes::tokenizer_target,
           {.where = "trainer_spec.model_type",
            .expected = "unigram or BPE",
            .found = model_->algorithm == Algorithm::word ? "word" : "char",
            .file = shown("tokenizer.model")});
    switch (json_->model) {
      case TokenizerModel::wordpiece:
        return VocabularyKind::wordpiece;
      case TokenizerModel::unigram:
        return VocabularyKind::unigram;
      case TokenizerModel::bpe:
        break;
      case TokenizerModel::wordlevel:
        fail(codes::tokenizer_target, {.where = key_where("model.type"),
                                       .expected = "BPE, Unigram or WordPiece",
                                       .found = "WordLevel",
                                       .file = shown("tokenizer.json")});
    }
    const json::Value* decoder = json_->decoder.find("type");
    const bool sequence = decoder && *decoder == json::Value("Sequence");
    return json_->byte_fallback && sequence ? VocabularyKind::sentencepiece_bpe
                                            : VocabularyKind::byte_bpe;
  }

  std::vector<Token> tokens() {
    TokenList list;
    if (model_) {
      put_model_tokens(list);
    } else {
      put_json_tokens(list);
      put_config_added(list, false);
    }
    const int64_t rows = embedding_rows(list.size());
    if (rows >= max_token_id())
      fail_limit(codes::token_id_range, Limit::token_ids, {.where = key_where("vocab_size")},
                 static_cast<uint64_t>(rows) + 1);
    if (rows != 0 && rows < list.size())
      fail(codes::vocab_rows, {.expected = fmt::format("at most {} tokens (vocab_size)", rows),
                               .found = fmt::format("{} tokens", list.size()),
                               .file = shown(out_.files_used.front())});
    if (rows > list.size())
      out_.warnings.emplace_back(codes::vocab_padded,
                                 ErrorFacts{.expected = fmt::format("{} tokens", rows),
                                            .found = fmt::format("{} tokens", list.size()),
                                            .file = shown(out_.files_used.front())});
    return list.finish(rows, spare_score);
  }

  void put_model_tokens(TokenList& list) {
    if (fairseq_) return put_fairseq_pieces(*model_, list);
    put_pieces(*model_, list);
    if (const auto added = read_json("added_tokens.json")) put_added_tokens_json(*added, list);
    if (model_->algorithm == SentencePieceModel::Algorithm::unigram) return;
    put_config_added(list, true);
    if (!json_) return;
    for (const AddedToken& added : json_->added)
      if (!list.has(added.id)) put_added(added, list);
  }

  void put_json_tokens(TokenList& list) const {
    switch (out_.vocabulary.kind) {
      case VocabularyKind::wordpiece:
        return put_wordpiece(*json_, list);
      case VocabularyKind::unigram:
        return put_unigram(*json_, list);
      case VocabularyKind::sentencepiece_bpe:
        return put_sentencepiece_bpe(*json_, list);
      default:
        return put_byte_bpe(*json_, list);
    }
  }

  // {"text": id}; these override pieces but say nothing about being special.
  void put_added_tokens_json(const json::Value& root, TokenList& list) const {
    const json::Object* tokens = root.as_object();
    if (!tokens)
      fail(codes::tokenizer_field, {.expected = "an object of text and id",
                                    .found = std::string(root.type_name()),
                                    .file = shown("added_tokens.json")});
    const int64_t named = list.size() + std::ssize(*tokens);
    for (const auto& [text, value] : *tokens)
      list.put(check_token_id(value, text, shown("added_tokens.json"), named),
               {.text = text, .score = -1000, .type = TokenType::user_defined});
  }

  // added_tokens_decoder of tokenizer_config.json, {"id": token}.
  void put_config_added(TokenList& list, bool replace) const {
    const json::Value* decoder =
        tokenizer_config_ ? tokenizer_config_->find("added_tokens_decoder") : nullptr;
    if (!decoder || !decoder->as_object()) return;
    const std::string file = shown("tokenizer_config.json");
    const int64_t named = list.size() + std::ssize(*decoder->as_object());
    for (const auto& [id, value] : *decoder->as_object()) {
      AddedToken token = read_added_token(value, file, named);
      token.id = check_token_id(json::Number{id}, token.content, file, named);
      if (replace || !list.has(token.id)) put_added(token, list);
    }
  }

  // What the config alone says is not believed when it is far above the tokens.
  int64_t embedding_rows(int64_t tokens) const {
    if (in_.embedding_rows > 0 || !in_.config) return in_.embedding_rows;
    const json::Value* size = in_.config->find("vocab_size");
    if (!size)
      if (const json::Value* text = in_.config->find("text_config"))
        size = text->find("vocab_size");
    const auto rows = size ? size->as_int() : std::nullopt;
    return rows && *rows > 0 && *rows < id_limit(tokens) ? *rows : 0;
  }

  std::string pre() {
    if (out_.vocabulary.kind == VocabularyKind::wordpiece) return "bert-bge";
    if (out_.vocabulary.kind == VocabularyKind::sentencepiece_bpe && !model_)
      check_sentencepiece_stages(json_->pre_tokenizer, json_->normalizer, shown("tokenizer.json"),
                                 in_.pre_override, out_.warnings);
    if (out_.vocabulary.kind != VocabularyKind::byte_bpe) return "default";
    PreTokenizerFacts facts{.stages = canonical_stages(json_->pre_tokenizer),
                            .normalizer = canonical_normalizer(json_->normalizer),
                            .ignore_merges = json_->ignore_merges,
                            .roberta_processing = has_roberta(json_->post_processor),
                            .model_type = in_.model_type,
                            .file = shown(out_.files_used.front())};
    const std::string_view usual = usual_pre(in_.model_type);
    if (from_tokenizer_json_ || !json_->pre_tokenizer.is_null() || !in_.pre_override.empty() ||
        usual.empty())
      return choose_pre(facts, in_.pre_override, out_.warnings);
    out_.warnings.emplace_back(
        codes::pre_guessed, ErrorFacts{.found = fmt::format("\"{}\" for {}", usual, in_.model_type),
                                       .file = facts.file});
    return std::string(usual);
  }

  static bool has_roberta(const json::Value& processor) {
    if (const json::Value* list = processor.find("processors"); list && list->is_array())
      return std::any_of(list->as_array()->begin(), list->as_array()->end(), has_roberta);
    const json::Value* type = processor.find("type");
    return type && *type == json::Value("RobertaProcessing");
  }

  const TokenizerInput& in_;
  VocabularyResult out_;
  std::optional<SentencePieceModel> model_;
  std::optional<SentencePieceModel> aside_;  // one whose ids tokenizer.json replaces
  std::string_view model_name_;
  std::optional<TokenizerJson> json_;
  std::optional<json::Value> tokenizer_config_, generation_config_;
  bool from_tokenizer_json_ = false;  // json_ is a tokenizer.json, not made from plainer files
  bool fairseq_ = false;
};

}  // namespace

std::optional<VocabularyResult> read_vocabulary(const TokenizerInput& input) {
  return VocabularyReader(input).read();
}

}  // namespace recast
