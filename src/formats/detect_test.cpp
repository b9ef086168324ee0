#include "formats/detect.h"

#include "formats/formats_testing.h"

namespace recast {
namespace {

using formats_testing::safetensors_bytes;
using formats_testing::Scratch;
using formats_testing::small_gguf;

Detection detect_path(const std::string& path, std::string_view from = "") {
  return detect(*open_source(path), from);
}

TEST(Formats, NamesAreFoundInEverySpelling) {
  for (const Format* format : all_formats()) EXPECT_EQ(find_format(format->name), format);
  EXPECT_EQ(find_format("GGUF"), find_format("gguf"));
  EXPECT_EQ(find_format("Safe-Tensors"), find_format("safetensors"));
  EXPECT_EQ(find_format("hugging_face")->name, "hf");
  EXPECT_EQ(find_format("nosuch"), nullptr);
  EXPECT_EQ(find_format(""), nullptr);
}

TEST(Formats, ExtensionsNameTheTarget) {
  EXPECT_EQ(format_by_extension("a.b/m.GGUF")->name, "gguf");
  EXPECT_EQ(format_by_extension("m.safetensors")->name, "safetensors");
  EXPECT_EQ(format_by_extension("folder"), nullptr);
  EXPECT_EQ(format_by_extension("m.onnx"), nullptr);
}

TEST(Formats, EffectsNameEachOptionOnceAndGiveAReason) {
  for (const Format* format : all_formats()) {
    std::vector<std::string_view> seen;
    for (const OptionEffect& effect : format->effects) {
      EXPECT_EQ(std::count(seen.begin(), seen.end(), effect.option), 0) << effect.option;
      EXPECT_NE(effect.effect, Effect::acts) << effect.option;
      EXPECT_FALSE(effect.reason.empty()) << effect.option;
      seen.push_back(effect.option);
    }
  }
}

TEST(Detect, ContentWinsOverTheExtension) {
  Scratch scratch;
  const Detection plain = detect_path(scratch.write("m.gguf", small_gguf()));
  EXPECT_EQ(plain.format->name, "gguf");
  EXPECT_EQ(plain.evidence, "GGUF magic, version 3");
  EXPECT_TRUE(plain.warnings.empty());
  EXPECT_EQ(detect_path(scratch.write("b.gguf", small_gguf(3, true))).evidence,
            "GGUF magic, version 3, big-endian");
  for (const char* name : {"m.onnx", "m.safetensors"}) {
    const Detection renamed = detect_path(scratch.write(name, small_gguf()));
    EXPECT_EQ(renamed.format->name, "gguf");
    ASSERT_EQ(renamed.warnings.size(), 1u) << name;
    EXPECT_EQ(renamed.warnings[0].code, &codes::extension_contradicts);
  }
  EXPECT_TRUE(detect_path(scratch.write("m.weights", small_gguf())).warnings.empty());
}

TEST(Detect, ContradictedFromNamesBoth) {
  Scratch scratch;
  const std::string path = scratch.write("m.gguf", small_gguf());
  EXPECT_EQ(detect_path(path, "GGUF").format->name, "gguf");
  for (const char* from : {"safetensors", "hf", "pytorch", "onnx"}) {
    Error error;
    EXPECT_EQ(io_testing::code_of([&] { detect_path(path, from); }, &error), &codes::wrong_format);
    EXPECT_NE(error.found.find("gguf"), std::string::npos);
    EXPECT_FALSE(error.expected.empty());
  }
  EXPECT_CODE(detect_path(path, "nosuch"), unknown_format);
}

TEST(Detect, FilesThatAreSomethingElseAreNamed) {
  Scratch scratch;
  EXPECT_CODE(detect_path(scratch.write("e.gguf", "")), empty_file);
  EXPECT_CODE(detect_path(scratch.write("l.gguf",
                                        "version https://git-lfs.github.com/spec/v1\n"
                                        "oid sha256:0\nsize 1\n")),
              lfs_pointer);
  EXPECT_CODE(detect_path(scratch.write("h.gguf", "<!DOCTYPE html><html></html>")), html_page);
  EXPECT_CODE(detect_path(scratch.write("x.dat", "no model at all")), unknown_content);
  EXPECT_CODE(detect_path(scratch.path()), unknown_folder);
}

TEST(Detect, FormatsWithoutAReaderAreNamed) {
  Scratch scratch;
  std::string zip = "PK\x03\x04" + std::string(22, '\0') + std::string("\x05\0\0\0", 4);
  zip += "w.npy";
  const std::pair<std::string, const char*> files[] = {
      {zip, "NumPy archive"},
      {"\x1f\x8b\x08", "gzip"},
      {std::string("\x1c\0\0\0TFL3xxxx", 12), "TFLite"},
      {std::string("\x1c\0\0\0ORTMxxxx", 12), "ORT"},
      {std::string("\x08\x08\x12\x07pytorch", 11), "ONNX"},
      {"tjgg0000", "GGML"},
      {"\x93NUMPY\x01", "NumPy"},
  };
  for (const auto& [bytes, name] : files) {
    Error error;
    const std::string path = scratch.write("file", bytes);
    EXPECT_EQ(io_testing::code_of([&] { detect_path(path); }, &error), &codes::format_not_read);
    EXPECT_NE(error.found.find(name), std::string::npos) << error.found;
  }
}

TEST(Detect, FoldersOfOtherToolsAreNamed) {
  const std::pair<std::vector<const char*>, const char*> folders[] = {
      {{"adapter_config.json", "adapter_model.safetensors"}, "PEFT"},
      {{"adapter_config.json", "adapters.safetensors", "config.json"}, "MLX"},
      {{"latest_checkpointed_iteration.txt", "config.json"}, "Megatron"},
      {{"saved_model.pb"}, "SavedModel"},
      {{"params.json", "consolidated.safetensors"}, "original"},
  };
  for (const auto& [names, kind] : folders) {
    Scratch scratch;
    for (const char* name : names) scratch.write(name, "{}");
    Error error;
    EXPECT_EQ(io_testing::code_of([&] { detect_path(scratch.path()); }, &error),
              &codes::format_not_read);
    EXPECT_NE(error.found.find(kind), std::string::npos) << error.found;
  }
}

TEST(Detect, AnUnknownBeginningIsLeftToTheReaderOfTheExtension) {
  Scratch scratch;
  EXPECT_EQ(detect_path(scratch.write("m.safetensors", "1234567")).format->name, "safetensors");
  EXPECT_EQ(detect_path(scratch.write("m.gguf", "GG")).format->name, "gguf");
  EXPECT_EQ(detect_path(scratch.write("m.dat", "GG"), "gguf").format->name, "gguf");
}

TEST(Detect, FoldersAndBareFilesAreToldApart) {
  Scratch scratch;
  const std::string file = scratch.write(
      "m.safetensors",
      safetensors_bytes(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "1234"));
  EXPECT_EQ(detect_path(file).format->name, "safetensors");
  EXPECT_EQ(detect_path(scratch.path()).format->name, "hf");
}

}  // namespace
}  // namespace recast
