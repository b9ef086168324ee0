#include "formats/meta/meta.h"

#include "formats/formats_testing.h"
#include "wire/torch_testing.h"

namespace recast {
namespace {

using namespace torch_testing;
using formats_testing::read_path;
using formats_testing::Scratch;
using formats_testing::stored_bytes;

// One layer, two heads of two rows, width 4; `n` ranks.
struct Folder : Scratch {
  explicit Folder(int n, const std::string& more = "") {
    write("params.json",
          R"({"dim": 4, "n_layers": 1, "n_heads": 2, "norm_eps": 1e-05)" + more + "}");
    for (int rank = 0; rank < n; ++rank)
      write(name(rank), torch_zip(dict(tensors(n)), storages(n, rank)));
  }
  static std::string name(int rank) { return "consolidated.0" + std::to_string(rank) + ".pth"; }
  // Every element says where it stands in the whole: 10 * row + column.
  static std::string slice(int rows, int columns, int row, int column) {
    std::string bytes;
    for (int i = 0; i < rows; ++i)
      for (int j = 0; j < columns; ++j)
        bytes += raw(static_cast<float>(10 * (row + i) + column + j));
    return bytes;
  }
  static std::vector<std::pair<std::string, std::string>> tensors(int n) {
    const auto matrix = [](const char* key, int rows, int columns) {
      return tensor(
          {.key = key, .count = rows * columns, .size = {rows, columns}, .stride = {columns, 1}});
    };
    return {{"layers.0.attention.wq.weight", matrix("q", 4 / n, 4)},
            {"layers.0.attention.wo.weight", matrix("o", 4, 4 / n)},
            {"layers.0.feed_forward.w1.weight", matrix("g", 4 / n, 4)},
            {"tok_embeddings.weight", matrix("e", 4, 4 / n)},
            {"rope.freqs", tensor({.key = "q", .count = 16 / n, .size = {1}, .stride = {1}})}};
  }
  static Storages storages(int n, int rank) {
    const std::string rows = slice(4 / n, 4, 4 / n * rank, 0);
    const std::string columns = slice(4, 4 / n, 0, 4 / n * rank);
    return {{"q", rows}, {"o", columns}, {"g", rows}, {"e", columns}};
  }
};

TEST(Meta, SlicesOfAllRanksAreJoined) {
  const Folder one(1), two(2);
  const Checkpoint a = read_path(one.path()), b = read_path(two.path());
  formats_testing::expect_same_tensors(a, b);
  ASSERT_EQ(b.tensors.size(), 4u);
  EXPECT_EQ(b.tensors[0].name, "model.layers.0.self_attn.q_proj.weight");
  // Rows 0 1 | 2 3 are two heads of one pair each: their halves stand as they stood.
  EXPECT_EQ(stored_bytes(b.tensors[0]), Folder::slice(4, 4, 0, 0));
  EXPECT_EQ(b.tensors[1].name, "model.layers.0.self_attn.o_proj.weight");
  EXPECT_EQ(stored_bytes(b.tensors[1]), Folder::slice(4, 4, 0, 0));
  EXPECT_EQ(b.config.find("vocab_size")->as_int(), 4);
  EXPECT_EQ(b.config.find("intermediate_size")->as_int(), 4);
  EXPECT_EQ(b.config.find("num_key_value_heads")->as_int(), 2);
  EXPECT_TRUE(b.config.find("tie_word_embeddings")->as_bool().value());
  EXPECT_EQ(b.warnings.size(), 2u);  // context and theta
}

TEST(Meta, RotaryPairsBecomeHalves) {
  Folder folder(1);
  folder.write("params.json", R"({"dim": 4, "n_layers": 1, "n_heads": 1, "rope_theta": 500000.0})");
  const Checkpoint c = read_path(folder.path());
  EXPECT_EQ(stored_bytes(c.tensors[0]), Folder::slice(1, 4, 0, 0) + Folder::slice(1, 4, 2, 0) +
                                            Folder::slice(1, 4, 1, 0) + Folder::slice(1, 4, 3, 0));
  EXPECT_EQ(c.config.find("max_position_embeddings")->as_int(), 8192);
  // Meta's default, which is another one than that of transformers; and it is said.
  EXPECT_EQ(c.config.find("rms_norm_eps")->as_double(), 1e-5);
  ASSERT_EQ(c.warnings.size(), 2u);
  EXPECT_EQ(c.warnings[1].code, &codes::assumed);
  EXPECT_EQ(c.warnings[1].where, key_where("norm_eps"));
}

TEST(Meta, ContradictionsAreRefused) {
  Folder folder(2);
  folder.write(Folder::name(1), torch_zip(dict({{"norm.weight", tensor()}})));
  EXPECT_CODE(read_path(folder.path()), shard_mismatch);
  std::filesystem::remove(folder / Folder::name(0));
  EXPECT_CODE(read_path(folder.path()), shard_missing);
  Folder other(1);
  other.write(Folder::name(0), torch_zip(dict({{"layers.0.experts.w1.weight", tensor()}})));
  EXPECT_CODE(read_path(other.path()), weights_not_read);
  other.write("params.json", R"({"dim": 4, "n_heads": 0})");
  EXPECT_CODE(read_path(other.path()), config_value);
}

TEST(Meta, OtherModelsAreRefusedByName) {
  for (const char* more : {R"(, "moe": {"num_experts": 8})", R"(, "moe_args": {})",
                           R"(, "lora_args": {"rank": 16})", R"(, "quantization_args": {})"}) {
    const Folder folder(1, more);
    try {
      read_path(folder.path());
      FAIL() << more;
    } catch (const Error& error) {
      EXPECT_EQ(error.code, &codes::weights_not_read);
      const std::string name = std::string(more + 3).substr(0, std::string(more + 3).find('"'));
      EXPECT_EQ(error.where, key_where(name));
      EXPECT_TRUE(error.file.ends_with("params.json")) << error.file;
    }
  }
  const Folder plain(1, R"(, "moe": null, "lora_args": null, "multiple_of": 256)");
  EXPECT_EQ(read_path(plain.path()).warnings.size(), 2u);
}

TEST(Meta, MembersThatChangeTheModelUnseenAreTold) {
  const Folder folder(1, R"(, "sliding_window": 4096)");
  const std::vector<Finding> warnings = read_path(folder.path()).warnings;
  ASSERT_EQ(warnings.size(), 3u);
  EXPECT_EQ(warnings[0].code, &codes::members_ignored);
  EXPECT_EQ(warnings[0].where, key_where("sliding_window"));
}

}  // namespace
}  // namespace recast
