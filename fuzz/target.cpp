// The libFuzzer program of one row of parsers.def, whose name is RECAST_FUZZ_TARGET.
#include <algorithm>
#include <cstring>
#include <span>

#include "mutate.h"
#include "parsers.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const recast::fuzz::Parser& parser = *recast::fuzz::find_parser(RECAST_FUZZ_TARGET);
  recast::fuzz::run(parser, std::as_bytes(std::span(data, size)));
  return 0;
}

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  recast::fuzz::Random random(seed);
  const std::string out = recast::fuzz::mutate({reinterpret_cast<const char*>(data), size}, most,
                                               random, LLVMFuzzerMutate);
  std::memcpy(data, out.data(), std::min(out.size(), most));
  return std::min(out.size(), most);
}
