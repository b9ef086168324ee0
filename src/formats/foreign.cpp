#include "formats/foreign.h"

#include <algorithm>
#include <cstring>
#include <iterator>

#include "base/error.h"
#include "formats/spelling.h"

namespace recast {
namespace {

constexpr std::string_view npz = "NumPy archive",
                           onnx = "ONNX model", tflite = "TFLite model", ort = "ORT model",
                           ggml = "legacy GGML model", savedmodel = "TensorFlow SavedModel",
                           keras = "Keras HDF5 model", megatron = "Megatron checkpoint",
                           peft = "PEFT adapter", mlx_adapter = "MLX adapter",
                           zip = "zip archive",
                           numpy = "NumPy array", original = "checkpoint under its original names",
                           mlx = "MLX model", torchscript = "TorchScript model",
                           gzip = "gzip archive";

struct Magic {
  size_t offset;
  std::string_view bytes;
  std::string_view name;
};
constexpr Magic magics[] = {
    {4, "TFL3", tflite}, {4, "ORTM", ort},  {0, "lmgg", ggml},       {0, "fmgg", ggml},
    {0, "tjgg", ggml},   {0, "algg", ggml}, {0, "\x93NUMPY", numpy}, {0, "\x89HDF\r\n", keras},
    {0, "\x1f\x8b", gzip},
};

struct Spelling {
  std::string_view spellings;  // blank separated
  std::string_view extensions;
  std::string_view name;
};
constexpr Spelling spellings[] = {
    {"torchscript", "", torchscript},
    {"onnx", ".onnx", onnx},
    {"ort", ".ort", ort},
    {"tflite litert", ".tflite", tflite},
    {"savedmodel tensorflow tf", ".pb", savedmodel},
    {"keras h5", ".h5 .keras", keras},
    {"ggml", "", ggml},
    {"megatron", "", megatron},
    {"mlx", "", mlx},
    {"npz numpy", ".npz .npy", npz},
    {"peft lora", "", peft},
};

// Files by the start and end of their names; all rows of one name must be there.
struct Mark {
  std::string_view start, end;
};
struct FolderRow {
  Mark first, second;  // second may be empty: any file does
  std::string_view name;
  bool unless_config;  // the folder is another's when it has a config.json
};
constexpr FolderRow folders[] = {
    {{"adapter_config.json", ""}, {"adapter_model.", ""}, peft, false},
    {{"adapter_config.json", ""}, {"adapters.safetensors", ""}, mlx_adapter, false},
    {{"latest_checkpointed_iteration.txt", ""}, {}, megatron, false},
    {{"iter_0", ""}, {}, megatron, true},
    {{"mp_rank_", ""}, {}, megatron, true},
    {{"saved_model.pb", ""}, {}, savedmodel, true},
    {{"params.json", ""}, {"consolidated", ".safetensors"}, original, true},
    {{"weights.", ".npz"}, {}, mlx, false},
    {{"", ".onnx"}, {}, onnx, true},
};

bool matches(std::string_view name, Mark mark) {
  return name.size() >= mark.start.size() + mark.end.size() && name.starts_with(mark.start) &&
         name.ends_with(mark.end);
}

// By the name of the first member. Archives of torch.save are not foreign.
std::string_view zip_kind(std::string_view start) {
  uint16_t length = 0;
  if (start.size() < 30) return zip;
  std::memcpy(&length, start.data() + 26, sizeof length);
  const std::string_view member = start.substr(30, length);
  return member.ends_with(".npy") ? npz : zip;
}

// A ModelProto begins with its ir_version, a small varint, and goes on with a string or the graph.
bool looks_like_onnx(std::string_view start) {
  return start.size() > 3 && start[0] == 0x08 && start[1] > 0 && start[1] < 32 &&
         (start[2] == 0x12 || start[2] == 0x1a || start[2] == 0x3a || start[2] == 0x42);
}

}  // namespace

std::optional<Foreign> find_foreign_file(const File& file) {
  const Window window = file.window(0, std::min<uint64_t>(file.size(), 256));
  const std::string_view start(reinterpret_cast<const char*>(window.bytes().data()),
                               window.bytes().size());
  for (const Magic& magic : magics)
    if (start.size() > magic.offset && start.substr(magic.offset).starts_with(magic.bytes))
      return Foreign{magic.name, "magic bytes"};
  if (start.starts_with("PK\x03\x04")) return Foreign{zip_kind(start), "zip archive"};
  if (looks_like_onnx(start)) return Foreign{onnx, "protobuf with an ir_version"};
  return std::nullopt;
}

std::optional<Foreign> find_foreign_folder(const Source& source) {
  const std::vector<std::string> names = source.list();
  const auto find = [&](Mark mark) {
    return std::find_if(names.begin(), names.end(),
                        [&](const std::string& name) { return matches(name, mark); });
  };
  const bool has_config = std::binary_search(names.begin(), names.end(), "config.json");
  for (const FolderRow& row : folders) {
    if (row.unless_config && has_config) continue;
    const auto first = find(row.first);
    if (first != names.end() && find(row.second) != names.end())
      return Foreign{row.name, printable(*first)};
  }
  return std::nullopt;
}

std::string_view find_foreign_name(std::string_view name) {
  for (const Spelling& row : spellings)
    if (is_spelled(name, row.spellings)) return row.name;
  return {};
}

std::string_view foreign_extension(std::string_view path) {
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return {};
  for (const Spelling& row : spellings)
    if (is_spelled(path.substr(dot), row.extensions)) return row.name;
  return {};
}

}  // namespace recast
