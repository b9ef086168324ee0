#include "wire/safetensors.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <random>

#include "io/memory_file.h"
#include "wire/caught.h"
#include "wire/safetensors_index.h"

namespace recast {
namespace {

std::string length_field(uint64_t length) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(length >> (8 * i));
  return out;
}

// A whole file: the header padded with spaces, then zeros.
std::string file_text(std::string header, size_t data_bytes) {
  header.append((8 - header.size() % 8) % 8, ' ');
  return length_field(header.size()) + header + std::string(data_bytes, '\0');
}

SafetensorsHeader read(std::string_view text) {
  return read_safetensors_header(MemoryFile("model.safetensors", text));
}

constexpr std::string_view entry_w = R"({"dtype":"F32","shape":[2,2],"data_offsets":[0,16]})";

std::string named(std::string_view name, std::string_view entry) {
  return fmt::format("{{\"{}\":{}}}", name, entry);
}
std::string one_entry(std::string_view entry) { return named("w", entry); }

TEST(Safetensors, ReadsEntriesInOrderOfTheirBytes) {
  const std::string text = file_text(
      R"({"b":{"dtype":"F16","shape":[2],"data_offsets":[16,20]},)"
      R"("__metadata__":{"format":"pt","a\u0000":""},)"
      R"("z":{"shape":[0,4],"dtype":"F64","data_offsets":[16,16],"note":{"x":[{"shape":[1,"a"]}]}},)"
      R"("a":{"data_offsets":[0,16],"dtype":"F32","shape":[2,2]},)"
      R"("s":{"dtype":"BOOL","shape":[],"data_offsets":[20,21]},)"
      R"("p":{"dtype":"F4","shape":[2,3],"data_offsets":[21,24]}})",
      24);
  const SafetensorsHeader header = read(text);
  EXPECT_EQ(header.data_begin, text.size() - 24);
  ASSERT_EQ(header.entries.size(), 5u);
  const char* names[] = {"a", "z", "b", "s", "p"};
  for (size_t i = 0; i < 5; ++i) EXPECT_EQ(header.entries[i].name, names[i]);
  EXPECT_EQ(header.entries[0].dtype, "F32");
  EXPECT_EQ(header.entries[0].shape, (Shape{2, 2}));
  EXPECT_EQ(header.entries[2].begin, header.data_begin + 16);
  EXPECT_EQ(header.entries[2].end, header.data_begin + 20);
  EXPECT_TRUE(header.entries[3].shape.empty());
  ASSERT_EQ(header.metadata.size(), 2u);
  EXPECT_EQ(header.metadata[0], std::pair(std::string("format"), std::string("pt")));
  EXPECT_EQ(header.metadata[1].first, std::string_view("a\0", 2));
}

TEST(Safetensors, AcceptsWhatWritersDo) {
  EXPECT_EQ(read(file_text(R"({"__metadata__":null})", 0)).entries.size(), 0u);
  EXPECT_EQ(read(length_field(2) + "{}").data_begin, 10u);
  // Neither padded nor aligned, as MLX writes it.
  const std::string header =
      R"({"__metadata__":null,"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})";
  EXPECT_EQ(read(length_field(header.size()) + header + "abcd").entries[0].begin,
            header.size() + 8);
  const std::string odd = R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                          R"("b":{"dtype":"F64","shape":[1],"data_offsets":[1,9]}})";
  EXPECT_EQ(read(file_text(odd, 9)).entries[1].begin % 8, 1u);
  EXPECT_EQ(read(file_text(named("../../x", entry_w), 16)).entries[0].name, "../../x");
  EXPECT_EQ(read(file_text(named("", entry_w), 16)).entries[0].name, "");  // as the reference does
  EXPECT_EQ(read(file_text(one_entry(entry_w), 16)).ignored_members, 0u);
}

TEST(Safetensors, RefusesEachLieOfAHeaderByName) {
  struct Row {
    std::string text;
    std::string_view symbol;
    std::vector<std::string> words;
  };
  const std::string w(entry_w);
  std::string many_ones = "1";
  for (int i = 1; i < 200000; ++i) many_ones += ",1";
  const auto entry = [](std::string_view dtype, std::string_view shape, std::string_view offsets) {
    return file_text(one_entry(fmt::format(R"({{"dtype":{},"shape":{},"data_offsets":{}}})", dtype,
                                           shape, offsets)),
                     16);
  };
  const std::string f32 = "\"F32\"";
  const Row rows[] = {
      {"", "empty_file", {"empty"}},
      {"1234567", "truncated", {"7 bytes"}},
      {length_field(1000000) + one_entry(w), "safetensors_header_length", {"1000000"}},
      {length_field(UINT64_MAX) + one_entry(w),
       "safetensors_header_length",
       {"header length", "18446744073709551615"}},
      {length_field(0) + w, "safetensors_header_length", {"header"}},
      {length_field(100'000'001) + std::string(100'000'001, ' '),
       "safetensors_header_size",
       {"header is too large", "100000001"}},
      {file_text("this is not json", 0), "safetensors_start", {"JSON"}},
      {file_text(fmt::format(" {}", one_entry(w)), 16),
       "safetensors_start",
       {"must begin with {", "0x20"}},
      {file_text(named("\xff", w), 16), "json_utf8", {"UTF-8", "offset 10 "}},
      {file_text(one_entry(std::string(1000000, '[')), 0), "json_depth", {"nest"}},
      {file_text(one_entry(named("x", std::string(1000000, '['))), 0),
       "json_depth",
       {"nest", "\"w\""}},
      {file_text(fmt::format("{{\"w\":{0},\"\\u0077\":{0}}}", w), 32),
       "json_duplicate_key",
       {"\"w\"", "duplicate"}},
      {file_text(R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},)"
                 R"("b":{"dtype":"F32","shape":[4],"data_offsets":[8,24]}})",
                 24),
       "safetensors_overlap",
       {"\"a\"", "\"b\"", "overlap"}},
      {file_text(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                 R"("b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]}})",
                 20),
       "safetensors_hole",
       {"\"a\"", "\"b\"", "contiguous"}},
      {file_text(R"({"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})", 12),
       "safetensors_hole",
       {"\"b\""}},
      {file_text(one_entry(w), 32), "safetensors_trailing", {"16 bytes", "not covered"}},
      {file_text("{}", 1), "safetensors_trailing", {"1 bytes"}},
      {entry(f32, "[2,2]", "[1099511627776,1099511627792]"),
       "safetensors_offsets",
       {"\"w\"", "offset", "1099511627776"}},
      {entry(f32, "[2,2]", "[16,0]"), "safetensors_offsets", {"\"w\"", "offset"}},
      {entry(f32, "[2,2]", "[-16,0]"), "safetensors_offsets", {"\"w\"", "offset", "-16"}},
      {entry(f32, "[2,2]", "[0.0,16.0]"), "safetensors_offsets", {"\"w\"", "0.0", "integer"}},
      {entry(f32, "[2,2]", "[0,1e1]"), "safetensors_offsets", {"\"w\"", "1e1"}},
      {entry(f32, "[2,2]", "[0,18446744073709551616]"), "safetensors_offsets", {"\"w\""}},
      {entry(f32, "[2,2]", fmt::format("[0,{}]", std::string(400, '9'))),
       "json_syntax",
       {"\"w\"", "number"}},
      {entry(f32, "[4611686018427387904,8]", "[0,16]"),
       "safetensors_shape",
       {"\"w\"", "4611686018427387904", "overflow"}},
      {entry(f32, "[4611686018427387904,8,0]", "[0,0]"), "safetensors_shape", {"\"w\""}},
      {entry("\"U8\"", "[0,9223372036854775808]", "[0,0]"), "safetensors_shape", {"\"w\""}},
      {entry(f32, "[-2,-2]", "[0,16]"), "safetensors_shape", {"\"w\"", "shape", "-2"}},
      {entry("\"FLOAT99\"", "[2,2]", "[0,16]"), "safetensors_dtype", {"FLOAT99", "dtype"}},
      {entry("7", "[2,2]", "[0,16]"), "safetensors_entry", {"\"w\"", "dtype"}},
      {entry(f32, "[2,3]", "[0,16]"), "safetensors_size", {"\"w\"", "size", "24", "16"}},
      {entry("\"F4\"", "[3]", "[0,2]"), "safetensors_size", {"\"w\"", "12 bits"}},
      {entry(f32, "[[2],2]", "[0,16]"), "safetensors_entry", {"\"w\"", "shape"}},
      {entry(f32, "{}", "[0,16]"), "safetensors_entry", {"\"w\"", "shape"}},
      {entry(f32, "[\"2\"]", "[0,16]"), "safetensors_entry", {"\"w\"", "shape"}},
      {entry(f32, fmt::format("[{}]", many_ones), "[0,4]"),
       "safetensors_rank",
       {"\"w\"", "dimensions", "200000"}},
      {entry(f32, "[1,1,1,1,1,1,1,1,1]", "[0,4]"), "safetensors_rank", {"\"w\""}},
      {entry(f32, "[2,2]", "[0,16,32]"), "safetensors_entry", {"data_offsets", "\"w\""}},
      {entry(f32, "[2,2]", "[]"), "safetensors_entry", {"data_offsets", "\"w\""}},
      {file_text(one_entry(R"({"shape":[2,2],"data_offsets":[0,16]})"), 16),
       "safetensors_entry",
       {"dtype", "\"w\""}},
      {file_text(one_entry(R"({"dtype":"F32","data_offsets":[0,16]})"), 16),
       "safetensors_entry",
       {"shape", "\"w\""}},
      {file_text(one_entry(R"({"dtype":"F32","shape":[2,2]})"), 16),
       "safetensors_entry",
       {"data_offsets", "\"w\""}},
      {file_text(one_entry("null"), 0), "safetensors_entry", {"\"w\"", "null"}},
      {file_text(one_entry("[]"), 0), "safetensors_entry", {"\"w\""}},
      {file_text(R"({"__metadata__":{"step":7}})", 0),
       "safetensors_metadata",
       {"__metadata__", "step"}},
      {file_text(R"({"__metadata__":{"step":{}}})", 0), "safetensors_metadata", {"step"}},
      {file_text(R"({"__metadata__":{"step":[]}})", 0), "safetensors_metadata", {"step"}},
      {file_text(R"({"__metadata__":{"dtype":null}})", 0), "safetensors_metadata", {"dtype"}},
      {file_text(R"({"__metadata__":[]})", 0), "safetensors_metadata", {"__metadata__"}},
      {file_text(R"({"__metadata__":"x"})", 0), "safetensors_metadata", {"__metadata__"}},
      {file_text(named("a\\u0000b", w), 16), "safetensors_name", {"NUL", "a\\x00b"}},
      {file_text(named(std::string(4097, 'n'), w), 16), "safetensors_name_length", {"4097"}},
      {file_text(named("\\ud800", w), 16), "json_surrogate", {"surrogate"}},
      {file_text(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                 R"("b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}})",
                 12),
       "safetensors_offsets",
       {"\"b\"", "truncated"}},
      {file_text(one_entry(w) + "{}", 16), "json_syntax", {"JSON"}},
      {"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
       "lfs_pointer",
       {"LFS"}},
      {"<!DOCTYPE html><html></html>", "html_page", {"HTML"}},
  };
  for (const Row& row : rows) {
    const Error error = caught([&] { read(row.text); });
    const std::string shown = printable(row.text.substr(0, 120));
    EXPECT_EQ(symbol_of(error), row.symbol) << shown;
    EXPECT_EQ(error.file, "model.safetensors") << shown;
    for (const std::string& word : row.words)
      EXPECT_NE(all_text(error).find(word), std::string::npos)
          << shown << " gives " << all_text(error) << " without " << word;
  }
}

TEST(Safetensors, SurvivesEveryChangedByteAndEveryTruncation) {
  const std::string good = file_text(
      R"({"__metadata__":{"f":"pt"},"a":{"dtype":"U8","shape":[2,2],"data_offsets":[0,4]},)"
      R"("b":{"dtype":"F16","shape":[1],"data_offsets":[4,6]}})",
      6);
  int accepted = 0, refused = 0;
  const auto attempt = [&](std::string_view text) {
    ++(caught([&] { read(text); }).code ? refused : accepted);
  };
  for (size_t i = 0; i < good.size(); ++i) {
    attempt(std::string_view(good).substr(0, i));
    std::string changed = good;
    for (int byte = 0; byte < 256; ++byte) {
      changed[i] = static_cast<char>(byte);
      attempt(changed);
    }
  }
  EXPECT_GT(accepted, 1000);  // other names, other data
  EXPECT_GT(refused, 20000);
}

TEST(SafetensorsLayout, HasTheOrderAndPaddingOfTheReferenceLibrary) {
  const SafetensorsTensor tensors[] = {{"b", "F16", {2}},
                                       {"m", "BOOL", {3}},
                                       {"a", "F16", {}},
                                       {"q", "I64", {1}},
                                       {"w", "F32", {2, 0}}};
  const SafetensorsLayout layout = plan_safetensors(tensors, {{"format", "p\"t"}});
  const std::string expected = R"({"__metadata__":{"format":"p\"t"},)"
                               R"("q":{"dtype":"I64","shape":[1],"data_offsets":[0,8]},)"
                               R"("w":{"dtype":"F32","shape":[2,0],"data_offsets":[8,8]},)"
                               R"("a":{"dtype":"F16","shape":[],"data_offsets":[8,10]},)"
                               R"("b":{"dtype":"F16","shape":[2],"data_offsets":[10,14]},)"
                               R"("m":{"dtype":"BOOL","shape":[3],"data_offsets":[14,17]}})";
  const std::string file = file_text(expected, 17);
  const std::string_view header(reinterpret_cast<const char*>(layout.header.data()),
                                layout.header.size());
  EXPECT_EQ(header, std::string_view(file).substr(0, file.size() - 17));
  EXPECT_EQ(layout.file_bytes, file.size());
  EXPECT_EQ(layout.offsets[3], layout.header.size());
  EXPECT_EQ(layout.offsets[0], layout.header.size() + 10);
}

TEST(SafetensorsLayout, RefusesWhatTheFormatCannotHold) {
  const auto plan = [](std::string name, std::string_view dtype, Shape shape) {
    const SafetensorsTensor tensors[] = {{"w", "F32", {}}, {std::move(name), dtype, shape}};
    return symbol_of(caught([&] { plan_safetensors(tensors, {}); }));
  };
  EXPECT_EQ(plan("__metadata__", "F32", {}), "safetensors_name");
  EXPECT_EQ(plan(std::string("a\0", 2), "F32", {}), "safetensors_name");
  EXPECT_EQ(plan("\xff", "F32", {}), "json_utf8");
  EXPECT_EQ(plan("w", "U8", {}), "json_duplicate_key");
  EXPECT_EQ(plan("a", "F4", {3}), "safetensors_size");
  EXPECT_EQ(plan("a", "F64", {int64_t{1} << 61}), "safetensors_shape");
  EXPECT_EQ(plan("a", "F32", {-1}), "safetensors_shape");
  EXPECT_EQ(symbol_of(caught([] { plan_safetensors({}, {{"a", "\xff"}}); })), "json_utf8");
  EXPECT_EQ(symbol_of(caught([] {
              plan_safetensors({}, {{"a", std::string(100'000'000, 'x')}});
            })),
            "safetensors_header_size");
}

std::string whole_file(const SafetensorsLayout& layout) {
  std::string text(layout.file_bytes, '\0');
  std::memcpy(text.data(), layout.header.data(), layout.header.size());
  return text;
}

TEST(SafetensorsLayout, ReadsBackForAnyTensors) {
  std::mt19937 random(3);
  for (int round = 0; round < 500; ++round) {
    std::vector<SafetensorsTensor> tensors;
    const int count = static_cast<int>(random() % 8);
    for (int i = 0; i < count; ++i) {
      constexpr std::string_view ends[] = {"", ".weight", "\"\\\n", "\xc3\xa9", "/../"};
      SafetensorsTensor tensor;
      tensor.name = fmt::format("{}{}", random() % 4 * 8 + static_cast<unsigned>(i),
                                ends[random() % std::size(ends)]);
      tensor.dtype = safetensors_dtypes[random() % std::size(safetensors_dtypes)].name;
      for (unsigned n = random() % 4; n > 0; --n) tensor.shape.push_back(random() % 4);
      tensor.shape.push_back(static_cast<int64_t>(random() % 2) * 4);  // whole bytes for F4 and F6
      tensors.push_back(std::move(tensor));
    }
    std::sort(tensors.begin(), tensors.end(),
              [](const auto& a, const auto& b) { return a.name < b.name; });
    tensors.erase(std::unique(tensors.begin(), tensors.end(),
                              [](const auto& a, const auto& b) { return a.name == b.name; }),
                  tensors.end());
    const SafetensorsLayout layout = plan_safetensors(tensors, {{"format", "pt"}});
    EXPECT_EQ(layout.header.size() % 8, 0u);
    const SafetensorsHeader header = read(whole_file(layout));
    ASSERT_EQ(header.entries.size(), tensors.size());
    for (const SafetensorsEntry& entry : header.entries) {
      const auto tensor = std::find_if(tensors.begin(), tensors.end(),
                                       [&](const auto& t) { return t.name == entry.name; });
      ASSERT_NE(tensor, tensors.end());
      EXPECT_EQ(entry.dtype, tensor->dtype);
      EXPECT_EQ(entry.shape, tensor->shape);
      EXPECT_EQ(entry.begin, layout.offsets[static_cast<size_t>(tensor - tensors.begin())]);
      const uint64_t bits = static_cast<uint64_t>(find_safetensors_dtype(entry.dtype)->bits);
      if (bits >= 8) {
        EXPECT_EQ((entry.begin - header.data_begin) % (bits / 8), 0u);
      }
    }
  }
}

TEST(Safetensors, ReadsAHundredThousandTensors) {
  std::vector<SafetensorsTensor> tensors;
  for (int i = 0; i < 100000; ++i)
    tensors.push_back({fmt::format("model.layers.{}.mlp.experts.{}.gate_proj.weight", i / 1000, i),
                       "BF16",
                       {2, 4}});
  const std::string text = whole_file(plan_safetensors(tensors, {{"format", "pt"}}));
  const MemoryFile file("model.safetensors", text);
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(read_safetensors_header(file).entries.size(), tensors.size());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::cout << fmt::format("header of 100000 tensors read in {:.3f} s\n", took.count());
}

// Headers written by the reference library are reproduced byte by byte from what was read.
TEST(Safetensors, ReadsAndReproducesRealHeaders) {
  const char* shared = std::getenv("RECAST_SHARED");
  if (!shared) GTEST_SKIP() << "RECAST_SHARED is not set";
  int read_files = 0, reproduced = 0;
  for (const auto& folder : std::filesystem::directory_iterator(std::string(shared) + "/refs")) {
    const auto path = folder.path() / "model.safetensors";
    if (!std::filesystem::exists(path)) continue;
    const auto file = open_file(path.string());
    const SafetensorsHeader header = read_safetensors_header(*file);
    std::vector<SafetensorsTensor> tensors;
    for (const SafetensorsEntry& entry : header.entries)
      tensors.insert(tensors.begin(), {entry.name, entry.dtype, entry.shape});
    const SafetensorsLayout layout = plan_safetensors(tensors, header.metadata);
    std::vector<std::byte> original(header.data_begin);
    file->read_at(0, original);
    ++read_files;
    reproduced += layout.header == original;
    EXPECT_EQ(layout.header, original) << path;
    EXPECT_EQ(layout.file_bytes, file->size());
  }
  std::cout << fmt::format("{} real headers read, {} reproduced\n", read_files, reproduced);
  EXPECT_GT(read_files, 0);
}

ShardIndex read_index(std::string_view text) {
  return read_shard_index(MemoryFile("model.safetensors.index.json", text));
}

TEST(ShardIndex, KeepsOrderAndClaims) {
  const ShardIndex index = read_index(
      R"({"metadata":{"total_size":16.0,"note":"x"},"weight_map":{"b":"m-2.safetensors","a":"m-1.safetensors"}})");
  ASSERT_EQ(index.weight_map.size(), 2u);
  EXPECT_EQ(index.weight_map[0], std::pair(std::string("b"), std::string("m-2.safetensors")));
  EXPECT_EQ(index.total_size, 16u);
  EXPECT_EQ(index.metadata.size(), 2u);
  EXPECT_EQ(read_index(R"({"weight_map":{}})").total_size, std::nullopt);
  EXPECT_EQ(read_index(R"({"metadata":null,"weight_map":{}})").metadata.size(), 0u);
}

TEST(ShardIndex, RefusesAWrongStructureAndUnsafeNames) {
  const std::pair<std::string_view, std::string_view> rows[] = {
      {"", "empty_file"},
      {"<html>", "html_page"},
      {"[]", "shard_index"},
      {"{}", "shard_index"},
      {R"({"weight_map":[]})", "shard_index"},
      {R"({"weight_map":{"a":1}})", "shard_index"},
      {R"({"metadata":[],"weight_map":{}})", "shard_index"},
      {R"({"weight_map":{"a":"x","a":"y"}})", "json_duplicate_key"},
      {R"({"weight_map":{"a":"../outside.safetensors"}})", "unsafe_name"},
      {R"({"weight_map":{"a":"/etc/passwd"}})", "unsafe_name"},
      {R"({"weight_map":{"a":""}})", "unsafe_name"},
      {R"({"weight_map":{"a":"x\u0000"}})", "unsafe_name"},
  };
  for (const auto& [text, symbol] : rows) {
    const Error error = caught([&] { read_index(text); });
    EXPECT_EQ(symbol_of(error), symbol) << text;
    EXPECT_EQ(error.file, "model.safetensors.index.json") << text;
  }
  const Error error = caught([] { read_index(R"({"weight_map":{"a":"/etc/passwd"}})"); });
  EXPECT_NE(all_text(error).find("passwd"), std::string::npos) << all_text(error);
}

}  // namespace
}  // namespace recast
