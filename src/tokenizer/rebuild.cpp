#include "tokenizer/rebuild.h"

#include <fmt/format.h>

#include <algorithm>

#include "tokenizer/build_model.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/pretokenizer.h"
#include "wire/utf8.h"

namespace recast {

namespace {

// Roles as GGUF and as tokenizer_config.json name them. BERT's bos is its cls.
struct Role {
  std::string_view gguf;
  std::string_view name;
};
constexpr Role role_table[] = {{"bos", "bos_token"},     {"eos", "eos_token"},
                               {"unknown", "unk_token"}, {"seperator", "sep_token"},
                               {"padding", "pad_token"}, {"mask", "mask_token"},
                               {"cls", "cls_token"}};

bool can_rebuild(const Vocabulary& v, std::vector<Finding>& warnings) {
  const auto refuse = [&](std::string where, std::string found) {
    warnings.emplace_back(codes::not_rebuilt,
                          ErrorFacts{.where = std::move(where), .found = std::move(found)});
    return false;
  };
  const bool known = v.kind == VocabularyKind::sentencepiece_bpe ||
                     v.kind == VocabularyKind::wordpiece || v.kind == VocabularyKind::unigram;
  const PreRow* row = v.kind == VocabularyKind::byte_bpe ? find_pre(v.pre) : nullptr;
  if (!known && !(row && buildable_stages(row->stages)))
    return refuse(key_where("tokenizer.ggml.pre"),
                  fmt::format("kind {}, pre-tokenizer \"{}\"", vocabulary_kind_name(v.kind),
                              printable(v.pre)));
  // JSON cannot hold other bytes.
  for (size_t id = 0; id < v.tokens.size(); ++id)
    if (find_invalid_utf8(v.tokens[id].text))
      return refuse(fmt::format("token {}", id), "bytes that are not UTF-8");
  return true;
}

json::Value special_tokens(const Vocabulary& v, const FileTokens& files) {
  json::Value out = json::Object{};
  for (const Role& role : role_table) {
    const auto id = v.special_id(role.gguf);
    if (!id || *id >= files.tokens.size()) continue;
    const std::string& text = files.tokens[*id].text;
    out.set(role.name, text);
    if (role.gguf == "bos" && v.kind == VocabularyKind::wordpiece) out.set("cls_token", text);
  }
  if (!out.find("unk_token") && files.unknown)
    out.set("unk_token", files.tokens[*files.unknown].text);
  return out;
}

json::Value tokenizer_config(const Vocabulary& v, const FileTokens& files,
                             const json::Value& specials) {
  json::Value decoder = json::Object{};
  for (json::Value& token : build_added_tokens(v, files)) {
    const std::string id = token.find("id")->as_number()->text;
    token.erase("id");
    decoder.set(id, std::move(token));
  }
  json::Value out = json::Object{};
  if (v.kind != VocabularyKind::wordpiece) {
    out.set("add_bos_token", adds_bos(v));
    out.set("add_eos_token", adds_eos(v));
  }
  if (v.kind == VocabularyKind::sentencepiece_bpe) out.set("add_prefix_space", files.space_prefix);
  out.set("added_tokens_decoder", std::move(decoder));
  for (const auto& [role, text] : *specials.as_object()) out.set(role, text);
  out.set("clean_up_tokenization_spaces", v.kind == VocabularyKind::wordpiece);
  // The class that takes tokenizer.json as it is; the others rebuild it by rules of their own.
  out.set("tokenizer_class", "PreTrainedTokenizerFast");
  return out;
}

// Line number is the id; not possible with a token that holds a line feed.
void add_vocab_txt(const FileTokens& files, std::vector<NewFile>& out) {
  std::string text;
  for (const Token& token : files.tokens) {
    if (token.text.find('\n') != std::string::npos) return;
    text.append(token.text).push_back('\n');
  }
  out.push_back({"vocab.txt", std::move(text)});
}

// Ids of XLM-RoBERTa are not the piece numbers of a sentencepiece file.
bool has_fairseq_ids(const FileTokens& files, std::string_view model_type) {
  return model_type.starts_with("xlm-roberta") ||
         (files.unknown == 3u && files.tokens[0].text == "<s>" && files.tokens[1].text == "<pad>");
}

// A name in a folder: it comes from a file and must not lead out of it.
std::string file_name(std::string_view name) {
  std::string out(name);
  std::replace_if(
      out.begin(), out.end(),
      [](unsigned char c) { return c < 0x20 || c == '/' || c == '\\' || c == ':'; }, '_');
  if (out.empty() || out[0] == '.') out.insert(out.begin(), '_');
  return out;
}

void add_templates(const Vocabulary& v, const json::Value& remainder, std::vector<NewFile>& files) {
  const json::Value* config = remainder.find("tokenizer_config.json");
  const json::Value* inside = config ? config->find("chat_template") : nullptr;
  if (inside && (inside->as_bool() == true || inside->is_array())) return;  // restored there
  if (v.chat_template) files.push_back({"chat_template.jinja", *v.chat_template});
  const std::vector<std::string> names = template_names(remainder, v);
  for (size_t i = 0; i < v.named_templates.size(); ++i) {
    const auto& [key, text] = v.named_templates[i];
    files.push_back(
        {fmt::format("{}/{}.jinja", template_folder, file_name(names.empty() ? key : names[i])),
         text});
  }
}

std::vector<NewFile> files_of_keys(const Vocabulary& v, std::string_view model_type,
                                   std::vector<Finding>& warnings) {
  std::vector<NewFile> out;
  if (!can_rebuild(v, warnings)) return out;
  const FileTokens files = file_tokens(v);
  const json::Value specials = special_tokens(v, files);
  if (v.kind == VocabularyKind::sentencepiece_bpe)
    out.push_back({"tokenizer.model", write_sentencepiece(build_sentencepiece(v, files))});
  if (v.kind == VocabularyKind::unigram && !has_fairseq_ids(files, model_type))
    out.push_back({"spiece.model", write_sentencepiece(build_sentencepiece(v, files))});
  if (v.kind == VocabularyKind::wordpiece) add_vocab_txt(files, out);
  out.push_back({"tokenizer.json", json::write(build_tokenizer_json(v, files), 2) + "\n"});
  out.push_back(
      {"tokenizer_config.json", json::write(tokenizer_config(v, files, specials), 2) + "\n"});
  out.push_back({"special_tokens_map.json", json::write(specials, 2) + "\n"});
  return out;
}

// Without its tokenizer.json the class of the source would make one by rules of its own.
NewFile with_plain_class(const NewFile& config) {
  json::Value value = json::parse(config.bytes, {.file = config.name});
  value.set("tokenizer_class", "PreTrainedTokenizerFast");
  value.erase("auto_map");
  return {config.name, json::write(value, 2) + "\n"};
}

// Beside the tokenizer.json of the source, whose flags of added tokens the keys do not know.
NewFile without_added_tokens(const NewFile& config) {
  json::Value value = json::parse(config.bytes, {.file = config.name});
  value.erase("added_tokens_decoder");
  return {config.name, json::write(value, 2) + "\n"};
}

std::vector<NewFile> restored_files(const Vocabulary& v, std::string_view model_type,
                                    const json::Value& remainder) {
  std::vector<NewFile> out = restore_tokenizer_files(remainder, v, "src.hf.tokenizer");
  const auto has = [&](std::string_view name) {
    return std::any_of(out.begin(), out.end(),
                       [&](const NewFile& file) { return file.name == name; });
  };
  const bool complete = has("tokenizer.json");
  if (!complete)
    for (NewFile& file : out)
      if (file.name == "tokenizer_config.json") file = with_plain_class(file);
  std::vector<Finding> unused;  // the files of the source are there
  for (NewFile& file : files_of_keys(v, model_type, unused)) {
    if (has(file.name)) continue;
    if (!complete)
      out.push_back(std::move(file));
    else if (file.name == "tokenizer_config.json")
      out.push_back(without_added_tokens(file));
  }
  return out;
}

// Tokens without a text, where several have none: a vocabulary names every token once, so they get
// the names that llama.cpp gives them.
std::optional<Vocabulary> with_names(const Vocabulary& v, std::vector<Finding>& warnings) {
  std::vector<size_t> nameless;
  for (size_t id = 0; id < v.tokens.size(); ++id)
    if (v.tokens[id].text.empty()) nameless.push_back(id);
  if (nameless.size() < 2) return std::nullopt;
  Vocabulary out = v;
  for (const size_t id : nameless) out.tokens[id].text = fmt::format("[EMPTY_{}]", id);
  warnings.emplace_back(
      codes::assumed,
      ErrorFacts{.where = fmt::format("token {}", nameless.front()),
                 .expected = "a text",
                 .found = fmt::format("none, as {} tokens: they are called [EMPTY_{}] and so on",
                                      nameless.size(), nameless.front()),
                 .fix = "nothing, if the model never makes these tokens"});
  return out;
}

}  // namespace

std::vector<NewFile> rebuild_tokenizer_files(const Vocabulary& v, std::string_view model_type,
                                             const json::Value& remainder,
                                             std::vector<Finding>& warnings) {
  if (const auto named = with_names(v, warnings))
    return rebuild_tokenizer_files(*named, model_type, remainder, warnings);
  const bool known = remainder_belongs(remainder, v);
  std::vector<NewFile> out =
      known ? restored_files(v, model_type, remainder) : files_of_keys(v, model_type, warnings);
  add_templates(v, known ? remainder : json::Value(), out);
  return out;
}

}  // namespace recast
