// Preloaded: makes the allocation with the number $FAIL_ALLOCATION fail, counted from the moment at
// which the program looks after SIGPIPE, its first act in main(). At the end the count goes to the
// file $COUNT_ALLOCATIONS.
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

extern void* __libc_malloc(size_t n);
extern void* __libc_calloc(size_t n, size_t bytes);
extern void* __libc_realloc(void* old, size_t n);
extern void* __libc_memalign(size_t alignment, size_t n);

static atomic_long count = 0, fails_at = -1;
static atomic_int counting = 0;

static int fails(void) {
  if (!counting) return 0;
  if (++count != fails_at) return 0;
  errno = ENOMEM;
  return 1;
}

__attribute__((visibility("default"))) void (*signal(int number, void (*handler)(int)))(int) {
  if (number == SIGPIPE) {
    const char* text = getenv("FAIL_ALLOCATION");
    fails_at = text ? atol(text) : -1;
    counting = 1;
  }
  struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART}, old;
  return sigaction(number, &action, &old) == 0 ? old.sa_handler : SIG_ERR;
}

void* malloc(size_t n) { return fails() ? NULL : __libc_malloc(n); }
void* calloc(size_t n, size_t bytes) { return fails() ? NULL : __libc_calloc(n, bytes); }
void* realloc(void* old, size_t n) { return fails() ? NULL : __libc_realloc(old, n); }
void* memalign(size_t alignment, size_t n) { return fails() ? NULL : __libc_memalign(alignment, n); }
void* aligned_alloc(size_t alignment, size_t n) { return memalign(alignment, n); }
int posix_memalign(void** out, size_t alignment, size_t n) {
  if (fails()) return ENOMEM;
  *out = __libc_memalign(alignment, n);
  return *out ? 0 : ENOMEM;
}

__attribute__((destructor)) static void tell(void) {
  counting = 0;
  const char* path = getenv("COUNT_ALLOCATIONS");
  FILE* file = path ? fopen(path, "w") : NULL;
  if (!file) return;
  fprintf(file, "%ld\n", (long)count);
  fclose(file);
}
