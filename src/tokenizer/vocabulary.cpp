#include "tokenizer/vocabulary.h"

#include <algorithm>

namespace recast {

namespace {

struct KindRow {
  VocabularyKind kind;
  std::string_view name;
};
constexpr KindRow kind_table[] = {
    {VocabularyKind::none, "none"},     {VocabularyKind::sentencepiece_bpe, "llama"},
    {VocabularyKind::byte_bpe, "gpt2"}, {VocabularyKind::wordpiece, "bert"},
    {VocabularyKind::unigram, "t5"},    {VocabularyKind::rwkv, "rwkv"},
};

template <class T>
std::optional<T> value_of(const std::vector<std::pair<std::string, T>>& list,
                          std::string_view name) {
  const auto it = std::find_if(list.begin(), list.end(),
                               [&](const auto& entry) { return entry.first == name; });
  if (it == list.end()) return std::nullopt;
  return it->second;
}

}  // namespace

std::string_view vocabulary_kind_name(VocabularyKind kind) {
  return std::find_if(std::begin(kind_table), std::end(kind_table),
                      [&](const KindRow& row) { return row.kind == kind; })
      ->name;
}

std::optional<VocabularyKind> vocabulary_kind(std::string_view name) {
  for (const KindRow& row : kind_table)
    if (row.name == name) return row.kind;
  return std::nullopt;
}

std::optional<uint32_t> Vocabulary::special_id(std::string_view role) const {
  return value_of(special_ids, role);
}

std::optional<bool> Vocabulary::flag(std::string_view name) const { return value_of(flags, name); }

}  // namespace recast
