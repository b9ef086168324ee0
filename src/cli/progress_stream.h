#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "base/progress.h"
#include "cli/progress_meter.h"
#include "cli/progress_render.h"
#include "cli/terminal.h"
#include "cli/warnings.h"

namespace recast::cli {

enum class ProgressMode { bar, plain, json, none };

// Where time, memory and text come from and go to; tests put their own here.
struct ProgressSeams {
  std::function<double()> steady_s;             // monotonic seconds
  std::function<double()> wall_s;               // seconds since 1970
  std::function<uint64_t()> memory;             // anonymous bytes now
  std::function<void(std::string_view)> write;  // standard error
  std::function<void(std::string_view)> log;    // --log; may be empty
  std::function<int()> columns;                 // width now: windows change; may be empty
};
// Those of this process, without `write`, `log` and `columns`.
ProgressSeams process_seams();

// The one place where events of a conversion become text: a redrawn block, plain lines with UTC
// time and a heartbeat, JSON lines, or nothing. Every method may be called from any thread.
class ProgressStream : public Progress {
 public:
  struct Settings {
    ProgressMode mode = ProgressMode::none;
    Terminal terminal;
    double heartbeat_s = 30;    // plain lines; 0: none
    uint64_t memory_limit = 0;  // to show
  };
  ProgressStream(Settings settings, ProgressSeams seams, WarningLog& warnings);
  ~ProgressStream() override;  // takes the block away, stops the clock

  // Starts the thread that redraws; tests call tick() themselves.
  void start_clock();
  void tick();
  void set_title(std::string title);

  void begin(Stage stage, uint64_t total_bytes) override;
  void advance(Stage stage, uint64_t bytes, std::string_view item) override;
  void end(Stage stage) override;
  void warn(const Finding& warning) override;
  void note(std::string_view text) override;

  // One event of schemas/progress.json: a JSON line in json mode and in the log.
  void event(std::string_view name, json::Object members);
  // Text for people, above the block.
  void say(std::string_view text);
  // One line with where the work is, whatever the mode (SIGUSR1).
  void status();
  // Takes the block away; nothing is redrawn after it.
  void finish();

 private:
  void emit(std::string_view name, json::Object members);
  void plain(const std::string& text);
  void draw();
  void erase();
  MemoryUse memory() const;

  const Settings settings_;
  const ProgressSeams seams_;
  WarningLog& warnings_;
  std::mutex mutex_;
  ProgressMeter meter_;
  std::string title_;
  size_t drawn_lines_ = 0;
  double last_event_s_ = -1e9, last_plain_s_ = 0, last_draw_s_ = -1e9;
  bool finished_ = false;
  std::condition_variable_any wake_;
  std::jthread clock_;  // last: it uses everything above
};

}  // namespace recast::cli
