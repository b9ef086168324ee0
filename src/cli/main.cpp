#include <unistd.h>

#include <new>

#include "cli/run.h"

int main(int argc, char** argv) {
  try {
    return recast::cli::run(std::vector<std::string>(argv + (argc > 0), argv + argc),
                            recast::cli::process_streams());
  } catch (const std::bad_alloc&) {
    // Not even the arguments, or the words for an error, have a place: the same without any memory.
    constexpr std::string_view text = "error[ER005]: Out of memory during conversion\n";
    [[maybe_unused]] const ssize_t n = write(STDERR_FILENO, text.data(), text.size());
    return recast::exit_code(recast::ErrorKind::resource);
  }
}
