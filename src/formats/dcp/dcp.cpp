#include "formats/dcp/dcp.h"

#include <algorithm>

#include "formats/dcp/chunks.h"
#include "formats/dcp/slices.h"
#include "formats/model_files.h"
#include "wire/safetensors_slices.h"

namespace recast::formats {
namespace {

constexpr std::string_view metadata_name = ".metadata";
constexpr std::string_view chunks_extension = ".distcp";
// Whole weights beside the pieces are the model: torch puts them there once they are consolidated.
constexpr std::string_view whole_names[] = {"model.safetensors", "model.safetensors.index.json"};

bool has_chunks(const std::vector<std::string>& names) {
  return std::binary_search(names.begin(), names.end(), metadata_name) &&
         std::any_of(names.begin(), names.end(), [](const std::string& name) {
           return name.starts_with("__") && name.ends_with(chunks_extension);
         });
}

std::string probe(const Source& source) {
  if (!source.is_folder()) return {};
  const std::vector<std::string> names = source.list();
  const bool whole =
      std::any_of(std::begin(whole_names), std::end(whole_names), [&](std::string_view name) {
        return std::binary_search(names.begin(), names.end(), name);
      });
  if (whole) return {};
  if (has_chunks(names)) return "folder with .metadata and .distcp files";
  const bool slices = std::any_of(names.begin(), names.end(), is_slices_name);
  return slices ? "folder with slices of ranks in safetensors" : "";
}

Checkpoint read(std::shared_ptr<const Source> source, const ReadOptions& options) {
  Checkpoint checkpoint;
  checkpoint.convention = Convention::hf;
  checkpoint.name = source->base_name();
  read_configs(*source, checkpoint);
  if (!checkpoint.config.is_null()) find_side_files(*source, checkpoint);
  if (auto metadata = source->find(metadata_name))
    recast::dcp::read_chunks(*source, std::move(metadata), options, checkpoint);
  else
    recast::dcp::read_slices(*source, checkpoint);
  return checkpoint;
}

std::string_view type_name(const Codec&) { return {}; }

}  // namespace

const Format dcp = {
    .name = "dcp",
    .aliases = "torch-dcp hf-dcp distcp",
    .on_disk = "folder of torch.distributed.checkpoint: .metadata with .distcp files, or slices",
    .extension = "",
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
