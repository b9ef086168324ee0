#pragma once

#include <functional>
#include <stop_token>
#include <thread>

namespace recast::cli {

// While it lives, the first SIGINT, SIGTERM or SIGUSR2 requests a stop and the second leaves the
// process at once; SIGUSR1 asks for a status line. Handlers only write to a pipe; a thread of its
// own reads it and makes the calls. One at a time.
class Interrupts {
 public:
  Interrupts(std::function<void()> on_stop, std::function<void()> on_status);
  ~Interrupts();  // the default actions are back; SIGUSR1 is ignored
  Interrupts(const Interrupts&) = delete;

  std::stop_token token() const { return stop_.get_token(); }
  // 130 after SIGINT, 143 after SIGTERM or SIGUSR2, 0 when no stop was requested.
  static int exit_code();

 private:
  void listen(const std::function<void()>& on_stop, const std::function<void()>& on_status);

  std::stop_source stop_;
  int pipe_[2];
  std::thread listener_;
};

}  // namespace recast::cli
