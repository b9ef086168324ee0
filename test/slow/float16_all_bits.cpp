// Encodes all 2^32 bit patterns of f32 to F16 and BF16 on every instruction set of this CPU and
// compares with the definitions. Exit 0 equal, 1 different.
#include <fmt/format.h>

#include <atomic>
#include <bit>
#include <cstring>
#include <vector>

#include "base/parallel.h"
#include "codec/codecs.h"
#include "codec/scalar.h"
#include "tensor/each_target.h"

namespace recast {
namespace {

using Encode = void (*)(const float*, std::byte*, int64_t);

int64_t differing(const Codec& codec, Encode definition) {
  constexpr int64_t chunk = 1 << 16;
  std::atomic<int64_t> count = 0;
  parallel_for((int64_t{1} << 32) / chunk, default_threads(), [&](int64_t index) {
    static thread_local std::vector<float> values(chunk);
    static thread_local std::vector<std::byte> bytes(2 * chunk), expected(2 * chunk);
    for (int64_t i = 0; i < chunk; ++i)
      values[static_cast<size_t>(i)] =
          std::bit_cast<float>(static_cast<uint32_t>(index * chunk + i));
    codec.encode(values.data(), bytes.data(), chunk);
    definition(values.data(), expected.data(), chunk);
    if (std::memcmp(bytes.data(), expected.data(), bytes.size()) == 0) return;
    for (size_t i = 0; i < bytes.size(); i += 2)
      count += bytes[i] != expected[i] || bytes[i + 1] != expected[i + 1];
  });
  return count;
}

}  // namespace
}  // namespace recast

int main() {
  using namespace recast;
  int64_t total = 0;
  each_target([&](std::string_view target) {
    if (target == "SCALAR") return;  // is the definition
    const int64_t f16 = differing(codec::f16, codec::scalar::encode_f16);
    const int64_t bf16 = differing(codec::bf16, codec::scalar::encode_bf16);
    fmt::print("{:8} F16 {} BF16 {} of 2^32 differ\n", target, f16, bf16);
    total += f16 + bf16;
  });
  return total != 0;
}
