#include "formats/dcp/dcp.h"

#include "formats/formats_testing.h"
#include "wire/torch_testing.h"

namespace recast {
namespace {

using namespace torch_testing;
using formats_testing::read_path;
using formats_testing::safetensors_bytes;
using formats_testing::Scratch;
using formats_testing::stored_bytes;

std::string of_metadata(std::string_view name) {
  return global("torch.distributed.checkpoint.metadata", name);
}
std::string size(const std::vector<int32_t>& values) {
  return call(global("torch", "Size"), {numbers(values)});
}

// A box of a tensor and the file that holds it.
struct Piece {
  std::vector<int32_t> start, extent;
  std::string file = "__0_0.distcp";
  int32_t offset = 0, length = 0;
  std::string transform;
};
struct Described {
  std::string name = "w", dtype = "float32";
  std::vector<int32_t> shape = {2, 2};
  std::vector<Piece> pieces;  // of an object: one
  bool is_tensor = true;
};

std::string properties(const std::string& dtype) {
  return of_metadata("TensorProperties") + ")\x81" +
         tuple({global("torch", dtype), "N", "\x89", "N", "\x89"}) + "b";
}
std::string entry(const Described& tensor) {
  if (!tensor.is_tensor) return of_metadata("BytesStorageMetadata") + ")\x81";
  std::string chunks = "](";
  for (const Piece& piece : tensor.pieces)
    chunks += object(of_metadata("ChunkStorageMetadata"),
                     {{"offsets", size(piece.start)}, {"sizes", size(piece.extent)}});
  return object(of_metadata("TensorStorageMetadata"), {{"properties", properties(tensor.dtype)},
                                                       {"size", size(tensor.shape)},
                                                       {"chunks", chunks + "e"}});
}
std::string index(const Described& tensor, const Piece& piece) {
  return object(of_metadata("MetadataIndex"),
                {{"fqn", text(tensor.name)},
                 {"offset", tensor.is_tensor ? size(piece.start) : "N"},
                 {"index", "N"}});
}
std::string info(const Piece& piece) {
  std::vector<std::pair<std::string, std::string>> attributes = {
      {"relative_path", text(piece.file)},
      {"offset", number(piece.offset)},
      {"length", number(piece.length)}};
  if (!piece.transform.empty())
    attributes.emplace_back("transform_descriptors", "](" + text(piece.transform) + "e");
  return object(global("torch.distributed.checkpoint.filesystem", "_StorageInfo"), attributes);
}
std::string metadata(const std::vector<Described>& tensors, const std::string& planner = "N") {
  std::vector<std::pair<std::string, std::string>> entries;
  std::string storage = "}(";
  for (const Described& tensor : tensors) {
    entries.emplace_back(tensor.name, entry(tensor));
    for (const Piece& piece : tensor.pieces) storage += index(tensor, piece) + info(piece);
  }
  return pickle(object(of_metadata("Metadata"), {{"state_dict_metadata", dict(entries)},
                                                 {"planner_data", planner},
                                                 {"storage_data", storage + "u"}}));
}

// A folder of one file; every chunk is a file of torch.save, one behind another.
struct Folder : Scratch {
  Piece add(std::vector<int32_t> start, std::vector<int32_t> extent, const std::string& value,
            const Storages& storages) {
    Piece piece{std::move(start), std::move(extent), "__0_0.distcp",
                static_cast<int32_t>(data.size()), 0, ""};
    data += torch_zip(value, storages);
    piece.length = static_cast<int32_t>(data.size()) - piece.offset;
    return piece;
  }
  // A chunk of f32 with these values.
  Piece chunk(std::vector<int32_t> start, std::vector<int32_t> extent,
              const std::vector<float>& values) {
    std::vector<int32_t> stride(extent.size());
    int32_t step = 1;
    for (size_t i = extent.size(); i-- > 0; step *= extent[i]) stride[i] = step;
    std::string bytes;
    for (const float value : values) bytes += raw(value);
    return add(start, extent,
               tensor({.count = static_cast<int32_t>(values.size()), .size = extent,
                       .stride = stride}),
               {{"0", bytes}});
  }
  // Two columns, each a chunk.
  Described columns() {
    return {.pieces = {chunk({0, 0}, {2, 1}, {0, 2}), chunk({0, 1}, {2, 1}, {1, 3})}};
  }
  void save(const std::vector<Described>& tensors, const std::string& planner = "N") {
    write("__0_0.distcp", data);
    write(".metadata", metadata(tensors, planner));
  }
  const ErrorCode* code(Error* error = nullptr) const {
    return io_testing::code_of([&] { read_path(path()); }, error);
  }

  std::string data;
};

TEST(Dcp, ChunksBecomeOneTensor) {
  Folder folder;
  folder.save({folder.columns()});
  const Checkpoint c = read_path(folder.path());
  ASSERT_EQ(c.tensors.size(), 1u);
  EXPECT_EQ(c.tensors[0].name, "w");
  EXPECT_EQ(c.tensors[0].shape(), (Shape{2, 2}));
  EXPECT_EQ(stored_bytes(c.tensors[0]), raw(0.f) + raw(1.f) + raw(2.f) + raw(3.f));
  EXPECT_EQ(c.files.size(), 2u);
  EXPECT_TRUE(c.warnings.empty());
}

TEST(Dcp, AChunkMayBeAViewAndAWholeOneIsAnExtentOfItsFile) {
  Folder folder;
  const Piece turned = folder.add({0, 0}, {2, 2}, tensor({.size = {2, 2}, .stride = {1, 2}}),
                                  {{"0", four_floats()}});
  const Piece whole = folder.chunk({0, 0}, {2, 2}, {4, 5, 6, 7});
  folder.save({{.name = "turned", .pieces = {turned}}, {.name = "whole", .pieces = {whole}}});
  const Checkpoint c = read_path(folder.path());
  EXPECT_EQ(stored_bytes(*c.find("turned")), raw(0.f) + raw(2.f) + raw(1.f) + raw(3.f));
  const auto extent = c.find("whole")->value->extent();
  ASSERT_TRUE(extent);
  EXPECT_EQ(extent->file, c.files[1].second);
  EXPECT_GT(extent->offset, static_cast<uint64_t>(whole.offset));
}

TEST(Dcp, ScalarsEmptyTensorsAndRanksWithoutRows) {
  Folder folder;
  const Described scalar{.name = "s", .shape = {}, .pieces = {folder.chunk({}, {}, {9})}};
  const Described empty{
      .name = "e", .shape = {0, 4}, .pieces = {folder.chunk({0, 0}, {0, 4}, {})}};
  Described rows{.name = "r", .shape = {1, 2}, .pieces = {folder.chunk({0, 0}, {1, 2}, {1, 2})}};
  rows.pieces.push_back(folder.chunk({1, 0}, {0, 2}, {}));
  folder.save({scalar, empty, rows});
  const Checkpoint c = read_path(folder.path());
  EXPECT_EQ(stored_bytes(*c.find("s")), raw(9.f));
  EXPECT_EQ(c.find("e")->shape(), (Shape{0, 4}));
  EXPECT_EQ(c.find("r")->elements(), 2);
}

// Planners say of which keys a name was joined.
std::string paths(const std::vector<std::pair<std::string, std::vector<std::string>>>& rows) {
  std::vector<std::pair<std::string, std::string>> items;
  for (const auto& [name, keys] : rows) {
    std::vector<std::string> parts;
    for (const std::string& key : keys) parts.push_back(text(key));
    items.emplace_back(name, tuple(parts));
  }
  return dict(items);
}

TEST(Dcp, TheModelIsTakenOutOfWhatATrainerSaves) {
  Folder folder;
  Described weight = folder.columns(), moment = folder.columns();
  weight.name = "model.module.layers.0.w";
  moment.name = "optimizer.state.0.exp_avg";
  const auto object = [&](const char* name, const std::string& value) {
    return Described{.name = name, .pieces = {folder.add({}, {}, value, {})}, .is_tensor = false};
  };
  const Described step = object("step", number(3));
  const Described none = object("none", "N");
  const Described rate = object("optimizer.lr", number(1));
  const Described arguments =
      object("args", torch_testing::object(global("argparse", "Namespace"), {}));
  folder.save({weight, moment, step, none, rate, arguments},
              paths({{weight.name, {"model", "module.layers.0.w"}},
                     {moment.name, {"optimizer", "state", "0", "exp_avg"}},
                     {"step", {"step"}},
                     {"none", {"none"}},
                     {"optimizer.lr", {"optimizer", "lr"}},
                     {"args", {"args"}}}));
  const Checkpoint c = read_path(folder.path());
  ASSERT_EQ(c.tensors.size(), 1u);
  EXPECT_EQ(c.tensors[0].name, "layers.0.w");
  EXPECT_EQ(*c.metadata.find("src.pytorch.step")->as_string(), "3");
  EXPECT_FALSE(c.metadata.find("src.pytorch.optimizer.lr"));
  ASSERT_EQ(c.warnings.size(), 2u);
  EXPECT_EQ(c.warnings[0].code, &codes::not_carried);
  EXPECT_NE(c.warnings[0].found.find("argparse.Namespace"), std::string::npos);
  EXPECT_EQ(c.warnings[1].found, "1 tensor, 1 object");
}

TEST(Dcp, OptimizersAreKeptOnRequest) {
  Folder folder;
  Described moment = folder.columns(), number_only = folder.columns();
  moment.name = "optimizer.state.layers.0.w.exp_avg";
  number_only.name = "optimizer.state.0.exp_avg";
  folder.save({folder.columns(), moment, number_only},
              paths({{moment.name, {"optimizer", "state", "layers.0.w", "exp_avg"}},
                     {number_only.name, {"optimizer", "state", "0", "exp_avg"}}}));
  const Checkpoint c =
      formats::dcp.read(open_source(folder.path()), {.keep_optimizer = true});
  ASSERT_EQ(c.tensors.size(), 3u);
  EXPECT_EQ(c.tensors[1].name, "optimizer.exp_avg.layers.0.w");
  EXPECT_EQ(c.tensors[2].name, "optimizer.state.0.exp_avg");
  EXPECT_EQ(stored_bytes(c.tensors[1]), four_floats());
}

TEST(Dcp, NamesStayWherePlannersSayNothing) {
  Folder folder;
  Described weight = folder.columns(), moment = folder.columns();
  weight.name = "model.layers.0.w";
  moment.name = "optimizer.state.exp_avg.w";
  folder.save({weight, moment});
  const Checkpoint c = read_path(folder.path());
  ASSERT_EQ(c.tensors.size(), 1u);
  EXPECT_EQ(c.tensors[0].name, "model.layers.0.w");
  folder.save({moment});
  EXPECT_EQ(folder.code(), &codes::no_state_dict);
}

TEST(Dcp, WhatAnOptimizerHoldsIsNotOpened) {
  Folder folder;
  Described moment = folder.columns();
  moment.name = "optimizer.state.0.exp_avg";
  for (Piece& piece : moment.pieces) piece.file = "__9_0.distcp";
  folder.save({folder.columns(), moment});
  EXPECT_EQ(read_path(folder.path()).tensors.size(), 1u);
}

TEST(Dcp, GapsAndOverlapsAreNamed) {
  Folder folder;
  Described gap = folder.columns();
  gap.shape = {2, 3};
  folder.save({gap});
  Error error;
  EXPECT_EQ(folder.code(&error), &codes::dcp_cover);
  EXPECT_NE(error.found.find("[0, 2] in none"), std::string::npos) << error.found;
  Described overlap = folder.columns();
  overlap.pieces.push_back(folder.chunk({1, 0}, {1, 2}, {2, 3}));
  folder.save({overlap});
  EXPECT_EQ(folder.code(&error), &codes::dcp_cover);
  EXPECT_NE(error.found.find("[1, 0] in several"), std::string::npos) << error.found;
}

TEST(Dcp, ChunksThatLieAreRefused) {
  Folder folder;
  const Described sound = folder.columns();
  const auto code = [&](auto change) {
    Described tensor = sound;
    change(tensor);
    folder.save({tensor});
    return folder.code();
  };
  EXPECT_EQ(code([](Described&) {}), nullptr);
  EXPECT_EQ(code([](Described& t) { t.dtype = "int32"; }), &codes::dcp_payload);
  EXPECT_EQ(code([](Described& t) { t.dtype = "complex128"; }), &codes::torch_dtype);
  EXPECT_EQ(code([](Described& t) { t.dtype = "nosuch"; }), &codes::torch_dtype);
  EXPECT_EQ(code([](Described& t) { t.pieces[1].offset = 1 << 30; }), &codes::dcp_payload);
  EXPECT_EQ(code([](Described& t) { t.pieces[1].length += 1; }), &codes::dcp_payload);
  EXPECT_EQ(code([](Described& t) { t.pieces[1].length -= 1; }), &codes::zip_structure);
  EXPECT_EQ(code([](Described& t) { t.pieces[1].length = 0; }), &codes::torch_record);
  EXPECT_EQ(code([](Described& t) { t.pieces[1].offset = t.pieces[0].offset; }),
            &codes::dcp_metadata);
  EXPECT_EQ(code([](Described& t) { t.pieces[1].offset = -1; }), &codes::dcp_metadata);
  EXPECT_EQ(code([](Described& t) { t.pieces[1].start = {0, 2}; }), &codes::dcp_metadata);
  EXPECT_EQ(code([](Described& t) { t.shape = {2, 2, 1}; }), &codes::dcp_metadata);
  EXPECT_EQ(code([](Described& t) { t.pieces[1].file = "__1_0.distcp"; }), &codes::shard_missing);
  EXPECT_EQ(code([](Described& t) { t.pieces[1].file = "../__0_0.distcp"; }),
            &codes::unsafe_name);
  EXPECT_EQ(code([](Described& t) { t.pieces[1].file = "a/__0_0.distcp"; }), &codes::unsafe_name);
  EXPECT_EQ(code([](Described& t) { t.pieces[1].file = "/etc/passwd"; }), &codes::unsafe_name);
  EXPECT_EQ(code([](Described& t) { t.pieces[1].transform = "stream.zstd/1"; }),
            &codes::dcp_transform);
}

TEST(Dcp, AChunkOfAnotherSizeOrKindIsRefused) {
  Folder folder;
  Described wide = folder.columns();
  std::swap(wide.pieces[1], wide.pieces[0]);
  wide.pieces[0] = folder.chunk({0, 1}, {2, 1}, {1, 3});
  wide.pieces[1] = folder.chunk({0, 0}, {2, 2}, {0, 1, 2, 3});
  wide.pieces[1].extent = {2, 1};
  folder.save({wide});
  EXPECT_EQ(folder.code(), &codes::dcp_payload);
  Described list = folder.columns();
  list.pieces[1] = folder.add({0, 1}, {2, 1}, "](" + tensor() + "e", {{"0", four_floats()}});
  folder.save({list});
  EXPECT_EQ(folder.code(), &codes::dcp_payload);
}

TEST(Dcp, HostileMetadataIsRefused) {
  Folder folder;
  folder.save({folder.columns()});
  const auto code = [&](const std::string& bytes) {
    folder.write(".metadata", bytes);
    return folder.code();
  };
  EXPECT_EQ(code(pickle(call(global("os", "system"), {text("true")}))), &codes::pickle_call);
  EXPECT_EQ(code(metadata({folder.columns()}, call(global("builtins", "eval"), {text("1")}))),
            &codes::pickle_call);
  EXPECT_EQ(code(pickle(object(global("my.own", "Metadata"), {}))), &codes::dcp_metadata);
  EXPECT_EQ(code(pickle(object(of_metadata("Metadata"), {}))), &codes::dcp_metadata);
  EXPECT_EQ(code(pickle("N")), &codes::dcp_metadata);
  EXPECT_EQ(code(""), &codes::truncated);
  Described lost = folder.columns();
  lost.pieces.clear();
  EXPECT_EQ(code(metadata({lost})), &codes::dcp_cover);
}

// ---- the safetensors form
std::string slices(const std::string& offsets, const std::string& shape, const std::string& data) {
  return safetensors_bytes(
      R"({"__metadata__":{"DCP_SHARDING_INFO":"{\"w\":{\"saved_offsets\":)" + offsets +
          R"(}}","DCP_VERSION":"1.0","format":"pt"},"w":{"dtype":"F32","shape":)" + shape +
          R"(,"data_offsets":[0,)" + std::to_string(data.size()) + "]}}",
      data);
}
constexpr const char* first = "shard-00001-model-00001-of-00001.safetensors";
constexpr const char* second = "shard-00002-model-00001-of-00001.safetensors";

TEST(Dcp, SlicesInSafetensorsArePutTogether) {
  Scratch folder;
  folder.write(first, slices("[0,0]", "[2,1]", raw(0.f) + raw(2.f)));
  folder.write(second, slices("[0,1]", "[2,1]", raw(1.f) + raw(3.f)));
  const Checkpoint c = read_path(folder.path());
  ASSERT_EQ(c.tensors.size(), 1u);
  EXPECT_EQ(c.tensors[0].shape(), (Shape{2, 2}));
  EXPECT_EQ(stored_bytes(c.tensors[0]), four_floats());
  EXPECT_FALSE(c.metadata.find("DCP_SHARDING_INFO"));
  ASSERT_EQ(c.warnings.size(), 1u);
  EXPECT_EQ(c.warnings[0].code, &codes::assumed);

  folder.write(second, slices("[0,2]", "[2,1]", raw(1.f) + raw(3.f)));
  EXPECT_EQ(io_testing::code_of([&] { read_path(folder.path()); }), &codes::dcp_cover);
  folder.write(second, slices("[1]", "[1]", raw(1.f)));
  EXPECT_EQ(io_testing::code_of([&] { read_path(folder.path()); }), &codes::dcp_payload);
  for (const char* offsets : {"[0]", "[0,-1]", "7", "[0,9223372036854775807]"}) {
    folder.write(second, slices(offsets, "[2,1]", raw(1.f) + raw(3.f)));
    EXPECT_EQ(io_testing::code_of([&] { read_path(folder.path()); }), &codes::dcp_metadata)
        << offsets;
  }
}

TEST(Dcp, SlicesAreNeverReadAsWholeTensors) {
  Scratch folder;
  const std::string file = folder.write(first, slices("[0,0]", "[1,2]", raw(0.f) + raw(2.f)));
  EXPECT_EQ(io_testing::code_of([&] { read_path(file); }), &codes::dcp_slices);
  const std::string renamed =
      folder.write("w.safetensors", slices("[1,0]", "[1,2]", raw(0.f) + raw(2.f)));
  EXPECT_EQ(io_testing::code_of([&] { read_path(renamed); }), &codes::dcp_slices);
  const std::string whole =
      folder.write("one.safetensors", slices("[0,0]", "[1,2]", raw(0.f) + raw(2.f)));
  EXPECT_EQ(read_path(whole).warnings.at(0).code, &codes::assumed);
}

TEST(Dcp, WholeWeightsBesideThePiecesAreTheModel) {
  Folder folder;
  folder.save({folder.columns()});
  folder.write("model.safetensors",
               safetensors_bytes(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
                                 "1234"));
  EXPECT_EQ(formats_testing::read_path(folder.path()).tensors.at(0).elements(), 1);
}

}  // namespace
}  // namespace recast
