#include "tokenizer/stage_kinds.h"

#include <fmt/format.h>

#include <string_view>

namespace recast {

namespace {

// Source: the classes that the tokenizers library 0.23.3 has in its four modules.
struct Stage {
  std::string_view name;
  std::string_view parts;  // the member of a Sequence that holds its stages
  std::vector<std::string_view> kinds;
};
const Stage stage_table[] = {
    {"normalizer",
     "normalizers",
     {"BertNormalizer", "ByteLevel", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt",
      "Precompiled", "Prepend", "Replace", "Sequence", "Strip", "StripAccents"}},
    {"pre_tokenizer",
     "pretokenizers",
     {"BertPreTokenizer", "ByteLevel", "CharDelimiterSplit", "Digits", "FixedLength", "Metaspace",
      "Punctuation", "Sequence", "Split", "UnicodeScripts", "Whitespace", "WhitespaceSplit"}},
    {"post_processor",
     "processors",
     {"BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing"}},
    {"decoder",
     "decoders",
     {"BPEDecoder", "ByteFallback", "ByteLevel", "CTC", "Fuse", "Metaspace", "Replace", "Sequence",
      "Strip", "WordPiece"}},
};

bool is_known(const Stage& stage, const json::Value* type) {
  for (const std::string_view kind : stage.kinds)
    if (type && type->as_string() && *type->as_string() == kind) return true;
  return false;
}

// Depth is bounded by the JSON parser.
void visit(const Stage& stage, const json::Value& value, const std::string& place,
           const std::string& file, std::vector<Finding>& warnings) {
  const json::Value* type = value.find("type");
  if (!is_known(stage, type))
    warnings.emplace_back(
        codes::tokenizer_stage,
        ErrorFacts{.where = key_where(place),
                   .expected = fmt::format("a kind of {}", stage.name),
                   .found = type ? printable(json::write(*type)) : std::string("no type"),
                   .file = file});
  const json::Value* parts = value.find(stage.parts);
  const json::Array* list = parts ? parts->as_array() : nullptr;
  for (size_t i = 0; list && i < list->size(); ++i)
    visit(stage, (*list)[i], fmt::format("{}.{}[{}]", place, stage.parts, i), file, warnings);
}

}  // namespace

void warn_of_unknown_stages(const TokenizerJson& tokenizer, const std::string& file,
                            std::vector<Finding>& warnings) {
  const json::Value* values[] = {&tokenizer.normalizer, &tokenizer.pre_tokenizer,
                                 &tokenizer.post_processor, &tokenizer.decoder};
  for (size_t i = 0; i < std::size(values); ++i)
    if (!values[i]->is_null())
      visit(stage_table[i], *values[i], std::string(stage_table[i].name), file, warnings);
}

}  // namespace recast
