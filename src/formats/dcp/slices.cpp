#include "formats/dcp/slices.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "codec/codecs.h"
#include "formats/dcp/metadata.h"
#include "tensor/blocks.h"
#include "tensor/lazy_ops.h"
#include "wire/safetensors_slices.h"

namespace recast::dcp {
namespace {

struct Sliced {
  std::string name, file;
  std::vector<Block> slices;
  Shape shape;
};

class Reader {
 public:
  Reader(const Source& source, Checkpoint& out) : source_(source), out_(out) {}

  void run() {
    size_t files = 0;
    for (const std::string& name : source_.list())
      if (is_slices_name(name)) {
        read(name, source_.open(std::string_view(name)));
        ++files;
      }
    if (files == 0)
      fail(codes::weights_missing,
           {.expected = ".metadata, or shard-*.safetensors", .file = source_.path()});
    for (Sliced& tensor : tensors_) add(std::move(tensor));
    add_warning(out_.warnings,
                Error(codes::assumed,
                      {.where = fmt::format("{} files of slices", files),
                       .found = "tensors end with their last slice: no file says their sizes",
                       .fix = "check that the files of all ranks are there",
                       .file = source_.path()}));
  }

 private:
  void read(const std::string& name, const std::shared_ptr<const File>& file) {
    const SafetensorsHeader header = read_safetensors_header(*file);
    const auto offsets = read_slice_offsets(header, file->name());
    if (!offsets)
      fail(codes::dcp_metadata, {.where = key_where(slices_key),
                                 .expected = "offsets of the slices in __metadata__",
                                 .found = "none",
                                 .file = file->name()});
    for (const SafetensorsEntry& entry : header.entries)
      take(entry, offsets->at(entry.name), file);
    for (const auto& [key, value] : header.metadata)
      if (key != slices_key && key != slices_version_key && !out_.metadata.find(key))
        out_.metadata.set(key, MetaValue::string(value));
    out_.files.emplace_back(name, file);
  }

  void take(const SafetensorsEntry& entry, const Shape& offsets,
            const std::shared_ptr<const File>& file) {
    const auto [it, fresh] = by_name_.try_emplace(entry.name, tensors_.size());
    if (fresh) tensors_.push_back({entry.name, file->name(), {}, Shape(entry.shape.size(), 0)});
    Sliced& tensor = tensors_[it->second];
    const Codec& codec = *codec::find(entry.dtype);
    if (tensor.shape.size() != entry.shape.size() ||
        (!fresh && &tensor.slices.front().value->codec() != &codec))
      fail(codes::dcp_payload,
           {.where = tensor_where(entry.name),
            .expected = fmt::format("{} axes of {}, as in {}", tensor.shape.size(),
                                    tensor.slices.front().value->codec().name, tensor.file),
            .found = fmt::format("{} of {}", entry.shape.size(), entry.dtype),
            .file = file->name()});
    if (codec.block_elements != 1)
      fail(codes::torch_kind, {.where = tensor_where(entry.name),
                               .expected = "values of whole bytes",
                               .found = fmt::format("slices of {}", entry.dtype),
                               .file = file->name()});
    for (size_t i = 0; i < entry.shape.size(); ++i)
      tensor.shape[i] = std::max(tensor.shape[i], offsets[i] + entry.shape[i]);
    tensor.slices.push_back({offsets, stored(file, entry.begin, entry.shape, codec)});
  }

  void add(Sliced tensor) {
    if (!element_count(tensor.shape))
      fail(codes::dcp_metadata, {.where = tensor_where(tensor.name),
                                 .expected = "a possible size",
                                 .found = to_string(tensor.shape),
                                 .file = tensor.file});
    std::vector<Box> boxes;
    for (const Block& slice : tensor.slices) boxes.push_back({slice.start, slice.value->shape()});
    check_cover(tensor.name, tensor.shape, boxes, source_.path());
    out_.tensors.push_back(
        {tensor.name, blocks(std::move(tensor.slices), std::move(tensor.shape))});
  }

  const Source& source_;
  Checkpoint& out_;
  std::vector<Sliced> tensors_;
  std::unordered_map<std::string, size_t> by_name_;
};

}  // namespace

void read_slices(const Source& source, Checkpoint& checkpoint) {
  Reader(source, checkpoint).run();
}

}  // namespace recast::dcp
