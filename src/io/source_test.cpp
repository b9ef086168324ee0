#include "io/source.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "io/io_testing.h"

namespace recast {
namespace {

namespace fs = std::filesystem;
using io_testing::code_of;
using io_testing::Scratch;

std::string text_of(const File& file) {
  std::string text(file.size(), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(text)));
  return text;
}

TEST(Source, FolderListsAndOpensWhatIsBeneathIt) {
  const Scratch scratch;
  scratch.write("m/b.txt", "b");
  scratch.write("m/a.txt", "a");
  scratch.write("m/sub/c.txt", "c");
  const auto source = open_source(scratch / "m/");
  EXPECT_TRUE(source->is_folder());
  EXPECT_EQ(source->path(), scratch / "m/");
  EXPECT_EQ(source->base_name(), "m");
  EXPECT_EQ(source->list(), (std::vector<std::string>{"a.txt", "b.txt", "sub"}));
  EXPECT_EQ(source->list().size(), 3u);  // the second time too
  EXPECT_EQ(text_of(*source->open("a.txt")), "a");
  EXPECT_EQ(source->open("a.txt")->name(), scratch / "m/a.txt");
  EXPECT_EQ(text_of(*source->open("sub/c.txt")), "c");
  EXPECT_EQ(source->find("none"), nullptr);
  EXPECT_EQ(source->find("a.txt/none"), nullptr);
  Error error;
  EXPECT_EQ(code_of([&] { source->open("none"); }, &error), &codes::file_missing);
  EXPECT_EQ(error.file, scratch / "m/none");
  EXPECT_CODE(source->open("sub"), not_a_file);
}

TEST(Source, FolderListsAFolderBeneathIt) {
  const Scratch scratch;
  scratch.write("m/sub/b.txt", "b");
  scratch.write("m/sub/deep/a.txt", "a");
  scratch.write("m/file", "");
  scratch.write("out/c.txt", "");
  fs::create_directory_symlink("../out", scratch / "m/link");
  const auto source = open_source(scratch / "m");
  EXPECT_EQ(source->list("sub"), (std::vector<std::string>{"b.txt", "deep"}));
  EXPECT_EQ(source->list("sub/deep"), std::vector<std::string>{"a.txt"});
  EXPECT_TRUE(source->list("none").empty());
  EXPECT_TRUE(source->list("file").empty());
  EXPECT_CODE(source->list("../out"), unsafe_name);
  EXPECT_CODE(source->list("link"), unsafe_link);
}

TEST(Source, FileHasItsSiblingsBesideIt) {
  const Scratch scratch;
  scratch.write("model.gguf", "weights");
  scratch.write("config.json", "{}");
  const auto source = open_source(scratch / "model.gguf");
  EXPECT_FALSE(source->is_folder());
  EXPECT_EQ(source->base_name(), "model.gguf");
  EXPECT_EQ(text_of(*source->file()), "weights");
  EXPECT_EQ(text_of(*source->open("config.json")), "{}");
  EXPECT_EQ(source->list(), (std::vector<std::string>{"config.json", "model.gguf"}));
}

TEST(Source, MissingAndSpecialInputsAreToldApart) {
  const Scratch scratch;
  EXPECT_CODE(open_source(scratch / "none"), file_missing);
  ASSERT_EQ(::mkfifo((scratch / "fifo").c_str(), 0600), 0);
  EXPECT_CODE(open_source(scratch / "fifo"), not_a_file);
  EXPECT_CODE(open_source(scratch.path())->open("fifo"), not_a_file);
  fs::create_symlink("loop", scratch / "loop");
  EXPECT_CODE(open_source(scratch / "loop"), file_unreadable);
  EXPECT_CODE(open_source(scratch.path())->open("loop"), file_unreadable);
}

TEST(Source, NamesMustBeRelativeAndPlain) {
  using namespace std::string_literals;
  for (const std::string& name : {""s, "/etc/passwd"s, "../x"s, "a/../b"s, "a//b"s, "a/"s, "."s,
                                  "./a"s, "a\\b"s, "a\0b"s, "C:x"s, std::string(5000, 'x')})
    EXPECT_CODE(check_relative_name(name), unsafe_name);
  for (const std::string& name : {"a"s, "a/b.c"s, "..a"s, "a..b/c"s, "-x"s, "a b\n"s, "\xff"s})
    check_relative_name(name);
  const Scratch scratch;
  scratch.write("m/a", "a");
  scratch.write("secret", "s");
  EXPECT_CODE(open_source(scratch / "m")->open("../secret"), unsafe_name);
}

TEST(Source, LinksMayNotLeaveTheFolder) {
  const Scratch scratch;
  scratch.write("secret", "s");
  scratch.write("m/real", "r");
  scratch.write("m/sub/inner", "i");
  fs::create_symlink("real", scratch / "m/inside");
  fs::create_symlink("../real", scratch / "m/sub/up");
  fs::create_symlink("../secret", scratch / "m/outside");
  fs::create_symlink(scratch / "secret", scratch / "m/absolute");
  fs::create_symlink("..", scratch / "m/parent");
  fs::create_symlink("nowhere", scratch / "m/dangling");
  fs::create_hard_link(scratch / "secret", scratch / "m/hard");
  const auto source = open_source(scratch / "m");
  EXPECT_EQ(text_of(*source->open("inside")), "r");
  EXPECT_EQ(text_of(*source->open("sub/up")), "r");
  EXPECT_EQ(text_of(*source->open("hard")), "s");  // caches make hard links
  EXPECT_CODE(source->open("outside"), unsafe_link);
  EXPECT_CODE(source->open("absolute"), unsafe_link);
  EXPECT_CODE(source->open("parent/secret"), unsafe_link);
  EXPECT_CODE(source->find("outside"), unsafe_link);
  EXPECT_EQ(source->find("dangling"), nullptr);
  fs::create_symlink("/proc/self/root/etc/passwd", scratch / "m/magic");
  EXPECT_NE(code_of([&] { source->open("magic"); }), nullptr);
}

// .../models--ORG--NAME/{blobs,refs,snapshots/REV}, as the hub's client lays it out.
TEST(Source, HubSnapshotMayUseTheBlobsOfItsOwnRepository) {
  const Scratch scratch;
  const std::string repository = "models--org--name/", snapshot = repository + "snapshots/0123/";
  scratch.write(repository + "blobs/aa", "weights");
  scratch.write(repository + "refs/main", "0123");
  scratch.write("models--org--other/blobs/bb", "foreign");
  scratch.write(snapshot + "plain", "p");
  fs::create_symlink("../../blobs/aa", scratch / (snapshot + "model.safetensors"));
  fs::create_symlink("../../refs/main", scratch / (snapshot + "ref"));
  fs::create_symlink("../../../models--org--other/blobs/bb", scratch / (snapshot + "foreign"));
  fs::create_symlink("/etc/passwd", scratch / (snapshot + "passwd"));
  const auto source = open_source(scratch / snapshot);
  EXPECT_EQ(source->base_name(), "0123");
  EXPECT_EQ(text_of(*source->open("model.safetensors")), "weights");
  EXPECT_EQ(text_of(*source->open("plain")), "p");
  EXPECT_CODE(source->open("ref"), unsafe_link);
  EXPECT_CODE(source->open("foreign"), unsafe_link);
  EXPECT_CODE(source->open("passwd"), unsafe_link);
  // The same through one file of the snapshot, and through a link to the snapshot.
  EXPECT_EQ(text_of(*open_source(scratch / (snapshot + "model.safetensors"))->file()), "weights");
  EXPECT_EQ(text_of(*open_source(scratch / (snapshot + "plain"))->open("model.safetensors")),
            "weights");
  fs::create_directory_symlink(scratch / snapshot, scratch / "link");
  EXPECT_EQ(text_of(*open_source(scratch / "link")->open("model.safetensors")), "weights");
}

// Kernels and sandboxes without openat2: the rules stay.
TEST(Source, RulesHoldWithoutOpenat2) {
  const Scratch scratch;
  scratch.write("secret", "s");
  scratch.write("m/real", "r");
  fs::create_symlink("real", scratch / "m/inside");
  fs::create_symlink("../secret", scratch / "m/outside");
  const SystemCalls before = system_calls();
  system_calls().open2 = [](int, const char*, const open_how*) {
    errno = ENOSYS;
    return -1;
  };
  const auto source = open_source(scratch / "m");
  EXPECT_EQ(text_of(*source->open("inside")), "r");
  EXPECT_CODE(source->open("outside"), unsafe_link);
  EXPECT_EQ(source->find("none"), nullptr);
  system_calls() = before;
}

TEST(Source, BaseNameIsOfTheAbsolutePath) {
  const Scratch scratch;
  scratch.write("Qwen3-8B/x", "");
  const auto before = fs::current_path();
  fs::current_path(scratch / "Qwen3-8B");
  EXPECT_EQ(open_source(".")->base_name(), "Qwen3-8B");
  EXPECT_EQ(open_source("x")->base_name(), "x");
  EXPECT_EQ(open_source("x")->list(), (std::vector<std::string>{"x"}));
  EXPECT_EQ(open_source("x")->open("x")->name(), "x");
  fs::current_path(before);
}

}  // namespace
}  // namespace recast
