#include "base/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace recast {

namespace codes {
#define RECAST_CODE(symbol, id, kind, meaning, fix) \
  const ErrorCode symbol{id, #symbol, ErrorKind::kind, meaning, fix};
#include "base/error_codes.def"
#undef RECAST_CODE
}  // namespace codes

namespace {

constexpr const ErrorCode* code_table[] = {
#define RECAST_CODE(symbol, id, kind, meaning, fix) &codes::symbol,
#include "base/error_codes.def"
#undef RECAST_CODE
};

// Source: spec section 18, R-280.
struct KindRow {
  ErrorKind kind;
  std::string_view name;
  int exit;
  int http;
};
constexpr KindRow kind_table[] = {
    {ErrorKind::mismatch, "mismatch", 1, 422},
    {ErrorKind::invalid_argument, "invalid_argument", 2, 400},
    {ErrorKind::not_found, "not_found", 3, 404},
    {ErrorKind::unreadable, "unreadable", 3, 403},
    {ErrorKind::corrupt, "corrupt", 4, 422},
    {ErrorKind::unsafe, "unsafe", 4, 422},
    {ErrorKind::unsupported, "unsupported", 5, 422},
    {ErrorKind::resource, "resource", 6, 507},
    {ErrorKind::conflict, "conflict", 7, 409},
    {ErrorKind::io, "io", 7, 500},
    {ErrorKind::external, "external", 69, 502},
    {ErrorKind::internal, "internal", 70, 500},
    {ErrorKind::interrupted, "interrupted", 75, 503},
    {ErrorKind::cancelled, "cancelled", 130, 409},
    {ErrorKind::warning, "warning", 0, 200},
};
const KindRow& row_of(ErrorKind kind) { return kind_table[static_cast<size_t>(kind)]; }

// Length of the valid UTF-8 sequence at the start of `s`, 0 when there is none.
size_t utf8_length(std::string_view s) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(s[i]); };
  const unsigned char c = byte(0);
  const size_t n = c < 0x80 ? 1 : (c >> 5) == 6 ? 2 : (c >> 4) == 14 ? 3 : (c >> 3) == 30 ? 4 : 0;
  if (n == 0 || n > s.size()) return 0;
  for (size_t i = 1; i < n; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  if (n == 2 && c < 0xC2) return 0;
  if (n == 3 && (c == 0xE0 ? byte(1) < 0xA0 : c == 0xED && byte(1) >= 0xA0)) return 0;
  if (n == 4 && (c == 0xF0 ? byte(1) < 0x90 : c == 0xF4 ? byte(1) >= 0x90 : c > 0xF4)) return 0;
  return n;
}

}  // namespace

Error::Error(const ErrorCode& code, ErrorFacts facts)
    : code(&code),
      file(std::move(facts.file)),
      where(std::move(facts.where)),
      expected(std::move(facts.expected)),
      found(std::move(facts.found)),
      fix(std::move(facts.fix)) {
  text_ = fmt::format("{}: {}", code.id, code.meaning);
  if (!where.empty()) text_ += " at " + where;
  if (!found.empty()) text_ += ", found " + found;
}

void fail(const ErrorCode& code, ErrorFacts facts) { throw Error(code, std::move(facts)); }

int exit_code(ErrorKind kind) { return row_of(kind).exit; }
int http_status(ErrorKind kind) { return row_of(kind).http; }
std::string_view kind_name(ErrorKind kind) { return row_of(kind).name; }

std::vector<const ErrorCode*> all_error_codes() {
  return {std::begin(code_table), std::end(code_table)};
}

const ErrorCode* find_error_code(std::string_view id) {
  const auto same = [](std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) {
      return std::tolower(static_cast<unsigned char>(x)) ==
             std::tolower(static_cast<unsigned char>(y));
    });
  };
  for (const ErrorCode* code : code_table)
    if (same(code->id, id) || same(code->symbol, id)) return code;
  return nullptr;
}

std::string printable(std::string_view text) {
  constexpr size_t limit = 200;
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (out.size() >= limit) return out + "...";
    const size_t n = utf8_length(text.substr(i));
    const unsigned char c = static_cast<unsigned char>(text[i]);
    // C1 controls (U+0080..U+009F) steer terminals just as the C0 ones do.
    const bool control = c < 0x20 || c == 0x7F ||
                         (n == 2 && c == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0);
    if (n == 0 || control) {
      for (size_t k = 0; k < std::max<size_t>(n, 1); ++k)
        out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[i + k]));
    } else {
      out.append(text.substr(i, n));
    }
    i += std::max<size_t>(n, 1);
  }
  return out;
}

std::string tensor_where(std::string_view name) {
  return fmt::format("tensor \"{}\"", printable(name));
}
std::string key_where(std::string_view name) { return fmt::format("key \"{}\"", printable(name)); }
std::string offset_where(uint64_t offset) { return fmt::format("offset {0} (0x{0:x})", offset); }

}  // namespace recast
