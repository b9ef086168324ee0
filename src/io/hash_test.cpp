#include "io/hash.h"

#include <gtest/gtest.h>

#include "io/io_testing.h"

namespace recast {
namespace {

using io_testing::bytes_of;

// Values of the Python package xxhash 4.1.0, which brings its own xxHash 0.8.4.
TEST(Xxh3, MatchesAnotherBuild) {
  EXPECT_EQ(xxh3_128({}).hex(), "99aa06d3014798d86001c324468d497f");
  EXPECT_EQ(xxh3_128(bytes_of("abc")).hex(), "06b05ab6733a618578af5f94892f3950");
  EXPECT_EQ(xxh3_128(bytes_of(std::string(5000, 'x'))).hex(), "c40b706e6ba9af508d8567cbc9ee3d90");
}

TEST(Xxh3, PiecesGiveTheHashOfTheWhole) {
  std::string text;
  for (int i = 0; i < 10000; ++i) text += static_cast<char>(i * 31);
  Xxh3 hash;
  for (size_t at = 0, n = 1; at < text.size(); at += n, n = n * 3 + 1) {
    n = std::min(n, text.size() - at);
    hash.update(bytes_of(text).subspan(at, n));
  }
  EXPECT_EQ(hash.digest(), xxh3_128(bytes_of(text)));
}

TEST(ZeroSums, AreTheHashesOfZeros) {
  ZeroSums sums;
  for (const size_t n : {0, 1, 65'536, 65'537, 300'000, 1})
    EXPECT_EQ(sums.of(n), xxh3_128(std::vector<std::byte>(n))) << n;
}

// FIPS 180-4 examples.
TEST(Sha256, MatchesThePublishedVectors) {
  Sha256 empty;
  EXPECT_EQ(empty.hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  Sha256 abc;
  abc.update(bytes_of("a"));
  abc.update(bytes_of("bc"));
  EXPECT_EQ(abc.hex(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

// RFC 3720, B.4, and the check value of the CRC catalogue.
TEST(Crc32c, MatchesThePublishedVectors) {
  for (const auto crc : {crc32c, crc32c_portable}) {
    EXPECT_EQ(crc({}), 0u);
    EXPECT_EQ(crc(bytes_of("123456789")), 0xe3069283u);
    EXPECT_EQ(crc(bytes_of(std::string(32, '\0'))), 0x8a9136aau);
    EXPECT_EQ(crc(bytes_of(std::string(32, '\xff'))), 0x62a8ab43u);
  }
}

TEST(Crc32c, InstructionAndTableAgree) {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    EXPECT_EQ(crc32c(bytes_of(text)), crc32c_portable(bytes_of(text))) << i;
    text += static_cast<char>(i * 7 + 3);
  }
}

}  // namespace
}  // namespace recast
