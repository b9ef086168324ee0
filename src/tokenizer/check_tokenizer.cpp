#define PCRE2_CODE_UNIT_WIDTH 8
#include "tokenizer/check_tokenizer.h"

#include <fmt/format.h>
#include <pcre2.h>

#include <optional>
#include <string_view>

#include "base/limits.h"
#include "tokenizer/chat_template.h"
#include "tokenizer/sentencepiece.h"
#include "tokenizer/stage_kinds.h"
#include "tokenizer/tokenizer_json.h"
#include "wire/json.h"

namespace recast {

namespace {

struct Free {
  void operator()(pcre2_code* p) const { pcre2_code_free(p); }
  void operator()(pcre2_compile_context* p) const { pcre2_compile_context_free(p); }
  void operator()(pcre2_match_context* p) const { pcre2_match_context_free(p); }
  void operator()(pcre2_match_data* p) const { pcre2_match_data_free(p); }
};
template <class T>
using Owned = std::unique_ptr<T, Free>;

PCRE2_SPTR units(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

Owned<pcre2_code> compile(std::string_view pattern, const std::string& file) {
  const Owned<pcre2_compile_context> context(pcre2_compile_context_create(nullptr));
  if (pattern.size() > limit(Limit::regex_bytes))
    fail_limit(codes::tokenizer_regex, Limit::regex_bytes,
               {.where = "the regex", .file = file}, pattern.size());
  pcre2_set_parens_nest_limit(context.get(), static_cast<uint32_t>(limit(Limit::regex_groups)));
  int error = 0;
  PCRE2_SIZE at = 0;
  Owned<pcre2_code> code(pcre2_compile(units(pattern), pattern.size(), PCRE2_UTF | PCRE2_UCP,
                                       &error, &at, context.get()));
  if (code) return code;
  const std::string where = fmt::format("character {} of the regex", at);
  const std::string found = fmt::format("\"{}\"", printable(pattern));
  if (error == PCRE2_ERROR_PARENTHESES_NEST_TOO_DEEP)
    fail_limit(codes::tokenizer_regex, Limit::regex_groups,
               {.where = where, .expected = "groups in each other", .found = found, .file = file});
  char message[256] = {};
  pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(message), sizeof(message));
  fail(codes::tokenizer_regex,
       {.where = where, .expected = message, .found = found, .file = file});
}

// A run of one letter and then another makes nested repetitions try every way to divide the run.
// The limit that such a search met.
std::optional<Limit> limit_met(const pcre2_code* code) {
  const std::string text = std::string(40, 'a') + "b";
  const Owned<pcre2_match_context> context(pcre2_match_context_create(nullptr));
  pcre2_set_match_limit(context.get(), static_cast<uint32_t>(limit(Limit::regex_steps)));
  pcre2_set_heap_limit(context.get(),
                       static_cast<uint32_t>((limit(Limit::regex_heap_bytes) + 1023) / 1024));
  const Owned<pcre2_match_data> data(pcre2_match_data_create_from_pattern(code, nullptr));
  const int result = pcre2_match(code, units(text), text.size(), 0, 0, data.get(), context.get());
  if (result == PCRE2_ERROR_MATCHLIMIT) return Limit::regex_steps;
  if (result == PCRE2_ERROR_HEAPLIMIT) return Limit::regex_heap_bytes;
  return std::nullopt;
}

class RegexCheck {
 public:
  RegexCheck(const std::string& file, std::vector<Finding>& warnings)
      : file_(file), warnings_(warnings) {}

  // Patterns stand as {"Regex": TEXT} anywhere in normalizer, pre-tokenizer and decoder; depth is
  // bounded by the JSON parser.
  void visit(const json::Value& value) {
    if (const json::Array* list = value.as_array())
      for (const json::Value& item : *list) visit(item);
    const json::Object* members = value.as_object();
    if (!members) return;
    for (const auto& [key, member] : *members) {
      if (key == "Regex" && member.as_string()) check(*member.as_string());
      visit(member);
    }
  }

 private:
  void check(const std::string& pattern) {
    const std::optional<Limit> met = limit_met(compile(pattern, file_).get());
    if (!met) return;
    warnings_.push_back(Error(
        codes::regex_slow,
        over_limit(codes::regex_slow, *met,
                   {.found = fmt::format("\"{}\"", printable(pattern)), .file = file_})));
  }

  const std::string& file_;
  std::vector<Finding>& warnings_;
};

bool starts_with(const File& file, char first) {
  std::byte byte{};
  if (file.size() == 0) return false;
  file.read_at(0, {&byte, 1});
  return byte == static_cast<std::byte>(first);
}

}  // namespace

bool probe_tokenizer(const File& file) {
  if (!starts_with(file, '{') && !starts_with(file, '\n')) return false;
  std::string head(std::min<uint64_t>(file.size(), 512), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(head)));
  if (head[0] == '\n') return true;
  for (const std::string_view key :
       {"\"model\"", "\"added_tokens\"", "\"pre_tokenizer\"", "\"normalizer\"", "\"truncation\""})
    if (head.find(key) != std::string::npos) return true;
  return false;
}

std::vector<Finding> check_tokenizer(const File& file) {
  std::vector<Finding> warnings;
  if (starts_with(file, '\n')) {
    const std::string text = read_text(file, Limit::tokenizer_bytes);
    parse_sentencepiece(std::as_bytes(std::span(text)), file.name());
    return warnings;
  }
  const TokenizerJson json =
      parse_tokenizer_json(json::parse_file(file, {.size_limit = Limit::tokenizer_bytes}), file.name());
  charsmap_of(json.normalizer, file.name());
  RegexCheck check(file.name(), warnings);
  for (const json::Value* part : {&json.normalizer, &json.pre_tokenizer, &json.decoder})
    check.visit(*part);
  warn_of_unknown_stages(json, file.name(), warnings);
  return warnings;
}

}  // namespace recast
