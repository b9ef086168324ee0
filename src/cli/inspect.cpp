#include "recast/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "cli/commands.h"
#include "cli/document.h"
#include "cli/errors_text.h"
#include "cli/model_text.h"
#include "cli/report.h"
#include "cli/session.h"
#include "cli/signals.h"
#include "cli/table.h"
#include "cli/text_file.h"
#include "cli/units.h"

namespace recast::cli {
namespace {

constexpr std::string_view group = "Inspection", errors_group = "Errors";
constexpr OptionRow rows[] = {
    {"from", 'f', "source-format", "FORMAT", "detected", group,
     "source format (of A), when detection is wrong", ""},
    {"tensors", 0, "", "", "off", group, "list every tensor", ""},
    {"full", 0, "", "", "off", group, "metadata arrays whole instead of shortened", ""},
    {"stats", 0, "", "", "off", group, "read the weights: range, mean, deviation", ""},
    {"checksum", 0, "", "", "off", group, "SHA-256 of each file", ""},
    {"errors", 0, "", "", "off", errors_group, "how far the weights of B are from those of A", ""},
    {"imatrix", 0, "", "FILE", "none", errors_group, "weigh errors by importance, too", ""},
    {"top", 0, "", "N", "10", errors_group, "list the N tensors with the largest error", ""},
    {"all", 0, "", "", "off", errors_group, "list every tensor by its error", ""},
    {"report", 0, "", "FILE", "none", errors_group, "store it: .json, .html, else text", ""},
    {"threads", 'j', "", "N", "all cores", "Limits", "worker threads of --errors", ""},
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

// What was given by a flag; the environment also speaks to other commands.
bool by_flag(const Parsed& args, std::string_view name) {
  return std::any_of(args.given.begin(), args.given.end(), [&](const Given& given) {
    return given.row->name == name && !given.from_environment;
  });
}

// Which of both inspections is asked for, and that nothing is asked of the other.
bool wants_errors(const Parsed& args) {
  const bool errors = args.has("errors");
  const auto refuse = [&](std::initializer_list<const char*> names, const char* why) {
    for (const char* name : names)
      if (by_flag(args, name))
        fail(codes::conflicting_options, {.where = fmt::format("--{}", name), .found = why});
  };
  if (errors)
    refuse({"tensors", "full", "stats", "checksum"}, "--errors");
  else
    refuse({"imatrix", "top", "all", "report", "threads"}, "no --errors");
  const size_t wanted = errors ? 2 : 1;
  if (args.operands.size() < wanted)
    fail(codes::missing_argument, {.expected = "recast inspect --errors A B"});
  if (args.operands.size() > wanted)
    fail(codes::extra_argument, {.expected = "recast inspect PATH, or recast inspect --errors A B",
                                 .found = printable(args.operands.back())});
  return errors;
}

size_t top_of(const Parsed& args) {
  const std::string text = args.value("top");
  if (text.empty()) return ErrorsShown{}.top;
  size_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc() || end != text.data() + text.size())
    fail(codes::bad_value,
         {.where = "--top", .expected = "a whole number", .found = printable(text)});
  return n;
}

int run_errors(Session& session) {
  const Parsed& args = session.args();
  const ErrorsShown shown{.top = top_of(args), .all = args.has("all")};
  ConvertOptions limits;  // as `convert` reads them
  if (args.has("threads"))
    set_option(limits, *recast::find_option("threads"), args.value("threads"));
  const std::string report = args.value("report");
  std::vector<std::string> taken = files_at(args.operands[0]);
  for (const std::string& path : {args.operands[1], args.value("imatrix")})
    for (std::string& file : files_at(path)) taken.push_back(std::move(file));
  check_text_target(report, "--report", false, taken);
  ProgressStream& progress = session.progress();
  Interrupts interrupts([&] { progress.note("stopping (Ctrl-C again to stop now)"); },
                        [&] { progress.status(); });
  progress.start_clock();
  json::Value document = inspect_errors({.reference = args.operands[0],
                                         .compared = args.operands[1],
                                         .from = args.value("from"),
                                         .imatrix = args.value("imatrix"),
                                         .threads = limits.threads},
                                        progress, interrupts.token());
  progress.finish();
  for (const json::Value& warning : array_at(document, {"warnings"}))
    session.warnings().add(error_from_json(warning));
  session.show_warnings();
  document.set("command", session.command_line());
  store_report(report, document, errors_text(document, shown, {}));
  if (session.json())
    session.print_document(std::move(document));
  else
    session.print(errors_text(document, shown, session.out()));
  return 0;
}

int run_inspect(Session& session) {
  const Parsed& args = session.args();
  apply_limits(args);
  if (wants_errors(args)) return run_errors(session);
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
    .operands = "PATH | --errors A B",
    .least = 1,
    .most = 2,
    .examples = {{{"inspect model.gguf", "the headers only, at once"},
                  {"inspect ./Qwen2-7B --tensors", "every tensor too"},
                  {"inspect --errors ./Qwen2-7B m-q4_k_m.gguf", "what packing lost"}}},
    .frequent = "from tensors full stats checksum errors report top json",
    .options = rows,
    .text =
        "In a pipe the tables are tab-separated, sizes are exact bytes and nothing is "
        "shortened except arrays, which --full prints whole. --errors compares the weights of two "
        "forms of one model, of any formats; names and layouts may differ.",
    .run = run_inspect};

}  // namespace recast::cli
