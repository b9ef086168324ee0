#include "io/output.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/parallel.h"
#include "io/io_testing.h"
#include "io/output_testing.h"
#include "io/staging_name.h"

namespace recast {
namespace {

namespace fs = std::filesystem;
using io_testing::bytes_of;
using io_testing::Call;
using io_testing::code_of;
using io_testing::Fault;
using io_testing::one_file;
using io_testing::Scratch;
using io_testing::write_whole;
using Names = std::vector<std::string>;

std::string text_of(const File& file) {
  std::string text(file.size(), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(text)));
  return text;
}

mode_t mode_of(const std::string& path) {
  struct stat st;
  return ::lstat(path.c_str(), &st) == 0 ? st.st_mode & 07777 : 0;
}

TEST(Output, FileAppearsWholeAndNothingElseStays) {
  const Scratch scratch;
  const mode_t before = ::umask(027);
  {
    const auto out = Output::open(one_file(scratch.path(), "m.gguf", 10));
    EXPECT_FALSE(scratch.has("m.gguf"));
    out->write_at(0, 5, bytes_of("world"));
    out->write_at(0, 0, bytes_of("hello"));
    out->sync();
    EXPECT_EQ(text_of(*out->reopen(0)), "helloworld");
    EXPECT_TRUE(fs::exists(out->staging_path() + "/" + out->part_name(0)));
    EXPECT_FALSE(scratch.has("m.gguf"));
    out->commit();
    EXPECT_EQ(scratch.names(), Names{"m.gguf"});
  }
  ::umask(before);
  EXPECT_EQ(scratch.read("m.gguf"), "helloworld");
  EXPECT_EQ(mode_of(scratch / "m.gguf"), 0640u);
}

TEST(Output, WithoutCommitNothingIsLeft) {
  const Scratch scratch;
  { Output::open(one_file(scratch.path(), "m", 10))->write_at(0, 0, bytes_of("x")); }
  EXPECT_EQ(scratch.names(), Names{});
}

TEST(Output, ExistingFileIsReplacedOnlyByForceAndKeepsItsMode) {
  const Scratch scratch;
  scratch.write("m", "old");
  ::chmod((scratch / "m").c_str(), 0604);
  auto options = one_file(scratch.path(), "m", 3);
  EXPECT_CODE(Output::check(options), output_exists);
  EXPECT_CODE(Output::open(options), output_exists);
  EXPECT_EQ(scratch.names(), Names{"m"});
  options.force = true;
  Output::check(options);
  { Output::open(options)->write_at(0, 0, bytes_of("ne")); }  // given up
  EXPECT_EQ(scratch.read("m"), "old");
  write_whole(options, {"new"});
  EXPECT_EQ(scratch.read("m"), "new");
  EXPECT_EQ(mode_of(scratch / "m"), 0604u);
  EXPECT_EQ(scratch.names(), Names{"m"});
}

TEST(Output, SetRenamesTheMainFileLast) {
  const Scratch scratch;
  auto options = one_file(scratch.path(), "m.onnx", 4);
  options.files.push_back({"m.onnx.data", 4});
  static std::vector<std::string> order;
  order.clear();
  const SystemCalls before = system_calls();
  system_calls().rename = [](int d, const char* a, int e, const char* b, unsigned f) {
    order.push_back(b);
    return static_cast<int>(::renameat2(d, a, e, b, f));
  };
  write_whole(options, {"main", "data"});
  system_calls() = before;
  EXPECT_EQ(order, (Names{"m.onnx.data", "m.onnx"}));
  EXPECT_EQ(scratch.names(), (Names{"m.onnx", "m.onnx.data"}));
  EXPECT_EQ(scratch.read("m.onnx.data"), "data");
}

TEST(Output, FilesOfAFolderCanGetTheirNamesLast) {
  const Scratch scratch;
  const auto out =
      Output::open(io_testing::folder(scratch.path(), "m", {{"a", 1}, {"b", 1}, {"c", 1}}));
  for (size_t i = 0; i < 3; ++i) out->write_at(i, 0, bytes_of(i == 2 ? "2" : "1"));
  EXPECT_CODE(out->rename(0, "../a"), unsafe_name);
  out->rename(0, "blobs/1");
  out->rename(1, "blobs/1");  // of the same content
  out->rename(2, "c");
  EXPECT_EQ(out->reopen(1)->size(), 1u);
  EXPECT_FALSE(scratch.has("m"));
  out->commit();
  EXPECT_EQ(scratch.names(), Names{"m"});
  EXPECT_EQ(scratch.read("m/blobs/1"), "1");
  EXPECT_EQ(scratch.read("m/c"), "2");
  EXPECT_FALSE(scratch.has("m/a"));
  EXPECT_FALSE(scratch.has("m/b"));
}

TEST(Output, FolderIsBuiltWholeWithInnerFolders) {
  const Scratch scratch;
  auto options = io_testing::folder(scratch.path(), "saved",
                                    {{"a", 1}, {"variables/v.index", 2}, {"x/y/z", 0}});
  write_whole(options, {"A", "VI", ""});
  EXPECT_EQ(scratch.names(), Names{"saved"});
  EXPECT_EQ(scratch.read("saved/a"), "A");
  EXPECT_EQ(scratch.read("saved/variables/v.index"), "VI");
  EXPECT_EQ(fs::file_size(scratch / "saved/x/y/z"), 0u);
  EXPECT_CODE(Output::open(options), output_exists);
  options.force = true;
  options.files = {{"b", 1}};
  write_whole(options, {"B"});
  EXPECT_FALSE(scratch.has("saved/a"));
  EXPECT_EQ(scratch.read("saved/b"), "B");
  EXPECT_EQ(scratch.names(), Names{"saved"});
  options.files = {{"../b", 1}};
  EXPECT_CODE(Output::open(options), unsafe_name);
}

// File systems that can neither promise a free name nor exchange two.
TEST(Output, OldFolderIsReplacedWithoutExchange) {
  const Scratch scratch;
  scratch.write("saved/old", "o");
  auto options = io_testing::folder(scratch.path(), "saved", {{"new", 1}});
  options.force = true;
  const SystemCalls before = system_calls();
  system_calls().rename = [](int d, const char* a, int e, const char* b, unsigned f) {
    if (f == 0) return static_cast<int>(::renameat2(d, a, e, b, 0));
    errno = EINVAL;
    return -1;
  };
  write_whole(options, {"n"});
  system_calls() = before;
  EXPECT_EQ(scratch.names(), Names{"saved"});
  EXPECT_EQ(scratch.read("saved/new"), "n");
  EXPECT_FALSE(scratch.has("saved/old"));
}

TEST(Output, OldFolderSetAsideByADeadRunComesBack) {
  const Scratch scratch;
  scratch.write(new_old_name("saved") + "/old", "o");
  auto options = io_testing::folder(scratch.path(), "saved", {{"new", 1}});
  EXPECT_CODE(Output::open(options), output_exists);
  EXPECT_EQ(scratch.read("saved/old"), "o");
  EXPECT_EQ(scratch.names(), Names{"saved"});
}

TEST(Output, IsNeverAnInput) {
  const Scratch scratch;
  const std::string input = scratch.write("in/model", "weights");
  fs::create_hard_link(input, scratch / "hard");
  fs::create_symlink(input, scratch / "link");
  for (const std::string name : {"hard", "link"}) {
    auto options = one_file(scratch.path(), name, 1);
    options.force = options.follow_links = true;
    options.inputs = {open_file(input)->fingerprint()};
    options.input_names = {input};
    Error error;
    EXPECT_EQ(code_of([&] { Output::check(options); }, &error), &codes::output_is_input);
    EXPECT_EQ(error.file, scratch / name);
    EXPECT_NE(error.found.find(input), std::string::npos);
    EXPECT_CODE(Output::open(options), output_is_input);
  }
  auto options = io_testing::folder(scratch.path(), "in", {{"model", 1}});
  options.force = true;
  options.inputs = {open_file(input)->fingerprint()};
  EXPECT_CODE(Output::open(options), output_is_input);  // the folder holds it
  EXPECT_EQ(scratch.read("in/model"), "weights");
}

TEST(Output, LinkIsRefusedOrFollowed) {
  const Scratch scratch;
  scratch.write("there/real", "old");
  fs::create_symlink("there/real", scratch / "link");
  fs::create_symlink("there/new", scratch / "dangling");
  auto options = one_file(scratch.path(), "link", 3);
  options.force = true;
  EXPECT_CODE(Output::check(options), output_link);
  EXPECT_CODE(Output::open(options), output_link);
  EXPECT_EQ(scratch.read("there/real"), "old");
  options.follow_links = true;
  write_whole(options, {"new"});
  EXPECT_TRUE(fs::is_symlink(scratch / "link"));
  EXPECT_EQ(scratch.read("there/real"), "new");
  options = one_file(scratch.path(), "dangling", 3);
  options.follow_links = true;
  write_whole(options, {"abc"});
  EXPECT_EQ(scratch.read("there/new"), "abc");
  fs::create_symlink("loop", scratch / "loop");
  options = one_file(scratch.path(), "loop", 3);
  options.follow_links = true;
  EXPECT_CODE(Output::open(options), write_failed);
}

TEST(Output, DevicesAndFoldersAreRefused) {
  const Scratch scratch;
  ASSERT_EQ(::mkfifo((scratch / "fifo").c_str(), 0600), 0);
  fs::create_directory(scratch / "folder");
  for (const bool force : {false, true}) {
    auto options = one_file("/dev", "full", 1);
    options.force = force;
    EXPECT_CODE(Output::open(options), output_not_regular);
    options = one_file("/dev", "null", 1);
    options.force = force;
    EXPECT_CODE(Output::check(options), output_not_regular);
    options = one_file(scratch.path(), "fifo", 1);
    options.force = force;
    EXPECT_CODE(Output::open(options), output_not_regular);
    options = one_file(scratch.path(), "folder", 1);
    options.force = force;
    EXPECT_CODE(Output::open(options), bad_value);
  }
}

TEST(Output, MissingFolderIsMadeOnlyOnRequest) {
  const Scratch scratch;
  auto options = one_file(scratch / "a/b", "m", 1);
  EXPECT_CODE(Output::check(options), output_folder_missing);
  EXPECT_CODE(Output::open(options), output_folder_missing);
  options.make_folders = true;
  Output::check(options);
  EXPECT_EQ(scratch.names(), Names{});
  { Output::open(options); }
  EXPECT_EQ(scratch.names(), Names{});  // given up: the folders go too
  write_whole(options, {"x"});
  EXPECT_EQ(scratch.read("a/b/m"), "x");
  scratch.write("file", "");
  options.folder = scratch / "file";
  EXPECT_CODE(Output::open(options), output_folder_missing);
  options.folder = scratch / "file/deeper";
  EXPECT_CODE(Output::open(options), output_folder_missing);
}

TEST(Output, OddNamesWork) {
  const Scratch scratch;
  for (const std::string& name :
       {std::string("-rf"), std::string("a\nb"), std::string("\x01"), std::string(255, 'n'),
        std::string("a\\b"), std::string(".hidden"), std::string("%s %d")}) {
    write_whole(one_file(scratch.path(), name, 1), {"x"});
    EXPECT_EQ(scratch.names(), Names{name});
    fs::remove(scratch / name);
  }
  for (const std::string name : {"", ".", "..", "a/b"})
    EXPECT_CODE(Output::open(one_file(scratch.path(), name, 1)), bad_value);
  Error error;
  EXPECT_EQ(
      code_of([&] { Output::open(one_file(scratch.path(), std::string(256, 'n'), 1)); }, &error),
      &codes::name_too_long);
  EXPECT_NE(error.expected.find("255"), std::string::npos);
  std::string deep = scratch.path();
  while (deep.size() < 4000) deep.append(1, '/').append(90, 'd');
  EXPECT_CODE(Output::open(one_file(deep, std::string(200, 'n'), 1)), name_too_long);
}

TEST(Output, DiskMustHaveTheRoom) {
  const Scratch scratch;
  auto options = one_file(scratch.path(), "m", uint64_t{1} << 60);
  Error error;
  EXPECT_EQ(code_of([&] { Output::check(options); }, &error), &codes::disk_space);
  EXPECT_NE(error.expected.find(std::to_string((uint64_t{1} << 60) + (64 << 20))),
            std::string::npos);
  EXPECT_CODE(Output::open(options), disk_space);
  options.files.push_back({"n", UINT64_MAX});  // the sum wraps
  EXPECT_CODE(Output::open(options), disk_space);
  options.make_folders = true;
  options.folder = scratch / "new";
  EXPECT_CODE(Output::open(options), disk_space);
  EXPECT_EQ(scratch.names(), Names{});
}

TEST(Output, HolesNeedNoRoomAndAreFoundAgain) {
  const Scratch scratch;
  constexpr uint64_t bytes = uint64_t{1} << 42, written = 1 << 20;
  auto options = one_file(scratch.path(), "m", bytes);
  options.files[0].hole_bytes = bytes - written;
  EXPECT_EQ(Output::disk_bytes(options.files, scratch / "not/yet"), written);
  const auto out = Output::open(options);
  out->write_at(0, 0, bytes_of(std::string(written, 'x')));
  out->sync();
  const auto file = out->reopen(0);
  EXPECT_EQ(file->size(), bytes);
  EXPECT_EQ(file->next_data(0, bytes), 0u);
  EXPECT_EQ(file->next_hole(0, bytes), written);
  EXPECT_EQ(file->next_data(written, bytes), bytes);
  out->commit();
  struct stat st;
  ASSERT_EQ(::stat((scratch / "m").c_str(), &st), 0);
  EXPECT_LT(st.st_blocks * 512, 10 << 20);
}

TEST(Output, HolesNeedRoomWhereTheFileSystemHasNone) {
  const Scratch scratch;
  auto options = one_file(scratch.path(), "m", uint64_t{1} << 60);
  options.files[0].hole_bytes = uint64_t{1} << 60;
  EXPECT_EQ(code_of([&] { Output::check(options); }), nullptr);
  const SystemCalls before = system_calls();
  system_calls().fstatfs = [](int, struct statfs* to) {
    to->f_type = MSDOS_SUPER_MAGIC;
    return 0;
  };
  EXPECT_EQ(code_of([&] { Output::check(options); }), &codes::disk_space);
  EXPECT_EQ(Output::disk_bytes(options.files, scratch.path()), uint64_t{1} << 60);
  system_calls() = before;
}

TEST(Output, LittleSpaceLeftIsAWarning) {
  const Scratch scratch;
  const SystemCalls before = system_calls();
  system_calls().statvfs = [](int, struct statvfs* to) {
    to->f_bavail = 1000;
    to->f_frsize = 1 << 20;
    return 0;
  };
  const auto out = Output::open(one_file(scratch.path(), "m", 1 << 20));
  system_calls() = before;
  ASSERT_EQ(out->warnings().size(), 1u);
  EXPECT_EQ(out->warnings()[0].code, &codes::disk_nearly_full);
}

TEST(Output, FileSizeLimitIsAnErrorNotASignal) {
  const Scratch scratch;
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit limit = {64 << 10, 64 << 10};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto options = one_file(scratch.path(), "m", 1 << 20);
    const ErrorCode* reserved = code_of([&] { Output::open(options); });
    ::_exit(reserved == &codes::file_size_limit ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(scratch.names(), Names{});
}

TEST(Output, ThreeFreeDescriptorsAreTooFewAndSayIt) {
  const Scratch scratch;
  const pid_t child = ::fork();
  if (child == 0) {
    const int lowest = ::dup(0);
    ::close(lowest);
    const rlimit limit = {static_cast<rlim_t>(lowest + 3), static_cast<rlim_t>(lowest + 3)};
    ::setrlimit(RLIMIT_NOFILE, &limit);
    auto options = io_testing::folder(scratch.path(), "m", {{"a", 1}});
    ::_exit(code_of([&] { write_whole(options, {"x"}); }) == &codes::too_many_files ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST(Output, HundredShardsNeedFewDescriptors) {
  const Scratch scratch(io_testing::memory_folder());
  auto options = one_file(scratch.path(), "s0", 4);
  std::vector<std::string> texts{"0000"};
  for (int i = 1; i < 100; ++i) {
    options.files.push_back({fmt::format("s{}", i), 4});
    texts.push_back(std::to_string(1000 + i));
  }
  const auto out = Output::open(options);
  for (int round = 0; round < 2; ++round)
    for (size_t i = 0; i < texts.size(); ++i)
      out->write_at(i, round * 2u, bytes_of(texts[i]).subspan(round * 2u, 2));
  const auto open_files = std::distance(fs::directory_iterator("/proc/self/fd"), {});
  EXPECT_LT(open_files, 64);
  out->commit();
  for (size_t i = 0; i < texts.size(); ++i)
    EXPECT_EQ(scratch.read(fmt::format("s{}", i)), texts[i]);
  EXPECT_EQ(scratch.names().size(), 100u);
}

// More files than are kept open, written in pieces by several threads, with a journal.
TEST(Output, ThreadsWriteAnyFileInAnyOrder) {
  const Scratch scratch(io_testing::memory_folder());
  constexpr size_t files = 40, pieces = 50, piece_bytes = 1000;
  auto options = one_file(scratch.path(), "f0", pieces * piece_bytes);
  for (size_t i = 1; i < files; ++i)
    options.files.push_back({fmt::format("f{}", i), pieces * piece_bytes});
  options.journal = true;
  options.journal_batch_bytes = 50'000;
  const auto out = Output::open(options);
  const auto text_at = [](size_t file, size_t piece) {
    return std::string(piece_bytes, static_cast<char>('!' + (file * 7 + piece) % 90));
  };
  parallel_for(files * pieces, 2, [&](int64_t i) {
    const size_t file = static_cast<size_t>(i) * 17 % files, piece = static_cast<size_t>(i) / files;
    const std::string text = text_at(file, piece);
    out->write_at(file, piece * piece_bytes, bytes_of(text));
    out->step_done(i, xxh3_128(bytes_of(text)), text.size());
  });
  out->commit();
  EXPECT_EQ(scratch.names().size(), files);
  for (size_t file = 0; file < files; ++file) {
    std::string whole;
    for (size_t piece = 0; piece < pieces; ++piece) whole += text_at(file, piece);
    EXPECT_EQ(scratch.read(fmt::format("f{}", file)), whole) << file;
  }
}

TEST(Output, SecondRunOnTheSameOutputIsRefused) {
  const Scratch scratch;
  int ready[2], done[2];
  ASSERT_EQ(::pipe(ready), 0);
  ASSERT_EQ(::pipe(done), 0);
  const pid_t child = ::fork();
  char byte = 'x';
  if (child == 0) {
    auto out = Output::open(one_file(scratch.path(), "m", 5));
    out->write_at(0, 0, bytes_of("child"));
    if (::write(ready[1], &byte, 1) != 1 || ::read(done[0], &byte, 1) != 1) ::_exit(2);
    out->commit();
    ::_exit(0);
  }
  ASSERT_EQ(::read(ready[0], &byte, 1), 1);
  EXPECT_CODE(Output::check(one_file(scratch.path(), "m", 6)), output_locked);
  EXPECT_CODE(Output::open(one_file(scratch.path(), "m", 6)), output_locked);
  write_whole(one_file(scratch.path(), "other", 1), {"o"});  // the same folder is free
  ASSERT_EQ(::write(done[1], &byte, 1), 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(scratch.read("m"), "child");
  EXPECT_EQ(scratch.names(), (Names{"m", "other"}));
  for (const int fd : {ready[0], ready[1], done[0], done[1]}) ::close(fd);
}

TEST(Output, LeftoversOfDeadRunsGoWithANote) {
  const Scratch scratch;
  scratch.write(new_part_name("m"), "half");
  scratch.write(lock_name("m"), "");
  scratch.write(new_part_name("other"), "not ours");
  const auto other = new_part_name("mm");
  scratch.write(other, "not ours");
  auto out = Output::open(one_file(scratch.path(), "m", 1));
  ASSERT_EQ(out->notes().size(), 1u);
  EXPECT_NE(out->notes()[0].find(".m.part-"), std::string::npos);
  out->write_at(0, 0, bytes_of("x"));
  out->commit();
  EXPECT_EQ(scratch.names().size(), 3u);
  EXPECT_TRUE(scratch.has("m"));
  EXPECT_TRUE(scratch.has(other));
}

TEST(StagingNames, FitAndTellTheirOwnersApart) {
  const std::string longest(255, 'x'), almost = std::string(254, 'x') + "y";
  for (const std::string& name : {std::string("m"), longest, almost}) {
    for (const std::string& made : {lock_name(name), journal_name(name), new_part_name(name)}) {
      EXPECT_LE(made.size(), 255u);
      EXPECT_EQ(made[0], '.');
    }
    EXPECT_TRUE(is_part_name(new_part_name(name), name));
    EXPECT_FALSE(is_old_name(new_part_name(name), name));
  }
  EXPECT_NE(lock_name(longest), lock_name(almost));
  EXPECT_FALSE(is_part_name(new_part_name(longest), almost));
  EXPECT_FALSE(is_part_name(".m.part-12-0123456z", "m"));
  EXPECT_FALSE(is_part_name(".m.part-12", "m"));
  EXPECT_FALSE(is_part_name(".m.part--01234567", "m"));
}

}  // namespace
}  // namespace recast
