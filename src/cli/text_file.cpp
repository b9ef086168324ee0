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

void write_text_file(const std::string& path, std::string_view text, std::string_view option) {
  const std::filesystem::path target(path);
  const std::string part =
      (target.parent_path() / fmt::format(".{}.part-{}", target.filename().string(), getpid()))
          .string();
  const auto refuse = [&] {
    const int number = errno;
    std::remove(part.c_str());
    fail(codes::text_unwritable,
         {.where = std::string(option), .found = std::strerror(number), .file = printable(path)});
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
