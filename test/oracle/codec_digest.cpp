// Digests of what every codec makes of the same weights, to compare builds for different processors:
// codec_digest write FOLDER     the weights and an importance, once
// codec_digest print FOLDER     a line a codec, way and sample
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "codec/codecs.h"
#include "weights.h"

namespace recast {
namespace {

constexpr int64_t weights_per_sample = 1 << 16;
constexpr int64_t row_length = 1024;

void write_floats(const std::string& path, const std::vector<float>& values) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(float)));
}

std::vector<float> read_floats(const std::string& path) {
  std::ifstream in(path, std::ios::binary | std::ios::ate);
  std::vector<float> values(static_cast<size_t>(in.tellg()) / sizeof(float));
  in.seekg(0);
  in.read(reinterpret_cast<char*>(values.data()),
          static_cast<std::streamsize>(values.size() * sizeof(float)));
  return values;
}

// FNV-1a: no library that the other processor would need, too.
uint64_t digest(const void* data, size_t size) {
  uint64_t hash = 0xcbf29ce484222325;
  for (size_t i = 0; i < size; ++i)
    hash = (hash ^ static_cast<const unsigned char*>(data)[i]) * 0x100000001b3;
  return hash;
}

void print(const Codec& codec, const char* way, std::string_view sample,
           std::vector<std::byte> bytes) {
  std::vector<float> values(static_cast<size_t>(weights_per_sample));
  codec.decode(bytes.data(), values.data(), weights_per_sample);
  // A NaN is a NaN: its sign, and the codes beside a scale that is one, are the processor's affair.
  for (size_t i = 0; i < values.size(); ++i)
    if (std::isnan(values[i])) {
      values[i] = std::numeric_limits<float>::quiet_NaN();
      const size_t block = i / static_cast<size_t>(codec.block_elements);
      std::memset(bytes.data() + block * codec.block_bytes, 0, codec.block_bytes);
    }
  std::printf("%-8s %-9s %-8s %016llx %016llx\n", std::string(codec.name).c_str(), way,
              std::string(sample).c_str(),
              static_cast<unsigned long long>(digest(bytes.data(), bytes.size())),
              static_cast<unsigned long long>(digest(values.data(), values.size() * sizeof(float))));
}

void print_all(const std::string& folder) {
  const std::vector<float> importance = read_floats(folder + "/importance");
  for (const std::string_view sample : oracle::distributions) {
    const std::vector<float> w = read_floats(folder + "/" + std::string(sample));
    const int64_t n = static_cast<int64_t>(w.size()), rows = n / row_length;
    for (const Codec* codec : codec::all()) {
      std::vector<std::byte> bytes(codec->bytes(n));
      const auto way = [&](const char* name, auto&& encode) {
        encode();
        print(*codec, name, sample, bytes);
      };
      if (codec->encode) way("plain", [&] { codec->encode(w.data(), bytes.data(), n); });
      if (codec->encode_fast) way("fast", [&] { codec->encode_fast(w.data(), bytes.data(), n); });
      // Importance times the limits of f32 is for no one.
      if (sample == "tiny") continue;
      if (codec->encode_weighted)
        way("weighted", [&] {
          codec->encode_weighted(w.data(), importance.data(), bytes.data(), rows, row_length);
        });
      if (codec->encode_best)
        way("best", [&] {
          codec->encode_best(w.data(), importance.data(), bytes.data(), rows, row_length);
        });
    }
  }
}

}  // namespace
}  // namespace recast

int main(int argc, char** argv) {
  using namespace recast;
  if (argc != 3) return 2;
  const std::string folder = argv[2];
  if (std::strcmp(argv[1], "print") == 0) {
    print_all(folder);
    return 0;
  }
  for (const std::string_view sample : oracle::distributions)
    write_floats(folder + "/" + std::string(sample), oracle::make_weights(sample, weights_per_sample));
  write_floats(folder + "/importance", oracle::make_importance(row_length));
  return 0;
}
