// Compares every codec that llama.cpp's library also has with that library, bit for bit, on every
// instruction set of this CPU: codec_oracle [FOLDER OF THE LIBRARY]. Exit 0 equal, 1 different,
// 77 library not there.
#include <fmt/format.h>

#include <cstring>
#include <vector>

#include "codec/codecs.h"
#include "ggml.h"
#include "tensor/each_target.h"
#include "weights.h"

namespace recast {
namespace {

using oracle::Ggml;
using oracle::GgmlType;

constexpr int64_t weights_per_type = 1 << 21;
constexpr int64_t row_length = 1024;

std::vector<std::byte> library_encode(const Ggml& ggml, const GgmlType& type, const Codec& codec,
                                      const std::vector<float>& weights) {
  const int64_t n = static_cast<int64_t>(weights.size());
  std::vector<std::byte> bytes(codec.bytes(n));
  ggml.quantize_chunk(type.type, weights.data(), bytes.data(), 0, n / row_length, row_length,
                      nullptr);
  return bytes;
}

std::vector<float> library_decode(const Ggml& ggml, const GgmlType& type,
                                  const std::vector<std::byte>& bytes, int64_t n) {
  std::vector<float> values(static_cast<size_t>(n));
  const auto* halves = reinterpret_cast<const uint16_t*>(bytes.data());
  if (type.codec == "F16")
    ggml.f16_to_f32(halves, values.data(), n);
  else if (type.codec == "BF16")
    ggml.bf16_to_f32(halves, values.data(), n);
  else
    ggml.dequantizer(type.dequantizer)(bytes.data(), values.data(), n);
  return values;
}

// Elements of `size` bytes that differ.
int64_t differing(const void* a, const void* b, int64_t count, uint64_t size) {
  int64_t n = 0;
  for (int64_t i = 0; i < count; ++i) {
    const size_t offset = static_cast<size_t>(i) * size;
    n += std::memcmp(static_cast<const char*>(a) + offset, static_cast<const char*>(b) + offset,
                     size) != 0;
  }
  return n;
}

struct Totals {
  int64_t weights = 0, blocks = 0, values = 0;
};

void compare(const Ggml& ggml, const GgmlType& type, const std::vector<float>& weights,
             Totals& totals) {
  const Codec& codec = *codec::find(type.codec);
  const int64_t n = static_cast<int64_t>(weights.size());
  const std::vector<std::byte> expected = library_encode(ggml, type, codec, weights);
  const std::vector<float> expected_values = library_decode(ggml, type, expected, n);
  std::vector<std::byte> bytes(expected.size());
  std::vector<float> values(expected_values.size());
  codec.encode(weights.data(), bytes.data(), n);
  codec.decode(expected.data(), values.data(), n);
  totals.weights += n;
  totals.blocks +=
      differing(bytes.data(), expected.data(), n / codec.block_elements, codec.block_bytes);
  totals.values += differing(values.data(), expected_values.data(), n, sizeof(float));
}

// All 2^32 floats and all 2^16 halves of one 16-bit type, best target only.
Totals compare_all_floats(const Ggml& ggml, const GgmlType& type) {
  Totals totals;
  constexpr int64_t chunk = 1 << 20;
  std::vector<float> values(chunk);
  std::vector<uint16_t> expected(chunk), ours(chunk);
  const Codec& codec = *codec::find(type.codec);
  for (uint64_t first = 0; first < uint64_t{1} << 32; first += chunk) {
    for (size_t i = 0; i < values.size(); ++i) {
      const uint32_t bits = static_cast<uint32_t>(first + i);
      std::memcpy(&values[i], &bits, sizeof bits);
    }
    (type.codec == "F16" ? ggml.f32_to_f16 : ggml.f32_to_bf16)(values.data(), expected.data(),
                                                               chunk);
    codec.encode(values.data(), reinterpret_cast<std::byte*>(ours.data()), chunk);
    totals.blocks += differing(ours.data(), expected.data(), chunk, 2);
    totals.weights += chunk;
  }
  std::vector<std::byte> halves(1 << 17);
  for (uint32_t i = 0; i < 1 << 16; ++i) std::memcpy(&halves[2 * i], &i, 2);
  const std::vector<float> wanted = library_decode(ggml, type, halves, 1 << 16);
  codec.decode(halves.data(), values.data(), 1 << 16);
  totals.values = differing(values.data(), wanted.data(), 1 << 16, sizeof(float));
  return totals;
}

bool report(std::string_view type, std::string_view target, const Totals& totals) {
  fmt::print("{:5} {:8} {:>10} weights  {} differing blocks  {} differing values\n", type, target,
             totals.weights, totals.blocks, totals.values);
  return totals.blocks == 0 && totals.values == 0;
}

}  // namespace
}  // namespace recast

int main(int argc, char** argv) {
  using namespace recast;
  const auto ggml = oracle::open_ggml(argc > 1 ? argv[1] : oracle::ggml_folder());
  if (!ggml) {
    fmt::print("skipped: llama.cpp's library is not installed\n");
    return 77;
  }
  bool equal = true;
  std::vector<std::vector<float>> samples;
  for (const std::string_view name : oracle::distributions)
    samples.push_back(oracle::make_weights(name, weights_per_type));
  for (const auto& type : oracle::ggml_types)
    each_target([&](const char* target) {
      Totals totals;
      for (const auto& weights : samples) compare(*ggml, type, weights, totals);
      equal &= report(type.codec, target, totals);
    });
  for (const auto& type : oracle::ggml_types)
    if (!type.dequantizer) equal &= report(type.codec, "all", compare_all_floats(*ggml, type));
  return equal ? 0 : 1;
}
