#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "wire/json.h"

namespace recast {

// A regular expression that published tokenizers split text with, under the short name that stages
// use for it: "L3" of "S(L3) B".
struct SplitPattern {
  std::string name;
  std::string text;  // canonical: no raw CR, LF or TAB, no "{1}"
};
std::span<const SplitPattern> split_patterns();
// The form in which patterns are compared: raw CR, LF, TAB as escapes, "{1}" removed.
std::string canonical_pattern(std::string_view pattern);

// The pre-tokenizer of a tokenizer.json in short form, stages separated by a blank: S(NAME) a cut
// by a known pattern, S(/PATTERN/) by another, Bg and B ByteLevel with and without its own pattern,
// D1 and D+ digits one by one or in runs, P punctuation in runs. Anything else keeps the spelling
// of the file, such as "Metaspace", and matches no row. "none" when there is no pre-tokenizer.
std::string canonical_stages(const json::Value& pre_tokenizer);
// The normalizer in the same spirit: "none", "NFC", or the types joined by blanks.
std::string canonical_normalizer(const json::Value& normalizer);

// A name for one family of models instead of the first name of its row.
struct FamilyName {
  std::string_view model_type;  // of config.json; "glm4*" matches what begins with glm4
  std::string_view name;
};

// One behaviour of the GGUF runtime: names that split text exactly alike. The first is the default.
struct PreRow {
  std::string_view stages;
  // What else the file must have: ignore_merges on or off, a RobertaProcessing, no normalizer, or
  // ignore_merges and the family modernbert.
  enum class Only { any, ignore_merges, keep_merges, roberta, not_normalized, modernbert } only;
  std::vector<std::string_view> names;
  std::vector<FamilyName> families;
  bool ignores_merges = false;  // the runtime takes a whole word of the vocabulary before merging
  bool adds_bos = false;        // its default when add_bos_token is absent
  int differing_lines = 0;      // of 2944 test texts, those that the runtime splits differently
};
std::span<const PreRow> pre_rows();
// Stages of published files that no name has exactly, each with the best name.
std::span<const PreRow> near_pre_rows();
// The row that a name belongs to; null for a name that the runtime does not know.
const PreRow* find_pre(std::string_view name);

// What the choice depends on.
struct PreTokenizerFacts {
  std::string stages;      // canonical_stages()
  std::string normalizer;  // canonical_normalizer()
  bool ignore_merges = false;
  bool roberta_processing = false;  // a RobertaProcessing post-processor
  std::string model_type;
  std::string file;
};

// The `tokenizer.ggml.pre` of a byte-level BPE: the stages choose the row, the family only among
// its names. Known differences become warnings pre_differs and normalizer_lost. Throws pre_unknown,
// with the stages and the nearest name, when no row fits; bad_value when `override` is no known
// name. An override is taken as it is.
std::string choose_pre(const PreTokenizerFacts& facts, std::string_view override,
                       std::vector<Finding>& warnings);

// Checks the stages around a sentencepiece-like BPE, of which GGUF knows only blanks as U+2581 and
// one in front. Other normalizers are the warning normalizer_lost, other pre-tokenizers are
// pre_unknown unless there is an override.
void check_sentencepiece_stages(const json::Value& pre_tokenizer, const json::Value& normalizer,
                                const std::string& file, std::string_view override,
                                std::vector<Finding>& warnings);

// Families whose vocab.json, merges.txt or token ranks do not say how they split.
std::span<const FamilyName> usual_pre_names();
// The name of that table; empty when the family is not in it.
std::string_view usual_pre(std::string_view model_type);

// The pre_tokenizer member that has these stages, for writing a tokenizer.json. Requires: `stages`
// is of a row of pre_rows() that buildable_stages() accepts.
json::Value build_pre_tokenizer(std::string_view stages);
bool buildable_stages(std::string_view stages);

}  // namespace recast
