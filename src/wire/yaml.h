#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "io/file.h"
#include "wire/json.h"

namespace recast::yaml {

// Limits of one document. `nodes` counts keys, scalars (a long one several times), lists and maps
// after aliases are replaced by what they stand for: a few lines cannot become gigabytes.
struct ParseOptions {
  std::string file;  // to blame
  uint64_t limit_bytes = 1 << 20;
  int limit_depth = 64;
  size_t limit_nodes = 100'000;
};

// One YAML document as a JSON value. A plain scalar is null (also ~ and nothing), true, false, or a
// number when JSON spells numbers so (kept as spelled: 1.0 stays "1.0"); everything else is text,
// `no`, `yes`, `on`, `1_000`, `0x10` and dates included, and so is every quoted scalar. Keys are
// text. Throws yaml_syntax with the line (also for a repeated key, a key that is no scalar, a
// second document, a tag other than those of JSON's types, and an alias inside of what it names),
// yaml_limit (resource) beyond a limit.
json::Value parse(std::string_view text, const ParseOptions& options);

// The members as a YAML document in block style, a line each, that reads back as the same value with
// this parser and with others: text that YAML 1.1 or 1.2 would take for something else is quoted,
// line breaks and control characters are escaped, invalid UTF-8 becomes U+FFFD.
std::string write(const json::Object& members);

// The block of YAML at the beginning of a model card (README.md).
struct FrontMatter {
  json::Object members;            // empty when there is none
  std::optional<Finding> warning;  // front_matter: there is one, but it cannot be read
};
// It stands between a first line that is exactly `---` and the next such line; tabs in it count as
// two blanks. Never fails for what the text holds.
FrontMatter parse_front_matter(std::string_view card, const std::string& file);
// The same for a file, of which at most the first MiB is read.
FrontMatter read_front_matter(const File& card);

}  // namespace recast::yaml
