#define PCRE2_CODE_UNIT_WIDTH 8
#include "quantize/patterns.h"

#include <fmt/format.h>
#include <pcre2.h>

#include "base/error.h"

namespace recast {

namespace {

constexpr size_t max_pattern_bytes = 4096;
constexpr uint32_t max_steps = 1'000'000;
constexpr uint32_t max_heap_kib = 16 << 10;

PCRE2_SPTR units(std::string_view text) { return reinterpret_cast<PCRE2_SPTR>(text.data()); }

}  // namespace

NamePattern::NamePattern(std::string text, std::string option)
    : text_(std::move(text)), option_(std::move(option)) {
  int error = 0;
  PCRE2_SIZE at = 0;
  const std::unique_ptr<pcre2_compile_context, decltype(&pcre2_compile_context_free)> context(
      pcre2_compile_context_create(nullptr), pcre2_compile_context_free);
  pcre2_set_max_pattern_length(context.get(), max_pattern_bytes);
  pcre2_set_parens_nest_limit(context.get(), 100);
  pcre2_code* code = pcre2_compile(units(text_), text_.size(), 0, &error, &at, context.get());
  if (!code) {
    char message[256] = {};
    pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(message), sizeof(message));
    fail(codes::bad_value, {.where = option_,
                            .expected = "a regular expression",
                            .found = fmt::format("\"{}\": {} at character {}", printable(text_),
                                                 message, at)});
  }
  code_ = std::shared_ptr<const void>(
      code, [](const void* p) { pcre2_code_free(static_cast<pcre2_code*>(const_cast<void*>(p))); });
}

bool NamePattern::matches(std::string_view name) const {
  const auto* code = static_cast<const pcre2_code*>(code_.get());
  const std::unique_ptr<pcre2_match_context, decltype(&pcre2_match_context_free)> context(
      pcre2_match_context_create(nullptr), pcre2_match_context_free);
  pcre2_set_match_limit(context.get(), max_steps);
  pcre2_set_heap_limit(context.get(), max_heap_kib);
  const std::unique_ptr<pcre2_match_data, decltype(&pcre2_match_data_free)> data(
      pcre2_match_data_create_from_pattern(code, nullptr), pcre2_match_data_free);
  const int result =
      pcre2_match(code, units(name), name.size(), 0, 0, data.get(), context.get());
  if (result < 0 && result != PCRE2_ERROR_NOMATCH)
    fail(codes::bad_value, {.where = option_,
                            .expected = "a regular expression that is searched for in few steps",
                            .found = fmt::format("\"{}\"", printable(text_))});
  return result >= 0;
}

}  // namespace recast
