#include "formats/safetensors/safetensors.h"

#include <cstdlib>

#include "codec/codecs.h"
#include "formats/formats_testing.h"
#include "formats/shards.h"
#include "formats/tensor_sums.h"
#include "tensor/lazy_ops.h"
#include "wire/safetensors.h"

namespace recast {
namespace {

namespace fs = std::filesystem;
using formats_testing::expect_same_tensors;
using formats_testing::read_path;
using formats_testing::safetensors_bytes;
using formats_testing::Scratch;
using formats_testing::stored_bytes;
using formats_testing::write_layout;

// Three tensors of 16, 8 and 3 bytes, not in the order of their names.
Checkpoint small() {
  Checkpoint c;
  const auto add = [&](const char* name, Shape shape, const Codec& codec, char fill) {
    const auto bytes = codec.bytes(element_count(shape).value());
    c.tensors.push_back(
        {name, constant(std::vector<std::byte>(bytes, std::byte(fill)), shape, codec)});
  };
  add("z.weight", {2, 2}, codec::f32, 'z');
  add("b.weight", {4}, codec::bf16, 'b');
  add("a.flag", {3}, codec::boolean, 1);
  c.metadata.set("author", MetaValue::string("A \"quoted\" name"));
  c.metadata.set("format", MetaValue::string("mlx"));
  c.metadata.set("count", MetaValue::u32(3));
  return c;
}

TEST(Safetensors, CodecsAndDtypesPairUp) {
  for (const SafetensorsDtype& dtype : safetensors_dtypes) {
    int codecs = 0;
    for (const Codec* codec : codec::all())
      if (safetensors_type_name(*codec) == dtype.name) {
        ++codecs;
        EXPECT_EQ(codec->block_bytes * 8, static_cast<uint64_t>(dtype.bits) *
                                              static_cast<uint64_t>(codec->block_elements))
            << dtype.name;
      }
    EXPECT_EQ(codecs, 1) << dtype.name;
  }
  EXPECT_EQ(safetensors_type_name(codec::q8_0), "");
}

TEST(Safetensors, WrittenBytesAreThoseOfTheReferenceLibrary) {
  Scratch scratch;
  const Checkpoint c = small();
  write_layout(c, formats::safetensors.lay_out(c, {.name = "m.safetensors"}), scratch);
  // F32 before BF16 before BOOL, whatever the names; the header padded to 8 bytes.
  const std::string expected = safetensors_bytes(
      R"({"__metadata__":{"format":"pt","author":"A \"quoted\" name"},)"
      R"("z.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},)"
      R"("b.weight":{"dtype":"BF16","shape":[4],"data_offsets":[16,24]},)"
      R"("a.flag":{"dtype":"BOOL","shape":[3],"data_offsets":[24,27]}})",
      "zzzzzzzzzzzzzzzzbbbbbbbb\x01\x01\x01");
  EXPECT_EQ(scratch.read("m.safetensors"), expected);
}

TEST(Safetensors, RoundTripKeepsTensorsAndMetadata) {
  Scratch scratch;
  const Checkpoint c = small();
  write_layout(c, formats::safetensors.lay_out(c, {.name = "m.safetensors"}), scratch);
  const Checkpoint back = read_path(scratch / "m.safetensors");
  expect_same_tensors(c, back);
  EXPECT_EQ(back.name, "m");
  EXPECT_EQ(*back.metadata.find("author")->as_string(), "A \"quoted\" name");
  EXPECT_EQ(*back.metadata.find("format")->as_string(), "pt");
}

TEST(Safetensors, AnyShardOrTheIndexStandsForTheSet) {
  Scratch scratch;
  const Checkpoint c = small();
  const Layout layout =
      formats::safetensors.lay_out(c, {.name = "m.safetensors", .shard_size = 17});
  ASSERT_EQ(layout.files.size(), 3u);
  EXPECT_EQ(layout.files[0].name, "m.safetensors.index.json");
  write_layout(c, layout, scratch);
  EXPECT_EQ(scratch.read("m.safetensors.index.json"),
            "{\n  \"metadata\": {\n    \"total_size\": 27\n  },\n  \"weight_map\": {\n"
            "    \"a.flag\": \"m-00002-of-00002.safetensors\",\n"
            "    \"b.weight\": \"m-00002-of-00002.safetensors\",\n"
            "    \"z.weight\": \"m-00001-of-00002.safetensors\"\n  }\n}\n");
  for (const OutputFileSpec& file : layout.files) {
    const Checkpoint back = read_path(scratch / file.name);
    expect_same_tensors(c, back);
    EXPECT_EQ(back.name, "m");
    EXPECT_TRUE(back.warnings.empty());
  }
  fs::remove(scratch / "m.safetensors.index.json");
  expect_same_tensors(c, read_path(scratch / "m-00002-of-00002.safetensors"));
  fs::remove(scratch / "m-00001-of-00002.safetensors");
  EXPECT_CODE(read_path(scratch / "m-00002-of-00002.safetensors"), shard_missing);
}

TEST(Safetensors, SumsFollowTheNamesAndComeBackInTensorOrder) {
  const Checkpoint c = small();
  for (const uint64_t shard_size : {uint64_t{17}, uint64_t{1000}}) {
    Scratch scratch;
    const Layout layout = formats::safetensors.lay_out(
        c, {.name = "m.safetensors", .shard_size = shard_size, .tensor_sums = true});
    write_layout(c, layout, scratch);
    const Checkpoint back = read_path(scratch / layout.files[0].name);
    const auto& sums = *back.metadata.find(tensor_sums_key)->as_strings();
    ASSERT_EQ(sums.size(), back.tensors.size());
    for (size_t i = 0; i < sums.size(); ++i)
      EXPECT_EQ(sums[i], xxh3_128(io_testing::bytes_of(stored_bytes(back.tensors[i]))).hex());
  }
}

TEST(Safetensors, MalformedSumsAreRefused) {
  Scratch scratch;
  const std::string path = scratch.write(
      "m.safetensors", safetensors_bytes(R"({"__metadata__":{"recast.tensor_sums":"12"},)"
                                         R"("w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                                         "1234"));
  EXPECT_CODE(read_path(path), tensor_sums_malformed);
}

TEST(Safetensors, ConfigBesideTheFileIsRead) {
  Scratch scratch;
  const Checkpoint c = small();
  write_layout(c, formats::safetensors.lay_out(c, {.name = "m.safetensors"}), scratch);
  EXPECT_TRUE(read_path(scratch / "m.safetensors").config.is_null());
  scratch.write("config.json", R"({"model_type": "llama"})");
  scratch.write("tokenizer.json", "{}");
  const Checkpoint back = read_path(scratch / "m.safetensors");
  EXPECT_EQ(*back.config.find("model_type")->as_string(), "llama");
  EXPECT_NE(back.find_side_file("tokenizer.json"), nullptr);
}

TEST(Safetensors, TypesThatTheFormatLacksAreRefused) {
  Checkpoint c;
  c.tensors.push_back({"t", constant(std::vector<std::byte>(34), {32}, codec::q8_0)});
  EXPECT_CODE(formats::safetensors.lay_out(c, {.name = "m.safetensors"}), type_not_stored);
}

TEST(Safetensors, EveryTruncationIsRefusedAndNoFlipCrashes) {
  Scratch scratch;
  const Checkpoint c = small();
  write_layout(c, formats::safetensors.lay_out(c, {.name = "m.safetensors"}), scratch);
  const std::string bytes = scratch.read("m.safetensors");
  for (size_t n = 0; n < bytes.size(); ++n) {
    scratch.write("cut.safetensors", bytes.substr(0, n));
    EXPECT_NE(io_testing::code_of([&] { read_path(scratch / "cut.safetensors"); }), nullptr) << n;
  }
  int refused = 0;
  for (size_t i = 0; i < bytes.size() - 27; ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    scratch.write("flip.safetensors", damaged);
    refused +=
        io_testing::code_of([&] { read_path(scratch / "flip.safetensors"); }) != nullptr;
  }
  EXPECT_GT(refused, 100);
}

TEST(Safetensors, ManyTensorsAreReadInLinearTime) {
  Scratch scratch;
  Checkpoint c;
  const ValuePtr value = constant(std::vector<std::byte>(4), {1}, codec::f32);
  for (int i = 0; i < 100'000; ++i)
    c.tensors.push_back({"model.layers." + std::to_string(i) + ".weight", value});
  write_layout(c, formats::safetensors.lay_out(c, {.name = "m.safetensors"}), scratch);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(read_path(scratch / "m.safetensors").tensors.size(), c.tensors.size());
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  RecordProperty("seconds", std::to_string(seconds.count()));
  std::printf("100000 tensors: %.3f s\n", seconds.count());
}

TEST(Safetensors, ReferenceFilesRoundTrip) {
  const char* shared = std::getenv("RECAST_SHARED");
  if (!shared) GTEST_SKIP() << "RECAST_SHARED is not set";
  for (const char* name : {"models/bard/model.safetensors",
                           "models/bard-sharded/model.safetensors.index.json",
                           "refs/llama-sharded/model.safetensors.index.json"}) {
    SCOPED_TRACE(name);
    Scratch scratch;
    const Checkpoint c = read_path((fs::path(shared) / name).string());
    EXPECT_FALSE(c.config.is_null());
    write_layout(c, formats::safetensors.lay_out(c, {.name = "m.safetensors"}), scratch);
    expect_same_tensors(c, read_path(scratch / "m.safetensors"));
  }
  // One file, written by the reference library: the very bytes come back.
  Scratch scratch;
  const std::string path = (fs::path(shared) / "models/bard/model.safetensors").string();
  const Checkpoint c = read_path(path);
  write_layout(c, formats::safetensors.lay_out(c, {.name = "m.safetensors"}), scratch);
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(scratch.read("m.safetensors") == std::string(std::istreambuf_iterator<char>(in), {}));
}

}  // namespace
}  // namespace recast
