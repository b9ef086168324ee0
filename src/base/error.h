#pragma once

#include <cstdint>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

namespace recast {

// What kind of failure it is. The kind alone fixes exit code and HTTP status.
enum class ErrorKind {
  mismatch,
  invalid_argument,
  not_found,
  unreadable,
  corrupt,
  unsafe,
  unsupported,
  resource,
  conflict,
  io,
  external,
  internal,
  interrupted,
  cancelled,
  warning,
};

// One row of the table in error_codes.def: a stable number, its kind, what it means, what to do.
struct ErrorCode {
  std::string_view id;       // "EI021"; group letter of the kind and three digits, given once for ever
  std::string_view symbol;   // "gguf_rank"; the name in namespace codes
  ErrorKind kind;
  std::string_view meaning;  // one line, no full stop
  std::string_view fix;      // the usual remedy, used when an error brings none of its own
};

// The facts of one failure. Fields, not prose: terminal, JSON and REST show the same ones. Empty
// when there is nothing to say.
struct ErrorFacts {
  std::string where;     // offset, tensor, key ... inside `file`
  std::string expected;
  std::string found;
  std::string fix;
  std::string file;      // filled in by the edge that knows it
};

// The only exception this project throws, and, returned, a finding of `validate` or a warning.
struct Error : std::exception {
  const ErrorCode* code = nullptr;
  std::string file, where, expected, found, fix;
  std::vector<Error> more;  // further problems of the same input, at most two

  Error() = default;
  Error(const ErrorCode& code, ErrorFacts facts);
  const char* what() const noexcept override { return text_.c_str(); }

 private:
  std::string text_;  // one line: id, meaning, where, found
};
using Finding = Error;

// Throws the error. Every failure of the project goes through here.
[[noreturn]] void fail(const ErrorCode& code, ErrorFacts facts = {});

// Exit code, HTTP status and printed name of a kind; one row each, see spec section 18.
// `cancelled` answers 130; the command line replaces it by 143 after SIGTERM.
int exit_code(ErrorKind kind);
int http_status(ErrorKind kind);
std::string_view kind_name(ErrorKind kind);

// All rows, in order of the table.
std::vector<const ErrorCode*> all_error_codes();
// The row with this id or symbol, in any letter case; null when there is none.
const ErrorCode* find_error_code(std::string_view id);

// A name or value from a file, made safe to print: control bytes and broken UTF-8 become \xNN,
// at most 200 characters.
std::string printable(std::string_view text);
// `tensor "NAME"` and `key "NAME"` with the name escaped; for the `where` of an error.
std::string tensor_where(std::string_view name);
std::string key_where(std::string_view name);
// `offset 5132 (0x140c)`.
std::string offset_where(uint64_t offset);

namespace codes {
#define RECAST_CODE(symbol, id, kind, meaning, fix) extern const ErrorCode symbol;
#include "base/error_codes.def"
#undef RECAST_CODE
}  // namespace codes

}  // namespace recast
