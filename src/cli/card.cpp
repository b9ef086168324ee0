#include "recast/card.h"

#include "cli/commands.h"
#include "cli/document.h"
#include "cli/session.h"
#include "cli/signals.h"

namespace recast::cli {
namespace {

constexpr std::string_view group = "Card";
constexpr OptionRow rows[] = {
    {"output", 'o', "output-path", "FILE", "README.md in the folder", group,
     "place of the card; -: print it, write nothing", ""},
    {"from", 'f', "source-format", "FORMAT", "detected", group,
     "source format, when detection is wrong", ""},
    {"force", 0, "overwrite", "", "off", group, "replace an existing card and SHA256SUMS", ""},
    limit_option,
};

int run_card(Session& session) {
  const Parsed& args = session.args();
  apply_limits(args);
  ProgressStream& progress = session.progress();
  Interrupts interrupts([&] { progress.note("stopping (Ctrl-C again to stop now)"); },
                        [&] { progress.status(); });
  progress.start_clock();
  json::Value document = write_card({.paths = args.operands,
                                     .from = args.value("from"),
                                     .output = args.value("output"),
                                     .force = args.has("force")},
                                    progress, interrupts.token());
  progress.finish();
  session.show_warnings();
  if (session.json()) {
    session.print_document(std::move(document));
  } else if (args.value("output") == "-") {
    session.print(text_at(document, {"text"}));
  } else if (session.quiet() < 2) {
    session.print(text_at(document, {"card"}) + "\n" + text_at(document, {"sums"}) + "\n");
  }
  return 0;
}

}  // namespace

const Command card_command = {
    .name = "card",
    .aliases = "",
    .purpose = "Write a model card and SHA256SUMS for publication",
    .operands = "PATH...",
    .least = 1,
    .most = 1000,
    .examples = {{{"card ./published", "README.md and SHA256SUMS there"},
                  {"card a-Q8_0.gguf a-Q4_0.gguf --force", "of these files of one folder"},
                  {"card ./published -o -", "look at the card first"}}},
    .frequent = "output from force json strict quiet",
    .options = rows,
    .text =
        "What the front matter says comes from the metadata of the models and from the README.md "
        "that is there; a licence is copied, never guessed. The paths of the two files go to "
        "standard output.",
    .run = run_card};

}  // namespace recast::cli
