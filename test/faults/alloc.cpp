// Preloaded: makes the allocation with the number $FAIL_ALLOCATION fail, counted from the moment at
// which the program looks after SIGPIPE, its first act in main(). At the end the count goes to the
// file $COUNT_ALLOCATIONS.
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>

extern "C" {
void* __libc_malloc(size_t n);
void* __libc_calloc(size_t n, size_t bytes);
void* __libc_realloc(void* old, size_t n);
void* __libc_memalign(size_t alignment, size_t n);
}

namespace {

std::atomic<long> count{0}, fails_at{-1};
std::atomic<bool> counting{false};

bool fails() {
  if (!counting || ++count != fails_at) return false;
  errno = ENOMEM;
  return true;
}

__attribute__((destructor)) void tell() {
  counting = false;
  const char* path = std::getenv("COUNT_ALLOCATIONS");
  FILE* file = path ? std::fopen(path, "w") : nullptr;
  if (!file) return;
  std::fprintf(file, "%ld\n", count.load());
  std::fclose(file);
}

}  // namespace

extern "C" {

sighandler_t signal(int number, sighandler_t handler) noexcept {
  if (number == SIGPIPE) {
    const char* text = std::getenv("FAIL_ALLOCATION");
    fails_at = text ? std::atol(text) : -1;
    counting = true;
  }
  struct sigaction action = {}, old = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  return sigaction(number, &action, &old) == 0 ? old.sa_handler : SIG_ERR;
}

void* malloc(size_t n) noexcept { return fails() ? nullptr : __libc_malloc(n); }
void* calloc(size_t n, size_t bytes) noexcept {
  return fails() ? nullptr : __libc_calloc(n, bytes);
}
void* realloc(void* old, size_t n) noexcept { return fails() ? nullptr : __libc_realloc(old, n); }
void* memalign(size_t alignment, size_t n) noexcept {
  return fails() ? nullptr : __libc_memalign(alignment, n);
}
void* aligned_alloc(size_t alignment, size_t n) noexcept { return memalign(alignment, n); }
int posix_memalign(void** out, size_t alignment, size_t n) noexcept {
  if (fails()) return ENOMEM;
  *out = __libc_memalign(alignment, n);
  return *out ? 0 : ENOMEM;
}

}  // extern "C"
