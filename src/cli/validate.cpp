#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.h"
#include "cli/document.h"
#include "cli/model_text.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/units.h"
#include "recast/inspect.h"

namespace recast::cli {
namespace {

constexpr std::string_view group = "Validation";
constexpr OptionRow rows[] = {
    {"from", 'f', "source-format", "FORMAT", "detected", group,
     "source format, when detection is wrong", ""},
    {"checksum", 0, "", "", "off", group, "compare tensor sums and hashes of the manifest", ""},
    {"manifest", 0, "", "FILE", "NAME.recast.json", group, "manifest to compare with", ""},
    {"all", 0, "", "", "off", group, "list every tensor, not the first ten", ""},
    limit_option,
};

// An invalid file is the answer "no" (1). What kept us from an answer has the code of its kind:
// not readable (3), a version that is not known (5), a limit (6).
int verdict(const Validation& validation) {
  if (validation.valid) return 0;
  const auto error =
      std::find_if(validation.findings.begin(), validation.findings.end(),
                   [](const Finding& finding) { return finding.code->kind != ErrorKind::warning; });
  if (error == validation.findings.end()) return exit_code(ErrorKind::mismatch);
  switch (error->code->kind) {
    case ErrorKind::not_found:
    case ErrorKind::unreadable:
    case ErrorKind::unsupported:
    case ErrorKind::resource:
    case ErrorKind::internal:
      return exit_code(error->code->kind);
    default:
      return exit_code(ErrorKind::mismatch);
  }
}

json::Value document_of(const Validation& validation) {
  json::Value document = validation.facts.is_object() ? validation.facts : json::Object();
  document.set("valid", validation.valid);
  json::Array findings;
  for (const Finding& finding : validation.findings) findings.push_back(message_json(finding));
  document.set("findings", std::move(findings));
  return document;
}

std::string validate_text(const Validation& validation, const std::string& path,
                          const Terminal& terminal) {
  const json::Value& facts = validation.facts;
  const std::string format = text_at(facts, {"format"});
  std::string out = paint(terminal, validation.valid ? Ink::good : Ink::error,
                          validation.valid ? "valid" : "invalid");
  out += fmt::format("{}{}{}\n", terminal.is_terminal ? "   " : "\t", escape_controls(path),
                     format.empty() ? "" : (terminal.is_terminal ? "   " : "\t") + format);
  for (const Finding& finding : validation.findings) out += render_message(finding, terminal);
  const auto section = [&](const std::string& text) {
    if (!text.empty()) out += (terminal.is_terminal ? "\n" : "") + text;
  };
  section(metadata_text(facts, "header", false, terminal));
  section(metadata_text(facts, "metadata", false, terminal));
  section(tensor_table(facts, terminal));
  const uint64_t count = number_at(facts, {"tensor_count"});
  if (count)
    section(render_field(
        "data",
        fmt::format("{} in {}", bytes_text(number_at(facts, {"bytes"})), plural(count, "tensor")),
        terminal));
  return out;
}

int run_validate(Session& session) {
  const Parsed& args = session.args();
  apply_limits(args);
  const std::string& path = args.operands[0];
  const Validation validation = validate({.path = path,
                                          .from = args.value("from"),
                                          .checksum = args.has("checksum"),
                                          .manifest = args.value("manifest"),
                                          .all = args.has("all")});
  for (const Finding& finding : validation.findings)
    if (finding.code->kind == ErrorKind::warning) session.warnings().add(finding);
  if (session.json())
    session.print_document(document_of(validation));
  else if (session.quiet() == 0)
    session.print(validate_text(validation, path, session.out()));
  else if (session.quiet() == 1)
    session.print(validation.valid ? "valid\n" : "invalid\n");
  if (!session.json() && session.quiet() > 0)
    for (const Finding& finding : validation.findings)
      if (finding.code->kind != ErrorKind::warning) session.show(finding);
  return verdict(validation);
}

}  // namespace

const Command validate_command = {
    .name = "validate",
    .aliases = "verify",
    .purpose = "Check the structure of a model or tokenizer file",
    .operands = "PATH",
    .least = 1,
    .most = 1,
    .examples = {{{"validate model.gguf", "exit 0: valid, 1: not"},
                  {"validate ./Qwen2-7B --checksum", "compare hashes, too"},
                  {"validate tokenizer.json --json", "findings for programs"}}},
    .frequent = "from checksum manifest all json strict quiet",
    .options = rows,
    .text =
        "Exit 0 when the file is valid, 1 when it is not, 3 when it cannot be read, 5 when its "
        "version is not known, 8 with --strict when there are warnings.",
    .run = run_validate};

}  // namespace recast::cli
