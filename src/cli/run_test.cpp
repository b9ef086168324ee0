#include "cli/run.h"

#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <map>

#include "base/shell_quote.h"
#include "cli/signals.h"
#include "cli/text_file.h"

namespace recast::cli {
namespace {

// One command line run in this process, its streams being strings.
struct Outcome {
  int code = -1;
  std::string out, err;
};

Outcome outcome(std::vector<std::string> arguments,
                std::map<std::string, std::string> variables = {}, bool reader_gone = false) {
  Outcome result;
  const Environment environment = [&](const char* name) -> const char* {
    const auto at = variables.find(name);
    return at == variables.end() ? nullptr : at->second.c_str();
  };
  const auto terminal = [&](ColorMode mode) {
    return describe_terminal(false, 0, mode, environment);
  };
  const Streams streams{.out =
                            [&](std::string_view text) {
                              if (reader_gone) throw OutputClosed();
                              result.out += text;
                            },
                        .err = [&](std::string_view text) { result.err += text; },
                        .out_terminal = terminal,
                        .err_terminal = terminal,
                        .environment = environment};
  result.code = run(arguments, streams);
  return result;
}

std::string missing_path() {
  return (std::filesystem::temp_directory_path() / "recast no such model").string();
}

TEST(Run, VersionIsOneLine) {
  for (const char* word : {"version", "--version"}) {
    const Outcome o = outcome({word});
    EXPECT_EQ(o.code, 0);
    EXPECT_EQ(o.out, "recast " RECAST_VERSION "\n");
    EXPECT_EQ(o.err, "");
  }
  EXPECT_TRUE(json::parse(outcome({"version", "--json"}).out, {}).find("recast"));
}

TEST(Run, UsageErrorsExitWithTwoAndSayNothingOnStandardOutput) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{},
                                             {"konvert"},
                                             {"convert"},
                                             {"convert", "a", "b", "-o", "c"},
                                             {"convert", "a", "--threads", "none"},
                                             {"convert", "a", "--verify", "sample", "--no-verify"},
                                             {"inspect", "a", "--report", "r.html"},
                                             {"convert", "a", "--color", "sometimes"},
                                             {"inspect", "a", "--progress", "spinner"},
                                             {"completion", "tcsh"},
                                             {"man", "konvert"},
                                             {"list", "things"},
                                             {"list", "formats", "--to", "gguf"},
                                             {"explain", "no such thing at all"}}) {
    const Outcome o = outcome(words);
    EXPECT_EQ(o.code, 2) << (words.empty() ? "" : words.back());
    EXPECT_EQ(o.out, "");
    EXPECT_FALSE(o.err.empty());
  }
}

TEST(Run, ErrorsOfOptionValuesNameTheirOrigin) {
  EXPECT_NE(outcome({"convert", "a", "-j", "0"}).err.find("  where  --threads\n"),
            std::string::npos);
  EXPECT_NE(
      outcome({"convert", "a"}, {{"RECAST_THREADS", "0"}}).err.find("  where  RECAST_THREADS\n"),
      std::string::npos);
  EXPECT_NE(outcome({"convert", "a"}, {{"RECAST_PROGRESS_INTERVAL", "soon"}})
                .err.find("RECAST_PROGRESS_INTERVAL"),
            std::string::npos);
}

TEST(Run, AMissingInputExitsWithThree) {
  for (const char* command : {"convert", "inspect", "validate"}) {
    const Outcome o = outcome({command, missing_path(), "--progress", "none"});
    EXPECT_EQ(o.code, 3) << command;
    EXPECT_EQ(o.out, "");
    EXPECT_NE(o.err.find("error[EI001]"), std::string::npos) << o.err;
    EXPECT_NE(o.err.find("recast no such model"), std::string::npos);
  }
}

TEST(Run, JsonErrorsAreOneObject) {
  const Outcome o = outcome({"inspect", missing_path(), "--json-errors"});
  const json::Value error = json::parse(o.err, {});
  for (const char* key : {"code", "kind", "exit", "file", "where", "expected", "found", "fix"})
    EXPECT_TRUE(error.find(key)) << key;
  EXPECT_EQ(error.find("exit")->as_int(), 3);
  EXPECT_TRUE(json::parse(outcome({"konvert", "--json"}).err, {}).find("code"));
}

TEST(Run, TheLastJsonEventOfAFailureIsTheError) {
  const Outcome o = outcome({"convert", missing_path(), "--progress", "json"});
  const size_t last = o.err.rfind('\n', o.err.size() - 2);
  const json::Value event = json::parse(o.err.substr(last + 1), {});
  EXPECT_EQ(*event.find("event")->as_string(), "error");
  EXPECT_EQ(event.find("error")->find("exit")->as_int(), 3);
}

TEST(Run, RedirectedOutputHasNoControlBytes) {
  for (const std::vector<std::string>& words :
       std::vector<std::vector<std::string>>{{"--help"},
                                             {"convert", "-h"},
                                             {"doctor"},
                                             {"list", "errors"},
                                             {"list", "options"},
                                             {"explain", "EI004"},
                                             {"convert", missing_path()},
                                             {"convert", missing_path(), "-v"},
                                             {"inspect", "\x1b[2J\r"}}) {
    const Outcome o = outcome(words);
    EXPECT_EQ((o.out + o.err).find_first_of("\r\x1b"), std::string::npos) << words[0];
  }
  EXPECT_NE(outcome({"konvert"}, {{"FORCE_COLOR", "1"}}).err.find("\x1b[1;31m"), std::string::npos);
}

TEST(Run, AClosedReaderEndsInSilence) {
  const Outcome o = outcome({"man", "convert"}, {}, true);
  EXPECT_EQ(o.code, 0);
  EXPECT_EQ(o.err, "");
  EXPECT_EQ(outcome({"--help"}, {}, true).code, 0);
}

TEST(Run, DoctorHasALineForEachCheck) {
  const json::Value document = json::parse(outcome({"doctor", "--json"}).out, {});
  std::set<std::string> names;
  for (const json::Value& check : *document.find("checks")->as_array())
    names.insert(*check.find("name")->as_string());
  for (const char* name : {"cpu", "memory", "tmpdir", "disk", "locale", "open files", "kernel"})
    EXPECT_TRUE(names.contains(name)) << name;
  const Outcome broken = outcome({"doctor"}, {{"TMPDIR", missing_path()}});
  EXPECT_EQ(broken.code, 1);
  EXPECT_NE(broken.out.find("fail\ttmpdir"), std::string::npos);
}

TEST(Run, ExplainFindsCodesAndOptions) {
  EXPECT_NE(outcome({"explain", "ei004"}).out.find("truncated"), std::string::npos);
  EXPECT_NE(outcome({"explain", "max_memory"}).out.find("RECAST_MEMORY"), std::string::npos);
  EXPECT_NE(outcome({"explain", "RECAST_MEMORY"}).out.find("--memory"), std::string::npos);
  EXPECT_NE(outcome({"explain", "shrad-size"}).err.find("recast explain shard-size"),
            std::string::npos);
}

TEST(Run, TheLogHoldsEventsEvenWithQuiet) {
  const auto path = std::filesystem::temp_directory_path() / "recast_cli_log_test.jsonl";
  std::filesystem::remove(path);
  outcome({"convert", missing_path(), "-qq", "--log", path.string()});
  std::ifstream in(path);
  std::string line, last;
  while (std::getline(in, line)) last = line;
  EXPECT_EQ(*json::parse(last, {}).find("event")->as_string(), "error");
  std::filesystem::remove(path);
  EXPECT_EQ(outcome({"convert", "m", "--log", "/no such folder/log"}).code, 7);
}

TEST(Interrupts, FirstSignalRequestsAStopAndAnotherAsksForStatus) {
  std::promise<void> stopped, asked;
  Interrupts interrupts([&] { stopped.set_value(); }, [&] { asked.set_value(); });
  EXPECT_EQ(Interrupts::exit_code(), 0);
  raise(SIGUSR1);
  EXPECT_EQ(asked.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_FALSE(interrupts.token().stop_requested());
  raise(SIGTERM);
  EXPECT_EQ(stopped.get_future().wait_for(std::chrono::seconds(20)), std::future_status::ready);
  EXPECT_TRUE(interrupts.token().stop_requested());
  EXPECT_EQ(Interrupts::exit_code(), 143);
}

TEST(InterruptsDeathTest, TheSecondSignalLeavesAtOnce) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        Interrupts interrupts([] {}, [] {});
        raise(SIGINT);
        raise(SIGINT);
      },
      testing::ExitedWithCode(130), "");
}

TEST(ShellQuoted, OnlyWhatNeedsIt) {
  EXPECT_EQ(shell_quoted("gguf:Q4_0"), "gguf:Q4_0");
  EXPECT_EQ(shell_quoted("my model"), "'my model'");
  EXPECT_EQ(shell_quoted("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_quoted(""), "''");
}

TEST(WriteTextFile, ReplacesWholeFilesAndLeavesNothingBehind) {
  const auto folder = std::filesystem::temp_directory_path() / "recast_text_file_test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directory(folder);
  const std::string path = (folder / "plan.json").string();
  write_text_file(path, "one", "--plan");
  write_text_file(path, "two", "--plan");
  std::ifstream in(path);
  std::string text;
  in >> text;
  EXPECT_EQ(text, "two");
  EXPECT_THROW(write_text_file((folder / "no" / "x").string(), "", "--plan"), Error);
  std::filesystem::create_directory(folder / "taken");
  EXPECT_THROW(write_text_file((folder / "taken").string(), "", "--plan"), Error);
  const auto entries = std::filesystem::directory_iterator(folder);
  EXPECT_EQ(std::distance(begin(entries), end(entries)), 2);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace recast::cli
