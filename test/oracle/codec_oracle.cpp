// Compares every codec that llama.cpp's library also has with that library, bit for bit, on every
// instruction set of this CPU, with and without importance:
// codec_oracle [FOLDER OF THE LIBRARY [TYPE]...]. Exit 0 equal, 1 different, 77 library not there.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
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

constexpr int64_t weights_per_sample = 1 << 19;
constexpr int64_t row_length = 1024;

// importance: a row of it, or null.
std::vector<std::byte> library_encode(const Ggml& ggml, const GgmlType& type, const Codec& codec,
                                      const std::vector<float>& weights, const float* importance) {
  const int64_t n = static_cast<int64_t>(weights.size());
  std::vector<std::byte> bytes(codec.bytes(n));
  ggml.quantize_chunk(type.type, weights.data(), bytes.data(), 0, n / row_length, row_length,
                      importance);
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

bool report(std::string_view type, std::string_view way, std::string_view target,
            const Totals& totals) {
  fmt::print("{:7} {:8} {:8} {:>10} weights  {} differing blocks  {} differing values\n", type, way,
             target, totals.weights, totals.blocks, totals.values);
  return totals.blocks == 0 && totals.values == 0;
}

// Whether the library writes this block of IQ3_S wrongly: a sub-block of zeros beside others moves
// what it stores of the later ones. Recast writes it so that it decodes.
bool misplaced_by_library(const GgmlType& type, const float* block) {
  if (type.codec != "IQ3_S") return false;
  int zeros = 0;
  for (int b = 0; b < 8; ++b)
    zeros += std::all_of(block + 32 * b, block + 32 * b + 32, [](float x) { return x == 0; });
  return zeros > 0 && zeros < 8;
}

double squared_error(const float* a, const float* b, int64_t n) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i) sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
  return sum;
}

// Blocks that differ, but for those that the library misplaces; there ours must decode no worse.
int64_t differing_blocks(const GgmlType& type, const Codec& codec,
                         const std::vector<float>& weights, const std::vector<std::byte>& bytes,
                         const std::vector<std::byte>& expected) {
  int64_t count = 0;
  const int64_t size = static_cast<int64_t>(codec.block_bytes), n = codec.block_elements;
  std::vector<float> ours(static_cast<size_t>(n)), theirs(ours.size());
  for (int64_t b = 0; b < static_cast<int64_t>(weights.size()) / n; ++b) {
    const std::byte *a = bytes.data() + b * size, *e = expected.data() + b * size;
    if (std::memcmp(a, e, codec.block_bytes) == 0) continue;
    const float* block = weights.data() + b * n;
    codec.decode(a, ours.data(), n);
    codec.decode(e, theirs.data(), n);
    if (misplaced_by_library(type, block) &&
        squared_error(block, ours.data(), n) <= squared_error(block, theirs.data(), n))
      continue;
    ++count;
  }
  return count;
}

// What the library makes of one sample.
struct Expected {
  std::vector<std::byte> bytes;
  std::vector<float> values;
};

bool compare(const Ggml& ggml, const GgmlType& type,
             const std::vector<std::vector<float>>& samples, const float* importance) {
  const Codec& codec = *codec::find(type.codec);
  const int64_t n = weights_per_sample;
  std::vector<Expected> expected;
  for (const auto& weights : samples) {
    std::vector<std::byte> bytes = library_encode(ggml, type, codec, weights, importance);
    std::vector<float> values = library_decode(ggml, type, bytes, n);
    expected.push_back({std::move(bytes), std::move(values)});
  }
  bool equal = true;
  each_target([&](const char* target) {
    Totals totals;
    for (size_t i = 0; i < samples.size(); ++i) {
      std::vector<std::byte> bytes(expected[i].bytes.size());
      std::vector<float> values(expected[i].values.size());
      if (importance)
        codec.encode_weighted(samples[i].data(), importance, bytes.data(), n / row_length,
                              row_length);
      else
        codec.encode(samples[i].data(), bytes.data(), n);
      codec.decode(expected[i].bytes.data(), values.data(), n);
      totals.weights += n;
      totals.blocks += differing_blocks(type, codec, samples[i], bytes, expected[i].bytes);
      totals.values += differing(values.data(), expected[i].values.data(), n, sizeof(float));
    }
    equal &= report(type.codec, importance ? "weighted" : "plain", target, totals);
  });
  return equal;
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

}  // namespace
}  // namespace recast

int main(int argc, char** argv) {
  using namespace recast;
  const auto ggml = oracle::open_ggml(argc > 1 ? argv[1] : oracle::ggml_folder());
  if (!ggml) {
    fmt::print("skipped: llama.cpp's library is not installed\n");
    return 77;
  }
  const auto asked = [&](const oracle::GgmlType& type) {
    return argc < 3 || std::find(argv + 2, argv + argc, type.codec) != argv + argc;
  };
  bool equal = true;
  std::vector<std::vector<float>> samples;
  for (const std::string_view name : oracle::distributions)
    samples.push_back(oracle::make_weights(name, weights_per_sample));
  auto moderate = samples;
  for (auto& weights : moderate)
    for (float& w : weights)
      if (std::fabs(w) > 0x1p40f) w *= 0x1p-100f;
  const std::vector<float> importance = oracle::make_importance(row_length);
  for (const auto& type : oracle::ggml_types) {
    if (!asked(type)) continue;
    const Codec& codec = *codec::find(type.codec);
    const auto& chosen = type.aborts_on_overflow() ? moderate : samples;
    if (codec.encode) equal &= compare(*ggml, type, chosen, nullptr);
    if (codec.encode_weighted) equal &= compare(*ggml, type, chosen, importance.data());
  }
  for (const auto& type : oracle::ggml_types)
    if (!type.dequantizer && asked(type))
      equal &= report(type.codec, "plain", "all", compare_all_floats(*ggml, type));
  return equal ? 0 : 1;
}
