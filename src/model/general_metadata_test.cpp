// test/data/general_keys.tsv holds the general.* keys of 66 files made by llama.cpp's converter;
// test/data/make_general_keys.py read them.
#include "model/general_metadata.h"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

namespace recast {
namespace {

json::Value parse(std::string_view text) { return json::parse(text, json::ParseOptions{}); }

std::string text_of(const MetaValue& value) {
  if (const std::string* s = value.as_string()) return *s;
  if (const auto* list = value.as_strings()) return testing::PrintToString(*list);
  std::ostringstream out;
  out << *value.as_double();
  return out.str();
}

std::vector<std::string> lines_of(const Metadata& metadata) {
  std::vector<std::string> lines;
  for (const auto& [key, value] : metadata.entries()) lines.push_back(key + "=" + text_of(value));
  return lines;
}

GeneralMetadata make(const GeneralInput& input) {
  std::vector<Finding> warnings;
  GeneralMetadata general = general_metadata(input, warnings);
  EXPECT_TRUE(warnings.empty());
  return general;
}
std::string value(const GeneralInput& input, const std::string& key) {
  const GeneralMetadata general = make(input);
  const MetaValue* found = general.first.find("general." + key);
  return found ? text_of(*found) : "";
}

// What may differ on purpose: numbers and sizes in a folder's name, the spelling of the name, and
// the file type, which the reference leaves out for two architectures.
bool is_exempt(const std::string& line) {
  for (const char* key : {"name=", "version=", "finetune=", "basename=", "file_type="})
    if (line.starts_with(std::string("general.") + key)) return true;
  return false;
}

TEST(GeneralMetadata, KeysEqualThoseOfTheReferenceConverter) {
  std::ifstream in(RECAST_SOURCE_DIR "/test/data/general_keys.tsv");
  size_t rows = 0;
  for (std::string row; std::getline(in, row); ++rows) {
    std::istringstream cells(row);
    std::string folder, cell;
    std::getline(cells, folder, '\t');
    uint64_t counts[4];
    for (uint64_t& n : counts) n = std::getline(cells, cell, '\t') ? std::stoull(cell) : 0;
    std::vector<std::string> expected;
    std::map<std::string, std::string> keys;
    while (std::getline(cells, cell, '\t')) {
      keys[cell.substr(0, cell.find('='))] = cell.substr(cell.find('=') + 1);
      if (!is_exempt(cell)) expected.push_back(cell);
    }
    GeneralInput input{.source_name = folder, .architecture = keys["general.architecture"]};
    if (keys.contains("general.file_type")) input.file_type = std::stoul(keys["general.file_type"]);
    input.counts = {counts[0], counts[1], counts[2], counts[3]};
    const GeneralMetadata general = make(input);
    std::vector<std::string> lines = lines_of(general.first);
    for (const std::string& line : lines_of(general.last)) lines.push_back(line);
    std::erase_if(lines, is_exempt);
    EXPECT_EQ(lines, expected) << folder;
    EXPECT_EQ(general.last.find("general.file_type")->as_int(), input.file_type);
    EXPECT_EQ(value(input, "name"), keys["general.name"]);
  }
  EXPECT_EQ(rows, 66u);
}

const json::Value card = parse(R"({"license": "mit", "model_creator": "Me", "tags": ["b"],
    "language": "en", "base_model": ["meta-llama/Llama-2-7b-hf"], "datasets": "org/set"})");
const json::Value generation = parse(R"({"top_k": 50, "top_p": 0.5, "temperature": 0.75,
    "repetition_penalty": 1.25, "do_sample": true, "min_p": null})");
const json::Value config = parse(R"({"_name_or_path": "mistralai/Mixtral-8x7B-Instruct-v0.1"})");

TEST(GeneralMetadata, WritesEveryKeyInFileOrderWithItsType) {
  const GeneralMetadata general = make({.source_name = "out",
                                        .config = &config,
                                        .generation_config = &generation,
                                        .card = &card,
                                        .architecture = "llama",
                                        .file_type = 7,
                                        .counts = {46'702'792'704, 1'605'636'096, 5'637'144'576, 8},
                                        .overrides = {{"general.url", "u"},
                                                      {"general.my.key", "u8:3"},
                                                      {"llama.context_length", "u32:5"},
                                                      {"general.base_model.1.name", "B"}}});
  EXPECT_EQ(lines_of(general.first),
            (std::vector<std::string>{
                "general.architecture=llama",
                "general.type=model",
                "general.sampling.top_k=50",
                "general.sampling.top_p=0.5",
                "general.sampling.temp=0.75",
                "general.sampling.penalty_repeat=1.25",
                "general.name=Mixtral 8x7B Instruct v0.1",
                "general.author=Me",
                "general.version=v0.1",
                "general.organization=mistralai",
                "general.finetune=Instruct",
                "general.basename=Mixtral",
                "general.size_label=8x7B",
                "general.license=mit",
                "general.url=u",
                "general.base_model.count=2",
                "general.base_model.0.name=Llama 2 7b Hf",
                "general.base_model.0.organization=Meta Llama",
                "general.base_model.0.repo_url=https://huggingface.co/meta-llama/Llama-2-7b-hf",
                "general.base_model.1.name=B",
                "general.dataset.count=1",
                "general.dataset.0.name=Set",
                "general.dataset.0.organization=Org",
                "general.dataset.0.repo_url=https://huggingface.co/org/set",
                "general.tags={ \"b\" }",
                "general.languages={ \"en\" }",
                "general.my.key=3"}));
  EXPECT_EQ(lines_of(general.last),
            (std::vector<std::string>{"general.file_type=7", "general.quantization_version=2"}));
  const auto type = [&](const char* key) { return general.first.find(key)->type; };
  EXPECT_EQ(type("general.sampling.top_k"), MetaType::i32);
  EXPECT_EQ(type("general.sampling.temp"), MetaType::f32);
  EXPECT_EQ(type("general.base_model.count"), MetaType::u32);
  EXPECT_EQ(general.last.find("general.file_type")->type, MetaType::u32);
  EXPECT_EQ(gguf_file_stem(gguf_file_name(general.first)), "Mixtral-8x7B-Instruct-v0.1");
}

TEST(GeneralMetadata, SamplingOfAGreedyModelIsLeftOut) {
  const json::Value greedy = parse(R"({"top_k": 50, "do_sample": false})");
  EXPECT_EQ(value({.source_name = "x", .generation_config = &greedy}, "sampling.top_k"), "");
  const json::Value silent =
      parse(R"({"top_k": 50.0, "penalty_repeat": 2, "repetition_penalty": 3})");
  EXPECT_EQ(value({.source_name = "x", .generation_config = &silent}, "sampling.top_k"), "50");
  EXPECT_EQ(value({.source_name = "x", .generation_config = &silent}, "sampling.penalty_repeat"),
            "2");
}

TEST(GeneralMetadata, UnusableSamplingValuesAreNamed) {
  const json::Value bad =
      parse(R"({"top_k": 0.5, "top_p": "x", "temperature": 1e99, "mirostat": 1})");
  std::vector<Finding> warnings;
  const GeneralMetadata general =
      general_metadata({.source_name = "x", .generation_config = &bad}, warnings);
  ASSERT_EQ(warnings.size(), 3u);
  for (const Finding& w : warnings) EXPECT_EQ(w.code, &codes::sampling_value_ignored);
  EXPECT_EQ(warnings[0].where, key_where("top_k"));
  EXPECT_EQ(general.first.find("general.sampling.top_k"), nullptr);
  EXPECT_EQ(*general.first.find("general.sampling.mirostat"), MetaValue::i32(1));
}

TEST(GeneralMetadata, OnlyModelIdsCarryVersions) {
  EXPECT_EQ(value({.source_name = "Mixtral-8x7B-v0.1"}, "version"), "");
  EXPECT_EQ(value({.source_name = "Mixtral-8x7B-v0.1"}, "size_label"), "8x7B");
  EXPECT_EQ(value({.source_name = "Mixtral-8x7B-v0.1", .name_is_model_id = true}, "version"),
            "v0.1");
  EXPECT_EQ(value({.source_name = "org--Mixtral-8x7B-v0.1"}, "version"), "v0.1");
  EXPECT_EQ(value({.source_name = "models--org--x-7B-v2"}, "organization"), "org");
  EXPECT_EQ(value({.source_name = "models--org--x-7B-v2"}, "name"), "X 7B v2");
  EXPECT_EQ(model_id_of_folder("models--gpt2"), "");
  EXPECT_EQ(model_id_of_folder("a--b--c"), "");
  EXPECT_EQ(model_id_of_folder("--b"), "");
}

TEST(GeneralMetadata, PathsInTheConfigAreNoIds) {
  for (const char* path : {"", "./out", "/data/x-v3", "../x", "out/checkpoint-500", "checkpoint-9",
                           "C:\\\\x", "a/b/c", "~/x", "x/"}) {
    const json::Value local = parse("{\"_name_or_path\": \"" + std::string(path) + "\"}");
    EXPECT_EQ(value({.source_name = "tiny-llama", .config = &local}, "name"), "Tiny Llama") << path;
    EXPECT_EQ(value({.source_name = "tiny-llama", .config = &local}, "version"), "") << path;
  }
}

TEST(GeneralMetadata, PartsOfAnIdComeFromOneSource) {
  const json::Value hub = parse(R"({"_name_or_path": "Llama-2-7b-hf"})");
  const GeneralInput input{.source_name = "org--other-v3", .config = &hub};
  EXPECT_EQ(value(input, "version"), "");
  EXPECT_EQ(value(input, "organization"), "");
  EXPECT_EQ(value(input, "basename"), "Llama-2");
}

TEST(GeneralMetadata, ASizeThatDoesNotFitIsReplacedByTheCount) {
  const GeneralInput input{.source_name = "falcon-7b", .counts = {81'664, 81'664, 0, 0}};
  EXPECT_EQ(value(input, "finetune"), "");
  EXPECT_EQ(value(input, "size_label"), "82K");
  EXPECT_EQ(gguf_file_stem(gguf_file_name(make(input).first)), "falcon-82K");
}

TEST(GeneralMetadata, AdaptersKeepTheSizeOfTheirModel) {
  const GeneralInput input{
      .source_name = "x-7B-lora", .type = "adapter", .counts = {9'000'000, 0, 0, 0}};
  EXPECT_EQ(value(input, "size_label"), "7B");
  EXPECT_EQ(value(input, "finetune"), "");
  EXPECT_EQ(gguf_file_stem(gguf_file_name(make(input).first)), "x-7B-LoRA");
}

TEST(GeneralMetadata, OverridesWinAndEmptyOnesRemove) {
  const GeneralInput input{
      .source_name = "tiny-llama",
      .card = &card,
      .overrides = {
          {"general.license", "apache-2.0"}, {"general.author", ""}, {"general.name", "Bard"}}};
  EXPECT_EQ(value(input, "license"), "apache-2.0");
  EXPECT_EQ(value(input, "author"), "");
  EXPECT_EQ(value(input, "name"), "Bard");
}

// ---- phi-3 -------------------------------------------------------------------------------------

Vocabulary phi3_vocabulary() {
  Vocabulary v;
  for (const char* text : {"<unk>", "<s>", "</s>", "<|endoftext|>", "a"})
    v.tokens.push_back({text});
  return v;
}

TEST(GeneralMetadata, PhiNamesFollowTheVocabulary) {
  const Vocabulary phi3 = phi3_vocabulary();
  Vocabulary other = phi3;
  other.tokens.erase(other.tokens.begin() + 3);
  GeneralInput input{.source_name = "Phi-3-mini-4k", .vocabulary = &phi3, .architecture = "phi3"};
  EXPECT_EQ(value(input, "name"), "Phi-3 Mini 4k");
  input.architecture = "llama";  // a llama-shaped copy with the same tokenizer
  input.source_name = "x-phi3-y";
  EXPECT_EQ(value(input, "name"), "X Phi3 Y");

  for (const char* architecture : {"llama", "phi3"}) {
    input.architecture = architecture;
    input.vocabulary = &other;
    std::vector<Finding> warnings;
    const GeneralMetadata general = general_metadata(input, warnings);
    EXPECT_EQ(*general.first.find("general.name"), MetaValue::string("X Phi 3 Y"));
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_EQ(warnings[0].code, &codes::name_reworded);
  }
}

TEST(GeneralMetadata, APhi3ModelUnderAnotherNameIsWarnedOf) {
  const Vocabulary phi3 = phi3_vocabulary();
  std::vector<Finding> warnings;
  general_metadata({.source_name = "out", .vocabulary = &phi3, .architecture = "phi3"}, warnings);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].code, &codes::name_lacks_phi3);
}

TEST(GeneralMetadata, WithoutAVocabularyTheArchitectureDecides) {
  EXPECT_EQ(value({.source_name = "phi3", .architecture = "phi3"}, "name"), "Phi3");
  Metadata metadata;
  metadata.set("general.name", MetaValue::string("PHI-3 and phi3"));
  std::vector<Finding> warnings;
  fit_name_to_vocabulary(metadata, "bert", nullptr, warnings);
  EXPECT_EQ(*metadata.find("general.name"), MetaValue::string("PHI 3 and phi 3"));
}

}  // namespace
}  // namespace recast
