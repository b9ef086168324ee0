#include <fmt/format.h>

#include "cli/commands.h"
#include "cli/conversion.h"
#include "quantize/file_types.h"

namespace recast::cli {
namespace {

bool by_flag(const Parsed& parsed, std::string_view name) {
  for (const Given& given : parsed.given)
    if (given.row->name == name && !given.from_environment) return true;
  return false;
}

// As llama-quantize takes them: IN [OUT] TYPE [THREADS].
int run_quantize(Session& session) {
  const Parsed& parsed = session.args();
  std::vector<std::string> operands = parsed.operands;
  ConvertOptions options = options_given(parsed);
  const auto is_count = [](const std::string& text) {
    return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
  };
  if (operands.size() > 2 && is_count(operands.back())) {
    set_option(options, *recast::find_option("threads"), operands.back());
    operands.pop_back();
  }
  if (operands.size() > 3)
    fail(codes::extra_argument, {.expected = "recast quantize IN [OUT] TYPE [THREADS]",
                                 .found = printable(operands.back())});
  for (const std::string_view name : {"quant", "to"})
    if (by_flag(parsed, name))
      fail(codes::conflicting_options, {.where = fmt::format("TYPE and --{}", name),
                                        .found = printable(operands.back())});
  options.source = operands.front();
  set_option(options, *recast::find_option("quant"), file_type(operands.back()).name);
  set_option(options, *recast::find_option("to"), "gguf");
  if (operands.size() == 3) take_output(options, parsed, operands[1]);
  return run_conversion(session, options);
}

}  // namespace

const Command quantize_command = {
    .name = "quantize",
    .aliases = "q",
    .purpose = "Pack the matrices of a GGUF in another type",
    .operands = "IN [OUT] TYPE [THREADS]",
    .least = 2,
    .most = 4,
    .examples = {{{"quantize m.gguf m-q4_k_m.gguf q4_k_m", "the usual mixture"},
                  {"quantize m.gguf iq2_xs --imatrix m.dat", "by importance"},
                  {"quantize m.gguf q4_0 --tensor-type attn_v=q8_0", "some otherwise"}}},
    .frequent =
        "imatrix tensor-type embedding-type output-type pure allow-requantize dry-run force",
    .options = convert_options(),
    .text =
        "The same as recast convert IN -o OUT -t gguf -Q TYPE, with the arguments of "
        "llama-quantize. Keys and other tensors are copied. recast list types shows the types and "
        "which of them need an importance matrix.",
    .run = run_quantize};

}  // namespace recast::cli
