#include "formats/detect.h"

#include <fmt/format.h>

#include <algorithm>

#include "formats/foreign.h"
#include "wire/mistaken.h"

namespace recast {
namespace {

// What the content says: a format of the table, or one that is known and not read, or neither.
struct Content {
  const Format* format = nullptr;
  std::string_view foreign;
  std::string evidence;
  bool known() const { return format || !foreign.empty(); }
  std::string name() const { return std::string(format ? format->name : foreign); }
};

void check_not_mistaken(const File& file) {
  const Window window = file.window(0, std::min<uint64_t>(file.size(), sniff_bytes));
  if (const ErrorCode* code = sniff_mistaken_file(window.bytes()))
    fail(*code, {.found = fmt::format("{} bytes", file.size()), .file = file.name()});
}

Content look(const Source& source) {
  Content content;
  if (source.is_folder()) {
    if (auto foreign = find_foreign_folder(source))
      return {nullptr, foreign->name, std::move(foreign->evidence)};
  } else {
    check_not_mistaken(*source.file());
  }
  for (const Format* format : all_formats())
    if (std::string evidence = format->probe(source); !evidence.empty())
      return {format, {}, std::move(evidence)};
  if (!source.is_folder())
    if (auto foreign = find_foreign_file(*source.file()))
      return {nullptr, foreign->name, std::move(foreign->evidence)};
  return content;
}

// A file that no probe knows is still given to the reader of its extension or of --from, which says
// what is wrong with it.
Content guess(const Source& source, const Format* named) {
  if (named && source.is_folder() == named->extension.empty())
    return {named, {}, "named by --from"};
  if (const Format* format = format_by_extension(source.path()); format && !source.is_folder())
    return {format, {},
            fmt::format("extension {} alone", source.path().substr(source.path().rfind('.')))};
  return {};
}

// The first bytes, for people who know magic numbers.
std::string first_bytes(const File& file) {
  const Window window = file.window(0, std::min<uint64_t>(file.size(), 8));
  const std::string_view text(reinterpret_cast<const char*>(window.bytes().data()),
                              window.bytes().size());
  return fmt::format("a file that begins with \"{}\"", printable(text));
}

// What an unknown folder holds, so that the user sees which file to name.
std::string some_names(const Source& source) {
  const std::vector<std::string> names = source.list();
  if (names.empty()) return "nothing";
  std::string text;
  const size_t shown = std::min<size_t>(names.size(), 3);
  for (size_t i = 0; i < shown; ++i) text += (i ? ", " : "") + printable(names[i]);
  return names.size() > shown ? fmt::format("{} and {} more", text, names.size() - shown) : text;
}

[[noreturn]] void fail_unknown(const Source& source) {
  if (source.is_folder())
    fail(codes::unknown_folder, {.found = some_names(source), .file = source.path()});
  fail(codes::unknown_content,
       {.found = first_bytes(*source.file()), .file = source.file()->name()});
}

// The format that --from names: one of the table, or null for one that is not read.
const Format* check_from(const Source& source, std::string_view from, const Content& content) {
  if (from.empty()) return nullptr;
  const Format* named = find_format(from);
  const std::string_view foreign = find_foreign_name(from);
  if (!named && foreign.empty())
    fail(codes::unknown_format, {.where = "--from", .found = printable(from)});
  if (content.known() && (content.format != named || content.foreign != foreign))
    fail(codes::wrong_format, {.where = "--from",
                               .expected = std::string(named ? named->name : foreign),
                               .found = fmt::format("{} ({})", content.name(), content.evidence),
                               .file = source.path()});
  if (!named)
    fail(codes::format_not_read, {.expected = "a format that recast list formats shows",
                                  .found = std::string(foreign),
                                  .file = source.path()});
  return named;
}

void warn_of_extension(const Source& source, Detection& detection) {
  if (source.is_folder()) return;
  const Format* by_extension = format_by_extension(source.path());
  const std::string_view claimed =
      by_extension ? by_extension->name : foreign_extension(source.path());
  if (claimed.empty() || by_extension == detection.format) return;
  detection.warnings.push_back(
      Error(codes::extension_contradicts,
            {.expected = fmt::format("{}, by the extension", claimed),
             .found = fmt::format("{} ({})", detection.format->name, detection.evidence),
             .file = source.path()}));
}

}  // namespace

Detection detect(const Source& source, std::string_view from) {
  Content content = look(source);
  const Format* named = check_from(source, from, content);
  if (!content.known()) content = guess(source, named);
  if (!content.known()) fail_unknown(source);
  if (!content.format)
    fail(codes::format_not_read,
         {.expected = "a format that recast list formats shows",
          .found = fmt::format("{} ({})", content.foreign, content.evidence),
          .file = source.path()});
  Detection detection{content.format, std::move(content.evidence), {}};
  warn_of_extension(source, detection);
  return detection;
}

}  // namespace recast
