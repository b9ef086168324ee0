#include <gtest/gtest.h>

#include "cli/progress_meter.h"
#include "cli/progress_render.h"
#include "cli/progress_stream.h"

namespace recast::cli {
namespace {

constexpr uint64_t mib = uint64_t{1} << 20;

// A stream whose clock stands still until a test moves it.
struct Fixture {
  double now = 1000;
  std::string text, log;
  WarningLog warnings;

  std::unique_ptr<ProgressStream> stream(ProgressMode mode, double heartbeat_s = 30) {
    Terminal terminal{.is_terminal = mode == ProgressMode::bar, .width = 100};
    return std::make_unique<ProgressStream>(
        ProgressStream::Settings{
            .mode = mode, .terminal = terminal, .heartbeat_s = heartbeat_s, .memory_limit = 0},
        ProgressSeams{.steady_s = [this] { return now; },
                      .wall_s = [this] { return 1795163462 + now - 1000; },
                      .memory = [] { return 100 * mib; },
                      .write = [this](std::string_view t) { text += t; },
                      .log = [this](std::string_view t) { log += t; },
                      .columns = {}},
        warnings);
  }
  size_t count(std::string_view word) const {
    size_t n = 0;
    for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + 1)) ++n;
    return n;
  }
};

TEST(ProgressMeter, RateIsTheMedianAndTimeLeftNeedsThreeSecondsAndFivePercent) {
  ProgressMeter meter;
  meter.begin(Stage::convert, 1000 * mib, 0);
  EXPECT_FALSE(meter.snapshot(0.5)->left_s);
  // One slow second among fast ones does not change the median.
  const uint64_t steps[] = {10, 10, 1, 10, 10};
  double now = 0;
  for (uint64_t step : steps) {
    now += 1;
    meter.advance(Stage::convert, step * mib, "w", now);
    EXPECT_FALSE(meter.snapshot(now)->left_s) << now;  // not five percent yet
  }
  meter.advance(Stage::convert, 10 * mib, "w", 6);
  const auto snapshot = meter.snapshot(6);
  EXPECT_DOUBLE_EQ(snapshot->rate, 10.0 * mib);
  EXPECT_DOUBLE_EQ(*snapshot->left_s, (1000 - 51) / 10.0);
}

TEST(ProgressMeter, ForgetsRatesOlderThanFifteenSeconds) {
  ProgressMeter meter;
  meter.begin(Stage::convert, 10'000 * mib, 0);
  double now = 0;
  for (int i = 0; i < 30; ++i) meter.advance(Stage::convert, 100 * mib, "", now += 1);
  for (int i = 0; i < 16; ++i) meter.advance(Stage::convert, 10 * mib, "", now += 1);
  EXPECT_DOUBLE_EQ(meter.snapshot(now)->rate, 10.0 * mib);
}

TEST(ProgressMeter, IsNeverFullBeforeTheStageEnds) {
  ProgressMeter meter;
  EXPECT_FALSE(meter.snapshot(0));
  meter.begin(Stage::save, 10, 0);
  meter.advance(Stage::save, 25, "", 1);
  EXPECT_EQ(meter.snapshot(1)->percent, 99);
  EXPECT_EQ(meter.snapshot(1)->stage, Stage::save);
  meter.end(Stage::save, 2);
  EXPECT_EQ(meter.snapshot(2)->percent, 100);
}

TEST(ProgressBar, FitsTheTerminalInAtMostFourLines) {
  Snapshot s{.stage = Stage::convert,
             .state = {.started = true, .done = 7 * 1024 * mib, .total = 15 * 1024 * mib},
             .percent = 46,
             .rate = 612.0 * mib,
             .left_s = 12,
             .item = "blk.18.ffn_down.weight\x1b[2J" + std::string(300, 'x')};
  for (int width : {20, 40, 80, 200}) {
    const auto lines = bar_lines("Qwen3-8B  bf16 -> gguf Q4_K_M", s, {2048 * mib, 8192 * mib},
                                 {.is_terminal = true, .unicode = width > 100, .width = width});
    EXPECT_LE(lines.size(), 4u);
    for (const std::string& line : lines) {
      EXPECT_LT(display_width(line), width);
      EXPECT_EQ(line.find('\x1b'), std::string::npos);
    }
  }
  const auto lines = bar_lines("t", s, {2048 * mib, 0}, {.is_terminal = true, .width = 100});
  EXPECT_EQ(lines[1],
            " [###########---------------]  46 %   7.00 GiB / 15.0 GiB   612.0 MiB/s   0:12 left   "
            "mem 2.00 GiB");
}

TEST(ProgressStream, BarIsRedrawnTenTimesASecondAndTakenAway) {
  Fixture f;
  auto stream = f.stream(ProgressMode::bar);
  stream->begin(Stage::convert, 100);
  for (int i = 0; i < 100; ++i) {
    stream->advance(Stage::convert, 1, "w");
    stream->tick();
    f.now += 0.01;
  }
  EXPECT_LE(f.count("convert"), 10u);
  EXPECT_GE(f.count("convert"), 9u);
  stream->finish();
  EXPECT_TRUE(f.text.ends_with("\x1b[3A\r\x1b[J"));
  const size_t size = f.text.size();
  f.now += 1;
  stream->tick();
  EXPECT_EQ(f.text.size(), size);
}

TEST(ProgressStream, PlainLinesHaveTimeHeartbeatAndNoControlBytes) {
  Fixture f;
  auto stream = f.stream(ProgressMode::plain);
  stream->note("detected gguf \x1b[2J");
  stream->begin(Stage::convert, 1000 * mib);
  for (int i = 0; i < 65; ++i) {
    f.now += 1;
    stream->advance(Stage::convert, 10 * mib, "w");
    stream->tick();
  }
  stream->end(Stage::convert);
  EXPECT_EQ(f.text,
            "2026-11-20T08:31:02Z detected gguf \\x1b[2J\n"
            "2026-11-20T08:31:02Z convert start 1000.0 MiB\n"
            "2026-11-20T08:31:32Z convert 30% 300.0MiB 10.0MiB/s 1:10 left\n"
            "2026-11-20T08:32:02Z convert 60% 600.0MiB 10.0MiB/s 0:40 left\n"
            "2026-11-20T08:32:07Z convert done 65.0s\n");
}

TEST(ProgressStream, HeartbeatOfZeroIsNone) {
  Fixture f;
  auto stream = f.stream(ProgressMode::plain, 0);
  stream->begin(Stage::load, 10);
  f.now += 500;
  stream->tick();
  EXPECT_EQ(f.count("\n"), 1u);
}

TEST(ProgressStream, JsonEventsComeAtMostTwiceASecond) {
  Fixture f;
  auto stream = f.stream(ProgressMode::json);
  stream->begin(Stage::convert, 1000);
  for (int i = 0; i < 1000; ++i) {
    stream->advance(Stage::convert, 1, "blk.0");
    stream->tick();
    f.now += 0.01;
  }
  stream->warn({codes::read_failed, {.where = "x"}});
  stream->warn({codes::read_failed, {.where = "x"}});
  stream->end(Stage::convert);
  EXPECT_LE(f.count("\"event\": \"progress\""), 20u);
  EXPECT_GE(f.count("\"event\": \"progress\""), 19u);
  EXPECT_EQ(f.count("\"event\": \"warning\""), 1u);
  EXPECT_EQ(f.text, f.log);
  for (size_t start = 0; start < f.text.size();) {
    const size_t end = f.text.find('\n', start);
    const json::Value event = json::parse(f.text.substr(start, end - start), {});
    EXPECT_EQ(event.find("v")->as_int(), 1);
    EXPECT_TRUE(event.find("t") && event.find("event"));
    start = end + 1;
  }
}

TEST(ProgressStream, QuietOnesStillAnswerAStatusAndLog) {
  Fixture f;
  auto stream = f.stream(ProgressMode::none);
  stream->begin(Stage::convert, 10);
  stream->advance(Stage::convert, 5, "w");
  stream->tick();
  stream->note("n");
  EXPECT_EQ(f.text, "");
  EXPECT_NE(f.log.find("stage_start"), std::string::npos);
  stream->status();
  EXPECT_EQ(f.text, "2026-11-20T08:31:02Z convert 50% 5B\n");
}

}  // namespace
}  // namespace recast::cli
