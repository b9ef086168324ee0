#include <fcntl.h>
#include <fmt/format.h>
#include <hwy/targets.h>
#include <linux/openat2.h>
#include <sys/resource.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "base/memory_budget.h"
#include "base/parallel.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/table.h"
#include "cli/units.h"

namespace recast::cli {
namespace {

struct Check {
  std::string_view name;
  std::string_view state;  // "ok", "warn", "fail"
  std::string value;
  std::string fix;
};

constexpr uint64_t gib = uint64_t{1} << 30;

Check check_cpu(const Environment&) {
  std::string names;
  for (int64_t left = hwy::SupportedTargets(); left != 0; left &= left - 1)
    names += fmt::format("{}{}", names.empty() ? "" : " ", hwy::TargetName(left & -left));
  return {"cpu", "ok", fmt::format("{}, {}", plural(default_threads(), "core"), names), ""};
}

uint64_t memory_available() {
  std::ifstream in("/proc/meminfo");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("MemAvailable:")) return std::stoull(line.substr(13)) * 1024;
  return 0;
}

Check check_memory(const Environment&) {
  const uint64_t limit = default_memory_limit();
  const uint64_t available = memory_available();
  Check check{"memory", "ok",
              fmt::format("{} available; default of --memory: {}", bytes_text(available),
                          bytes_text(limit)),
              ""};
  if (available > 0 && available < limit) {
    check.state = "warn";
    check.fix = fmt::format("--memory {}M", available / 2 >> 20);
  }
  return check;
}

// Free bytes for this user on the file system of `path`, empty when it cannot be asked.
std::optional<uint64_t> free_bytes(const std::string& path) {
  struct statvfs system {};
  if (statvfs(path.c_str(), &system) != 0) return std::nullopt;
  return uint64_t{system.f_bavail} * system.f_frsize;
}

Check check_space(std::string_view name, const std::string& path, const std::string& fix) {
  const std::optional<uint64_t> left = free_bytes(path);
  if (!left) return {name, "fail", fmt::format("{}: {}", path, std::strerror(errno)), fix};
  Check check{name, "ok", fmt::format("{} free in {}", bytes_text(*left), path), ""};
  struct statfs system {};
  constexpr long tmpfs_magic = 0x01021994;  // linux/magic.h
  if (statfs(path.c_str(), &system) == 0 && system.f_type == tmpfs_magic)
    check.value += ", in memory (tmpfs)";
  if (access(path.c_str(), W_OK) != 0) {
    check.state = "fail";
    check.value += ", not writable";
    check.fix = fix;
  } else if (*left < gib) {
    check.state = "warn";
    check.fix = fix;
  }
  return check;
}

Check check_tmpdir(const Environment& environment) {
  const char* path = environment("TMPDIR");
  return check_space("tmpdir", path && *path ? path : "/tmp",
                     "free some space, or set TMPDIR to another folder");
}

Check check_disk(const Environment&) {
  return check_space("disk", ".", "free some space, or write elsewhere with -o");
}

Check check_locale(const Environment& environment) {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = environment(name);
    if (value && *value) return {"locale", "ok", fmt::format("{}={}", name, value), ""};
  }
  return {"locale", "ok", "not set: ASCII drawing", ""};
}

std::string limit_text(rlim_t limit, bool bytes) {
  if (limit == RLIM_INFINITY) return "unlimited";
  return bytes ? bytes_text(limit) : count_text(limit);
}

// A limit below `least` hinders the conversion of large models.
Check check_rlimit(std::string_view name, int resource, bool bytes, rlim_t least,
                   const char* flag) {
  rlimit limit{};
  getrlimit(static_cast<__rlimit_resource>(resource), &limit);
  Check check{name, "ok", limit_text(limit.rlim_cur, bytes), ""};
  if (limit.rlim_cur < least) {
    check.state = "warn";
    check.fix = fmt::format("ulimit {} {}", flag, limit_text(limit.rlim_max, false));
  }
  return check;
}

Check check_files(const Environment&) {
  return check_rlimit("open files", RLIMIT_NOFILE, false, 1024, "-n");
}
Check check_file_size(const Environment&) {
  return check_rlimit("file size", RLIMIT_FSIZE, true, 100 * gib, "-f");
}
Check check_address_space(const Environment&) {
  return check_rlimit("address space", RLIMIT_AS, true, 4 * gib, "-v");
}

// Whether the kernel knows a call: anything but ENOSYS, and a sandbox that answers EPERM counts as
// unknown too.
bool known_call(long result, int number) {
  return result >= 0 || (number != ENOSYS && number != EPERM);
}

Check check_kernel(const Environment&) {
  utsname system{};
  uname(&system);
  open_how how{};
  how.flags = O_RDONLY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH;
  const long opened = syscall(SYS_openat2, AT_FDCWD, ".", &how, sizeof(how));
  const bool openat2_known = known_call(opened, errno);
  if (opened >= 0) close(static_cast<int>(opened));
  const int renamed = renameat2(AT_FDCWD, "", AT_FDCWD, "", RENAME_NOREPLACE);
  const bool renameat2_known = known_call(renamed, errno);
  const auto yes = [](bool known) { return known ? "yes" : "no"; };
  const bool both = openat2_known && renameat2_known;
  return {"kernel", both ? "ok" : "warn",
          fmt::format("{} {}, openat2 {}, renameat2 {}", system.sysname, system.release,
                      yes(openat2_known), yes(renameat2_known)),
          both ? "" : "slower checks are used instead; Linux 5.6 has both"};
}

constexpr Check (*checks[])(const Environment&) = {
    check_cpu,   check_memory,    check_tmpdir,        check_disk,  check_locale,
    check_files, check_file_size, check_address_space, check_kernel};

json::Value document_of(const std::vector<Check>& results, bool ok) {
  json::Array rows;
  for (const Check& check : results)
    rows.push_back(json::Object{
        {"name", check.name}, {"state", check.state}, {"value", check.value}, {"fix", check.fix}});
  return json::Object{{"recast", RECAST_VERSION}, {"ok", ok}, {"checks", std::move(rows)}};
}

std::string doctor_text(const std::vector<Check>& results, const Terminal& terminal) {
  std::vector<std::vector<std::string>> rows;
  for (const Check& check : results) {
    rows.push_back({std::string(check.state), std::string(check.name), check.value});
    if (!check.fix.empty()) rows.back().push_back(fmt::format("fix: {}", check.fix));
  }
  return render_table(rows, terminal);
}

int run_doctor(Session& session) {
  std::vector<Check> results;
  bool ok = true;
  for (const auto& check : checks) {
    results.push_back(check(session.environment()));
    ok &= results.back().state != "fail";
  }
  if (session.json())
    session.print_document(document_of(results, ok));
  else
    session.print(doctor_text(results, session.out()));
  return ok ? 0 : exit_code(ErrorKind::mismatch);
}

}  // namespace

const Command doctor_command = {
    .name = "doctor",
    .aliases = "",
    .purpose = "Check this machine: processor, memory, disks, limits, kernel",
    .operands = "",
    .least = 0,
    .most = 0,
    .examples = {{{"doctor", "one line a check, with the fix"},
                  {"doctor --json", "for programs"},
                  {"doctor -q --json", "without messages"}}},
    .frequent = "json",
    .options = {},
    .text = "Exit 0 when no check failed, 1 otherwise. Warnings do not fail.",
    .run = run_doctor};

}  // namespace recast::cli
