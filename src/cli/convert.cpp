#include "recast/convert.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/memory_budget.h"
#include "base/shell_quote.h"
#include "cli/choice_text.h"
#include "cli/commands.h"
#include "cli/conversion.h"
#include "cli/document.h"
#include "cli/report.h"
#include "cli/report_text.h"
#include "cli/session.h"
#include "cli/signals.h"
#include "cli/text_file.h"

namespace recast::cli {
namespace {

// Options of which at most one may be given: each says what the other denies.
constexpr std::pair<std::string_view, std::string_view> contradictions[] = {
    {"verify", "no-verify"},
    {"verify", "validate"},
    {"validate", "no-verify"},
    {"tokenizer", "no-tokenizer"},
    {"preserve-metadata", "no-preserve-metadata"},
    {"restart", "resume"},
    {"plan", "apply"},
    {"split", "split-max-size"},
    {"split", "keep-split"},
    {"split-max-size", "keep-split"}};

// Of a pair the environment loses against the command line; two flags contradict each other.
void check_contradictions(const Parsed& parsed) {
  const auto flag = [&](std::string_view name) {
    return std::any_of(parsed.given.begin(), parsed.given.end(), [&](const Given& given) {
      return given.row->name == name && !given.from_environment;
    });
  };
  for (const auto& [one, other] : contradictions)
    if (flag(one) && flag(other))
      fail(codes::conflicting_options, {.where = fmt::format("--{} and --{}", one, other)});
}

ConvertOptions read_options(const Parsed& parsed) {
  ConvertOptions options = options_given(parsed);
  if (parsed.operands.empty() && options.apply.empty())
    fail(codes::missing_argument, {.expected = "recast convert SOURCE [-o DEST | DEST]"});
  if (!parsed.operands.empty()) options.source = parsed.operands[0];
  if (parsed.operands.size() > 1) take_output(options, parsed, parsed.operands[1]);
  return options;
}

constexpr uint64_t shown_above_bytes = uint64_t{1} << 30;
constexpr double shown_above_s = 10;

// Every run states its plan first; on a terminal a short one would only be noise.
void show_plan(Session& session, const Report& planned) {
  session.progress().set_title(report_title(planned));
  const bool is_long = output_bytes(planned) > shown_above_bytes ||
                       real_at(planned, {"time", "estimate_s"}) > shown_above_s;
  if (is_long || session.verbose())
    session.say(report_text(planned, true, session.verbose(), session.err()));
  session.progress().event("plan", {{"plan", planned}});
}

// A dry run exits as the run would refuse: by the first refusal.
int show_refusals(Session& session, const json::Value& report) {
  int code = 0;
  for (const json::Value& refusal : array_at(report, {"refusals"})) {
    const Error error = error_from_json(refusal);
    if (code == 0) code = exit_code(error.code->kind);
    if (!session.json()) session.show(error);
  }
  return code;
}

int dry_run(Session& session, const ConvertOptions& options) {
  Report report = plan(options, session.progress());
  if (!options.plan.empty()) write_text_file(options.plan, json::write(report, 2) + "\n", "--plan");
  session.progress().event("result", {{"result", report}});
  session.progress().finish();
  session.show_warnings();
  const int code = show_refusals(session, report);
  if (session.json()) {
    session.print_document(std::move(report));
    return code;
  }
  // Refused before there was a plan: nothing but the refusals is known.
  const bool is_planned = !array_at(report, {"outputs"}).empty();
  std::string text =
      is_planned ? report_text(report, true, true, session.out()) + choice_text(report, session.out())
                 : "";
  if (!options.plan.empty())
    text += fmt::format("Stored. recast convert --apply {} runs it.\n", shell_quoted(options.plan));
  else if (code == 0)
    text += "Nothing was written. Run without -n to start.\n";
  else
    text += "Nothing was written, and a run would be refused.\n";
  session.print(text);
  return code;
}

void show_result(Session& session, const ConvertOptions& options, Report report) {
  session.progress().event("result", {{"result", report}});
  session.progress().finish();
  session.show_warnings();
  session.say(report_text(report, false, session.verbose(), session.err()));
  session.say(choice_text(report, session.err()));
  report.set("command", session.command_line());
  store_report(options.report, report,
               report_text(report, false, true, {}) + choice_text(report, {}));
  if (session.json()) return session.print_document(std::move(report));
  if (session.quiet() > 1) return;
  std::string paths;
  for (const json::Value& output : array_at(report, {"outputs"}))
    paths += text_at(output, {"path"}) + "\n";
  session.print(paths);
}

// The command that continues is the one that was given.
int show_stopped(Session& session, Error error) {
  const char* requeue = session.environment()("RECAST_REQUEUE");
  int code = Interrupts::exit_code();
  if (code == 0) code = exit_code(error.code->kind);
  if (requeue && std::string_view(requeue) == "1") code = exit_code(ErrorKind::interrupted);
  if (error.fix.empty()) {
    error.fix = "again: " + session.command_line();
  }
  session.show_failure(error, code);
  return code;
}

// Files that a text must not replace: those of the source, and what options name.
std::vector<std::string> taken_files(const ConvertOptions& options) {
  std::vector<std::string> out = files_at(options.source);
  out.insert(out.end(), {options.model_config, options.tokenizer, options.fake_weight_config,
                         options.apply, options.imatrix});
  return out;
}

// Nor may the text of a run be its output.
void check_text(const ConvertOptions& options, const std::string& path, std::string_view option) {
  if (path.empty()) return;
  check_text_target(path, option, options.force, taken_files(options));
  if (options.output.empty()) return;
  std::error_code none;
  const auto whole = [&](const std::string& name) {
    return std::filesystem::absolute(name, none).lexically_normal();
  };
  for (const char* end : {"", ".recast.json", ".sha256"})
    if (whole(path) == whole(options.output + end))
      fail(codes::conflicting_options,
           {.where = fmt::format("{} and --output", option), .found = printable(path)});
}

int run_convert(Session& session) { return run_conversion(session, read_options(session.args())); }

}  // namespace

ConvertOptions options_given(const Parsed& parsed) {
  check_contradictions(parsed);
  ConvertOptions options;
  for (const Given& given : parsed.given) {
    if (!given.row->set) continue;
    try {
      set_option(options, *given.row, given.value);
    } catch (Error& error) {
      // Only here it is known which spelling the value came from.
      error.where = given.spelling();
      throw;
    }
  }
  return options;
}

void take_output(ConvertOptions& options, const Parsed& parsed, const std::string& operand) {
  const bool by_flag = std::any_of(parsed.given.begin(), parsed.given.end(), [](const Given& g) {
    return g.row->name == "output" && !g.from_environment;
  });
  if (by_flag)
    fail(codes::conflicting_options, {.where = "the second argument and --output",
                                      .found = fmt::format("\"{}\" and \"{}\"", printable(operand),
                                                           printable(options.output))});
  set_option(options, *recast::find_option("output"), operand);
}

int run_conversion(Session& session, const ConvertOptions& options) {
  check_text(options, options.report, "--report");
  check_text(options, options.plan, "--plan");
  session.set_memory_limit(options.memory ? options.memory : default_memory_limit());
  ProgressStream& progress = session.progress();
  progress.note(fmt::format("reading {}", options.source));
  if (options.dry_run || !options.plan.empty()) return dry_run(session, options);

  Interrupts interrupts(
      [&] { progress.note("stopping after the current step (Ctrl-C again to stop now)"); },
      [&] { progress.status(); });
  progress.start_clock();
  try {
    const bool shows = session.quiet() == 0 && options.apply.empty();
    const auto show = [&](const Report& planned) {
      if (shows) show_plan(session, planned);
    };
    show_result(session, options, convert(options, progress, interrupts.token(), show));
  } catch (const Error& error) {
    if (error.code->kind != ErrorKind::cancelled) throw;
    return show_stopped(session, error);
  }
  return 0;
}

const Command convert_command = {
    .name = "convert",
    .aliases = "c",
    .purpose = "Convert a model to another format, precision or shard layout",
    .operands = "SOURCE [-o DEST | DEST]",
    .least = 0,
    .most = 2,
    .examples = {{{"convert ./Qwen2-7B -o qwen2-7b.gguf", "keep the source precision"},
                  {"convert ./Qwen2-7B -t gguf:Q8_0", "quantize, derive the name"},
                  {"convert -n big/ -t gguf:Q8_0", "will it fit? no output"}}},
    .frequent = "output to from quant precision dry-run memory threads verify force",
    .options = convert_options(),
    .text =
        "The content of SOURCE decides its format, the extension of DEST or --to that of the "
        "output. The path of the output goes to standard output, everything else to standard "
        "error. Sizes take K M G T (powers of 1024), KB MB GB TB and KiB MiB GiB TiB.",
    .run = run_convert};

}  // namespace recast::cli
