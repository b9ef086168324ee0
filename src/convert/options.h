#pragma once

#include <span>
#include <string_view>

#include "recast/convert.h"

namespace recast {

// One option of `convert`: the single source of help, man page, completions, environment names,
// job files and REST fields.
struct OptionRow {
  std::string_view name;        // "threads": long name without dashes; REST and job files use '_'
  char short_name;              // 'j' or 0
  std::string_view aliases;     // further long names, blank separated
  std::string_view value;       // "N", "PATH", "TYPE"; empty: a switch
  std::string_view default_text;
  std::string_view group;       // heading of --help
  std::string_view help;        // one line
  std::string_view values;      // fixed choices, blank separated; for checks and completions
  bool repeats;                 // may be given several times
  bool acts_on_bytes;           // recorded in provenance and in the plan fingerprint
  // Throws bad_value with what is allowed. `value` is empty for a switch that is given.
  void (*set)(ConvertOptions&, std::string_view value);
};
std::span<const OptionRow> convert_options();
// Sets one option and remembers in `given` that it was.
void set_option(ConvertOptions& options, const OptionRow& row, std::string_view value);
// Sets an option to what given_options() stored of it.
void set_stored_option(ConvertOptions& options, const OptionRow& row, const json::Value& stored);
// What was given, by name: a text, or a list of texts for an option that repeats and did.
json::Value given_options(const ConvertOptions& options);
const OptionRow* find_option(std::string_view name);  // by name, alias or with '_' for '-'

// "4G", "512MiB", "5GB", "1048576" to bytes: K M G T are powers of 1000 with B, of 1024 with iB or
// alone. Throws bad_value.
uint64_t parse_size(std::string_view text);

// NAME=N of --limit, for the whole process. N is a whole number, with K M G T as sizes have
// them. Throws bad_value, for an unknown name with the nearest one.
void set_limit_option(std::string_view text);

// The candidate nearest to `word` by edit distance, empty when none is near.
std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace recast
