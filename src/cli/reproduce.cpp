#include "recast/reproduce.h"

#include "cli/commands.h"
#include "cli/document.h"
#include "cli/session.h"
#include "cli/signals.h"
#include "recast/convert.h"

namespace recast::cli {
namespace {

constexpr std::string_view group = "Reproduction";
constexpr OptionRow rows[] = {
    {"source", 0, "", "PATH", "the recorded path", group, "where the input is now", ""},
    {"output", 'o', "output-path", "FOLDER", "removed once compared", group,
     "keep the result in this folder", ""},
    {"threads", 'j', "", "N", "all cores", "Limits", "worker threads; the bytes stay the same", ""},
    {"memory", 0, "max-memory", "SIZE", "a quarter of RAM", "Limits",
     "bytes of memory to stay within", ""},
    limit_option,
};

// As `convert` reads them, by its own rows.
ReproduceOptions read_options(const Parsed& args) {
  ConvertOptions shared;
  for (const char* name : {"threads", "memory"})
    if (args.has(name)) set_option(shared, *recast::find_option(name), args.value(name));
  return {.manifest = args.operands[0],
          .source = args.value("source"),
          .output = args.value("output"),
          .threads = shared.threads,
          .memory = shared.memory};
}

int run_reproduce(Session& session) {
  apply_limits(session.args());
  Interrupts interrupts([&] { session.progress().note("stopping"); },
                        [&] { session.progress().status(); });
  Reproduction result =
      reproduce(read_options(session.args()), session.progress(), interrupts.token());
  session.progress().finish();
  session.show_warnings();
  if (session.json()) {
    session.print_document(std::move(result.document));
  } else {
    session.print(result.identical ? "identical\n" : "different\n");
    for (const Finding& finding : result.findings)
      if (finding.code->kind != ErrorKind::warning) session.show(finding);
  }
  return result.identical ? 0 : exit_code(ErrorKind::mismatch);
}

}  // namespace

const Command reproduce_command = {
    .name = "reproduce",
    .aliases = "",
    .purpose = "Do a recorded conversion again and compare",
    .operands = "MANIFEST",
    .least = 1,
    .most = 1,
    .examples = {{{"reproduce qwen2-7b.gguf.recast.json", "exit 0: identical, 1: not"},
                  {"reproduce m.gguf.recast.json --source ./Qwen2-7B", "the input has moved"},
                  {"reproduce m.gguf.recast.json -o again/", "keep the result"}}},
    .frequent = "source output threads memory json quiet",
    .options = rows,
    .text =
        "The manifest lies beside what convert wrote (NAME.recast.json, or recast.json in a "
        "folder). Exit 0 when every file and tensor has the recorded hash, 1 when one differs, 7 "
        "when the input is not the recorded one. Without -o the result is removed again; it needs "
        "its room on the disk of the manifest meanwhile.",
    .run = run_reproduce};

}  // namespace recast::cli
