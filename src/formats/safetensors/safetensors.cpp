#include "formats/safetensors/safetensors.h"

#include <algorithm>
#include <cstring>

#include "base/limits.h"
#include "formats/model_files.h"
#include "formats/part_name.h"
#include "formats/shards.h"

namespace recast::formats {
namespace {

constexpr std::string_view index_extension = ".safetensors.index.json";

bool is_index(const std::string& name) { return name.ends_with(".json"); }

std::string probe(const Source& source) {
  if (source.is_folder()) return {};
  const auto file = source.file();
  if (file->size() < 9) return {};
  const Window window = file->window(0, 9);
  uint64_t header_bytes;  // little-endian, as every machine that this runs on
  std::memcpy(&header_bytes, window.bytes().data(), sizeof header_bytes);
  // What is cut short or has a header beyond the limit is one all the same: the reader refuses it.
  const uint64_t possible = std::max(file->size() - 8, limit(Limit::safetensors_header_bytes));
  if (header_bytes >= 2 && header_bytes <= possible && window.bytes()[8] == std::byte{'{'})
    return "a JSON header behind its length of " + std::to_string(header_bytes) + " bytes";
  return begins_as_index(*file, safetensors_extension)
             ? "JSON with a weight_map of safetensors files"
             : "";
}

// The files that the given one stands for.
ShardSet find_shards(const Source& source) {
  const std::string name = source.base_name();
  if (is_index(name)) return shards_of_index(source, name);
  const auto part = parse_part_name(name, safetensors_extension);
  if (!part) return {{name}, {}};
  const std::string index = part->prefix + std::string(index_extension);
  if (source.find(index)) return shards_of_index(source, index);
  return shards_of_name(part->prefix, part->count);
}

std::string model_name(const std::string& file_name) {
  return is_index(file_name) ? stem_of(file_name, index_extension)
                             : stem_of(file_name, safetensors_extension);
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

Layout lay_out(const Checkpoint& checkpoint, const WriteOptions& options) {
  Layout layout;
  lay_out_shards(checkpoint, {0, checkpoint.tensors.size()}, options,
                 stem_of(options.name, safetensors_extension), layout);
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
    {"tokenizer", Effect::no_effect, "the file holds no tokenizer"},
    {"no-tokenizer", Effect::no_effect, "the file holds no tokenizer"},
    {"pre", Effect::no_effect, "pre-tokenizer names belong to GGUF"},
    {"context-length", Effect::no_effect, "the file holds no configuration"},
    {"rope-scaling", Effect::no_effect, "the file holds no configuration"},
    {"split", Effect::refused, "--shard-size sets the size of shards"},
    {"split-max-size", Effect::refused, "--shard-size sets the size of shards"},
    {"keep-split", Effect::refused, "--shard-size sets the size of shards"},
    {"modelfile", Effect::refused, "a Modelfile names a GGUF file: -t gguf"},
};

}  // namespace

const Format safetensors = {
    .name = "safetensors",
    .aliases = "safe-tensors st",
    .on_disk = "one .safetensors file, or shards with an index; weights only",
    .extension = safetensors_extension,
    .convention = Convention::hf,
    .holds_tokenizer = false,
    .holds_config = false,
    .keys = {},
    .effects = effects,
    .probe = probe,
    .read = read,
    .type_name = safetensors_type_name,
    .lay_out = lay_out,
};

}  // namespace recast::formats
