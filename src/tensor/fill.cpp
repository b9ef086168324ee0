#include "tensor/fill.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "io/hash.h"

namespace recast {

namespace {

// One block of the codec that decodes to zeros: zero bytes if they do.
std::vector<std::byte> zero_block(const Codec& codec) {
  std::vector<std::byte> block(codec.block_bytes);
  if (!codec.decode || !codec.encode) return block;
  std::vector<float> values(static_cast<size_t>(codec.block_elements));
  codec.decode(block.data(), values.data(), codec.block_elements);
  if (std::all_of(values.begin(), values.end(), [](float v) { return v == 0; })) return block;
  std::fill(values.begin(), values.end(), 0.0f);
  codec.encode(values.data(), block.data(), codec.block_elements);
  return block;
}

class Zeros final : public Value {
 public:
  Zeros(Shape shape, const Codec& codec)
      : Value(std::move(shape), codec),
        block_(zero_block(codec)),
        is_zero_(std::all_of(block_.begin(), block_.end(),
                             [](std::byte b) { return b == std::byte{0}; })) {}

  void read(int64_t, int64_t, std::span<std::byte> destination, FloatCensus&) const override {
    for (size_t at = 0; at < destination.size(); at += block_.size())
      std::copy(block_.begin(), block_.end(), destination.begin() + static_cast<ptrdiff_t>(at));
  }
  bool is_zero() const override { return is_zero_; }
  uint64_t scratch_bytes(int64_t) const override { return 0; }

 private:
  std::vector<std::byte> block_;
  bool is_zero_;
};

// The finalizer of SplitMix64: every bit of the input moves about half of the output's.
uint64_t mixed(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

class NoiseValue final : public Value {
 public:
  NoiseValue(uint64_t key, float mean, float unit, Shape shape, const Codec& f32)
      : Value(std::move(shape), f32), key_(key), mean_(mean), unit_(unit) {}

  void read(int64_t begin, int64_t end, std::span<std::byte> destination,
            FloatCensus&) const override {
    std::byte* out = destination.data();
    for (int64_t i = begin; i < end; ++i, out += sizeof(float)) {
      const float value = at(i);
      std::memcpy(out, &value, sizeof(float));
    }
  }
  uint64_t scratch_bytes(int64_t) const override { return 0; }

 private:
  // The sum of four uniform 16-bit numbers, less its middle: close to a normal distribution, whole
  // numbers up to the one multiplication, so that every CPU gives the same bits.
  float at(int64_t index) const {
    const uint64_t bits = mixed(key_ + static_cast<uint64_t>(index) * 0x9E3779B97F4A7C15u);
    const auto sum = static_cast<int32_t>((bits & 0xFFFF) + (bits >> 16 & 0xFFFF) +
                                          (bits >> 32 & 0xFFFF) + (bits >> 48));
    return mean_ + static_cast<float>(sum - 2 * 0xFFFF) * unit_;
  }

  uint64_t key_;
  float mean_, unit_;
};

// Deviation of the sum of four uniform numbers of [0, 65536): 65536 / sqrt(3).
constexpr float sum_deviation = 37837.227f;

}  // namespace

ValuePtr zeros(Shape shape, const Codec& codec) {
  return std::make_shared<Zeros>(std::move(shape), codec);
}

ValuePtr noise(const Noise& noise, Shape shape, const Codec& f32) {
  const std::string text = fmt::format("{} {}", noise.seed, noise.name);
  const uint64_t key = xxh3_128(std::as_bytes(std::span(text))).low;
  return std::make_shared<NoiseValue>(key, noise.mean, noise.deviation / sum_deviation,
                                      std::move(shape), f32);
}

}  // namespace recast
