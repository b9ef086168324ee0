#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/session.h"

namespace recast::cli {
namespace {

int run_version(Session& session) {
  if (session.json())
    session.print_document(json::Object{{"recast", RECAST_VERSION}});
  else
    session.print(fmt::format("recast {}\n", RECAST_VERSION));
  return 0;
}

}  // namespace

const Command version_command = {.name = "version",
                                 .aliases = "",
                                 .purpose = "Print the version of the program",
                                 .operands = "",
                                 .least = 0,
                                 .most = 0,
                                 .examples = {{{"version", "name and number"},
                                               {"version --json", "for programs"},
                                               {"--version", "the same"}}},
                                 .frequent = "json",
                                 .options = {},
                                 .text = "",
                                 .run = run_version};

}  // namespace recast::cli
