#include "cli/signals.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace recast::cli {
namespace {

constexpr int stop_signals[] = {SIGINT, SIGTERM, SIGUSR2};
constexpr unsigned char quit = 0;

// What the handler may touch. Lock-free atomics are safe there.
std::atomic<int> pipe_end{-1};
std::atomic<int> stopped_by{0};
static_assert(std::atomic<int>::is_always_lock_free);

int code_of(int signal) { return signal == 0 ? 0 : signal == SIGINT ? 130 : 143; }

void handle(int signal) {
  const int saved = errno;
  if (signal != SIGUSR1) {
    int none = 0;
    if (!stopped_by.compare_exchange_strong(none, signal)) _exit(code_of(signal));
  }
  const auto byte = static_cast<unsigned char>(signal);
  [[maybe_unused]] const ssize_t n = write(pipe_end, &byte, 1);
  errno = saved;
}

void install(int signal, void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

}  // namespace

Interrupts::Interrupts(std::function<void()> on_stop, std::function<void()> on_status) {
  if (pipe2(pipe_, O_CLOEXEC) != 0) {
    const bool no_memory = errno != EMFILE && errno != ENFILE;
    fail(no_memory ? codes::out_of_memory : codes::too_many_files,
         {.where = "a pipe for signals", .found = std::strerror(errno)});
  }
  pipe_end = pipe_[1];
  stopped_by = 0;
  listener_ = std::thread([this, on_stop = std::move(on_stop), on_status = std::move(on_status)] {
    listen(on_stop, on_status);
  });
  for (int signal : stop_signals) install(signal, handle);
  install(SIGUSR1, handle);
}

Interrupts::~Interrupts() {
  for (int signal : stop_signals) install(signal, SIG_DFL);
  install(SIGUSR1, SIG_IGN);
  pipe_end = -1;
  while (write(pipe_[1], &quit, 1) < 0 && errno == EINTR) {
  }
  close(pipe_[1]);  // ends the listener's read, whatever became of the byte
  listener_.join();
  close(pipe_[0]);
}

int Interrupts::exit_code() { return code_of(stopped_by); }

void Interrupts::listen(const std::function<void()>& on_stop,
                        const std::function<void()>& on_status) {
  for (unsigned char byte = 0;;) {
    const ssize_t n = read(pipe_[0], &byte, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || byte == quit) return;
    if (byte == SIGUSR1) {
      on_status();
    } else {
      stop_.request_stop();
      on_stop();
    }
  }
}

}  // namespace recast::cli
