#include "formats/hf/hf.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>

#include "formats/hf/weights.h"
#include "formats/model_files.h"
#include "model/optimizer.h"
#include "wire/json.h"

namespace recast::hf {
namespace {

namespace fs = std::filesystem;

std::string probe(const Source& source) {
  if (!source.is_folder()) return {};
  const std::vector<std::string> names = source.list();
  if (std::binary_search(names.begin(), names.end(), "config.json"))
    return "folder with config.json";
  const auto weights = std::find_if(names.begin(), names.end(), [](const std::string& name) {
    return name.ends_with(safetensors_extension) || name.ends_with(".safetensors.index.json") ||
           (name.starts_with("pytorch_model") && name.ends_with(".bin"));
  });
  return weights == names.end() ? "" : "folder with " + printable(*weights);
}

// The folder's name; of a snapshot in the hub cache (models--ORG--NAME/snapshots/REVISION) NAME.
std::string model_name(const Source& source) {
  constexpr std::string_view cache = "models--";
  const std::string& path = source.path();
  const size_t snapshots = path.rfind("/snapshots/");
  if (snapshots == std::string::npos) return source.base_name();
  const size_t start = path.rfind('/', snapshots - 1) + 1;  // npos + 1 is 0: the path begins there
  const std::string folder = path.substr(start, snapshots - start);
  if (!folder.starts_with(cache)) return source.base_name();
  return folder.substr(folder.rfind("--") + 2);
}

void read_optimizer(const Source& source, const ReadOptions& options, Checkpoint& checkpoint) {
  const std::string name(optimizer_file_name);
  if (options.keep_optimizer && source.find(name))
    return read_shards(source, {{name}, {}}, options, checkpoint);
  if (source.find(name))
    add_warning(checkpoint.warnings,
                Error(codes::not_carried, {.where = name,
                                           .found = "tensors of an optimizer",
                                           .fix = "--keep-optimizer carries them",
                                           .file = source.path()}));
}

Checkpoint read(std::shared_ptr<const Source> source, const ReadOptions& options) {
  Checkpoint checkpoint;
  checkpoint.convention = Convention::hf;
  checkpoint.name = model_name(*source);
  read_configs(*source, checkpoint);
  const Weights weights = choose_weights(*source);
  if (!weights.ignored.empty())
    add_warning(checkpoint.warnings,
                Error(codes::weights_ignored,
                      {.expected = weights.set.index.empty() ? weights.set.names.front()
                                                             : weights.set.index,
                       .found = printable(fmt::format("{}", fmt::join(weights.ignored, ", "))),
                       .file = source->path()}));
  find_side_files(*source, checkpoint);
  read_shards(*source, weights.set, options, checkpoint);
  read_optimizer(*source, options, checkpoint);
  if (checkpoint.config.is_object())
    checkpoint.files.insert(checkpoint.files.begin(), {"config.json", source->find("config.json")});
  for (const SideFile& side : checkpoint.side_files)
    checkpoint.files.emplace_back(side.name, side.file);
  return checkpoint;
}

// Whether a file begins like a JSON object.
bool looks_like_config(const File& file) {
  const Window window = file.window(0, std::min<uint64_t>(file.size(), 256));
  const auto bytes = window.bytes();
  const auto first = std::find_if(bytes.begin(), bytes.end(), [](std::byte b) {
    return std::string_view(" \t\r\n").find(static_cast<char>(b)) == std::string_view::npos;
  });
  return first != bytes.end() && *first == std::byte{'{'};
}

// The folder, or a config under any name with what stands beside it.
Checkpoint read_config(std::shared_ptr<const Source> source) {
  if (!source->is_folder() && !looks_like_config(*source->file()))
    fail(codes::fake_needs_config, {.file = source->path()});
  Checkpoint checkpoint;
  checkpoint.convention = Convention::hf;
  const std::string name = source->is_folder() ? "config.json" : source->base_name();
  checkpoint.name = source->is_folder()
                        ? model_name(*source)
                        : fs::absolute(source->path()).parent_path().filename().string();
  read_configs(*source, checkpoint, name);
  if (checkpoint.config.is_null())
    fail(codes::config_missing,
         {.expected = "config.json", .found = "no such file", .file = source->path()});
  find_side_files(*source, checkpoint);
  checkpoint.files.emplace_back(name, source->find(name));
  for (const SideFile& side : checkpoint.side_files)
    checkpoint.files.emplace_back(side.name, side.file);
  return checkpoint;
}

void add_text(Layout& layout, std::string name, std::string text) {
  layout.files.push_back({std::move(name), text.size()});
  layout.pieces.push_back({layout.files.size() - 1, 0, std::move(text)});
}

void add_copy(Layout& layout, const SideFile& side) {
  if (!side.file) return add_text(layout, side.name, side.bytes);
  layout.files.push_back({side.name, side.size()});
  layout.copies.push_back({layout.files.size() - 1, side.file});
}

// The generation config of the source is copied while it still says what the checkpoint says.
void add_generation_config(Layout& layout, const Checkpoint& checkpoint) {
  constexpr std::string_view name = "generation_config.json";
  if (checkpoint.generation_config.is_null()) return;
  const SideFile* side = checkpoint.find_side_file(name);
  if (side && side->file && json::parse_file(*side->file) == checkpoint.generation_config)
    return add_copy(layout, *side);
  add_text(layout, std::string(name), json::write(checkpoint.generation_config, 2) + "\n");
}

bool is_written(const SideFile& side, bool with_code) {
  return side.name != "generation_config.json" && (with_code || !side.name.ends_with(".py"));
}

Layout lay_out(const Checkpoint& checkpoint, const WriteOptions& options) {
  Layout layout;
  layout.kind = OutputKind::folder;
  add_text(layout, "config.json", json::write(checkpoint.config, 2) + "\n");
  add_generation_config(layout, checkpoint);
  const auto& tensors = checkpoint.tensors;
  const auto model = static_cast<size_t>(
      std::find_if(tensors.begin(), tensors.end(), is_optimizer_tensor) - tensors.begin());
  lay_out_shards(checkpoint, {0, model}, options, "model", layout);
  if (model < tensors.size())
    lay_out_file(checkpoint, {model, tensors.size()}, std::string(optimizer_file_name), layout);
  const bool with_code = checkpoint.config.find("auto_map") != nullptr;
  for (const SideFile& side : checkpoint.side_files)
    if (is_written(side, with_code)) add_copy(layout, side);
  return layout;
}

constexpr OptionEffect effects[] = {
    {"quant", Effect::refused, "safetensors holds no GGUF blocks"},
    {"pure", Effect::no_effect, "no type recipe applies to safetensors"},
    {"embedding-type", Effect::no_effect, "no type recipe applies to safetensors"},
    {"output-type", Effect::no_effect, "no type recipe applies to safetensors"},
    {"leave-output", Effect::no_effect, "no type recipe applies to safetensors"},
    {"tensor-type", Effect::no_effect, "no type recipe applies to safetensors"},
    {"imatrix", Effect::no_effect, "nothing is quantized"},
    {"target-bpw", Effect::no_effect, "nothing is quantized"},
    {"target-size", Effect::no_effect, "nothing is quantized"},
    {"max-rmse", Effect::no_effect, "nothing is quantized"},
    {"include-weights", Effect::no_effect, "nothing is quantized"},
    {"exclude-weights", Effect::no_effect, "nothing is quantized"},
    {"allow-requantize", Effect::no_effect, "nothing is quantized"},
    {"allow-nonfinite", Effect::no_effect, "nothing is quantized"},
    {"pre", Effect::no_effect, "pre-tokenizer names belong to GGUF"},
    {"split", Effect::refused, "--shard-size sets the size of shards"},
    {"split-max-size", Effect::refused, "--shard-size sets the size of shards"},
    {"keep-split", Effect::refused, "--shard-size sets the size of shards"},
    {"modelfile", Effect::refused, "a Modelfile names a GGUF file: -t gguf"},
};

}  // namespace
}  // namespace recast::hf

namespace recast::formats {

const Format hf = {
    .name = "hf",
    .aliases = "huggingface hugging-face transformers",
    .on_disk = "folder with config.json, safetensors weights and tokenizer files",
    .extension = "",
    .convention = Convention::hf,
    .holds_tokenizer = true,
    .holds_config = true,
    .keys = {},
    .effects = recast::hf::effects,
    .probe = recast::hf::probe,
    .read = recast::hf::read,
    .read_config = recast::hf::read_config,
    .type_name = safetensors_type_name,
    .lay_out = recast::hf::lay_out,
};

}  // namespace recast::formats
