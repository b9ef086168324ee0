#include "cli/text_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "base/error.h"

namespace recast::cli {

void fail_text(std::string_view where, std::string_view path, int error) {
  const ErrorCode& code = error == ENOSPC || error == EDQUOT ? codes::no_space
                          : error == EFBIG                   ? codes::file_size_limit
                                                             : codes::text_unwritable;
  fail(code, {.where = std::string(where), .found = std::strerror(error), .file = printable(path)});
}

void write_text_file(const std::string& path, std::string_view text, std::string_view option) {
  const std::filesystem::path target(path);
  const std::string part =
      (target.parent_path() / fmt::format(".{}.part-{}", target.filename().string(), getpid()))
          .string();
  const auto refuse = [&] {
    const int number = errno;
    std::remove(part.c_str());
    fail_text(option, path, number);
  };
  FILE* file = std::fopen(part.c_str(), "wbx");
  if (!file) refuse();
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size() &&
                       std::fflush(file) == 0 && fsync(fileno(file)) == 0;
  const int number = errno;
  const bool closed = std::fclose(file) == 0;
  if (!written) errno = number;
  if (!written || !closed) refuse();
  if (std::rename(part.c_str(), path.c_str()) != 0) refuse();
}

}  // namespace recast::cli
