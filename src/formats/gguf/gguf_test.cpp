#include "formats/gguf/gguf.h"

#include <cstdlib>

#include "codec/codecs.h"
#include "formats/formats_testing.h"
#include "formats/gguf/big_endian.h"
#include "formats/gguf/types.h"
#include "formats/tensor_sums.h"
#include "io/memory_file.h"
#include "tensor/lazy_ops.h"

namespace recast::gguf {
namespace {

namespace fs = std::filesystem;
using formats_testing::expect_same_tensors;
using formats_testing::GgufBytes;
using formats_testing::read_path;
using formats_testing::Scratch;
using formats_testing::small_gguf;
using formats_testing::stored_bytes;
using formats_testing::write_layout;

TEST(GgufTypes, BlockSizesAreThoseOfTheFormat) {
  // Number, weights and bytes as measured on the reference library.
  constexpr int64_t rows[][3] = {
      {0, 1, 4},      {1, 1, 2},      {2, 32, 18},   {3, 32, 20},    {6, 32, 22},    {7, 32, 24},
      {8, 32, 34},    {9, 32, 36},    {10, 256, 84}, {11, 256, 110}, {12, 256, 144}, {13, 256, 176},
      {14, 256, 210}, {15, 256, 292}, {16, 256, 66}, {17, 256, 74},  {18, 256, 98},  {19, 256, 50},
      {20, 32, 18},   {21, 256, 110}, {22, 256, 82}, {23, 256, 136}, {24, 1, 1},     {25, 1, 2},
      {26, 1, 4},     {27, 1, 8},     {28, 1, 8},    {29, 256, 56},  {30, 1, 2},     {34, 256, 54},
      {35, 256, 66},  {39, 32, 17},   {40, 64, 36},  {41, 128, 18},  {42, 64, 18},
  };
  for (const auto& [id, elements, bytes] : rows) {
    const Type* type = find_type(static_cast<uint32_t>(id));
    ASSERT_TRUE(type && type->codec) << id;
    EXPECT_EQ(type->codec->block_elements, elements) << type->name;
    EXPECT_EQ(type->codec->block_bytes, static_cast<uint64_t>(bytes)) << type->name;
    EXPECT_EQ(type_of(*type->codec), type);
    for (const int field : type->half_fields) EXPECT_LT(field, bytes - 1) << type->name;
  }
  for (const uint32_t removed : {4, 5, 31, 32, 33, 36, 37, 38})
    EXPECT_EQ(find_type(removed)->codec, nullptr) << removed;
  EXPECT_EQ(find_type(43), nullptr);
}

TEST(Gguf, RunTimeTypesAreNotWritten) {
  EXPECT_EQ(formats::gguf.type_name(*find_type(12)->codec), "Q4_K");
  EXPECT_EQ(formats::gguf.type_name(*find_type(9)->codec), "");
  EXPECT_EQ(formats::gguf.type_name(codec::boolean), "");
}

TEST(Gguf, ReadsWhatWasBuiltByHand) {
  Scratch scratch;
  const Checkpoint c = read_path(scratch.write("tiny.gguf", small_gguf()));
  EXPECT_EQ(c.name, "tiny");
  EXPECT_EQ(c.convention, Convention::gguf);
  EXPECT_FALSE(c.vocabulary);
  ASSERT_EQ(c.tensors.size(), 2u);
  std::string expected;
  for (int i = 0; i < 24; ++i) {
    const auto value = static_cast<float>(i);
    expected.append(reinterpret_cast<const char*>(&value), 4);
  }
  EXPECT_EQ(stored_bytes(c.tensors[0]), expected);
  EXPECT_EQ(stored_bytes(c.tensors[1]).substr(0, 3), std::string("\x00\x3c\x00", 3));
}

TEST(Gguf, BigEndianTwinHoldsTheSameTensors) {
  Scratch scratch;
  const Checkpoint little = read_path(scratch.write("l.gguf", small_gguf(3, false)));
  const Checkpoint big = read_path(scratch.write("b.gguf", small_gguf(3, true)));
  expect_same_tensors(little, big);
  EXPECT_EQ(little.metadata.entries(), big.metadata.entries());
}

TEST(Gguf, BigEndianBlocksSwapTheirHalfFieldsAlone) {
  std::string bytes(144, '\0');
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(i);
  const auto file = std::make_shared<MemoryFile>("f", std::string_view(bytes));
  const Tensor q4_k{"t", big_endian_stored(file, 0, {256}, *find_type(12))};
  std::string swapped = bytes;
  std::swap(swapped[0], swapped[1]);
  std::swap(swapped[2], swapped[3]);
  EXPECT_EQ(stored_bytes(q4_k), swapped);
  const ValuePtr mxfp4 = big_endian_stored(file, 0, {256}, *find_type(39));
  EXPECT_TRUE(mxfp4->extent());
}

TEST(Gguf, BigEndianTypesWithUnclearFieldsAreRefused) {
  Scratch scratch;
  GgufBytes out(true);
  out.start(3, 1, 0).tensor("t", {32}, 6, 0).pad();
  EXPECT_CODE(read_path(scratch.write("b.gguf", out.bytes + std::string(32, '\0'))),
              gguf_big_endian_type);
}

// The same keys, tensors and bytes come back, and the second writing equals the first.
void expect_round_trip(const Checkpoint& source, const WriteOptions& options) {
  Scratch first, second;
  write_layout(source, lay_out(source, options), first);
  const Checkpoint back = read_path(first / options.name);
  expect_same_tensors(source, back);
  write_layout(back, lay_out(back, options), second);
  EXPECT_EQ(first.read(options.name), second.read(options.name));
}

TEST(Gguf, WritesBackTheVeryBytesItRead) {
  Scratch scratch;
  const Checkpoint c = read_path(scratch.write("tiny.gguf", small_gguf()));
  write_layout(c, lay_out(c, {.name = "copy.gguf"}), scratch);
  EXPECT_EQ(scratch.read("copy.gguf"), small_gguf());
}

TEST(Gguf, AlignmentIsAKeyUnlessItIsTheDefault) {
  Scratch scratch;
  const Checkpoint c = read_path(scratch.write("tiny.gguf", small_gguf()));
  write_layout(c, lay_out(c, {.name = "a.gguf", .alignment = 256}), scratch);
  const Checkpoint wide = read_path(scratch / "a.gguf");
  EXPECT_EQ(wide.metadata.find("general.alignment")->as_int(), 256);
  for (const Tensor& tensor : wide.tensors) EXPECT_EQ(tensor.value->extent()->offset % 256, 0u);
  // Kept from the source, and dropped again on request.
  EXPECT_EQ(lay_out(wide, {.name = "b.gguf"}).files[0].bytes, fs::file_size(scratch / "a.gguf"));
  write_layout(wide, lay_out(wide, {.name = "c.gguf", .alignment = 32}), scratch);
  EXPECT_EQ(scratch.read("c.gguf"), small_gguf());
  EXPECT_CODE(lay_out(c, {.name = "d.gguf", .alignment = 24}), bad_value);
}

TEST(Gguf, TensorSumsAreCheckedAndNeverCarriedOver) {
  Scratch scratch;
  const Checkpoint c = read_path(scratch.write("tiny.gguf", small_gguf()));
  write_layout(c, lay_out(c, {.name = "s.gguf", .tensor_sums = true}), scratch);
  const Checkpoint summed = read_path(scratch / "s.gguf");
  const auto& sums = *summed.metadata.find(tensor_sums_key)->as_strings();
  ASSERT_EQ(sums.size(), 2u);
  EXPECT_EQ(sums[1], xxh3_128(io_testing::bytes_of(stored_bytes(c.tensors[1]))).hex());
  write_layout(summed, lay_out(summed, {.name = "t.gguf"}), scratch);
  EXPECT_EQ(scratch.read("t.gguf"), small_gguf());
  std::string damaged = scratch.read("s.gguf");
  damaged[damaged.find(sums[0])] = 'G';
  EXPECT_CODE(read_path(scratch.write("d.gguf", damaged)), tensor_sums_malformed);
}

TEST(Gguf, SplitSetsAreReadFromAnyPart) {
  Scratch scratch;
  const Checkpoint c = read_path(scratch.write("tiny.gguf", small_gguf()));
  const Layout layout = lay_out(c, {.name = "s.gguf", .split = "tensors:1", .tensor_sums = true});
  ASSERT_EQ(layout.files.size(), 2u);
  EXPECT_EQ(layout.files[0].name, "s-00001-of-00002.gguf");
  write_layout(c, layout, scratch);
  for (const OutputFileSpec& file : layout.files) {
    const Checkpoint joined = read_path(scratch / file.name);
    EXPECT_EQ(joined.name, "s");
    EXPECT_EQ(joined.files.size(), 2u);
    expect_same_tensors(c, joined);
    write_layout(joined, lay_out(joined, {.name = "joined.gguf"}), scratch);
    EXPECT_EQ(scratch.read("joined.gguf"), small_gguf());
  }
}

TEST(Gguf, SplitLimitsCountTensorsOrPaddedBytes) {
  Scratch scratch;
  const Checkpoint c = read_path(scratch.write("tiny.gguf", small_gguf()));
  const auto parts = [&](const char* split) {
    return lay_out(c, {.name = "s.gguf", .split = split}).files.size();
  };
  EXPECT_EQ(parts("tensors:2"), 1u);
  EXPECT_EQ(parts("size:160"), 1u);  // 96 and 36 padded to 64
  EXPECT_EQ(parts("size:159"), 2u);
  EXPECT_EQ(parts("size:1"), 2u);
  EXPECT_CODE(parts("size:0"), bad_value);
  EXPECT_CODE(parts("layers:1"), bad_value);
}

TEST(Gguf, DamagedSplitSetsAreNamed) {
  Scratch scratch;
  const Checkpoint c = read_path(scratch.write("tiny.gguf", small_gguf()));
  write_layout(c, lay_out(c, {.name = "s.gguf", .split = "tensors:1"}), scratch);
  const std::string first = scratch / "s-00001-of-00002.gguf";
  const std::string second = scratch / "s-00002-of-00002.gguf";
  fs::copy_file(second, scratch / "t-00001-of-00002.gguf");
  EXPECT_CODE(read_path(scratch / "t-00001-of-00002.gguf"), gguf_split);
  fs::copy_file(first, scratch / "plain.gguf");
  EXPECT_CODE(read_path(scratch / "plain.gguf"), gguf_split);
  fs::remove(second);
  fs::copy_file(scratch / "tiny.gguf", second);
  EXPECT_CODE(read_path(first), gguf_split);
  fs::remove(second);
  Error error;
  EXPECT_EQ(io_testing::code_of([&] { read_path(first); }, &error), &codes::gguf_split_missing);
  EXPECT_NE(error.expected.find("s-00002-of-00002.gguf"), std::string::npos);
}

TEST(Gguf, WhatTheFormatCannotHoldIsRefused) {
  const auto with = [](std::string name, Shape shape, const Codec& codec) {
    Checkpoint c;
    const auto bytes = codec.bytes(element_count(shape).value());
    c.tensors.push_back({std::move(name), constant(std::vector<std::byte>(bytes), shape, codec)});
    return c;
  };
  const WriteOptions options{.name = "x.gguf"};
  EXPECT_NO_THROW(lay_out(with(std::string(63, 'n'), {2}, codec::f32), options));
  EXPECT_CODE(lay_out(with(std::string(64, 'n'), {2}, codec::f32), options), gguf_not_writable);
  EXPECT_CODE(lay_out(with("t", {1, 1, 1, 1, 2}, codec::f32), options), gguf_not_writable);
  EXPECT_CODE(lay_out(with("t", {2}, codec::u16), options), type_not_stored);
  EXPECT_CODE(lay_out(with("t", {32}, *find_type(9)->codec), options), type_not_stored);
  Checkpoint many;
  for (int i = 0; i < 65'536; ++i)
    many.tensors.push_back(
        {std::to_string(i), constant(std::vector<std::byte>(1), {1}, codec::i8)});
  EXPECT_CODE(lay_out(many, {.name = "x.gguf", .split = "tensors:1"}), gguf_too_many_parts);
}

std::string attention_gguf(uint32_t blocks, uint32_t heads) {
  GgufBytes out;
  out.start(3, 1, 3).key("general.architecture", 8).text("llama");
  out.key("llama.block_count", 4).put(blocks).key("llama.attention.head_count", 4).put(heads);
  out.tensor("blk.0.attn_q.weight", {8}, 0, 0).pad();
  return out.bytes + std::string(32, '\0');
}

TEST(Gguf, MetadataThatContradictsTheTensorsIsRefused) {
  Scratch scratch;
  EXPECT_NO_THROW(read_path(scratch.write("a.gguf", attention_gguf(1, 4))));
  EXPECT_CODE(read_path(scratch.write("b.gguf", attention_gguf(1, 0))), gguf_metadata_value);
  EXPECT_CODE(read_path(scratch.write("c.gguf", attention_gguf(UINT32_MAX, 4))),
              gguf_metadata_value);
  const Checkpoint unnamed =
      read_path(scratch.write("d.gguf", GgufBytes().start(3, 0, 0).pad().bytes));
  ASSERT_EQ(unnamed.warnings.size(), 1u);
  EXPECT_EQ(unnamed.warnings[0].code, &codes::gguf_no_architecture);
  GgufBytes named;
  named.start(3, 0, 2).key("general.architecture", 8).text("llama");
  named.key("general.name", 8).text("caf\xe9").pad();
  const Checkpoint latin = read_path(scratch.write("e.gguf", named.bytes));
  ASSERT_EQ(latin.warnings.size(), 1u);
  EXPECT_EQ(latin.warnings[0].code, &codes::gguf_text);
}

TEST(Gguf, AFileTypeThatIsNoIntegerIsRefused) {
  Scratch scratch;
  const auto file = [&](uint32_t type, const std::string& value) {
    GgufBytes out;
    out.start(3, 0, 2).key("general.architecture", 8).text("llama");
    out.key("general.file_type", type);
    out.bytes += value;
    return scratch.write("f.gguf", out.pad().bytes);
  };
  const std::string one("\1\0\0\0", 4);
  EXPECT_NO_THROW(read_path(file(4, one)));
  EXPECT_NO_THROW(read_path(file(10, one + std::string(4, '\0'))));
  EXPECT_CODE(read_path(file(6, one)), gguf_metadata_value);
  EXPECT_CODE(read_path(file(7, "\1")), gguf_metadata_value);
  EXPECT_CODE(read_path(file(8, one + std::string(4, '\0') + "1")), gguf_metadata_value);
}

TEST(Gguf, AnEmbeddingHasARowForEachToken) {
  Scratch scratch;
  const auto with_rows = [&](uint64_t rows, int32_t type = 1) {
    GgufBytes out;
    out.start(3, 1, 5).key("general.architecture", 8).text("llama");
    out.key("tokenizer.ggml.model", 8).text("llama");
    out.key("tokenizer.ggml.scores", 9).put(uint32_t{6}).put(uint64_t{2}).put(0.0f).put(0.0f);
    out.key("tokenizer.ggml.tokens", 9).put(uint32_t{8}).put(uint64_t{2}).text("a").text("b");
    out.key("tokenizer.ggml.token_type", 9).put(uint32_t{5}).put(uint64_t{2}).put(int32_t{1}).put(type);
    out.tensor("token_embd.weight", {8, rows}, 0, 0).pad();
    return scratch.write("rows.gguf", out.bytes + std::string(32 * rows, '\0'));
  };
  EXPECT_TRUE(read_path(with_rows(2)).warnings.empty());
  EXPECT_CODE(read_path(with_rows(1)), vocab_rows);
  EXPECT_TRUE(read_path(with_rows(1, 5)).warnings.empty());  // the second one is unused
  const Checkpoint padded = read_path(with_rows(3));
  ASSERT_EQ(padded.warnings.size(), 1u);
  EXPECT_EQ(padded.warnings[0].code, &codes::vocab_padded);
}

TEST(Gguf, ReferenceFilesRoundTrip) {
  const char* shared = std::getenv("RECAST_SHARED");
  if (!shared) GTEST_SKIP() << "RECAST_SHARED is not set";
  int files = 0;
  for (const char* folder : {"refs", "models", "vocabs"})
    for (const auto& entry : fs::recursive_directory_iterator(fs::path(shared) / folder))
      if (entry.path().extension() == ".gguf") {
        SCOPED_TRACE(entry.path().string());
        expect_round_trip(read_path(entry.path().string()), {.name = "x.gguf"});
        ++files;
      }
  EXPECT_GT(files, 60);
}

}  // namespace
}  // namespace recast::gguf
