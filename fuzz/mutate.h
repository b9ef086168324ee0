#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

namespace recast::fuzz {

// Changes bytes without knowing what they are: `LLVMFuzzerMutate`, or havoc() where there is no
// libFuzzer. Gives the new size, at most `most`, which is the size of the buffer.
using ByteMutator = size_t (*)(uint8_t* data, size_t size, size_t most);
size_t havoc(uint8_t* data, size_t size, size_t most);

// The state of one mutation. Same seed, same result (but for what a ByteMutator draws).
class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  size_t below(size_t n) { return n == 0 ? 0 : engine_() % n; }  // 0 for nothing
  bool one_in(size_t n) { return below(n) == 0; }
  uint64_t number();  // of the sizes that break parsers: 0, -1, powers of two and their neighbours

 private:
  std::minstd_rand engine_;
};

// Structure-aware mutation: packed folders, GGUF, safetensors, zip and JSON are taken apart as far
// as they can be, one part is changed, and they are put together with lengths, counts and offsets
// that are right again, most of the time. Headers that are nearly right get past the first check.
// Other content, and now and then any content, goes to the byte mutator.
std::string mutate(std::string_view input, size_t most, Random& random, ByteMutator bytes);

}  // namespace recast::fuzz
