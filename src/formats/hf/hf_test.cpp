#include "formats/hf/hf.h"

#include <unistd.h>

#include <cstdlib>

#include "formats/formats_testing.h"
#include "wire/json.h"
#include "wire/torch_testing.h"

namespace recast {
namespace {

namespace fs = std::filesystem;
using formats_testing::expect_same_tensors;
using formats_testing::read_path;
using formats_testing::safetensors_bytes;
using formats_testing::Scratch;
using formats_testing::write_layout;

std::string one_tensor(const std::string& name) {
  return safetensors_bytes(
      "{\"" + name + "\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", "12345678");
}

constexpr std::string_view shard_1 = "model-00001-of-00002.safetensors";
constexpr std::string_view shard_2 = "model-00002-of-00002.safetensors";
constexpr const char* index_name = "model.safetensors.index.json";

// A folder with a config; weights as the test wants them.
struct Folder : Scratch {
  Folder() {
    write("config.json", "{\n  \"model_type\": \"llama\",\n  \"rms_norm_eps\": 1e-06\n}\n");
  }
  void with_single() { write("model.safetensors", one_tensor("a")); }
  void with_shards() {
    write(std::string(shard_1), one_tensor("a"));
    write(std::string(shard_2), one_tensor("b"));
  }
  void with_index(const std::string& home_of_a, const std::string& home_of_b, int total = 16) {
    write(index_name, "{\"metadata\":{\"total_size\":" + std::to_string(total) +
                          "},\"weight_map\":{\"a\":\"" + home_of_a + "\",\"b\":\"" + home_of_b +
                          "\"}}");
  }
  Checkpoint read() const { return read_path(path(), "hf"); }
  const ErrorCode* code(Error* error = nullptr) const {
    return io_testing::code_of([&] { read(); }, error);
  }
};

TEST(Hf, ReadsOneFileShardsAndIndexAlike) {
  Folder single, shards, indexed;
  single.with_single();
  EXPECT_EQ(single.read().tensors.size(), 1u);
  shards.with_shards();
  indexed.with_shards();
  indexed.with_index(std::string(shard_1), std::string(shard_2));
  expect_same_tensors(shards.read(), indexed.read());
  EXPECT_TRUE(indexed.read().warnings.empty());
  EXPECT_EQ(indexed.read().name, fs::path(indexed.path()).filename().string());
}

TEST(Hf, WithoutConfigItIsRead) {
  Folder folder;
  folder.with_single();
  fs::remove(folder / "config.json");
  const Checkpoint bare = folder.read();
  EXPECT_TRUE(bare.config.is_null());
  EXPECT_EQ(bare.tensors.size(), 1u);
  EXPECT_EQ(bare.files.size(), 1u);
}

TEST(Hf, AMalformedConfigIsRefused) {
  Folder folder;
  folder.with_single();
  folder.write("config.json", "[1]");
  EXPECT_EQ(folder.code(), &codes::config_malformed);
  folder.write("config.json", "{\"model_type\": ");
  Error error;
  EXPECT_EQ(folder.code(&error), &codes::json_syntax);
  EXPECT_NE(error.file.find("config.json"), std::string::npos);
}

TEST(Hf, IndexAndShardsMustAgree) {
  Folder folder;
  folder.with_shards();
  folder.with_index(std::string(shard_2), std::string(shard_1));
  Error error;
  EXPECT_EQ(folder.code(&error), &codes::shard_mismatch);
  EXPECT_NE(error.found.find("model-00001-of"), std::string::npos);
  folder.write(index_name, "{\"weight_map\":{\"a\":\"" + std::string(shard_1) + "\",\"c\":\"" +
                               std::string(shard_2) + "\"}}");
  EXPECT_EQ(folder.code(), &codes::shard_mismatch);
  folder.write(index_name, "{\"weight_map\":{\"a\":\"" + std::string(shard_1) + "\"}}");
  EXPECT_EQ(folder.read().warnings.at(0).code, &codes::weights_ignored);
}

TEST(Hf, ShardsThatLackOrRepeatAreNamed) {
  Folder folder;
  folder.with_shards();
  folder.with_index(std::string(shard_1), std::string(shard_2), 17);
  EXPECT_EQ(folder.read().warnings.at(0).code, &codes::total_size);
  folder.write(std::string(shard_2), one_tensor("a"));
  EXPECT_EQ(folder.code(), &codes::shard_duplicate);
  fs::remove(folder / std::string(shard_2));
  EXPECT_EQ(folder.code(), &codes::shard_missing);
  fs::remove(folder / index_name);
  Error error;
  EXPECT_EQ(folder.code(&error), &codes::shard_missing);
  EXPECT_EQ(error.expected, shard_2);
}

TEST(Hf, AShardUnderTwoNamesIsRefused) {
  Folder folder;
  folder.with_shards();
  folder.write(std::string(shard_2), one_tensor("a"));
  folder.with_index(std::string(shard_1), std::string(shard_2));
  EXPECT_EQ(folder.code(), &codes::shard_duplicate);
  fs::remove(folder / std::string(shard_2));
  fs::create_symlink(shard_1, folder / std::string(shard_2));
  EXPECT_EQ(folder.code(), &codes::shard_duplicate);
  folder.with_index("./" + std::string(shard_1), std::string(shard_2));
  EXPECT_EQ(folder.code(), &codes::unsafe_name);
}

TEST(Hf, ATotalSizeThatIsNoNumberIsTold) {
  Folder folder;
  folder.with_shards();
  const auto found = [&](const std::string& total) {
    folder.write(index_name, "{\"metadata\":{\"total_size\":" + total +
                                 "},\"weight_map\":{\"a\":\"" + std::string(shard_1) +
                                 "\",\"b\":\"" + std::string(shard_2) + "\"}}");
    const std::vector<Finding> warnings = folder.read().warnings;
    if (warnings.empty()) return std::string();
    EXPECT_EQ(warnings[0].code, &codes::total_size);
    return warnings[0].found;
  };
  for (const char* right : {"16", "16.0", "null"}) EXPECT_EQ(found(right), "") << right;
  for (const char* wrong : {"\"16\"", "-16", "[16]", "16.5", "true"})
    EXPECT_EQ(found(wrong), wrong);
}

TEST(Hf, MembersOfAnEntryThatTheFormatLacksAreTold) {
  Folder folder;
  std::string header =
      R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"scale":0.5,"x":{}}})";
  header.append((8 - header.size() % 8) % 8, ' ');
  std::string text(8, '\0');
  text[0] = static_cast<char>(header.size());
  folder.write("model.safetensors", text + header + "\1\2\3\4");
  const std::vector<Finding> warnings = folder.read().warnings;
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_EQ(warnings[0].code, &codes::members_ignored);
  EXPECT_EQ(warnings[0].where, "tensor \"a\", key \"scale\"");
  EXPECT_EQ(warnings[0].found, "2 other members");
}

TEST(Hf, NamesThatLeaveTheFolderAreUnsafe) {
  Folder folder;
  folder.with_shards();
  for (const char* name : {"../outside.safetensors", "/etc/passwd"}) {
    folder.with_index(name, std::string(shard_2));
    EXPECT_EQ(folder.code(), &codes::unsafe_name) << name;
  }
  Folder linked;
  ASSERT_EQ(::symlink("/etc/passwd", (linked / "model.safetensors").c_str()), 0);
  EXPECT_EQ(linked.code(), &codes::unsafe_link);
}

TEST(Hf, OneSetOfWeightsIsChosen) {
  Folder folder;
  folder.with_single();
  folder.with_shards();
  folder.write("pytorch_model.bin", "never opened");
  const Checkpoint c = folder.read();
  EXPECT_EQ(c.tensors.size(), 1u);
  ASSERT_EQ(c.warnings.size(), 1u);
  EXPECT_EQ(c.warnings[0].code, &codes::weights_ignored);
  EXPECT_NE(c.warnings[0].found.find(shard_1), std::string::npos);

  Folder other;
  other.write("weights.safetensors", one_tensor("a"));
  EXPECT_EQ(other.read().tensors.size(), 1u);
  other.write("more.safetensors", one_tensor("b"));
  EXPECT_EQ(other.code(), &codes::weights_ambiguous);
}

TEST(Hf, TensorsOfAnOptimizerHaveAFileOfTheirOwn) {
  Folder folder;
  folder.with_single();
  folder.write("optimizer.safetensors", one_tensor("optimizer.exp_avg.a"));
  const Checkpoint without = folder.read();
  EXPECT_EQ(without.tensors.size(), 1u);
  ASSERT_EQ(without.warnings.size(), 1u);
  EXPECT_EQ(without.warnings[0].code, &codes::not_carried);
  const Checkpoint kept = formats::hf.read(open_source(folder.path()), {.keep_optimizer = true});
  ASSERT_EQ(kept.tensors.size(), 2u);
  const Scratch again;
  write_layout(kept, formats::hf.lay_out(kept, {.name = "m", .shard_size = 8}), again);
  EXPECT_TRUE(fs::exists(again / "model.safetensors"));
  expect_same_tensors(kept, formats::hf.read(open_source(again.path()), {.keep_optimizer = true}));
}

TEST(Hf, PickleWeightsAreReadWhereThereAreNoOthers) {
  using namespace torch_testing;
  const auto weights = [](const char* name) { return torch_zip(dict({{name, tensor()}})); };
  Folder single;
  single.write("pytorch_model.bin", weights("a"));
  single.write("training_args.bin", "never opened");
  single.write("optimizer.pt", "never opened");
  single.write("logits.safetensors", one_tensor("recorded"));
  EXPECT_EQ(single.read().tensors.at(0).name, "a");
  EXPECT_TRUE(single.read().warnings.empty());

  Folder shards;
  shards.write("pytorch_model-00001-of-00002.bin", weights("a"));
  Error error;
  EXPECT_EQ(shards.code(&error), &codes::shard_missing);
  EXPECT_EQ(error.expected, "pytorch_model-00002-of-00002.bin");
  shards.write("pytorch_model-00002-of-00002.bin", weights("b"));
  EXPECT_EQ(shards.read().tensors.size(), 2u);
  shards.write("pytorch_model.bin.index.json",
               R"({"weight_map": {"a": "../pytorch_model-00001-of-00002.bin"}})");
  EXPECT_EQ(shards.code(), &codes::unsafe_name);

  Folder other;
  other.write("weights.pth", weights("a"));
  EXPECT_EQ(other.read().tensors.size(), 1u);
  other.write("more.pt", weights("b"));
  EXPECT_EQ(other.code(), &codes::weights_ambiguous);
}

TEST(Hf, TwoCompleteSetsOfShardsAreAmbiguousAndAPartOfOneIsStale) {
  Folder folder;
  folder.with_shards();
  folder.write("model-00001-of-00003.safetensors", one_tensor("c"));
  EXPECT_EQ(folder.read().warnings.at(0).code, &codes::weights_ignored);
  folder.write("model-00001-of-00001.safetensors", one_tensor("c"));
  EXPECT_EQ(folder.code(), &codes::weights_ambiguous);
}

TEST(Hf, WeightsWithoutAReaderAreNamed) {
  Folder empty;
  EXPECT_EQ(empty.code(), &codes::weights_missing);
  for (const char* name : {"tf_model.h5", "consolidated.safetensors", "consolidated.00.pth",
                           "adapter_model.bin"}) {
    Folder folder;
    folder.write(name, "never opened");
    Error error;
    EXPECT_EQ(folder.code(&error), &codes::weights_not_read) << name;
    EXPECT_NE(error.found.find(name), std::string::npos);
  }
}

TEST(Hf, QuantizedWeightsAreRefusedByTheNameOfTheMethod) {
  for (const auto& [text, name] :
       {std::pair{R"({"quantization_config":{"quant_method":"nosuch"}})", "nosuch"},
        {R"({"quantization_config":{"bits":4}})", "unnamed"},
        {R"({"quantization":{"group_size":64,"bits":4}})", "MLX"},
        {R"({"quantization":{"bits":4},"quantization_config":{"bits":4}})", "MLX"}}) {
    Folder folder;
    folder.with_single();
    folder.write("config.json", text);
    Error error;
    EXPECT_EQ(folder.code(&error), &codes::quantization_method);
    EXPECT_NE(error.found.find(name), std::string::npos);
  }
}

TEST(Hf, SideFilesAreThoseOfTheModel) {
  Folder folder;
  folder.with_single();
  for (const char* name : {"tokenizer.json", "LICENSE", "README.md", "training_args.bin",
                           "modeling.py", "additional_chat_templates/rag.jinja", "notes.txt"})
    folder.write(name, name);
  folder.write("generation_config.json", "{\"eos_token_id\": [1, 2]}");
  const auto names = [](const Checkpoint& c) {
    std::vector<std::string> names;
    for (const SideFile& side : c.side_files) names.push_back(side.name);
    return names;
  };
  const Checkpoint c = folder.read();
  EXPECT_EQ(names(c),
            (std::vector<std::string>{"LICENSE", "README.md", "additional_chat_templates/rag.jinja",
                                      "generation_config.json", "tokenizer.json"}));
  EXPECT_EQ(c.generation_config.find("eos_token_id")->as_array()->size(), 2u);
  folder.write("config.json", R"({"auto_map": {"AutoModel": "modeling.M"}})");
  const Checkpoint with_code = folder.read();
  EXPECT_EQ(with_code.warnings.at(0).code, &codes::auto_map);
  EXPECT_NE(with_code.find_side_file("modeling.py"), nullptr);
}

TEST(Hf, ModulesBehindTheModelBelongToIt) {
  Folder folder;
  folder.with_single();
  folder.write("modules.json", R"([{"path": ""}, {"path": "1_Pooling"}, {"path": "2_Normalize"}])");
  folder.write("1_Pooling/config.json", "{}");
  folder.write("3_Other/config.json", "{}");
  const Checkpoint c = folder.read();
  EXPECT_NE(c.find_side_file("1_Pooling/config.json"), nullptr);
  EXPECT_EQ(c.find_side_file("3_Other/config.json"), nullptr);
  folder.write("modules.json", R"([{"path": "../x"}])");
  EXPECT_EQ(folder.code(), &codes::unsafe_name);
  folder.write("modules.json", "{}");
  EXPECT_EQ(folder.code(), &codes::config_malformed);
}

TEST(Hf, WritesTheWholeFolder) {
  Folder folder;
  folder.with_shards();
  folder.write("generation_config.json", "{\"a\":1}");
  folder.write("tokenizer.json", "{\"model\": {}}");
  folder.write("additional_chat_templates/rag.jinja", "text");
  const Checkpoint c = folder.read();
  Scratch out;
  const Layout layout = formats::hf.lay_out(c, {.name = "m"});
  EXPECT_EQ(layout.kind, OutputKind::folder);
  EXPECT_EQ(layout.files[0].name, "config.json");
  write_layout(c, layout, out);
  for (const char* name : {"config.json", "generation_config.json", "tokenizer.json",
                           "additional_chat_templates/rag.jinja"})
    EXPECT_EQ(out.read(name), folder.Scratch::read(name)) << name;
  expect_same_tensors(c, read_path(out.path()));
}

TEST(Hf, AChangedGenerationConfigIsWrittenAnew) {
  Folder folder;
  folder.with_single();
  folder.write("generation_config.json", "{\"a\":1}");
  Checkpoint c = folder.read();
  c.generation_config.set("b", 2);
  c.side_files.push_back({"chat_template.jinja", nullptr, "made here"});
  Scratch out;
  write_layout(c, formats::hf.lay_out(c, {.name = "m", .shard_size = 4}), out);
  EXPECT_EQ(out.read("generation_config.json"), "{\n  \"a\": 1,\n  \"b\": 2\n}\n");
  EXPECT_EQ(out.read("chat_template.jinja"), "made here");
}

TEST(Hf, SnapshotsOfTheHubCacheAreNamedAfterTheRepository) {
  Scratch scratch;
  const std::string snapshot = "models--org--My-Model/snapshots/0123abcd/";
  scratch.write(snapshot + "config.json", "{}");
  scratch.write(snapshot + "model.safetensors", one_tensor("a"));
  EXPECT_EQ(read_path(scratch / "models--org--My-Model/snapshots/0123abcd").name, "My-Model");
}

TEST(Hf, ReferenceFoldersAreRead) {
  const char* shared = std::getenv("RECAST_SHARED");
  if (!shared) GTEST_SKIP() << "RECAST_SHARED is not set";
  int folders = 0;
  for (const auto& entry : fs::directory_iterator(fs::path(shared) / "refs")) {
    const bool has_weights =
        fs::exists(entry.path() / "model.safetensors") || fs::exists(entry.path() / index_name);
    if (!fs::exists(entry.path() / "config.json") || !has_weights) continue;
    SCOPED_TRACE(entry.path().string());
    EXPECT_FALSE(read_path(entry.path().string()).tensors.empty());
    ++folders;
  }
  EXPECT_GT(folders, 50);
}

}  // namespace
}  // namespace recast
