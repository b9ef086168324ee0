#include "io/hash.h"

#include <fmt/format.h>
#include <openssl/evp.h>
#define XXH_STATIC_LINKING_ONLY  // for the complete type of the state
#include <xxhash.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <new>

#if defined(__x86_64__)
#include <nmmintrin.h>
// Takes the widest vectors of the CPU at run time: three times the speed of the baseline build.
#include <xxh_x86dispatch.h>
#endif

namespace recast {

namespace {

Hash128 from(XXH128_hash_t hash) { return {hash.high64, hash.low64}; }

// CRC-32C, reflected, polynomial 0x1EDC6F41 (bit-reversed 0x82F63B78). Source: RFC 3720, B.4.
constexpr std::array<uint32_t, 256> crc_table = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t c = i;
    for (int bit = 0; bit < 8; ++bit) c = (c >> 1) ^ (c & 1 ? 0x82F63B78u : 0u);
    table[i] = c;
  }
  return table;
}();

uint32_t crc_by_table(uint32_t crc, std::span<const std::byte> bytes) {
  for (const std::byte b : bytes)
    crc = (crc >> 8) ^ crc_table[(crc ^ static_cast<uint32_t>(b)) & 0xFF];
  return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) uint32_t crc_by_instruction(uint32_t crc,
                                                              std::span<const std::byte> bytes) {
  uint64_t wide = crc;
  while (bytes.size() >= sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), sizeof(word));
    wide = _mm_crc32_u64(wide, word);
    bytes = bytes.subspan(sizeof(word));
  }
  uint32_t narrow = static_cast<uint32_t>(wide);
  for (const std::byte b : bytes) narrow = _mm_crc32_u8(narrow, static_cast<uint8_t>(b));
  return narrow;
}
#endif

}  // namespace

std::string Hash128::hex() const { return fmt::format("{:016x}{:016x}", high, low); }

Hash128 xxh3_128(std::span<const std::byte> bytes) {
  return from(XXH3_128bits(bytes.data(), bytes.size()));
}

struct Xxh3::State {
  XXH3_state_t state;
};

Xxh3::Xxh3() : state_(std::make_unique<State>()) { XXH3_128bits_reset(&state_->state); }
Xxh3::~Xxh3() = default;
Xxh3::Xxh3(Xxh3&&) noexcept = default;
Xxh3& Xxh3::operator=(Xxh3&&) noexcept = default;
void Xxh3::update(std::span<const std::byte> bytes) {
  XXH3_128bits_update(&state_->state, bytes.data(), bytes.size());
}
Hash128 Xxh3::digest() const { return from(XXH3_128bits_digest(&state_->state)); }

Hash128 ZeroSums::of(uint64_t bytes) {
  static constexpr std::array<std::byte, size_t{64} << 10> zeros{};  // stays in the second cache
  const std::lock_guard lock(mutex_);
  const auto [it, fresh] = known_.try_emplace(bytes);
  if (!fresh) return it->second;
  Xxh3 hash;
  for (uint64_t left = bytes; left > 0;) {
    const size_t n = std::min<uint64_t>(left, zeros.size());
    hash.update(std::span(zeros).first(n));
    left -= n;
  }
  return it->second = hash.digest();
}

Sha256::Sha256() : context_(EVP_MD_CTX_new()) {
  if (!context_) throw std::bad_alloc();
  EVP_DigestInit_ex(static_cast<EVP_MD_CTX*>(context_), EVP_sha256(), nullptr);
}
Sha256::~Sha256() { EVP_MD_CTX_free(static_cast<EVP_MD_CTX*>(context_)); }
void Sha256::update(std::span<const std::byte> bytes) {
  EVP_DigestUpdate(static_cast<EVP_MD_CTX*>(context_), bytes.data(), bytes.size());
}
std::string Sha256::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int length = 0;
  EVP_DigestFinal_ex(static_cast<EVP_MD_CTX*>(context_), digest, &length);
  std::string text;
  for (unsigned int i = 0; i < length; ++i) text += fmt::format("{:02x}", digest[i]);
  return text;
}

uint32_t crc32c(std::span<const std::byte> bytes) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return ~crc_by_instruction(~0u, bytes);
#endif
  return crc32c_portable(bytes);
}

uint32_t crc32c_portable(std::span<const std::byte> bytes) { return ~crc_by_table(~0u, bytes); }

}  // namespace recast
