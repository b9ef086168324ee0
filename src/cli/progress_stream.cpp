#include "cli/progress_stream.h"

#include <fmt/format.h>

#include <chrono>

#include "base/memory_budget.h"
#include "cli/message.h"
#include "cli/units.h"

namespace recast::cli {

// The other stages have no total that is known before they end.
static bool counts_bytes(Stage stage) {
  return stage == Stage::quantize || stage == Stage::convert || stage == Stage::validate;
}

constexpr double redraw_every_s = 0.1;
constexpr double event_every_s = 0.5;

ProgressSeams process_seams() {
  using std::chrono::duration;
  return {.steady_s =
              [] {
                const auto now = std::chrono::steady_clock::now().time_since_epoch();
                return duration<double>(now).count();
              },
          .wall_s =
              [] {
                const auto now = std::chrono::system_clock::now().time_since_epoch();
                return duration<double>(now).count();
              },
          .memory = anonymous_memory,
          .write = {},
          .log = {},
          .columns = {}};
}

ProgressStream::ProgressStream(Settings settings, ProgressSeams seams, WarningLog& warnings)
    : settings_(std::move(settings)), seams_(std::move(seams)), warnings_(warnings) {
  last_plain_s_ = seams_.steady_s();
}

ProgressStream::~ProgressStream() {
  finish();
  clock_.request_stop();
}

void ProgressStream::start_clock() {
  clock_ = std::jthread([this](std::stop_token stop) {
    while (!stop.stop_requested()) {
      try {
        tick();
      } catch (const std::exception&) {  // no memory for a picture: the work goes on
      }
      std::unique_lock lock(mutex_);
      wake_.wait_for(lock, stop, std::chrono::milliseconds(100), [] { return false; });
    }
  });
}

void ProgressStream::tick() {
  std::lock_guard lock(mutex_);
  if (finished_) return;
  const double now = seams_.steady_s();
  if (settings_.mode == ProgressMode::bar && now - last_draw_s_ >= redraw_every_s) {
    draw();
    last_draw_s_ = now;
  }
  const bool beat = settings_.heartbeat_s > 0 && now - last_plain_s_ >= settings_.heartbeat_s;
  const std::optional<Snapshot> snapshot = meter_.snapshot(now);
  if (!snapshot || snapshot->state.ended) return;
  if (settings_.mode == ProgressMode::plain && beat) plain(plain_line(*snapshot));
  if (now - last_event_s_ >= event_every_s) {
    emit("progress", progress_members(*snapshot, memory()));
    last_event_s_ = now;
  }
}

void ProgressStream::set_title(std::string title) {
  std::lock_guard lock(mutex_);
  title_ = std::move(title);
}

void ProgressStream::begin(Stage stage, uint64_t total_bytes) {
  std::lock_guard lock(mutex_);
  meter_.begin(stage, total_bytes, seams_.steady_s());
  emit("stage_start", {{"stage", stage_name(stage)}, {"total", total_bytes}, {"unit", "B"}});
  if (settings_.mode == ProgressMode::plain)
    plain(counts_bytes(stage) || total_bytes > 0
              ? fmt::format("{} start {}", stage_name(stage), bytes_text(total_bytes))
              : fmt::format("{} start", stage_name(stage)));
}

void ProgressStream::advance(Stage stage, uint64_t bytes, std::string_view item) {
  std::lock_guard lock(mutex_);
  meter_.advance(stage, bytes, item, seams_.steady_s());
}

void ProgressStream::end(Stage stage) {
  std::lock_guard lock(mutex_);
  meter_.end(stage, seams_.steady_s());
  const StageState& state = meter_.state(stage);
  const double seconds = state.ended_s - state.began_s;
  emit("stage_end", {{"stage", stage_name(stage)}, {"done", state.done}, {"seconds", seconds}});
  if (settings_.mode == ProgressMode::plain)
    plain(fmt::format("{} done {:.1f}s", stage_name(stage), seconds));
}

void ProgressStream::warn(const Finding& warning) {
  if (!warnings_.add(warning)) return;
  std::lock_guard lock(mutex_);
  emit("warning", {{"warning", message_json(warning)}});
}

void ProgressStream::note(std::string_view text) {
  const std::string safe = escape_controls(text);
  std::lock_guard lock(mutex_);
  emit("note", {{"text", safe}});
  if (settings_.mode == ProgressMode::bar) {
    erase();
    seams_.write(safe + "\n");
    draw();
  }
  if (settings_.mode == ProgressMode::plain) plain(safe);
}

void ProgressStream::event(std::string_view name, json::Object members) {
  std::lock_guard lock(mutex_);
  emit(name, std::move(members));
}

void ProgressStream::say(std::string_view text) {
  std::lock_guard lock(mutex_);
  erase();
  seams_.write(text);
  if (!finished_ && settings_.mode == ProgressMode::bar) draw();
}

void ProgressStream::status() {
  std::lock_guard lock(mutex_);
  const std::optional<Snapshot> snapshot = meter_.snapshot(seams_.steady_s());
  if (settings_.mode == ProgressMode::json && snapshot)
    return emit("progress", progress_members(*snapshot, memory()));
  const std::string line = snapshot ? plain_line(*snapshot) : "planning";
  erase();
  seams_.write(fmt::format("{} {}\n", utc_text(seams_.wall_s()), line));
}

void ProgressStream::finish() {
  std::lock_guard lock(mutex_);
  erase();
  finished_ = true;
}

void ProgressStream::emit(std::string_view name, json::Object members) {
  const bool shown = settings_.mode == ProgressMode::json;
  if (!shown && !seams_.log) return;
  json::Object all;
  all.emplace_back("v", 1);
  all.emplace_back("t", utc_text(seams_.wall_s(), true));
  all.emplace_back("event", name);
  for (auto& member : members) all.push_back(std::move(member));
  const std::string line = json::write(std::move(all)) + "\n";
  if (shown) seams_.write(line);
  if (seams_.log) seams_.log(line);
}

void ProgressStream::plain(const std::string& text) {
  seams_.write(fmt::format("{} {}\n", utc_text(seams_.wall_s()), text));
  last_plain_s_ = seams_.steady_s();
}

void ProgressStream::draw() {
  const std::optional<Snapshot> snapshot = meter_.snapshot(seams_.steady_s());
  Terminal terminal = settings_.terminal;
  if (seams_.columns) terminal.width = seams_.columns();
  const std::vector<std::string> lines = snapshot ? bar_lines(title_, *snapshot, memory(), terminal)
                                                  : std::vector<std::string>{"planning"};
  // One write a frame: the cursor goes up, each line is cleared to its end and written anew.
  std::string frame = drawn_lines_ ? fmt::format("\x1b[{}A", drawn_lines_) : "";
  for (const std::string& line : lines) frame += "\r" + line + "\x1b[K\n";
  frame += "\x1b[J";
  drawn_lines_ = lines.size();
  seams_.write(frame);
}

void ProgressStream::erase() {
  if (drawn_lines_ == 0) return;
  seams_.write(fmt::format("\x1b[{}A\r\x1b[J", drawn_lines_));
  drawn_lines_ = 0;
}

MemoryUse ProgressStream::memory() const { return {seams_.memory(), settings_.memory_limit}; }

}  // namespace recast::cli
