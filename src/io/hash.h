#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>

namespace recast {

// XXH3-128 of a run of bytes, seed 0. Printed as 32 lower-case hexadecimal digits, high half first
// (the canonical form of xxHash).
struct Hash128 {
  uint64_t high = 0, low = 0;
  bool operator==(const Hash128&) const = default;
  std::string hex() const;
};
Hash128 xxh3_128(std::span<const std::byte> bytes);

// The same, over pieces in order.
class Xxh3 {
 public:
  Xxh3();
  ~Xxh3();
  Xxh3(Xxh3&&) noexcept;
  Xxh3& operator=(Xxh3&&) noexcept;
  void update(std::span<const std::byte> bytes);
  Hash128 digest() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// XXH3-128 of runs of zero bytes, each length computed once: a model has few sizes of tensors, and
// to hash each of a large one that is nothing but holes would take as long as to read it. Thread
// safe.
class ZeroSums {
 public:
  Hash128 of(uint64_t bytes);

 private:
  std::mutex mutex_;
  std::map<uint64_t, Hash128> known_;
};

// SHA-256 as 64 lower-case hexadecimal digits.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;
  void update(std::span<const std::byte> bytes);
  std::string hex();  // ends the hash; call once

 private:
  void* context_;
};

// CRC-32C (Castagnoli), as the journal uses it; by the processor's instruction where it has one.
uint32_t crc32c(std::span<const std::byte> bytes);
// The same by the table alone: what other processors run.
uint32_t crc32c_portable(std::span<const std::byte> bytes);

}  // namespace recast
