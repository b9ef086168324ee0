#include "formats/pytorch/pytorch.h"

#include <fmt/format.h>

#include <cstdlib>
#include <random>

#include "formats/formats_testing.h"
#include "wire/torch_testing.h"

namespace recast {
namespace {

using namespace torch_testing;
using formats_testing::read_path;
using formats_testing::Scratch;
using formats_testing::stored_bytes;

Checkpoint read(const std::string& bytes, const ReadOptions& options = {}) {
  Scratch scratch;
  return formats::pytorch.read(open_source(scratch.write("m.pt", bytes)), options);
}
const ErrorCode* failure(const std::string& value, Error* error = nullptr) {
  return io_testing::code_of([&] { read(torch_zip(value)); }, error);
}
std::vector<std::string> names(const Checkpoint& checkpoint) {
  std::vector<std::string> out;
  for (const Tensor& tensor : checkpoint.tensors) out.push_back(tensor.name);
  return out;
}
std::vector<std::string> names(const std::string& value) { return names(read(torch_zip(value))); }
std::vector<float> floats(const Tensor& tensor) {
  const std::string bytes = stored_bytes(tensor);
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}
using Names = std::vector<std::string>;

TEST(PyTorch, BothContainersAndByteOrders) {
  const std::string value = dict({{"w", tensor()}, {"t", tensor({.stride = {1, 2}})}});
  const std::string swapped = std::string("\0\0\0\0\x3f\x80\0\0\x40\0\0\0\x40\x40\0\0", 16);
  for (const std::string& bytes :
       {torch_zip(value), torch_stream(value), torch_zip(value, {{"0", swapped}}, "big")}) {
    const Checkpoint c = read(bytes);
    ASSERT_EQ(names(c), (Names{"w", "t"}));
    EXPECT_EQ(c.tensors[0].shape(), (Shape{2, 2}));
    EXPECT_EQ(floats(c.tensors[0]), (std::vector<float>{0, 1, 2, 3}));
    EXPECT_EQ(floats(c.tensors[1]), (std::vector<float>{0, 2, 1, 3}));
    EXPECT_TRUE(c.warnings.empty());
  }
  // Weights without gaps are extents: they are copied, not computed.
  EXPECT_TRUE(read(torch_zip(value)).tensors[0].value->extent().has_value());
}

// One of PyTorch's, with the state of a parameter under `key`, and what param_groups say.
std::string optimizer(const std::string& key, const std::string& groups) {
  const std::string state = std::string("}(").append(key).append(dict({{"exp_avg", tensor()}}));
  return dict({{"state", state + "u"}, {"param_groups", "](" + groups + "e"}});
}
std::string group(const std::string& names) {
  return dict({{"lr", number(1)}, {"params", "](" + number(0) + "e"}, {"param_names", names}});
}

TEST(PyTorch, OptimizersAreKeptOnRequestUnderTheNameOfTheParameter) {
  const std::string model = dict({{"w", tensor()}});
  const std::string numbered = optimizer(number(0), dict({{"lr", number(1)}}));
  const std::string named = optimizer(number(0), group("](" + text("w") + "e"));
  const std::string by_name = optimizer(text("a.w"), dict({{"lr", number(1)}}));
  const auto kept = [&](const std::string& value) {
    return names(read(torch_zip(value), {.keep_optimizer = true}));
  };
  const auto pair = [&](const std::string& value) {
    return dict({{"model", model}, {"optimizer", value}});
  };
  EXPECT_EQ(names(pair(numbered)), (Names{"w"}));
  EXPECT_EQ(kept(pair(numbered)), (Names{"w", "optimizer.state.0.exp_avg"}));
  EXPECT_EQ(kept(pair(named)), (Names{"w", "optimizer.exp_avg.w"}));
  EXPECT_EQ(kept(pair(by_name)), (Names{"w", "optimizer.exp_avg.a.w"}));
  // Beside weights that no key wraps, and several in a list.
  EXPECT_EQ(kept(dict({{"w", tensor()}, {"optimizer", numbered}})),
            (Names{"w", "optimizer.state.0.exp_avg"}));
  EXPECT_EQ(names(dict({{"w", tensor()}, {"optimizer", numbered}})), (Names{"w"}));
  EXPECT_EQ(kept(dict({{"state_dict", model},
                       {"optimizer_states", "](" + numbered + named + "e"}})),
            (Names{"w", "optimizer.optimizer_states.0.state.0.exp_avg",
                   "optimizer.optimizer_states.1.exp_avg.w"}));
  const Checkpoint c = read(torch_zip(pair(numbered)), {.keep_optimizer = true});
  EXPECT_EQ(*c.metadata.find("src.pytorch.optimizer.param_groups")->as_string(), R"([{"lr": 1}])");
  EXPECT_TRUE(c.warnings.empty());
}

TEST(PyTorch, WrappersAreTakenOffAndWhatStandsBesideIsCarriedOrListed) {
  const std::string weights =
      dict({{"module._orig_mod.a", tensor()}, {"module._orig_mod.b", tensor()}});
  const Checkpoint c = read(
      torch_zip(dict({{"epoch", number(3)},
                      {"optimizer", dict({{"lr", "G?PbM\xd2\xf1\xa9\xfc"}, {"exp_avg", tensor()}})},
                      {"args", object(global("argparse", "Namespace"), {{"lr", number(1)}})},
                      {"state_dict", weights}})));
  EXPECT_EQ(names(c), (Names{"a", "b"}));
  EXPECT_EQ(*c.metadata.find("src.pytorch.epoch")->as_string(), "3");
  EXPECT_EQ(*c.metadata.find("src.pytorch.optimizer.lr")->as_string(), "0.001");
  ASSERT_EQ(c.warnings.size(), 2u);
  EXPECT_EQ(c.warnings[0].code, &codes::not_carried);
  EXPECT_NE(c.warnings[0].found.find("argparse.Namespace"), std::string::npos);
  EXPECT_NE(c.warnings[1].where.find("optimizer"), std::string::npos);
  EXPECT_EQ(c.warnings[1].found, "a tensor");
}

TEST(PyTorch, TheStateDictIsFoundAtMostTwoLevelsDown) {
  const std::string w = dict({{"w", tensor()}});
  EXPECT_EQ(names(dict({{"model", dict({{"state_dict", w}})}})), (Names{"w"}));
  EXPECT_EQ(names(dict({{"model", dict({{"net", dict({{"weights", w}})}})}})),
            (Names{"weights.w"}));
  EXPECT_EQ(names(dict({{"params", w}, {"params_ema", w}})), (Names{"w"}));
  EXPECT_EQ(names(dict({{"encoder", w}, {"decoder", w}})), (Names{"encoder.w", "decoder.w"}));
  // A dict that is mostly tensors is the state dict, whatever its keys.
  EXPECT_EQ(names(dict({{"model", tensor()}, {"net", w}})), (Names{"model", "net.w"}));
  EXPECT_EQ(names(tensor()), (Names{"tensor"}));
  EXPECT_EQ(names(tuple({tensor(), w})), (Names{"0", "1.w"}));
  EXPECT_EQ(failure(dict({{"generator", w}, {"discriminator", w}})), &codes::state_dict_ambiguous);
}

TEST(PyTorch, EqualNamesAfterJoiningAreToldApart) {
  const Checkpoint c =
      read(torch_zip(dict({{"a", dict({{"b", tensor()}})}, {"a.b", tensor()}, {"c", tensor()}})));
  EXPECT_EQ(names(c), (Names{"a.b", "a.b#2", "c"}));
  EXPECT_EQ(c.warnings.at(0).code, &codes::name_twice);
}

std::string module(const std::string& type, const std::string& parameters,
                   const std::string& modules = "}", const std::string& hooks = "}") {
  return object(type, {{"training", "\x88"},
                       {"_parameters", parameters},
                       {"_buffers", "}"},
                       {"_modules", modules},
                       {"_forward_pre_hooks", hooks}});
}

TEST(PyTorch, ModulesOfTorchNnCountByTheirParameters) {
  const std::string linear = module(global("torch.nn.modules.linear", "Linear"),
                                    dict({{"weight", tensor()}, {"bias", "N"}}));
  const std::string tree = module(global("torch.nn.modules.container", "Sequential"), "}",
                                  dict({{"0", linear}, {"1", linear}}));
  EXPECT_EQ(names(tree), (Names{"0.weight", "1.weight"}));
  EXPECT_EQ(names(dict({{"model", tree}, {"epoch", number(1)}})), (Names{"0.weight", "1.weight"}));
  // A hook changes what the weights are.
  Error error;
  EXPECT_EQ(failure(module(global("torch.nn", "Linear"), dict({{"w", tensor()}}), "}",
                           dict({{"0", object(global("torch.nn.utils.prune", "L1"), {})}})),
                    &error),
            &codes::pickle_object);
  EXPECT_NE(error.found.find("torch.nn.Linear"), std::string::npos);
}

TEST(PyTorch, ForeignObjectsAreRefusedByNameOrTakenByAttributePath) {
  const std::string own = module(global("lib", "MyLayer"), dict({{"gain", tensor()}}));
  const std::string value = dict({{"net", module(global("lib", "MyNet"), "}", dict({{"0", own}}))},
                                  {"h", object(global("lib", "Holder"), {{"w", tensor()}})}});
  Error error;
  EXPECT_EQ(failure(dict({{"a", value}}), &error), &codes::pickle_object);
  EXPECT_EQ(error.found, "lib.Holder, lib.MyNet");
  const Checkpoint c = read(torch_zip(dict({{"a", value}})), {.unsafe_pickle = true});
  EXPECT_EQ(names(c), (Names{"a.net.0.gain", "a.h.w"}));
  EXPECT_EQ(c.warnings.at(0).code, &codes::foreign_classes);
  EXPECT_EQ(c.warnings.at(0).found, "lib.Holder, lib.MyLayer, lib.MyNet");
  // What comes out of an unknown call is unknown, whatever is allowed.
  const std::string made = dict({{"w", call(global("lib", "make"), {tensor()})}});
  EXPECT_EQ(failure(made), &codes::pickle_reconstructor);
  EXPECT_EQ(io_testing::code_of([&] { read(torch_zip(made), {.unsafe_pickle = true}); }),
            &codes::pickle_reconstructor);
}

TEST(PyTorch, LyingStoragesAndViewsAreRefused) {
  const std::pair<TensorText, const ErrorCode*> cases[] = {
      {{.key = "9"}, &codes::torch_storage},
      {{.key = "../../etc/passwd"}, &codes::torch_storage},
      {{.count = 1'000'000}, &codes::torch_storage},
      {{.type = "DoubleStorage"}, &codes::torch_storage},
      {{.type = "ComplexDoubleStorage"}, &codes::torch_dtype},
      {{.type = "QInt8Storage"}, &codes::torch_dtype},
      {{.type = "NoStorage"}, &codes::torch_dtype},
      {{.offset = 1}, &codes::torch_tensor},
      {{.size = {1 << 30, 1 << 30}, .stride = {0, 0}}, &codes::torch_tensor},
      {{.offset = -4}, &codes::torch_tensor},
      {{.offset = 5, .size = {0}, .stride = {1}}, &codes::torch_tensor},
      {{.size = {-2, -2}}, &codes::torch_tensor},
      {{.stride = {1 << 30, 1}}, &codes::torch_tensor},
      {{.stride = {-2, 1}}, &codes::torch_tensor},
      {{.stride = {1}}, &codes::torch_tensor},
      {{.size = std::vector<int32_t>(9, 1), .stride = std::vector<int32_t>(9, 1)},
       &codes::torch_tensor},
  };
  for (const auto& [text, code] : cases) {
    Error error;
    EXPECT_EQ(failure(dict({{"w", tensor(text)}}), &error), code) << error.what();
    EXPECT_NE(error.where.find("\"w\""), std::string::npos);
    EXPECT_FALSE(error.file.empty());
  }
  EXPECT_EQ(failure("K\5"), &codes::no_state_dict);
  EXPECT_EQ(failure("}"), &codes::no_state_dict);
  EXPECT_EQ(failure(object(global("torch.jit", "ScriptModule"), {})), &codes::no_state_dict);
}

TEST(PyTorch, RepetitionThroughTheMemoCostsLittle) {
  // Twenty lists, each twice in the next one: a million names of one tensor.
  const auto doubled = [](const std::string& leaf) {
    std::string bytes = leaf + "q";
    bytes.push_back('\0');
    for (char i = 0; i < 22; ++i)
      bytes.append("](h").append(1, i).append("h").append(1, i).append("eq").append(1, i + 1);
    return bytes;
  };
  EXPECT_EQ(failure(doubled(tensor())), &codes::pickle_limit);
  // The same of texts beside the weights is dropped, not unrolled.
  const Checkpoint c = read(torch_zip(
      dict({{"log", doubled(text(std::string(5000, 'x')))}, {"model", dict({{"w", tensor()}})}})));
  EXPECT_EQ(names(c), (Names{"w"}));
  EXPECT_LE(c.metadata.entries().size(), 22u);  // no list is walked twice
  // A long list is dropped and listed.
  std::string list = "](";
  for (int i = 0; i < 20'000; ++i) list += number(i);
  const Checkpoint long_list =
      read(torch_zip(dict({{"order", list + "e"}, {"model", dict({{"w", tensor()}})}})));
  EXPECT_TRUE(long_list.metadata.empty());
  ASSERT_EQ(long_list.warnings.size(), 1u);
  EXPECT_EQ(long_list.warnings[0].found, "a list");
}

TEST(PyTorch, ArchivesOfOtherKindsAreNamed) {
  Error error;
  const auto refused = [&](const std::vector<ZipEntry>& entries) {
    return io_testing::code_of([&] { read(zip(entries)); }, &error);
  };
  EXPECT_EQ(refused({{"m/data.pkl", pickle(object(global("__torch__", "M"), {}))},
                     {"m/code/__torch__.py", "class M"},
                     {"m/constants.pkl", pickle(")")}}),
            &codes::format_not_read);
  EXPECT_EQ(error.found, "TorchScript model");
  EXPECT_EQ(refused({{"m/archive_format", "pt2"}, {"m/data/weights/weight_0", ""}}),
            &codes::format_not_read);
  EXPECT_EQ(refused({{"m/version", "3"}, {"m/data/0", "1234"}}), &codes::torch_record);
  EXPECT_EQ(refused({{"data.pkl", pickle("}")}}), &codes::torch_record);
  EXPECT_EQ(refused({{"m/data.pkl", pickle("}")}, {"m/byteorder", "middle"}}),
            &codes::torch_record);
  EXPECT_EQ(io_testing::code_of([&] {
              read(pickle(dict({{"w", number(1)}})));
            }),
            &codes::torch_record);
  EXPECT_EQ(io_testing::code_of([&] { read("no pickle at all"); }, &error), &codes::torch_record);
  EXPECT_NE(error.found.find("no pickl"), std::string::npos);
}

TEST(PyTorch, AWrongCrcIsAWarning) {
  std::string bytes = torch_zip(dict({{"w", tensor()}}));
  bytes.replace(bytes.find(four_floats()), 4, raw(5.f));
  const Checkpoint c = read(bytes);
  EXPECT_EQ(floats(c.tensors[0])[0], 5.f);
  ASSERT_EQ(c.warnings.size(), 1u);
  EXPECT_EQ(c.warnings[0].code, &codes::zip_crc);
  EXPECT_NE(c.warnings[0].where.find("m/data/0"), std::string::npos);
}

TEST(PyTorch, ShardsAndConfigBesideAreFound) {
  Scratch scratch;
  scratch.write("pytorch_model-00001-of-00002.bin", torch_zip(dict({{"a", tensor()}})));
  const std::string second =
      scratch.write("pytorch_model-00002-of-00002.bin", torch_stream(dict({{"b", tensor()}})));
  scratch.write("config.json", R"({"model_type": "llama"})");
  Checkpoint c = read_path(second);
  EXPECT_EQ(names(c), (Names{"a", "b"}));
  EXPECT_EQ(c.name, "pytorch_model");
  EXPECT_TRUE(c.config.is_object());
  const std::string index = scratch.write(
      "pytorch_model.bin.index.json",
      R"({"metadata":{"total_size":7},"weight_map":{"a":"pytorch_model-00001-of-00002.bin",)"
      R"("b":"pytorch_model-00002-of-00002.bin"}})");
  c = read_path(index);
  EXPECT_EQ(names(c), (Names{"a", "b"}));
  EXPECT_EQ(c.name, "pytorch_model");
  EXPECT_TRUE(c.warnings.empty());
  scratch.write("pytorch_model-00002-of-00002.bin", torch_zip(dict({{"a", tensor()}})));
  EXPECT_CODE(read_path(second), shard_duplicate);
  scratch.write("pytorch_model-00002-of-00002.bin", torch_zip(dict({{"c", tensor()}})));
  EXPECT_CODE(read_path(second), shard_mismatch);
}

TEST(PyTorch, EveryTruncationIsRefusedAndNoFlipCrashes) {
  const std::string value = dict({{"w", tensor()}, {"t", tensor({.stride = {1, 2}})}});
  std::mt19937 random(5);
  for (const std::string& bytes : {torch_zip(value), torch_stream(value)}) {
    for (size_t n = 0; n < bytes.size(); n += 3)
      EXPECT_NE(io_testing::code_of([&] { read(bytes.substr(0, n)); }), nullptr) << n;
    for (int round = 0; round < 400; ++round) {
      std::string damaged = bytes;
      for (int flips = 0; flips < 2; ++flips)
        damaged[random() % damaged.size()] ^= static_cast<char>(1 << random() % 8);
      io_testing::code_of([&] {
        for (const Tensor& tensor : read(damaged).tensors) stored_bytes(tensor);
      });
    }
  }
}

}  // namespace
}  // namespace recast
