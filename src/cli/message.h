#pragma once

#include <string>
#include <string_view>

#include "base/error.h"
#include "cli/terminal.h"
#include "wire/json.h"

namespace recast::cli {

// What a message can say beyond its error: which command failed, on which source, and the exit code
// when it is not that of the kind (a run stopped by SIGTERM).
struct MessageContext {
  std::string_view command = {};
  std::string_view source = {};
  int exit = 0;
};

// The form of R-282, ending in a line feed:
//   error[EI034]: what
//     where  file, place
//     why    expected ..., found ...
//     fix    what to do
// At most eight lines; wrapped to the width on a terminal only, one line a field elsewhere. Further
// errors of the same input follow as blocks of their own, at most two. Warnings say `warning`.
std::string render_message(const Error& error, const Terminal& terminal,
                           const MessageContext& context = {});

// One object: code kind exit what file where expected found fix [more].
json::Value message_json(const Error& error, const MessageContext& context = {});

// The error of such an object, for documents that carry findings. An unknown code gives codes::bug.
Error error_from_json(const json::Value& object);

}  // namespace recast::cli
