// Time of every codec that llama.cpp's library also has, one thread, both in one run:
// recast_codec_bench [WEIGHTS [TYPE]...]. Rounds take turns between all candidates; medians are
// printed.
// "floor" is the time memcpy needs to read and write as many bytes, measured here. Without the
// library the columns of the peer stay empty.
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <cstring>
#include <functional>
#include <vector>

#include "../test/oracle/ggml.h"
#include "../test/oracle/weights.h"
#include "codec/codecs.h"
#include "tensor/each_target.h"

namespace recast {
namespace {

constexpr int rounds = 5;
constexpr int64_t row_length = 1024;

// One thing to time, with the target its kernels are held to (0: the best).
struct Candidate {
  int64_t target;
  std::function<void()> run;
  std::vector<double> seconds = {};
};

// CPU time of this thread, so that other programs disturb less.
double thread_seconds() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<int64_t>(values.size()) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

// Median nanoseconds a weight of each candidate, in order; runs are repeated to last 20 ms.
std::vector<double> measure(std::vector<Candidate> candidates, int64_t n) {
  const double start = thread_seconds();
  candidates.front().run();
  const int64_t repeats = 1 + static_cast<int64_t>(0.02 / (thread_seconds() - start + 1e-6));
  for (int round = 0; round < rounds; ++round)
    for (Candidate& candidate : candidates) {
      const HeldTarget held(candidate.target);
      candidate.run();
      const double begin = thread_seconds();
      for (int64_t i = 0; i < repeats; ++i) candidate.run();
      candidate.seconds.push_back(thread_seconds() - begin);
    }
  std::vector<double> result;
  for (const Candidate& candidate : candidates)
    result.push_back(median(candidate.seconds) * 1e9 / static_cast<double>(repeats * n));
  return result;
}

struct Bench {
  std::optional<oracle::Ggml> ggml;
  int64_t n;
  std::vector<float> weights, importance, values;
  std::vector<std::byte> halves, packed;
  double copy_ns_per_byte = 0;  // memcpy: per byte read or written

  Bench(std::optional<oracle::Ggml> library, int64_t count)
      : ggml(library),
        n(count),
        weights(oracle::make_weights("gauss", count)),
        importance(oracle::make_importance(row_length)),
        values(weights.size()),
        halves(2 * weights.size()),
        packed(4 * weights.size()) {
    codec::f16.encode(weights.data(), halves.data(), n);
    std::vector<float> other(weights.size());
    const std::vector<double> copy = measure(
        {{0, [&] { std::memcpy(other.data(), weights.data(), weights.size() * sizeof(float)); }}},
        n);
    copy_ns_per_byte = copy[0] / 8;
  }

  // Prints one line: each target of ours, the peer, best of ours over peer, share of the floor.
  void line(std::string_view type, std::string_view way, double bytes_per_weight,
            const std::function<void()>& ours, const std::function<void()>& peer) {
    std::vector<Candidate> candidates = {{0, ours}};
    for (const int64_t target : {HWY_AVX2, HWY_SSSE3, HWY_SCALAR})
      candidates.push_back({target, ours});
    if (peer) candidates.push_back({0, peer});
    const std::vector<double> ns = measure(std::move(candidates), n);
    const double floor = bytes_per_weight * copy_ns_per_byte;
    fmt::print("{:7} {:13} {:7.3f} {:7.3f} {:7.3f} {:7.3f}", type, way, ns[0], ns[1], ns[2], ns[3]);
    if (peer)
      fmt::print(" {:8.3f} {:6.1f}x", ns[4], ns[4] / ns[0]);
    else
      fmt::print(" {:8} {:7}", "", "");
    fmt::print(" {:7.3f} {:5.0f}% {:6.1f}\n", floor, 100 * floor / ns[0], bytes_per_weight / ns[0]);
  }

  void encode(const oracle::GgmlType& type, const Codec& codec) {
    const double stored = static_cast<double>(codec.block_bytes) / codec.block_elements;
    std::function<void()> peer;
    if (ggml) peer = [&] { quantize(type, weights.data(), nullptr); };
    line(
        codec.name, "f32 encode", 4 + stored,
        [&] { codec.encode(weights.data(), packed.data(), n); }, peer);
  }

  void encode_weighted(const oracle::GgmlType& type, const Codec& codec) {
    const double stored = static_cast<double>(codec.block_bytes) / codec.block_elements;
    std::function<void()> peer;
    if (ggml) peer = [&] { quantize(type, weights.data(), importance.data()); };
    line(
        codec.name, "weighted", 4 + stored,
        [&] {
          codec.encode_weighted(weights.data(), importance.data(), packed.data(), n / row_length,
                                row_length);
        },
        peer);
  }

  // Effort::fast and Effort::aggressive, the latter also with importance.
  void levels(const Codec& codec) {
    const double stored = static_cast<double>(codec.block_bytes) / codec.block_elements;
    const auto best = [&](const float* importance_row) {
      return [&, importance_row] {
        codec.encode_best(weights.data(), importance_row, packed.data(), n / row_length,
                          row_length);
      };
    };
    if (codec.encode_fast && codec.encode_fast != codec.encode)
      line(
          codec.name, "fast", 4 + stored,
          [&] { codec.encode_fast(weights.data(), packed.data(), n); }, nullptr);
    if (!codec.encode_best) return;
    line(codec.name, "aggressive", 4 + stored, best(nullptr), nullptr);
    line(codec.name, "agg. weighted", 4 + stored, best(importance.data()), nullptr);
  }

  // From f16 as models store it: ours by tiles that stay in the second cache.
  void encode_from_f16(const oracle::GgmlType& type, const Codec& codec) {
    constexpr int64_t tile = 4096;
    const double stored = static_cast<double>(codec.block_bytes) / codec.block_elements;
    std::function<void()> peer;
    if (ggml)
      peer = [&] {
        ggml->f16_to_f32(reinterpret_cast<const uint16_t*>(halves.data()), values.data(), n);
        quantize(type, values.data(), nullptr);
      };
    line(
        codec.name, "f16 encode", 2 + stored,
        [&] {
          for (int64_t i = 0; i < n; i += tile) {
            const int64_t count = std::min(tile, n - i);
            codec::f16.decode(halves.data() + 2 * i, values.data(), count);
            codec.encode(values.data(), packed.data() + codec.bytes(i), count);
          }
        },
        peer);
  }

  void decode(const oracle::GgmlType& type, const Codec& codec) {
    const double stored = static_cast<double>(codec.block_bytes) / codec.block_elements;
    if (codec.encode)
      codec.encode(weights.data(), packed.data(), n);
    else
      codec.encode_weighted(weights.data(), importance.data(), packed.data(), n / row_length,
                            row_length);
    std::function<void()> peer;
    if (ggml)
      peer = [&] {
        const auto* bits = reinterpret_cast<const uint16_t*>(packed.data());
        if (type.dequantizer)
          ggml->dequantizer(type.dequantizer)(packed.data(), values.data(), n);
        else
          (type.codec == "F16" ? ggml->f16_to_f32 : ggml->bf16_to_f32)(bits, values.data(), n);
      };
    line(
        codec.name, "decode", 4 + stored, [&] { codec.decode(packed.data(), values.data(), n); },
        peer);
  }

  void counting() {
    FloatCensus census;
    line(
        "F32", "losses>F16", 4, [&] { count_losses(weights.data(), n, 0, codec::f16, census); },
        nullptr);
    line(
        "F16", "census", 2, [&] { codec::f16.census(halves.data(), n, 0, census); }, nullptr);
    const auto* bytes = reinterpret_cast<const std::byte*>(weights.data());
    line(
        "F32", "census", 4, [&] { codec::f32.census(bytes, n, 0, census); }, nullptr);
    codec::q4_0.encode(weights.data(), packed.data(), n);
    line(
        "Q4_0", "census", 18.0 / 32, [&] { codec::q4_0.census(packed.data(), n, 0, census); },
        nullptr);
  }

  void float8() {
    for (const Codec* codec : {&codec::f8_e4m3, &codec::f8_e5m2}) {
      line(
          codec->name.substr(3), "f32 encode", 5,
          [&] { codec->encode(weights.data(), packed.data(), n); }, nullptr);
      line(
          codec->name.substr(3), "decode", 5,
          [&] { codec->decode(packed.data(), values.data(), n); }, nullptr);
    }
  }

 private:
  void quantize(const oracle::GgmlType& type, const float* source, const float* importance_row) {
    ggml->quantize_chunk(type.type, source, packed.data(), 0, n / row_length, row_length,
                         importance_row);
  }
};

}  // namespace
}  // namespace recast

int main(int argc, char** argv) {
  using namespace recast;
  const int64_t n = argc > 1 ? std::atoll(argv[1]) / row_length * row_length : int64_t{16} << 20;
  Bench bench(oracle::open_ggml(oracle::ggml_folder()), n);
  fmt::print("{} weights, one thread, ns a weight; memcpy {:.1f} GB/s read + written\n", n,
             1 / bench.copy_ns_per_byte);
  fmt::print("{:7} {:13} {:>7} {:>7} {:>7} {:>7} {:>8} {:>7} {:>7} {:>6} {:>6}\n", "type", "",
             "best", "AVX2", "SSSE3", "SSE2", "peer", "ratio", "floor", "share", "GB/s");
  for (const auto& type : oracle::ggml_types) {
    if (argc > 2 && std::find(argv + 2, argv + argc, type.codec) == argv + argc) continue;
    const Codec& codec = *codec::find(type.codec);
    if (codec.encode) bench.encode(type, codec);
    if (codec.encode_weighted) bench.encode_weighted(type, codec);
    bench.levels(codec);
    if (codec.encode && type.dequantizer) bench.encode_from_f16(type, codec);
    bench.decode(type, codec);
  }
  if (argc > 2) return 0;
  bench.float8();
  bench.counting();
  return 0;
}
