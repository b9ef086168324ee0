#include "tokenizer/pretokenizer.h"

#include <fmt/format.h>

#include <algorithm>

namespace recast {

namespace {

const std::string* text_member(const json::Value& value, std::string_view key) {
  const json::Value* member = value.find(key);
  return member ? member->as_string() : nullptr;
}
bool flag_member(const json::Value& value, std::string_view key, bool otherwise) {
  const json::Value* member = value.find(key);
  return member ? member->as_bool().value_or(otherwise) : otherwise;
}

// Cutting at every match and keeping the pieces, spelled in either of its two ways.
bool cuts_at_matches(const json::Value& split) {
  const std::string* behavior = text_member(split, "behavior");
  const bool invert = flag_member(split, "invert", false);
  return behavior && ((*behavior == "Isolated" && !invert) || (*behavior == "Removed" && invert));
}

std::string split_stage(const json::Value& split) {
  const json::Value* pattern = split.find("pattern");
  const std::string* regex = pattern ? text_member(*pattern, "Regex") : nullptr;
  if (!regex || !cuts_at_matches(split)) return fmt::format("[Split {}]", json::write(split));
  const std::string canonical = canonical_pattern(*regex);
  for (const SplitPattern& known : split_patterns())
    if (known.text == canonical) return fmt::format("S({})", known.name);
  return fmt::format("S(/{}/)", canonical);
}

std::string stage_of(const json::Value& stage) {
  const std::string* type = text_member(stage, "type");
  if (!type) return "[?]";
  if (*type == "Split") return split_stage(stage);
  if (*type == "ByteLevel") {
    const std::string plain = flag_member(stage, "use_regex", true) ? "Bg" : "B";
    return flag_member(stage, "add_prefix_space", true) ? plain + "[add_prefix_space]" : plain;
  }
  if (*type == "Digits") return flag_member(stage, "individual_digits", false) ? "D1" : "D+";
  const std::string* behavior = text_member(stage, "behavior");
  if (*type == "Punctuation" && behavior && *behavior == "Contiguous") return "P";
  return fmt::format("[{}]", *type);
}

// Calls visit(leaf) for each stage, with Sequence members taken in order.
template <class Visit>
void flatten(const json::Value& stage, std::string_view members, const Visit& visit) {
  const json::Value* inner = stage.find(members);
  const std::string* type = text_member(stage, "type");
  if (!type || *type != "Sequence" || !inner || !inner->is_array()) return visit(stage);
  for (const json::Value& next : *inner->as_array()) flatten(next, members, visit);
}

bool family_matches(std::string_view pattern, std::string_view model_type) {
  if (pattern.ends_with('*')) return model_type.starts_with(pattern.substr(0, pattern.size() - 1));
  return pattern == model_type;
}
std::string_view family_name(std::span<const FamilyName> families, std::string_view model_type) {
  for (const FamilyName& family : families)
    if (family_matches(family.model_type, model_type)) return family.name;
  return {};
}

bool fits(const PreRow& row, const PreTokenizerFacts& facts) {
  switch (row.only) {
    case PreRow::Only::any:
      return true;
    case PreRow::Only::ignore_merges:
      return facts.ignore_merges;
    case PreRow::Only::keep_merges:
      return !facts.ignore_merges;
    case PreRow::Only::roberta:
      return facts.roberta_processing;
    case PreRow::Only::not_normalized:
      return facts.normalizer == "none";
    case PreRow::Only::modernbert:
      return facts.ignore_merges && facts.model_type == "modernbert";
  }
  return false;
}

struct Choice {
  const PreRow* row = nullptr;
  std::string_view name;
};

// A row that names the family first, else the first row that fits.
Choice choose(const PreTokenizerFacts& facts) {
  Choice first;
  for (const std::span<const PreRow> rows : {pre_rows(), near_pre_rows()})
    for (const PreRow& row : rows) {
      if (row.stages != facts.stages || !fits(row, facts)) continue;
      const std::string_view own = family_name(row.families, facts.model_type);
      if (!own.empty()) return {&row, own};
      if (!first.row) first = {&row, row.names.front()};
    }
  // The row of gpt-2 has a name that says its sources normalize.
  if (first.name == "gpt-2" && facts.normalizer == "NFC") first.name = "olmo";
  return first;
}

// The name whose stages share the longest beginning and, of those, the longest end.
std::string_view nearest_name(std::string_view stages) {
  const PreRow* best = nullptr;
  size_t best_shared = 0;
  for (const PreRow& row : pre_rows()) {
    const auto ends =
        std::mismatch(row.stages.begin(), row.stages.end(), stages.begin(), stages.end());
    const auto tails =
        std::mismatch(row.stages.rbegin(), row.stages.rend(), stages.rbegin(), stages.rend());
    const auto shared = static_cast<size_t>((ends.first - row.stages.begin()) * 2 +
                                            (tails.first - row.stages.rbegin()));
    if (row.stages.empty() || (best && shared <= best_shared)) continue;
    best = &row;
    best_shared = shared;
  }
  return best->names.front();
}

void warn_of_differences(const PreTokenizerFacts& facts, const Choice& choice,
                         std::vector<Finding>& warnings) {
  if (choice.row->differing_lines > 0)
    warnings.emplace_back(
        codes::pre_differs,
        ErrorFacts{.where = "pre_tokenizer",
                   .expected = "the stages " + facts.stages,
                   .found = fmt::format("\"{}\" splits {} of 2944 test texts differently",
                                        choice.name, choice.row->differing_lines),
                   .file = facts.file});
  if (facts.ignore_merges && !choice.row->ignores_merges)
    warnings.emplace_back(
        codes::pre_differs,
        ErrorFacts{.where = key_where("model.ignore_merges"),
                   .expected = "true",
                   .found = fmt::format("\"{}\" merges whole words too", choice.name),
                   .file = facts.file});
  if (facts.normalizer != "none")
    warnings.emplace_back(codes::normalizer_lost, ErrorFacts{.where = key_where("normalizer"),
                                                             .found = facts.normalizer,
                                                             .file = facts.file});
}

json::Value byte_level_stage(bool use_regex) {
  return json::Object{{"type", "ByteLevel"},
                      {"add_prefix_space", false},
                      {"trim_offsets", true},
                      {"use_regex", use_regex}};
}

// Null for a stage that is in no row.
json::Value build_stage(std::string_view stage) {
  if (stage == "Bg" || stage == "B") return byte_level_stage(stage == "Bg");
  if (stage == "D1" || stage == "D+")
    return json::Object{{"type", "Digits"}, {"individual_digits", stage == "D1"}};
  if (stage == "P") return json::Object{{"type", "Punctuation"}, {"behavior", "Contiguous"}};
  for (const SplitPattern& pattern : split_patterns())
    if (stage == fmt::format("S({})", pattern.name))
      return json::Object{{"type", "Split"},
                          {"pattern", json::Object{{"Regex", pattern.text}}},
                          {"behavior", "Isolated"},
                          {"invert", false}};
  return {};
}

std::vector<std::string_view> words(std::string_view stages) {
  std::vector<std::string_view> out;
  while (!stages.empty()) {
    const size_t end = std::min(stages.find(' '), stages.size());
    out.push_back(stages.substr(0, end));
    stages.remove_prefix(std::min(end + 1, stages.size()));
  }
  return out;
}

}  // namespace

std::string canonical_pattern(std::string_view pattern) {
  std::string out;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const char c = pattern[i];
    if (pattern.substr(i).starts_with("{1}")) {
      i += 2;
    } else if (c == '\r' || c == '\n' || c == '\t') {
      out += c == '\r' ? "\\r" : c == '\n' ? "\\n" : "\\t";
    } else {
      out += c;
    }
  }
  return out;
}

std::string canonical_stages(const json::Value& pre_tokenizer) {
  if (pre_tokenizer.is_null()) return "none";
  std::string out;
  flatten(pre_tokenizer, "pretokenizers", [&](const json::Value& stage) {
    if (!out.empty()) out += ' ';
    out += stage_of(stage);
  });
  return out;
}

std::string canonical_normalizer(const json::Value& normalizer) {
  std::string out;
  if (!normalizer.is_null())
    flatten(normalizer, "normalizers", [&](const json::Value& stage) {
      const std::string* type = text_member(stage, "type");
      if (!out.empty()) out += ' ';
      out += type ? *type : "?";
    });
  return out.empty() ? "none" : out;
}

const PreRow* find_pre(std::string_view name) {
  for (const PreRow& row : pre_rows())
    if (std::find(row.names.begin(), row.names.end(), name) != row.names.end()) return &row;
  return nullptr;
}

std::string choose_pre(const PreTokenizerFacts& facts, std::string_view override,
                       std::vector<Finding>& warnings) {
  if (!override.empty()) {
    if (!find_pre(override))
      fail(codes::bad_value,
           {.where = "--pre",
            .expected = "a pre-tokenizer name of GGUF, such as llama-bpe or default",
            .found = printable(override)});
    return std::string(override);
  }
  const Choice choice = choose(facts);
  if (!choice.row || (facts.normalizer != "none" && facts.normalizer != "NFC")) {
    const std::string_view nearest = choice.row ? choice.name : nearest_name(facts.stages);
    fail(codes::pre_unknown,
         {.where = key_where("pre_tokenizer"),
          .expected = "stages that a name of GGUF has",
          .found = printable(fmt::format("{} (normalizer {})", facts.stages, facts.normalizer)),
          .fix = fmt::format("choose one yourself: --pre NAME; the nearest is {} (ids may differ)",
                             nearest),
          .file = facts.file});
  }
  warn_of_differences(facts, choice, warnings);
  return std::string(choice.name);
}

void check_sentencepiece_stages(const json::Value& pre_tokenizer, const json::Value& normalizer,
                                const std::string& file, std::string_view override,
                                std::vector<Finding>& warnings) {
  const std::string stages = canonical_stages(pre_tokenizer);
  const json::Value* pattern = pre_tokenizer.find("pattern");
  const std::string* blank = pattern ? text_member(*pattern, "String") : nullptr;
  const bool known = stages == "none" || stages == "[Metaspace]" || (blank && *blank == " ");
  if (!known && override.empty())
    fail(codes::pre_unknown, {.where = key_where("pre_tokenizer"),
                              .expected = "none, Metaspace or a split at blanks",
                              .found = printable(stages),
                              .fix = "--pre default takes it without them (ids may differ)",
                              .file = file});
  const std::string types = canonical_normalizer(normalizer);
  for (const std::string_view type : words(types))
    if (type != "none" && type != "Prepend" && type != "Replace") {
      warnings.emplace_back(
          codes::normalizer_lost,
          ErrorFacts{.where = key_where("normalizer"), .found = printable(types), .file = file});
      return;
    }
}

std::string_view usual_pre(std::string_view model_type) {
  return family_name(usual_pre_names(), model_type);
}

bool buildable_stages(std::string_view stages) {
  const auto list = words(stages);
  return !list.empty() && std::none_of(list.begin(), list.end(), [](std::string_view stage) {
    return build_stage(stage).is_null();
  });
}

json::Value build_pre_tokenizer(std::string_view stages) {
  json::Array list;
  for (const std::string_view stage : words(stages)) list.push_back(build_stage(stage));
  if (list.size() == 1) return std::move(list.front());
  return json::Object{{"type", "Sequence"}, {"pretokenizers", std::move(list)}};
}

}  // namespace recast
