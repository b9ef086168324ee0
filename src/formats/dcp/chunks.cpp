#include "formats/dcp/chunks.h"

#include <fmt/format.h>

#include <map>
#include <set>
#include <unordered_map>

#include "codec/codecs.h"
#include "formats/dcp/metadata.h"
#include "formats/dcp/selection.h"
#include "formats/torch_weights.h"
#include "io/file_range.h"
#include "tensor/lazy_ops.h"
#include "wire/pickle_values.h"
#include "wire/torch_file.h"
#include "wire/torch_optimizer.h"
#include "wire/torch_tensor.h"
#include "wire/utf8.h"

namespace recast::dcp {
namespace {

constexpr size_t value_budget = 10'000;  // nodes of one carried value
constexpr size_t most_value_bytes = 64 << 10;
constexpr size_t most_values = 2000;

class Reader {
 public:
  Reader(const Source& source, const ReadOptions& options, Checkpoint& out)
      : source_(source), options_(options), out_(out) {}

  void run(std::shared_ptr<const File> metadata) {
    metadata_name_ = metadata->name();
    const std::vector<Entry> entries = read_metadata(metadata);
    out_.files.emplace_back(".metadata", std::move(metadata));
    const Selection selection = select(entries);
    if (selection.weights.empty())
      fail(codes::no_state_dict, {.expected = "tensors of a model",
                                  .found = fmt::format("{} other entries", entries.size()),
                                  .file = metadata_name_});
    for (const Selected& weight : selection.weights)
      out_.tensors.push_back({weight.name, tensor(*weight.entry)});
    for (const Selected& part : selection.optimizer)
      if (!options_.keep_optimizer)
        drop(*part.entry, "");
      else if (part.entry->is_tensor)
        out_.tensors.push_back({part.name, tensor(*part.entry)});
      else
        set_aside(*part.entry);
    check_names();
    for (const Selected& other : selection.aside) set_aside(*other.entry);
    list_dropped();
  }

 private:
  struct Dropped {
    size_t tensors = 0, objects = 0;
    std::set<std::string> kinds;
  };

  // ---- chunks
  std::shared_ptr<const File> open(const std::string& name) {
    std::shared_ptr<const File>& file = files_[name];
    if (file) return file;
    file = source_.find(name);
    if (!file)
      fail(codes::shard_missing, {.expected = printable(name),
                                  .found = "no such file",
                                  .fix = "get the folder again with the files of all ranks",
                                  .file = source_.path()});
    out_.files.emplace_back(name, file);
    return file;
  }

  // The bytes of a chunk as a file of torch.save.
  std::shared_ptr<const File> part(const Entry& entry, const Place& place) {
    if (!place.transforms.empty())
      fail(codes::dcp_transform, {.where = tensor_where(entry.name),
                                  .expected = "plain files of torch.save",
                                  .found = printable(place.transforms),
                                  .file = metadata_name_});
    const auto file = open(place.file);
    if (place.offset > file->size() || place.bytes > file->size() - place.offset)
      fail(codes::dcp_payload,
           {.where = tensor_where(entry.name),
            .expected = fmt::format("{} bytes at offset {}", place.bytes, place.offset),
            .found = fmt::format("a file of {} bytes", file->size()),
            .file = file->name()});
    return file_range(file, place.offset, place.bytes);
  }

  ValuePtr tensor(const Entry& entry) {
    const TorchDtype* dtype = find_torch_dtype(entry.dtype);
    if (!dtype || dtype->plain.empty())
      fail(codes::torch_dtype, {.where = tensor_where(entry.name),
                                .found = printable(entry.dtype),
                                .file = metadata_name_});
    const Codec& codec = *codec::find(dtype->plain);
    if (entry.chunks.empty()) return constant({}, entry.shape, codec);
    if (codec.block_elements > 1 && entry.chunks.size() > 1)
      fail(codes::torch_kind, {.where = tensor_where(entry.name),
                               .expected = "values of whole bytes",
                               .found = fmt::format("chunks of {}", dtype->name),
                               .file = metadata_name_});
    std::vector<Block> parts;
    for (const Chunk& chunk : entry.chunks)
      parts.push_back({chunk.box.start, value(entry, chunk, *dtype)});
    return parts.size() == 1 ? parts.front().value : blocks(std::move(parts), entry.shape);
  }

  ValuePtr value(const Entry& entry, const Chunk& chunk, const TorchDtype& dtype) {
    const auto bytes = part(entry, chunk.place);
    const TorchFile torch = read_torch_file(bytes, CrcCheck::pickle);
    for (const Finding& warning : torch.warnings) add_warning(out_.warnings, warning);
    const PickleNode& node = torch.object.top();
    if (!is_torch_tensor(torch, node) || !foreign_tensor_class(torch, node).empty())
      fail(codes::dcp_payload, {.where = tensor_where(entry.name),
                                .expected = "a tensor of PyTorch",
                                .found = describe_node(torch.object, node),
                                .file = torch.name});
    TorchTensor tensor = rebuild_tensor(torch, torch.object.root, entry.name);
    if (tensor.dtype != &dtype || tensor.shape != chunk.box.extent)
      fail(codes::dcp_payload,
           {.where = tensor_where(entry.name),
            .expected = fmt::format("{} {}, as the metadata says", dtype.name,
                                    to_string(chunk.box.extent)),
            .found = fmt::format("{} {}", tensor.dtype->name, to_string(tensor.shape)),
            .file = torch.name});
    // Extents of the file itself are copied from file to file.
    if (tensor.storage.file == bytes) {
      tensor.storage.file = open(chunk.place.file);
      tensor.storage.offset += chunk.place.offset;
    }
    return torch_value(torch, std::move(tensor), entry.name);
  }

  void check_names() const {
    std::set<std::string_view> names;
    for (const Tensor& tensor : out_.tensors)
      if (!names.insert(tensor.name).second)
        fail(codes::dcp_metadata, {.where = tensor_where(tensor.name),
                                   .expected = "one tensor of this name",
                                   .found = "two of them",
                                   .file = metadata_name_});
  }

  // ---- what stands beside them
  void drop(const Entry& entry, std::string kind) {
    Dropped& dropped = dropped_[entry.path.front().substr(0, entry.path.front().find('.'))];
    ++(entry.is_tensor ? dropped.tensors : dropped.objects);
    if (!kind.empty()) dropped.kinds.insert(std::move(kind));
  }

  void set_aside(const Entry& entry) {
    if (entry.is_tensor) return drop(entry, "");
    const auto bytes = part(entry, entry.chunks.front().place);
    if (torch_container(*bytes).empty()) return drop(entry, "bytes of no file of torch.save");
    const TorchFile torch = read_torch_file(bytes, CrcCheck::pickle);
    size_t budget = value_budget;
    const auto value = plain_value(torch.object, torch.object.root, budget);
    if (!value || !is_carried(entry.name, *value))
      drop(entry, value ? "a long value" : describe_node(torch.object, torch.object.top()));
  }

  // A plain value travels as metadata; None says nothing.
  bool is_carried(const std::string& name, const json::Value& value) {
    if (value.is_null()) return true;
    std::string text = json::write(value);
    if (text.size() > most_value_bytes || find_invalid_utf8(name) ||
        name.find('\0') != name.npos || ++values_ > most_values)
      return false;
    out_.metadata.set(fmt::format("{}{}", torch_value_prefix, name),
                      MetaValue::string(std::move(text)));
    return true;
  }

  static std::string shown(const Dropped& dropped) {
    std::string text;
    const auto count = [&](size_t n, std::string_view what) {
      if (n == 0) return;
      text.append(text.empty() ? "" : ", ");
      text.append(n == 1 ? fmt::format("1 {}", what) : fmt::format("{} {}s", n, what));
    };
    count(dropped.tensors, "tensor");
    count(dropped.objects, "object");
    if (!dropped.kinds.empty()) text.append(": ").append(*dropped.kinds.begin());
    if (dropped.kinds.size() > 1) text += fmt::format(" and {} more", dropped.kinds.size() - 1);
    return text;
  }
  void list_dropped() {
    for (const auto& [key, dropped] : dropped_)
      add_warning(out_.warnings,
                  Error(codes::not_carried, {.where = key_where(key),
                                             .found = shown(dropped),
                                             .fix = dropped_fix(key),
                                             .file = metadata_name_}));
  }

  const Source& source_;
  const ReadOptions& options_;
  Checkpoint& out_;
  std::string metadata_name_;
  std::unordered_map<std::string, std::shared_ptr<const File>> files_;
  std::map<std::string, Dropped> dropped_;  // by the first key
  size_t values_ = 0;
};

}  // namespace

void read_chunks(const Source& source, std::shared_ptr<const File> metadata,
                 const ReadOptions& options, Checkpoint& checkpoint) {
  Reader(source, options, checkpoint).run(std::move(metadata));
}

}  // namespace recast::dcp
