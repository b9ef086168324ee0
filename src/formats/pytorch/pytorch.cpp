#include "formats/pytorch/pytorch.h"

#include <algorithm>

#include "formats/model_files.h"
#include "formats/part_name.h"
#include "formats/shards.h"
#include "formats/torch_weights.h"
#include "wire/torch_file.h"

namespace recast::formats {
namespace {

constexpr std::string_view index_extension = ".index.json";
constexpr std::string_view shard_extension = ".bin";

bool is_index(std::string_view name) { return name.ends_with(index_extension); }

std::string probe(const Source& source) {
  if (source.is_folder()) return {};
  const auto file = source.file();
  const std::string_view container = torch_container(*file);
  return !container.empty()                       ? std::string(container)
         : begins_as_index(*file, shard_extension) ? "JSON with a weight_map of .bin files"
                                                   : "";
}

// The files that the given one stands for.
ShardSet named_shards(const Source& source) {
  const std::string name = source.base_name();
  if (is_index(name)) return shards_of_index(source, name);
  const auto part = parse_part_name(name, shard_extension);
  if (!part) return {{name}, {}};
  std::string index = part->prefix;
  index.append(shard_extension).append(index_extension);
  if (source.find(index)) return shards_of_index(source, index);
  return shards_of_name(part->prefix, part->count, shard_extension);
}

ShardSet find_shards(const Source& source) {
  ShardSet set = named_shards(source);
  set.torch = true;
  return set;
}

std::string model_name(const std::string& file_name) {
  if (is_index(file_name)) return stem_of(file_name, ".bin.index.json");
  const size_t dot = std::min(file_name.rfind('.'), file_name.size());
  return stem_of(file_name, file_name.substr(dot));
}

Checkpoint read(std::shared_ptr<const Source> source, const ReadOptions& options) {
  Checkpoint checkpoint;
  checkpoint.convention = Convention::hf;
  checkpoint.name = model_name(source->base_name());
  read_configs(*source, checkpoint);
  if (!checkpoint.config.is_null()) find_side_files(*source, checkpoint);
  read_shards(*source, find_shards(*source), options, checkpoint);
  return checkpoint;
}

std::string_view type_name(const Codec&) { return {}; }

}  // namespace

const Format pytorch = {
    .name = "pytorch",
    .aliases = "torch pt pth pickle",
    .on_disk = "a file of torch.save: .pt, .pth, .bin or .ckpt, or .bin shards with an index",
    .extension = torch_extensions,
    .convention = Convention::hf,
    .holds_tokenizer = false,
    .holds_config = false,
    .keys = {},
    .effects = {},
    .probe = probe,
    .read = read,
    .type_name = type_name,
};

}  // namespace recast::formats
