#include "formats/gguf/header.h"

#include <functional>

#include "formats/formats_testing.h"
#include "io/memory_file.h"

namespace recast::gguf {
namespace {

using formats_testing::GgufBytes;
using formats_testing::small_gguf;

Header parse(std::string bytes) {
  return read_header(std::make_shared<MemoryFile>("m.gguf", std::string_view(bytes)));
}

void expect_small(const Header& header, uint32_t version) {
  EXPECT_EQ(header.version, version);
  EXPECT_EQ(header.alignment, 32u);
  ASSERT_EQ(header.metadata.entries().size(), 3u);
  EXPECT_EQ(*header.metadata.find("general.architecture"), MetaValue::string("llama"));
  const MetaValue* list = header.metadata.find("a.list");
  EXPECT_EQ(list->element, MetaType::i16);
  EXPECT_EQ(*list->as_ints(), (std::vector<int64_t>{-2, 300}));
  EXPECT_EQ(*header.metadata.find("a.float"), MetaValue::f32(0.25f));
  ASSERT_EQ(header.tensors.size(), 2u);
  EXPECT_EQ(header.tensors[0].name, "blk.0.first");
  EXPECT_EQ(header.tensors[0].shape, (Shape{3, 8}));
  EXPECT_EQ(header.tensors[0].bytes, 96u);
  EXPECT_EQ(header.tensors[1].type->name, "Q4_0");
  EXPECT_EQ(header.tensors[1].offset, header.tensors[0].offset + 96);
  EXPECT_TRUE(header.warnings.empty());
}

TEST(GgufHeader, ReadsVersions2And3OfBothByteOrders) {
  for (const uint32_t version : {2u, 3u})
    for (const bool big_endian : {false, true}) {
      const Header header = parse(small_gguf(version, big_endian));
      expect_small(header, version);
      EXPECT_EQ(header.big_endian, big_endian);
    }
}

TEST(GgufHeader, KeepsEveryScalarType) {
  GgufBytes out;
  out.start(3, 0, 12);
  out.key("u8", 0).put<uint8_t>(200);
  out.key("i8", 1).put<int8_t>(-3);
  out.key("u16", 2).put<uint16_t>(65535);
  out.key("i16", 3).put<int16_t>(-300);
  out.key("u32", 4).put<uint32_t>(4000000000u);
  out.key("i32", 5).put<int32_t>(-70000);
  out.key("f32", 6).put(1.5f);
  out.key("bool", 7).put<uint8_t>(1);
  out.key("string", 8).text("x");
  out.key("u64", 10).put<uint64_t>(UINT64_MAX);
  out.key("i64", 11).put<int64_t>(INT64_MIN);
  out.key("f64", 12).put(0.1);
  const Metadata m = parse(out.bytes).metadata;
  EXPECT_EQ(m.find("u8")->as_int(), 200);
  EXPECT_EQ(m.find("i8")->as_int(), -3);
  EXPECT_EQ(m.find("u16")->as_int(), 65535);
  EXPECT_EQ(m.find("i16")->as_int(), -300);
  EXPECT_EQ(m.find("u32")->as_int(), 4000000000);
  EXPECT_EQ(m.find("i32")->as_int(), -70000);
  EXPECT_EQ(m.find("f32")->as_double(), 1.5);
  EXPECT_EQ(m.find("bool")->as_bool(), true);
  EXPECT_EQ(*m.find("string")->as_string(), "x");
  EXPECT_EQ(std::get<uint64_t>(m.find("u64")->data), UINT64_MAX);
  EXPECT_EQ(m.find("i64")->as_int(), INT64_MIN);
  EXPECT_EQ(m.find("f64")->as_double(), 0.1);
  for (const auto& [key, value] : m.entries()) EXPECT_EQ(meta_type_name(value.type), key);
}

TEST(GgufHeader, TrailingBytesAreAWarning) {
  const Header header = parse(small_gguf() + std::string(7, 'x'));
  ASSERT_EQ(header.warnings.size(), 1u);
  EXPECT_EQ(header.warnings[0].code, &codes::gguf_trailing);
  EXPECT_EQ(header.warnings[0].found, "7 trailing bytes");
}

// One way to damage a file, and the error that must come of it.
struct Damage {
  const char* what;
  std::string bytes;
  const ErrorCode* code;
  const char* named;  // must stand in the error
};

std::string one_key(const std::function<void(GgufBytes&)>& key) {
  GgufBytes out;
  out.start(3, 0, 1);
  key(out);
  return out.pad().bytes;
}

std::string one_tensor(const std::function<void(GgufBytes&)>& tensor, size_t data_bytes = 4096) {
  GgufBytes out;
  out.start(3, 1, 0);
  tensor(out);
  return out.pad().bytes + std::string(data_bytes, '\0');
}

std::string two_tensors(std::string_view name, uint64_t offset) {
  GgufBytes out;
  out.start(3, 2, 0).tensor("a", {8}, 0, 0).tensor(name, {8}, 0, offset);
  return out.pad().bytes + std::string(64, '\0');
}

std::vector<Damage> damages() {
  using B = GgufBytes;
  const auto header = [](uint32_t version, uint64_t tensors, uint64_t keys) {
    return GgufBytes().start(version, tensors, keys).bytes + std::string(64, '\0');
  };
  const std::string swapped = [] {
    GgufBytes out;
    out.bytes = "GGUF";
    out.put<uint32_t>(0x03000000).put<uint64_t>(2).put<uint64_t>(3);
    return out.bytes + small_gguf().substr(24);
  }();
  return {
      {"magic", "FUGG" + small_gguf().substr(4), &codes::gguf_magic, "FUGG"},
      {"version 0", header(0, 0, 0), &codes::gguf_version, "0"},
      {"version 1", header(1, 0, 0), &codes::gguf_version_unsupported, "version 1"},
      {"version 99", header(99, 0, 0), &codes::gguf_version_unsupported, "99"},
      {"only the version is swapped", swapped, &codes::gguf_endian, "big-endian"},
      {"too many tensors for the file", header(3, uint64_t{1} << 63, 0), &codes::truncated, "tensors"},
      {"too many keys for the file", header(3, 0, UINT64_MAX), &codes::truncated, "metadata keys"},
      {"empty key", one_key([](B& b) { b.key("", 4).put(1); }), &codes::gguf_key, "empty"},
      {"zero byte in a key", one_key([](B& b) { b.key(std::string_view("a\0b", 3), 4).put(1); }),
       &codes::gguf_key, "zero byte"},
      {"key that is not UTF-8", one_key([](B& b) { b.key("a\xff", 4).put(1); }), &codes::gguf_key,
       "UTF-8"},
      {"key length beyond the limit", one_key([](B& b) { b.put(UINT64_MAX).put(uint64_t{0}); }),
       &codes::too_long, "key"},
      {"key twice",
       GgufBytes().start(3, 0, 2).key("k", 7).put<uint8_t>(1).key("k", 7).put<uint8_t>(1).bytes,
       &codes::gguf_duplicate_key, "\"k\""},
      {"value type 13", one_key([](B& b) { b.key("k", 13).put(uint64_t{0}); }),
       &codes::gguf_value_type, "13"},
      {"array of arrays",
       one_key([](B& b) { b.key("k", 9).put<uint32_t>(9).put(uint64_t{1}).put(uint64_t{0}); }),
       &codes::gguf_nested_array, "\"k\""},
      {"array longer than the file",
       one_key([](B& b) { b.key("k", 9).put<uint32_t>(10).put((uint64_t{1} << 61) + 1); }),
       &codes::truncated, "\"k\""},
      {"alignment 0", one_key([](B& b) { b.key("general.alignment", 4).put<uint32_t>(0); }),
       &codes::gguf_alignment, "u32 0"},
      {"alignment 13", one_key([](B& b) { b.key("general.alignment", 4).put<uint32_t>(13); }),
       &codes::gguf_alignment, "13"},
      {"alignment beyond the limit",
       one_key([](B& b) { b.key("general.alignment", 4).put<uint32_t>(1u << 31); }),
       &codes::gguf_alignment, "2147483648"},
      {"alignment of another type",
       one_key([](B& b) { b.key("general.alignment", 5).put<int32_t>(32); }),
       &codes::gguf_alignment, "i32"},
      {"empty tensor name", one_tensor([](B& b) { b.tensor("", {8}, 0, 0); }),
       &codes::gguf_tensor_name, "empty"},
      {"long tensor name", one_tensor([](B& b) { b.tensor(std::string(70000, 'x'), {8}, 0, 0); }),
       &codes::too_long, "name"},
      {"5 dimensions", one_tensor([](B& b) { b.tensor("t", {1, 1, 1, 1, 1}, 0, 0); }),
       &codes::gguf_rank, "\"t\""},
      {"dimension -1", one_tensor([](B& b) { b.tensor("t", {UINT64_MAX}, 0, 0); }),
       &codes::gguf_dimension, "18446744073709551615"},
      {"product overflows",
       one_tensor([](B& b) { b.tensor("t", {1 << 22, (uint64_t{1} << 42) + 1}, 0, 0); }),
       &codes::gguf_dimension, "overflow"},
      {"unknown type", one_tensor([](B& b) { b.tensor("t", {8}, 999, 0); }),
       &codes::gguf_type_unknown, "999"},
      {"removed type", one_tensor([](B& b) { b.tensor("t", {32}, 4, 0); }),
       &codes::gguf_type_unknown, "Q4_2"},
      {"row of 33 in blocks of 32", one_tensor([](B& b) { b.tensor("t", {33}, 2, 0); }),
       &codes::gguf_row, "rows of 33"},
      {"offset 8", one_tensor([](B& b) { b.tensor("t", {8}, 0, 8); }), &codes::gguf_offset, "offset 8"},
      {"offset that wraps", one_tensor([](B& b) { b.tensor("t", {8}, 0, UINT64_MAX - 31); }),
       &codes::gguf_offset, "\"t\""},
      {"overlap", two_tensors("b", 0), &codes::gguf_overlap, "\"a\""},
      {"hole", two_tensors("b", 64), &codes::gguf_offset, "\"b\""},
      {"name twice", two_tensors("a", 32), &codes::gguf_duplicate_tensor, "\"a\""},
      {"data cut", one_tensor([](B& b) { b.tensor("t", {8}, 0, 0); }, 31), &codes::truncated, "\"t\""},
  };
}

TEST(GgufHeader, EachDamageHasItsErrorAndNamesThePlace) {
  for (const Damage& damage : damages()) {
    Error error;
    const ErrorCode* code = io_testing::code_of([&] { parse(damage.bytes); }, &error);
    EXPECT_EQ(code, damage.code) << damage.what << ": " << error.what();
    const std::string text = error.where + error.expected + error.found +
                             (code ? std::string(code->meaning) : "");
    EXPECT_NE(text.find(damage.named), std::string::npos) << damage.what << ": " << error.what();
    EXPECT_EQ(error.file, "m.gguf") << damage.what;
  }
}

TEST(GgufHeader, CountLimitsAreResourceErrors) {
  GgufBytes out;
  out.start(3, 0, 70'000);
  out.bytes.resize(1 << 20, '\0');
  EXPECT_CODE(parse(out.bytes), gguf_too_many);
}

TEST(GgufHeader, EveryTruncationIsRefusedAndNoFlipCrashes) {
  const std::string bytes = small_gguf();
  const size_t data_end = bytes.size() - (32 - 36 % 32);  // padding behind the last tensor is free
  for (size_t n = 0; n < data_end; ++n)
    EXPECT_NE(io_testing::code_of([&] { parse(bytes.substr(0, n)); }), nullptr) << n;
  int refused = 0;
  for (const bool big_endian : {false, true})
    for (size_t i = 0; i < bytes.size(); ++i)
      for (const int mask : {0x01, 0x80, 0xff}) {
        std::string damaged = small_gguf(3, big_endian);
        damaged[i] = static_cast<char>(damaged[i] ^ mask);
        refused += io_testing::code_of([&] { parse(damaged); }) != nullptr;
      }
  EXPECT_GT(refused, 300);
}

TEST(GgufHeader, ManyTensorsAreReadInLinearTime) {
  constexpr uint64_t count = 100'000;
  GgufBytes out;
  out.start(3, count, 0);
  for (uint64_t i = 0; i < count; ++i)
    out.tensor("blk." + std::to_string(i) + ".weight", {8}, 0, i * 32);
  out.pad().bytes.resize(out.bytes.size() + count * 32);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(parse(std::move(out.bytes)).tensors.size(), count);
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  RecordProperty("seconds", std::to_string(seconds.count()));
  std::printf("%llu tensors: %.3f s\n", static_cast<unsigned long long>(count), seconds.count());
}

}  // namespace
}  // namespace recast::gguf
