#include "tokenizer/rebuild.h"

#include <fmt/format.h>

#include "tokenizer/build_model.h"
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

// Ids of XLM-RoBERTa are not the piece numbers of a sentencepiece file.
bool has_fairseq_ids(const FileTokens& files, std::string_view model_type) {
  return model_type.starts_with("xlm-roberta") ||
         (files.unknown == 3u && files.tokens[0].text == "<s>" && files.tokens[1].text == "<pad>");
}

void add_templates(const Vocabulary& v, std::vector<NewFile>& files) {
  if (v.chat_template) files.push_back({"chat_template.jinja", *v.chat_template});
  for (const auto& [name, text] : v.named_templates)
    files.push_back({fmt::format("additional_chat_templates/{}.jinja", name), text});
}

}  // namespace

std::vector<NewFile> rebuild_tokenizer_files(const Vocabulary& v, std::string_view model_type,
                                             std::vector<Finding>& warnings) {
  std::vector<NewFile> out;
  if (can_rebuild(v, warnings)) {
    const FileTokens files = file_tokens(v);
    const json::Value specials = special_tokens(v, files);
    if (v.kind == VocabularyKind::sentencepiece_bpe)
      out.push_back({"tokenizer.model", write_sentencepiece(build_sentencepiece(v, files))});
    if (v.kind == VocabularyKind::unigram && !has_fairseq_ids(files, model_type))
      out.push_back({"spiece.model", write_sentencepiece(build_sentencepiece(v, files))});
    out.push_back({"tokenizer.json", json::write(build_tokenizer_json(v, files), 2) + "\n"});
    out.push_back(
        {"tokenizer_config.json", json::write(tokenizer_config(v, files, specials), 2) + "\n"});
    out.push_back({"special_tokens_map.json", json::write(specials, 2) + "\n"});
  }
  add_templates(v, out);
  return out;
}

}  // namespace recast
