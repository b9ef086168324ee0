// The journal of an output. Layout, one record a line:
//   0 {"record":"begin","fingerprint":"…","folder_part":"","folder_inode":0,
//      "files":[{"name":"…","part":"…","bytes":1,"inode":2}, …]} 1a2b3c4d
//   1 {"record":"done","steps":[[0,"32 hexadecimal digits of XXH3-128"], …]} 5e6f7081
//   2 {"record":"commit"} 9a0b1c2d
// (the first is one line too). The last field is the CRC-32C of what stands before its space.
// Bytes of names that are not printable ASCII are written as \u00XX, one for each byte.

#include "io/journal.h"

#include <fmt/format.h>

#include <cerrno>
#include <charconv>
#include <string_view>

namespace recast {

namespace {

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte > 0x7E || c == '"' || c == '\\')
      out += fmt::format("\\u{:04x}", byte);
    else
      out += c;
  }
  return out + '"';
}

std::string begin_record(const JournalPlan& plan) {
  std::string out = fmt::format(
      R"({{"record":"begin","fingerprint":{},"folder_part":{},"folder_inode":{},"files":[)",
      quote(plan.fingerprint), quote(plan.folder_part), plan.folder_inode);
  for (const auto& file : plan.files)
    out += fmt::format(R"({}{{"name":{},"part":{},"bytes":{},"inode":{}}})",
                       &file == plan.files.data() ? "" : ",", quote(file.name), quote(file.part),
                       file.bytes, file.inode);
  return out + "]}";
}

// Reads what the functions above wrote, and nothing else. Every call answers whether it matched.
struct Cursor {
  std::string_view left;

  bool literal(std::string_view text) {
    if (!left.starts_with(text)) return false;
    left.remove_prefix(text.size());
    return true;
  }
  template <class T>
  bool number(T& value, int base = 10) {
    const auto [end, error] = std::from_chars(left.data(), left.data() + left.size(), value, base);
    if (error != std::errc()) return false;
    left.remove_prefix(static_cast<size_t>(end - left.data()));
    return true;
  }
  bool text(std::string& out) {
    if (!literal("\"")) return false;
    while (!left.empty() && left.front() != '"') {
      if (literal("\\u00")) {
        unsigned byte = 0;
        Cursor digits{left.substr(0, 2)};
        if (left.size() < 2 || !digits.number(byte, 16) || !digits.left.empty()) return false;
        out += static_cast<char>(byte);
        left.remove_prefix(2);
      } else {
        out += left.front();
        left.remove_prefix(1);
      }
    }
    return literal("\"");
  }
  bool hash(Hash128& out) {
    std::string digits;
    if (!text(digits) || digits.size() != 32) return false;
    Cursor high{std::string_view(digits).substr(0, 16)}, low{std::string_view(digits).substr(16)};
    return high.number(out.high, 16) && low.number(out.low, 16) && high.left.empty() &&
           low.left.empty();
  }
};

bool parse_begin(Cursor in, JournalPlan& plan) {
  if (!in.literal(R"({"record":"begin","fingerprint":)") || !in.text(plan.fingerprint) ||
      !in.literal(R"(,"folder_part":)") || !in.text(plan.folder_part) ||
      !in.literal(R"(,"folder_inode":)") || !in.number(plan.folder_inode) ||
      !in.literal(R"(,"files":[)"))
    return false;
  while (!in.left.starts_with("]")) {
    JournalPlan::File file;
    if (!plan.files.empty() && !in.literal(",")) return false;
    if (!in.literal(R"({"name":)") || !in.text(file.name) || !in.literal(R"(,"part":)") ||
        !in.text(file.part) || !in.literal(R"(,"bytes":)") || !in.number(file.bytes) ||
        !in.literal(R"(,"inode":)") || !in.number(file.inode) || !in.literal("}"))
      return false;
    plan.files.push_back(std::move(file));
  }
  return in.left == "]}";
}

bool parse_done(Cursor in, std::vector<Output::DoneStep>& done) {
  if (!in.literal(R"({"record":"done","steps":[)")) return false;
  for (bool first = true; !in.left.starts_with("]"); first = false) {
    Output::DoneStep step{};
    if (!first && !in.literal(",")) return false;
    if (!in.literal("[") || !in.number(step.step) || !in.literal(",") || !in.hash(step.hash) ||
        !in.literal("]"))
      return false;
    done.push_back(step);
  }
  return in.left == "]}";
}

bool parse_record(std::string_view json, JournalContent& content) {
  if (content.next_sequence == 0) return parse_begin({json}, content.plan);
  if (json == R"({"record":"commit"})") return content.committed = true;
  return parse_done({json}, content.done);
}

uint32_t checksum(std::string_view text) { return crc32c(std::as_bytes(std::span(text))); }

// The JSON of a line whose sequence number and checksum are right.
std::optional<std::string_view> checked_json(std::string_view line, uint64_t sequence) {
  const size_t space = line.rfind(' ');
  if (space == line.npos || line.size() - space != 9) return std::nullopt;
  uint32_t crc = 0;
  Cursor digits{line.substr(space + 1)};
  if (!digits.number(crc, 16) || !digits.left.empty()) return std::nullopt;
  Cursor in{line.substr(0, space)};
  uint64_t number = 0;
  if (checksum(in.left) != crc || !in.number(number) || number != sequence || !in.literal(" "))
    return std::nullopt;
  return in.left;
}

std::string read_all(int fd, const std::string& shown) {
  struct stat st;
  if (system_calls().fstat(fd, &st) != 0) fail_read("look at", shown, errno, Side::output);
  std::string text(static_cast<size_t>(st.st_size), '\0');
  for (size_t done = 0; done < text.size();) {
    const ssize_t n = persistently([&] {
      return system_calls().pread(fd, text.data() + done, text.size() - done,
                                  static_cast<off_t>(done));
    });
    if (n < 0) fail_read("read", shown, errno, Side::output);
    if (n == 0) text.resize(done);
    done += static_cast<size_t>(n);
  }
  return text;
}

}  // namespace

std::optional<JournalContent> read_journal(int folder, const std::string& name,
                                           const std::string& shown) {
  const Descriptor fd(
      open_at(folder, name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) fail_read("open", shown, errno, Side::output);
  require_regular(fd.get(), shown, Side::output);
  const std::string text = read_all(fd.get(), shown);
  JournalContent content;
  for (size_t start = 0; start < text.size();) {
    const size_t end = text.find('\n', start);
    if (end == text.npos) break;
    const auto json =
        checked_json(std::string_view(text).substr(start, end - start), content.next_sequence);
    if (!json && end + 1 == text.size()) break;
    // After `commit` there may only be a torn end.
    if (!json || content.committed || !parse_record(*json, content))
      fail(codes::journal_damaged,
           {.where = fmt::format("record {}, {}", content.next_sequence, offset_where(start)),
            .found = json ? "a record that makes no sense" : "a wrong sequence number or checksum",
            .file = shown});
    start = end + 1;
    if (content.committed) continue;  // not counted: whoever continues takes the commit back
    content.valid_bytes = start;
    ++content.next_sequence;
  }
  if (content.next_sequence == 0) return std::nullopt;
  return content;
}

Journal Journal::create(int folder, const std::string& name, const std::string& shown,
                        const JournalPlan& plan) {
  Journal journal;
  journal.shown_ = shown;
  journal.fd_ = Descriptor(open_at(folder, name.c_str(),
                                   O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!journal.fd_) fail_write("make", shown, errno);
  journal.append(begin_record(plan));
  return journal;
}

Journal Journal::resume(int folder, const std::string& name, const std::string& shown,
                        const JournalContent& content) {
  Journal journal;
  journal.shown_ = shown;
  journal.fd_ = Descriptor(open_at(folder, name.c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
  if (!journal.fd_) fail_write("open", shown, errno);
  if (system_calls().truncate(journal.fd_.get(), static_cast<off_t>(content.valid_bytes)) != 0)
    fail_write("cut", shown, errno);
  journal.end_ = content.valid_bytes;
  journal.sequence_ = content.next_sequence;
  return journal;
}

void Journal::append_done(std::span<const Output::DoneStep> steps) {
  std::string json = R"({"record":"done","steps":[)";
  for (const auto& step : steps)
    json +=
        fmt::format(R"({}[{},"{}"])", &step == steps.data() ? "" : ",", step.step, step.hash.hex());
  append(json + "]}");
}

void Journal::append_commit() { append(R"({"record":"commit"})"); }

void Journal::append(const std::string& json) {
  std::string line = fmt::format("{} {}", sequence_, json);
  line += fmt::format(" {:08x}\n", checksum(line));
  write_fully(fd_.get(), end_, line.data(), line.size(), shown_);
  if (system_calls().fdatasync(fd_.get()) != 0) fail_sync(shown_, errno);
  end_ += line.size();
  ++sequence_;
}

}  // namespace recast
