#include "recast/inspect.h"

#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/document.h"
#include "cli/model_text.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/units.h"

namespace recast::cli {
namespace {

constexpr std::string_view group = "Inspection";
constexpr OptionRow rows[] = {
    {"from", 'f', "source-format", "FORMAT", "detected", group,
     "source format, when detection is wrong", ""},
    {"tensors", 0, "", "", "off", group, "list every tensor", ""},
    {"full", 0, "", "", "off", group, "metadata arrays whole instead of shortened", ""},
    {"stats", 0, "", "", "off", group, "read the weights: range, mean, deviation", ""},
    {"checksum", 0, "", "", "off", group, "SHA-256 of each file", ""},
    limit_option,
};

std::string count_with_name(const json::Value& document, Path path, const char* noun) {
  const uint64_t count = number_at(document, path);
  return count ? fmt::format(", {}", plural(count, noun)) : "";
}

std::string files_text(const json::Value& document, const Terminal& terminal) {
  std::vector<std::vector<std::string>> rows;
  for (const json::Value& file : array_at(document, {"files"})) {
    const uint64_t bytes = number_at(file, {"bytes"});
    rows.push_back({"file", text_at(file, {"name"}),
                    terminal.is_terminal ? bytes_text(bytes) : std::to_string(bytes),
                    text_at(file, {"sha256"})});
    if (rows.back().back().empty()) rows.back().pop_back();
  }
  return render_table(rows, terminal, {2});
}

std::string types_table(const json::Value& document, const Terminal& terminal) {
  std::vector<std::vector<std::string>> rows;
  if (terminal.is_terminal) rows.push_back({"type", "tensors", "parameters", "size"});
  for (const json::Value& type : array_at(document, {"types"})) {
    const uint64_t parameters = number_at(type, {"parameters"});
    const uint64_t bytes = number_at(type, {"bytes"});
    const bool people = terminal.is_terminal;
    rows.push_back({text_at(type, {"type"}), std::to_string(number_at(type, {"tensors"})),
                    people ? count_text(parameters) : std::to_string(parameters),
                    people ? bytes_text(bytes) : std::to_string(bytes)});
  }
  return render_table(rows, terminal, {1, 2, 3});
}

std::string tokenizer_text(const json::Value& document) {
  if (!at(document, {"tokenizer", "kind"})) return "";
  std::string out = text_at(document, {"tokenizer", "kind"});
  const std::string pre = text_at(document, {"tokenizer", "pre"});
  if (!pre.empty()) out += fmt::format(" (pre {})", pre);
  out += count_with_name(document, {"tokenizer", "tokens"}, "token");
  out += count_with_name(document, {"tokenizer", "merges"}, "merge");
  const json::Value* chat = at(document, {"tokenizer", "chat_template"});
  const bool has_chat = chat && !chat->is_null() && chat->as_bool().value_or(true);
  return out + (has_chat ? ", chat template" : "");
}

std::string architecture_text(const json::Value& document) {
  std::string out = text_at(document, {"architecture", "name"});
  const std::string type = text_at(document, {"architecture", "model_type"});
  const std::string evidence = text_at(document, {"architecture", "evidence"});
  if (!type.empty() && type != out) out += fmt::format("{}({})", out.empty() ? "" : " ", type);
  if (evidence.empty()) return out;
  return out.empty() ? fmt::format("unknown: {}", evidence) : fmt::format("{}, from {}", out, evidence);
}

std::string inspect_text(const json::Value& document, bool full, const Terminal& terminal) {
  std::string out;
  const auto field = [&](std::string_view label, const std::string& text) {
    if (!text.empty()) out += render_field(label, text, terminal);
  };
  const auto section = [&](const std::string& text) {
    if (!text.empty()) out += (terminal.is_terminal ? "\n" : "") + text;
  };
  const std::string evidence = text_at(document, {"evidence"});
  field("path", text_at(document, {"path"}));
  field("format",
        text_at(document, {"format"}) + (evidence.empty() ? "" : fmt::format(", by {}", evidence)));
  field("arch", architecture_text(document));
  const uint64_t parameters = number_at(document, {"parameters"});
  const double bits = real_at(document, {"bits_per_weight"});
  field("size", fmt::format("{}, {}{}", bytes_text(number_at(document, {"bytes"})),
                            plural(parameters, "parameter"),
                            bits > 0 ? fmt::format(", {:.2f} bits/weight", bits) : ""));
  if (const json::Value* fake = at(document, {"fake_weights"}); fake && fake->as_bool() == true)
    field("fake", "yes: these weights were made by --fake-weight");
  field("tokens", tokenizer_text(document));
  for (const auto& [role, token] : object_at(document, {"tokenizer", "special"}))
    field("special", role + " " + value_text(token));
  section(files_text(document, terminal));
  section(types_table(document, terminal));
  section(metadata_text(document, "metadata", full, terminal));
  section(metadata_text(document, "config", full, terminal));
  section(tensor_table(document, terminal));
  return out;
}

int run_inspect(Session& session) {
  const Parsed& args = session.args();
  apply_limits(args);
  json::Value document = inspect({.path = args.operands[0],
                                  .from = args.value("from"),
                                  .tensors = args.has("tensors"),
                                  .full = args.has("full"),
                                  .stats = args.has("stats"),
                                  .checksum = args.has("checksum")});
  for (const json::Value& warning : array_at(document, {"warnings"}))
    session.warnings().add(error_from_json(warning));
  session.show_warnings();
  if (session.json())
    session.print_document(std::move(document));
  else
    session.print(inspect_text(document, args.has("full"), session.out()));
  return 0;
}

}  // namespace

const Command inspect_command = {
    .name = "inspect",
    .aliases = "info show i",
    .purpose = "Show what a model is: format, architecture, types, metadata, tensors",
    .operands = "PATH",
    .least = 1,
    .most = 1,
    .examples = {{{"inspect model.gguf", "the headers only, at once"},
                  {"inspect ./Qwen2-7B --tensors", "every tensor too"},
                  {"inspect model.gguf --json --full", "everything, for programs"}}},
    .frequent = "from tensors full stats checksum json",
    .options = rows,
    .text =
        "In a pipe the tables are tab-separated, sizes are exact bytes and nothing is "
        "shortened except arrays, which --full prints whole.",
    .run = run_inspect};

}  // namespace recast::cli
