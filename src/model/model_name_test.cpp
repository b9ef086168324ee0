// test/data/model_names.tsv and size_labels.tsv hold what the gguf package says of some hundred
// random ids and counts; test/data/make_model_names.py made them (fixed seed).
#include "model/model_name.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

namespace recast {
namespace {

std::vector<std::vector<std::string>> rows_of(const std::string& file, size_t columns) {
  std::ifstream in(std::string(RECAST_SOURCE_DIR "/test/data/") + file);
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(in, line);) {
    std::vector<std::string> row(1);
    for (const char c : line)
      if (c == '\t')
        row.emplace_back();
      else
        row.back() += c;
    EXPECT_EQ(row.size(), columns) << line;
    if (row.size() == columns) rows.push_back(std::move(row));
  }
  return rows;
}

TEST(ModelName, EveryIdSplitsAsInTheGgufPackage) {
  const auto rows = rows_of("model_names.tsv", 9);
  ASSERT_GT(rows.size(), 500u);
  for (const auto& row : rows) {
    const ModelName name = split_model_id(row[0], {.parameters = std::stoll(row[1])});
    EXPECT_EQ(name.full_name, row[2]) << row[0];
    EXPECT_EQ(name.organization, row[3]) << row[0];
    EXPECT_EQ(name.basename, row[4]) << row[0] << " " << row[1];
    EXPECT_EQ(name.finetune, row[5]) << row[0] << " " << row[1];
    EXPECT_EQ(name.version, row[6]) << row[0] << " " << row[1];
    EXPECT_EQ(name.size_label, row[7]) << row[0] << " " << row[1];
    EXPECT_EQ(title_case(row[0]), row[8]) << row[0];
  }
}

TEST(ModelName, EverySizeLabelIsThatOfTheGgufPackage) {
  const auto rows = rows_of("size_labels.tsv", 5);
  ASSERT_GT(rows.size(), 350u);
  for (const auto& row : rows) {
    const ParameterCounts counts{std::stoull(row[0]), std::stoull(row[1]), std::stoull(row[2]),
                                 std::stoull(row[3])};
    EXPECT_EQ(size_label(counts), row[4]) << row[0];
  }
}

ModelName split(std::string_view id, int64_t parameters = 0) {
  return split_model_id(id, {.parameters = parameters});
}

TEST(ModelName, ExamplesOfTheConventionSplit) {
  EXPECT_EQ(split("Mixtral-8x7B-Instruct-v0.1"),
            (ModelName{"Mixtral-8x7B-Instruct-v0.1", "", "Mixtral", "8x7B", "Instruct", "v0.1"}));
  EXPECT_EQ(split("Meta-Llama-3-8B"),
            (ModelName{"Meta-Llama-3-8B", "", "Meta-Llama-3", "8B", "", ""}));
  EXPECT_EQ(split("Qwen2-57B-A14B-Instruct").size_label, "57B-A14B");
  EXPECT_EQ(split("Phi-3-mini-4k-instruct", 4'000'000'000),
            (ModelName{"Phi-3-mini-4k-instruct", "", "Phi-3", "mini", "4k-instruct", ""}));
  EXPECT_EQ(split("llama-161M-100B", 161'000'000),
            (ModelName{"llama-161M-100B", "", "llama", "161M", "100b", ""}));
  EXPECT_EQ(split("Gemma-2-9B-It-SPPO-Iter3"),
            (ModelName{"Gemma-2-9B-It-SPPO-Iter3", "", "Gemma-2", "9B", "It-SPPO", "Iter3"}));
  EXPECT_EQ(split("bloom-7b1-petals"),
            (ModelName{"bloom-7b1-petals", "", "bloom", "7.1B", "petals", ""}));
  EXPECT_EQ(split("DeepSeek-V2-Chat-0628"),
            (ModelName{"DeepSeek-V2-Chat-0628", "", "DeepSeek-V2", "", "Chat", "0628"}));
  EXPECT_EQ(split("Florence-2-base"), (ModelName{"Florence-2-base", "", "", "", "", ""}));
  EXPECT_EQ(split("meta-llama/Llama-2-7b-hf"),
            (ModelName{"Llama-2-7b-hf", "meta-llama", "Llama-2", "7B", "hf", ""}));
}

TEST(ModelName, DroppedMisfitLeavesNoFinetuneButProvesTheBasename) {
  const ModelName name =
      split_model_id("falcon-7b", {.parameters = 400'000, .misfit_is_finetune = false});
  EXPECT_EQ(name, (ModelName{"falcon-7b", "", "falcon", "", "", ""}));
  EXPECT_EQ(split("falcon-7b", 400'000).finetune, "7b");
}

TEST(ModelName, NumbersMeanNothingWithoutVersions) {
  EXPECT_EQ(split_model_id("checkpoint-500", {.versions = false}),
            (ModelName{"checkpoint-500", "", "", "", "", ""}));
  EXPECT_EQ(split_model_id("Meta-Llama-3-8B", {.versions = false}).basename, "Meta-Llama-3");
}

TEST(ModelName, TitleCaseKeepsVersionsNumbersAndCapitals) {
  EXPECT_EQ(title_case("hermes-2-pro-llama-3-8b-DPO"), "Hermes 2 Pro Llama 3 8b DPO");
  EXPECT_EQ(title_case("llama3rope"), "Llama3Rope");
  EXPECT_EQ(title_case("qwen2_moe"), "Qwen2_Moe");
  EXPECT_EQ(title_case("model-v0.1  x"), "Model v0.1 X");
  EXPECT_EQ(title_case("mod\xc3\xa8le"), "Mod\xc3\xa8le");
}

TEST(ModelName, CountsRoundToTwoDigits) {
  EXPECT_EQ(rounded_count(6738415616), "6.7B");
  EXPECT_EQ(rounded_count(432), "0.43K");
  EXPECT_EQ(rounded_count(999), "1.0K");
  EXPECT_EQ(rounded_count(41400), "41K");
  EXPECT_EQ(size_label({}), "");
}

// Mixtral 8x7B: 46 702 792 704 parameters, 1 605 636 096 of them shared.
TEST(ModelName, ExpertsCountOnceBesideTheSharedPart) {
  ParameterCounter counter;
  counter.add("token_embd.weight", std::vector<int64_t>{32000, 4096});
  counter.add("output.weight", std::vector<int64_t>{32000, 4096});
  counter.add("output_norm.weight", std::vector<int64_t>{4096});
  for (int layer = 0; layer < 32; ++layer) {
    for (const int64_t rows : {4096, 1024, 1024, 4096})
      counter.add("blk.0.attn.weight", std::vector<int64_t>{rows, 4096});
    for (int norm = 0; norm < 2; ++norm)
      counter.add("blk.0.norm.weight", std::vector<int64_t>{4096});
    counter.add("blk.0.ffn_gate_inp.weight", std::vector<int64_t>{8, 4096});
    counter.add("blk.0.ffn_gate_exps.weight", std::vector<int64_t>{8, 14336, 4096});
    counter.add("blk.0.ffn_up_exps.weight", std::vector<int64_t>{8, 14336, 4096});
    counter.add("blk.0.ffn_down_exps.weight", std::vector<int64_t>{8, 4096, 14336});
  }
  const ParameterCounts counts = counter.counts();
  EXPECT_EQ(counts.total, 46'702'792'704u);
  EXPECT_EQ(counts.shared, 1'605'636'096u);
  EXPECT_EQ(counts.experts, 8u);
  EXPECT_EQ(size_label(counts), "8x7.2B");
}

TEST(ModelName, BiasesOfExpertsCountAsShared) {
  ParameterCounter counter;
  counter.add("blk.0.ffn_up_exps.bias", std::vector<int64_t>{4, 10});
  counter.add("blk.0.ffn_up_exps.weight", std::vector<int64_t>{4, 10, 6});
  EXPECT_EQ(counter.counts().shared, 40u);
  EXPECT_EQ(counter.counts().expert, 60u);
}

TEST(GgufFileName, PartsJoinInTheOrderOfTheConvention) {
  EXPECT_EQ(gguf_file_stem({.basename = "Mixtral",
                            .size_label = "8x7B",
                            .finetune = "Instruct",
                            .version = "v0.1",
                            .encoding = "q4_k_m"}),
            "Mixtral-8x7B-Instruct-v0.1-Q4_K_M");
  EXPECT_EQ(gguf_file_stem({.sidecar = "mmproj", .name = "Tiny Llama", .encoding = "f16"}),
            "mmproj-Tiny-Llama-F16");
  EXPECT_EQ(gguf_file_stem({.basename = "x", .kind = "LoRA"}), "x-LoRA");
  EXPECT_EQ(gguf_file_stem({.encoding = "f32"}), "ggml-model-F32");
}

TEST(GgufFileName, HoldsOneEncodingOnly) {
  EXPECT_EQ(gguf_file_stem({.name = "Tiny Llama Q8_0", .encoding = "q4_0"}), "Tiny-Llama-Q4_0");
  EXPECT_EQ(gguf_file_stem({.name = "BF16", .encoding = "q4_0"}), "ggml-model-Q4_0");
}

TEST(GgufFileName, IsAPlainFileName) {
  EXPECT_EQ(gguf_file_stem({.name = "../../etc/passwd"}), "etc-passwd");
  EXPECT_EQ(gguf_file_stem({.name = "a\\b:c\n", .version = "../x"}), "a-b-c-..-x");
  EXPECT_EQ(gguf_file_stem({.name = "-rf"}), "rf");
  // The limit falls inside a two-byte letter, which is dropped whole.
  std::string letters = "x";
  for (int i = 0; i < 150; ++i) letters += "\xc3\xa9";
  const std::string longest = gguf_file_stem({.name = letters, .encoding = "q4_0"});
  EXPECT_EQ(longest, letters.substr(0, 195) + "-Q4_0");
  EXPECT_EQ(gguf_file_stem({.name = letters, .encoding = "q4_k"}).size(), 200u);
  EXPECT_EQ(gguf_file_stem({.name = letters, .encoding = "q4_k_m"}),
            letters.substr(0, 193) + "-Q4_K_M");
  EXPECT_EQ(gguf_file_stem({.name = letters, .encoding = "q6_k_"}),
            letters.substr(0, 193) + "-Q6_K_");
}

}  // namespace
}  // namespace recast
