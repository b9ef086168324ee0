// Every system call of a small output fails once, with every kind of output; and a run is killed at
// every system call. What must hold: a final name has its old content or the whole new one, nothing
// else is left, and the error says which kind of failure it was.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <map>

#include "io/io_testing.h"
#include "io/output.h"
#include "io/output_testing.h"
#include "io/staging_name.h"

namespace recast {
namespace {

namespace fs = std::filesystem;
using io_testing::bytes_of;
using io_testing::Call;
using io_testing::Fault;
using io_testing::Scratch;
using io_testing::write_whole;

// One way to write an output: its options, and the files it must end in.
struct Scenario {
  std::string name;
  OutputKind kind;
  bool force, journal;

  std::vector<std::string> file_names() const {
    if (kind == OutputKind::folder) return {"out/a", "out/in/b"};
    return name.starts_with("one") ? std::vector<std::string>{"out"}
                                   : std::vector<std::string>{"out", "out.data"};
  }
  std::vector<std::string> texts() const {
    std::vector<std::string> texts{"the new main file"};
    if (file_names().size() == 2) texts.push_back("new data");
    return texts;
  }
  OutputOptions options(const std::string& folder) const {
    OutputOptions options;
    options.kind = kind;
    options.folder = folder;
    options.name = "out";
    for (size_t i = 0; i < file_names().size(); ++i) {
      const std::string file = file_names()[i];
      options.files.push_back(
          {kind == OutputKind::folder ? file.substr(4) : file, texts()[i].size()});
    }
    options.force = force;
    options.journal = journal;
    options.journal_batch_bytes = 1;  // a record for every step
    options.plan_fingerprint = "plan 1";
    return options;
  }
  void put_old(const Scratch& scratch) const {
    if (!force) return;
    for (const auto& file : file_names()) scratch.write(file, fmt::format("old {}", file));
  }
};

const Scenario scenarios[] = {
    {"one file", OutputKind::files, false, false},
    {"one file, force", OutputKind::files, true, false},
    {"one file, journal", OutputKind::files, false, true},
    {"set", OutputKind::files, false, false},
    {"set, force", OutputKind::files, true, false},
    {"set, force, journal", OutputKind::files, true, true},
    {"folder", OutputKind::folder, false, false},
    {"folder, force", OutputKind::folder, true, false},
    {"folder, force, journal", OutputKind::folder, true, true},
};

// Every file below the scratch folder with its text.
std::map<std::string, std::string> all_files(const Scratch& scratch) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::recursive_directory_iterator(scratch.path())) {
    const std::string name = fs::relative(entry.path(), scratch.path()).string();
    if (!entry.is_directory()) files[name] = scratch.read(name);
    else if (name[0] == '.') files[name] = "a folder";
  }
  return files;
}

std::map<std::string, std::string> wanted(const Scenario& scenario, bool fresh) {
  std::map<std::string, std::string> files;
  const auto names = scenario.file_names();
  for (size_t i = 0; i < names.size(); ++i) {
    if (fresh) files[names[i]] = scenario.texts()[i];
    else if (scenario.force) files[names[i]] = fmt::format("old {}", names[i]);
  }
  return files;
}

void run(const Scenario& scenario, const std::string& folder) {
  const auto out = Output::open(scenario.options(folder));
  io_testing::write_in_steps(*out, scenario.texts(), 5);
  out->sync();
  out->commit();
}

bool is_one_of(ErrorKind kind, std::initializer_list<ErrorKind> kinds) {
  return std::find(kinds.begin(), kinds.end(), kind) != kinds.end();
}

// Returns how many calls of the kind the run makes.
int fail_every(const Scenario& scenario, Call call, int error) {
  for (int nth = 1;; ++nth) {
    const Scratch scratch(io_testing::memory_folder());
    scenario.put_old(scratch);
    SCOPED_TRACE(fmt::format("{}: call {} number {}, errno {}", scenario.name,
                             static_cast<int>(call), nth, error));
    bool failed = false;
    {
      const Fault fault(call, nth, error);
      try {
        run(scenario, scratch.path());
      } catch (const Error& thrown) {
        failed = true;
        const bool full = error == ENOSPC;
        EXPECT_TRUE(is_one_of(thrown.code->kind,
                              full ? std::initializer_list<ErrorKind>{ErrorKind::resource,
                                                                      ErrorKind::unreadable}
                                   : std::initializer_list<ErrorKind>{ErrorKind::io,
                                                                      ErrorKind::unreadable}))
            << thrown.what();
        EXPECT_FALSE(thrown.file.empty()) << thrown.what();
      }
      if (!fault.was_hit()) {
        EXPECT_FALSE(failed);
        EXPECT_EQ(all_files(scratch), wanted(scenario, true));
        return nth - 1;
      }
    }
    auto files = all_files(scratch);
    if (call == Call::lock) files.erase(lock_name("out"));  // not known to be ours: it stays
    EXPECT_EQ(files, wanted(scenario, !failed));
    // Whatever happened, the next run succeeds.
    auto again = scenario.options(scratch.path());
    again.force = true;
    write_whole(again, scenario.texts());
    EXPECT_EQ(all_files(scratch), wanted(scenario, true));
  }
}

TEST(OutputFaults, EveryFailingCallLeavesTheOldOutputAndNothingElse) {
  std::map<Call, int> made;
  for (const Scenario& scenario : scenarios)
    for (int call = 0; call < static_cast<int>(Call::count); ++call)
      for (const int error : {EIO, ENOSPC})
        made[static_cast<Call>(call)] += fail_every(scenario, static_cast<Call>(call), error);
  for (const Call call : {Call::open, Call::close, Call::pwrite, Call::fstat, Call::stat,
                          Call::statvfs, Call::fsync, Call::fdatasync, Call::fallocate,
                          Call::rename, Call::unlink, Call::mkdir, Call::chmod, Call::lock})
    EXPECT_GT(made[call], 0) << static_cast<int>(call);
}

TEST(OutputFaults, QuotaAndSizeAreLimits) {
  for (const int error : {EDQUOT, EFBIG, ENOSPC}) {
    const Scratch scratch(io_testing::memory_folder());
    const auto out = Output::open(io_testing::one_file(scratch.path(), "m", 1));
    const Fault fault(Call::pwrite, 1, error);
    Error thrown;
    ASSERT_NE(io_testing::code_of([&] { out->write_at(0, 0, bytes_of("x")); }, &thrown), nullptr);
    EXPECT_EQ(thrown.code->kind, ErrorKind::resource);
    EXPECT_EQ(thrown.code, error == EFBIG ? &codes::file_size_limit : &codes::no_space);
  }
}

TEST(OutputFaults, FileSystemWithoutReservationIsNoError) {
  for (const int error : {EOPNOTSUPP, ENOSYS, EINTR}) {
    const Scratch scratch(io_testing::memory_folder());
    const Fault fault(Call::fallocate, 1, error);
    write_whole(io_testing::one_file(scratch.path(), "m", 5), {"hello"});
    EXPECT_TRUE(fault.was_hit());
    EXPECT_EQ(scratch.read("m"), "hello");
  }
}

TEST(OutputFaults, FailedSyncIsNeverTriedAgain) {
  const Scratch scratch(io_testing::memory_folder());
  const auto out = Output::open(io_testing::one_file(scratch.path(), "m", 5));
  out->write_at(0, 0, bytes_of("hello"));
  {
    const Fault fault(Call::fsync, 1, EIO);
    EXPECT_CODE(out->sync(), sync_failed);
  }
  EXPECT_CODE(out->sync(), sync_failed);  // the system would answer yes now
  EXPECT_CODE(out->commit(), sync_failed);
  EXPECT_FALSE(scratch.has("m"));
}

TEST(OutputFaults, ShortAndInterruptedWritesGoOn) {
  const Scratch scratch(io_testing::memory_folder());
  const std::string text(1000, 'w');
  const SystemCalls before = system_calls();
  static int calls;
  calls = 0;
  system_calls().pwrite = [](int fd, const void* from, size_t n, off_t offset) -> ssize_t {
    errno = EINTR;
    return ++calls % 2 ? -1 : ::pwrite(fd, from, std::min<size_t>(n, 7), offset);
  };
  write_whole(io_testing::one_file(scratch.path(), "m", text.size()), {text});
  system_calls() = before;
  EXPECT_EQ(scratch.read("m"), text);
  EXPECT_EQ(calls, 2 * 143);
}

TEST(OutputFaults, CutInputUnderAWriteIsInputChanged) {
  const Scratch scratch(io_testing::memory_folder());
  const std::string path = scratch.write("in", std::string(1 << 20, 'x'));
  const auto file = open_file(path);
  const Window window = file->window(0, 1 << 20);
  const auto out = Output::open(io_testing::one_file(scratch.path(), "m", 1 << 20));
  ASSERT_EQ(::truncate(path.c_str(), 0), 0);
  EXPECT_CODE(out->write_at(0, 0, window.bytes()), input_changed);
}

// The n-th system call is the last thing the first run does.
TEST(OutputFaults, RunKilledAtAnyCallIsOldOrWholeAndTheNextRunFinishes) {
  int points = 0;
  for (const Scenario& scenario : scenarios) {
    int kept_at_most = 0;
    for (int nth = 1;; ++nth, ++points) {
      const Scratch scratch(io_testing::memory_folder());
      scenario.put_old(scratch);
      SCOPED_TRACE(fmt::format("{}: killed at call {}", scenario.name, nth));
      const pid_t child = ::fork();
      if (child == 0) {
        const Fault fault(Fault::Kill{nth});
        run(scenario, scratch.path());
        ::_exit(0);
      }
      int status = 0;
      ::waitpid(child, &status, 0);
      // Each final name is absent (where it was), old or whole.
      const auto old = wanted(scenario, false), fresh = wanted(scenario, true);
      const auto files = all_files(scratch);
      bool all_fresh = true;
      for (const auto& name : scenario.file_names()) {
        const auto found = files.find(name);
        const bool is_fresh = found != files.end() && found->second == fresh.at(name);
        const bool is_old = found == files.end() ? !old.contains(name)
                                                 : old.contains(name) && found->second == old.at(name);
        EXPECT_TRUE(is_fresh || is_old) << name;
        all_fresh = all_fresh && is_fresh;
      }
      if (WIFEXITED(status)) {
        EXPECT_EQ(WEXITSTATUS(status), 0);
        EXPECT_TRUE(all_fresh);
        break;
      }
      // The same command again.
      auto options = scenario.options(scratch.path());
      options.force = options.force || all_fresh || (!scenario.journal && files.contains("out.data"));
      const auto out = Output::open(options);
      const int kept = io_testing::write_in_steps(*out, scenario.texts(), 5);
      EXPECT_EQ(kept, static_cast<int>(out->resumed().size()));
      kept_at_most = std::max(kept_at_most, kept);
      out->commit();
      EXPECT_EQ(all_files(scratch), fresh);
    }
    // 17 bytes in steps of 5 are 4 steps, 8 more bytes are 2.
    EXPECT_EQ(kept_at_most, !scenario.journal ? 0 : scenario.file_names().size() == 2 ? 6 : 4);
  }
  EXPECT_GT(points, 200);
}

}  // namespace
}  // namespace recast
