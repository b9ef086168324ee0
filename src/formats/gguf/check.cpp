#include "formats/gguf/check.h"

#include <fmt/format.h>

#include <algorithm>

#include "wire/utf8.h"

namespace recast::gguf {
namespace {

[[noreturn]] void fail_value(const std::string& file, const std::string& key, std::string expected,
                             std::string found) {
  fail(codes::gguf_metadata_value, {.where = key_where(key),
                                    .expected = std::move(expected),
                                    .found = std::move(found),
                                    .file = file});
}

bool has_attention(const Checkpoint& checkpoint) {
  return std::any_of(checkpoint.tensors.begin(), checkpoint.tensors.end(),
                     [](const Tensor& t) { return t.name.find(".attn_q") != std::string::npos; });
}

// A count that may also be an array with one number a block.
const MetaValue* find_count(const Checkpoint& checkpoint, const std::string& key,
                            const std::string& file) {
  const MetaValue* value = checkpoint.metadata.find(key);
  if (!value || value->as_ints()) return value;
  if (const auto count = value->as_int(); !count || *count < 0)
    fail_value(file, key, "a count",
               count ? fmt::format("{}", *count) : std::string(meta_type_name(value->type)));
  return value;
}

void check_blocks(const Checkpoint& checkpoint, const std::string& key, const std::string& file) {
  const MetaValue* blocks = find_count(checkpoint, key, file);
  if (!blocks || checkpoint.tensors.empty()) return;  // a vocabulary alone names its model's blocks
  const auto tensors = static_cast<int64_t>(checkpoint.tensors.size());
  if (blocks->as_int().value_or(0) > tensors)
    fail_value(file, key, fmt::format("at most one block a tensor, of which there are {}", tensors),
               fmt::format("{}", *blocks->as_int()));
}

void check_heads(const Checkpoint& checkpoint, const std::string& key, const std::string& file) {
  const MetaValue* heads = find_count(checkpoint, key, file);
  if (!heads || heads->as_ints() || *heads->as_int() > 0) return;
  if (has_attention(checkpoint))  // families without attention do write 0
    fail_value(file, key, "at least 1 head, as there are attention tensors", "0");
}

// Runtimes copy any bytes; reports and other formats need text.
void check_text(Checkpoint& checkpoint, const std::string& where, const std::string& text,
                const std::string& file) {
  if (find_invalid_utf8(text))
    add_warning(checkpoint.warnings,
                Error(codes::gguf_text, {.where = where, .found = printable(text), .file = file}));
}

void check_texts(Checkpoint& checkpoint, const std::string& file) {
  for (const auto& [key, value] : checkpoint.metadata.entries()) {
    if (const std::string* text = value.as_string())
      check_text(checkpoint, key_where(key), *text, file);
    if (const std::vector<std::string>* texts = value.as_strings())  // the first one will do
      if (const auto bad = std::find_if(texts->begin(), texts->end(), find_invalid_utf8);
          bad != texts->end())
        check_text(checkpoint, fmt::format("{}, item {}", key_where(key), bad - texts->begin()),
                   *bad, file);
  }
}

}  // namespace

void check_metadata(Checkpoint& checkpoint, const std::string& file) {
  check_texts(checkpoint, file);
  const MetaValue* named = checkpoint.metadata.find("general.architecture");
  if (named && !named->as_string())
    fail_value(file, "general.architecture", "a string", std::string(meta_type_name(named->type)));
  const MetaValue* type = checkpoint.metadata.find("general.file_type");
  if (type && (!type->as_int() || type->type == MetaType::boolean))
    fail_value(file, "general.file_type", "an integer", std::string(meta_type_name(type->type)));
  if (!named) {
    add_warning(
        checkpoint.warnings,
        Error(codes::gguf_no_architecture,
              {.where = key_where("general.architecture"), .found = "no such key", .file = file}));
    return;
  }
  const std::string arch = *named->as_string();
  check_blocks(checkpoint, arch + ".block_count", file);
  check_heads(checkpoint, arch + ".attention.head_count", file);
  check_heads(checkpoint, arch + ".attention.head_count_kv", file);
  find_count(checkpoint, arch + ".context_length", file);
  find_count(checkpoint, arch + ".embedding_length", file);
  find_count(checkpoint, arch + ".vocab_size", file);
}

void check_vocabulary_rows(Checkpoint& checkpoint, const std::string& file) {
  constexpr std::string_view name = "token_embd.weight";
  const Tensor* embedding = checkpoint.find(name);
  if (!embedding || embedding->shape().empty() || !checkpoint.vocabulary) return;
  const int64_t rows = embedding->shape().front();
  const int64_t tokens = std::ssize(checkpoint.vocabulary->tokens);
  if (tokens == 0 || rows == tokens) return;
  // The reference converter pads the tokens of some families (mamba2), but not their rows.
  const auto& all = checkpoint.vocabulary->tokens;
  if (rows >= 0 && rows < tokens && std::all_of(all.begin() + rows, all.end(), [](const Token& t) {
        return t.type == TokenType::unused;
      }))
    return;
  ErrorFacts facts{.where = tensor_where(name),
                   .expected = fmt::format("{} rows, one a token", tokens),
                   .found = fmt::format("{}", rows),
                   .fix = "make the GGUF again from its source",
                   .file = file};
  if (rows < tokens) fail(codes::vocab_rows, std::move(facts));
  add_warning(checkpoint.warnings, Error(codes::vocab_padded, std::move(facts)));
}

}  // namespace recast::gguf
