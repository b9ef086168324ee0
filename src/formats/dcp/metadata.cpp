// Metadata(state_dict_metadata: {name: TensorStorageMetadata | BytesStorageMetadata},
//          planner_data: {name: (key, key ...)} | None,
//          storage_data: {MetadataIndex(name, offset | None): _StorageInfo})
// TensorStorageMetadata(properties: TensorProperties, size, chunks: [ChunkStorageMetadata])
// ChunkStorageMetadata(offsets, sizes); _StorageInfo(relative_path, offset, length[, transforms])
// Each is an object whose attributes are a dict, but for the properties, which are a tuple that
// begins with the dtype. Elements and bytes are counted, sizes are torch.Size.
#include "formats/dcp/metadata.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "io/source.h"
#include "wire/pickle_values.h"

namespace recast::dcp {
namespace {

constexpr std::string_view metadata_module = "torch.distributed.checkpoint.metadata.";
constexpr std::string_view storage_info = "torch.distributed.checkpoint.filesystem._StorageInfo";
constexpr size_t most_rank = 8;
constexpr size_t most_name_bytes = 4096;
constexpr uint64_t most_corners = 1 << 20;  // of the chunks of a tensor: 64 MiB with 8 axes

bool is_no_storage(const Pickle&, PickleRef) { return false; }

class Reader {
 public:
  explicit Reader(const std::shared_ptr<const File>& file) : name_(file->name()) {
    ByteReader in(file, 0, file->size());
    pickle_ = read_pickle(in, is_no_storage);
  }

  std::vector<Entry> run() {
    check_class(pickle_.root, "Metadata");
    read_storage(pickle_.root);
    const PickleNode& tensors = mapping(attribute(pickle_.root, "state_dict_metadata"));
    for (size_t i = 0; i + 1 < tensors.items.size(); i += 2)
      add(text(tensors.items[i]), tensors.items[i + 1]);
    read_paths(attribute(pickle_.root, "planner_data"));
    check_twice();
    return std::move(entries_);
  }

 private:
  using Key = std::pair<std::string, Shape>;  // of a chunk: its tensor and where it begins

  [[noreturn]] void fail(const ErrorCode& code, ErrorFacts facts) const {
    facts.file = name_;
    recast::fail(code, std::move(facts));
  }
  [[noreturn]] void fail_node(PickleRef ref, std::string expected) const {
    fail(codes::dcp_metadata,
         {.where = ref ? fmt::format("pickle {}", offset_where(pickle_[ref].offset)) : "",
          .expected = std::move(expected),
          .found = describe_node(pickle_, pickle_[ref])});
  }
  [[noreturn]] void fail_entry(const std::string& tensor, std::string expected,
                               std::string found) const {
    fail(codes::dcp_metadata, {.where = tensor_where(tensor),
                               .expected = std::move(expected),
                               .found = std::move(found)});
  }

  // ---- parts of the pickle
  bool is_class(PickleRef ref, std::string_view name) const {
    const std::string_view found = pickle_.class_of(pickle_[ref]);
    return found == name || (found.starts_with(metadata_module) &&
                             found.substr(metadata_module.size()) == name);
  }
  void check_class(PickleRef ref, std::string_view name) const {
    if (!is_class(ref, name)) fail_node(ref, fmt::format("a {} of PyTorch", name));
  }
  // 0 when the object has no such attribute.
  PickleRef attribute(PickleRef object, std::string_view key) const {
    const PickleNode& state = pickle_[pickle_[object].state];
    PickleRef found = 0;  // of equal keys the last one counts, as in Python
    for (size_t i = 0; i + 1 < state.items.size(); i += 2)
      if (state.kind == PickleKind::dict && pickle_[state.items[i]].kind == PickleKind::text &&
          pickle_[state.items[i]].text == key)
        found = state.items[i + 1];
    return found;
  }
  const PickleNode& mapping(PickleRef ref) const {
    if (!is_mapping(pickle_, pickle_[ref])) fail_node(ref, "a dict");
    return pickle_[ref];
  }
  const std::string& text(PickleRef ref) const {
    const PickleNode& node = pickle_[ref];
    if (node.kind != PickleKind::text) fail_node(ref, "text");
    if (node.integer > static_cast<int64_t>(most_name_bytes))
      fail(codes::pickle_limit, {.expected = fmt::format("names of {} bytes", most_name_bytes),
                                 .found = fmt::format("{} bytes", node.integer)});
    return node.text;
  }
  int64_t count(PickleRef ref) const {
    const PickleNode& node = pickle_[ref];
    if (node.kind != PickleKind::integer || node.integer < 0) fail_node(ref, "a count");
    return node.integer;
  }
  // A torch.Size, which is a call with a tuple, or a plain tuple or list.
  Shape sizes(PickleRef ref) const {
    const PickleNode* node = &pickle_[ref];
    if (node->kind == PickleKind::call && pickle_.class_of(*node) == "torch.Size" &&
        pickle_[node->args].items.size() == 1)
      node = &pickle_[pickle_[node->args].items[0]];
    if (node->kind != PickleKind::tuple && node->kind != PickleKind::list)
      fail_node(ref, "a torch.Size");
    if (node->items.size() > most_rank)
      fail(codes::dcp_metadata, {.expected = fmt::format("at most {} dimensions", most_rank),
                                 .found = fmt::format("{}", node->items.size())});
    Shape out;
    for (const PickleRef item : node->items) out.push_back(count(item));
    return out;
  }

  // ---- what stands where
  void read_storage(PickleRef root) {
    const PickleNode& storage = mapping(attribute(root, "storage_data"));
    for (size_t i = 0; i + 1 < storage.items.size(); i += 2) {
      const PickleRef index = storage.items[i], info = storage.items[i + 1];
      check_class(index, "MetadataIndex");
      check_class(info, storage_info);
      const PickleRef offset = attribute(index, "offset");
      Key key{text(attribute(index, "fqn")),
              offset && pickle_[offset].kind != PickleKind::none ? sizes(offset) : Shape()};
      if (!places_.emplace(std::move(key), place(info)).second)
        fail_node(index, "one place for each chunk");
    }
    check_overlaps();
  }

  Place place(PickleRef info) const {
    Place out{text(attribute(info, "relative_path")),
              static_cast<uint64_t>(count(attribute(info, "offset"))),
              static_cast<uint64_t>(count(attribute(info, "length"))),
              {}};
    check_relative_name(out.file);
    if (out.file.find('/') != out.file.npos)
      fail(codes::unsafe_name,
           {.expected = "the name of a file in the folder", .found = printable(out.file)});
    const PickleRef transforms = attribute(info, "transform_descriptors");
    for (const PickleRef item : pickle_[transforms].items)
      out.transforms.append(out.transforms.empty() ? "" : ", ").append(text(item));
    return out;
  }

  // Bytes that two entries share are how files lie.
  void check_overlaps() const {
    std::vector<const Place*> order;
    for (const auto& [key, place] : places_) order.push_back(&place);
    std::sort(order.begin(), order.end(), [](const Place* a, const Place* b) {
      return std::tie(a->file, a->offset, a->bytes) < std::tie(b->file, b->offset, b->bytes);
    });
    for (size_t i = 1; i < order.size(); ++i) {
      const Place &a = *order[i - 1], &b = *order[i];
      if (a.file == b.file && b.offset - a.offset < a.bytes)
        fail(codes::dcp_metadata,
             {.where = fmt::format("{}, {}", printable(b.file), offset_where(b.offset)),
              .expected = fmt::format("an offset behind {} bytes at {}", a.bytes, a.offset),
              .found = fmt::format("offset {}", b.offset)});
    }
  }

  Place take_place(const std::string& name, const Shape& offset) {
    const auto it = places_.find(Key{name, offset});
    if (it == places_.end())
      fail_entry(name, fmt::format("a place for the chunk at {}", to_string(offset)), "none");
    return it->second;
  }

  // ---- entries
  void add(const std::string& name, PickleRef ref) {
    Entry& entry = entries_.emplace_back();
    entry.name = name;
    entry.path = {name};
    if (is_class(ref, "BytesStorageMetadata")) {
      entry.chunks.push_back({{}, take_place(name, {})});
      return;
    }
    check_class(ref, "TensorStorageMetadata");
    entry.is_tensor = true;
    entry.dtype = dtype(attribute(ref, "properties"));
    entry.shape = sizes(attribute(ref, "size"));
    if (!element_count(entry.shape))
      fail_entry(name, "a possible size", to_string(entry.shape));
    const PickleRef chunks = attribute(ref, "chunks");
    if (!is_sequence(pickle_, pickle_[chunks])) fail_node(chunks, "a list of chunks");
    for (const PickleRef chunk : elements_of(pickle_, pickle_[chunks])) add_chunk(entry, chunk);
    std::vector<Box> boxes;
    for (const Chunk& chunk : entry.chunks) boxes.push_back(chunk.box);
    check_cover(name, entry.shape, boxes, name_);
  }

  std::string dtype(PickleRef properties) const {
    check_class(properties, "TensorProperties");
    const PickleNode& state = pickle_[pickle_[properties].state];
    const PickleRef dtype = state.kind == PickleKind::tuple && !state.items.empty()
                                ? state.items[0]
                                : attribute(properties, "dtype");
    if (pickle_[dtype].kind != PickleKind::global) fail_node(dtype, "a dtype");
    return pickle_[dtype].text;
  }

  void add_chunk(Entry& entry, PickleRef ref) {
    check_class(ref, "ChunkStorageMetadata");
    Box box{sizes(attribute(ref, "offsets")), sizes(attribute(ref, "sizes"))};
    bool inside = box.start.size() == entry.shape.size() && box.extent.size() == box.start.size();
    for (size_t i = 0; inside && i < box.start.size(); ++i)
      inside = box.start[i] <= entry.shape[i] && box.extent[i] <= entry.shape[i] - box.start[i];
    if (!inside)
      fail_entry(entry.name, fmt::format("chunks inside {}", to_string(entry.shape)),
                 fmt::format("{} at {}", to_string(box.extent), to_string(box.start)));
    if (element_count(box.extent) == 0) return;  // of ranks that had nothing left
    Place place = take_place(entry.name, box.start);
    entry.chunks.push_back({std::move(box), std::move(place)});
  }

  void check_twice() const {
    std::vector<std::string_view> names;
    for (const Entry& entry : entries_) names.push_back(entry.name);
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end())
      fail_entry(std::string(*twice), "one entry of this name", "two of them");
  }

  // The keys of nested dicts and lists that a name was joined of. Planners of other programs leave
  // something else there, or nothing.
  void read_paths(PickleRef planner) {
    if (!is_mapping(pickle_, pickle_[planner])) return;
    const std::vector<PickleRef>& items = pickle_[planner].items;
    std::map<std::string_view, PickleRef> paths;
    for (size_t i = 0; i + 1 < items.size(); i += 2)
      if (pickle_[items[i]].kind == PickleKind::text && is_path(items[i + 1]))
        paths[pickle_[items[i]].text] = items[i + 1];
    for (Entry& entry : entries_) {
      const auto it = paths.find(entry.name);
      if (it == paths.end()) continue;
      entry.path.clear();
      for (const PickleRef key : pickle_[it->second].items)
        entry.path.push_back(key_text(pickle_, key));
    }
  }
  bool is_path(PickleRef ref) const {
    const PickleNode& node = pickle_[ref];
    return node.kind == PickleKind::tuple && !node.items.empty() && node.items.size() <= 64 &&
           std::all_of(node.items.begin(), node.items.end(), [&](PickleRef key) {
             const PickleNode& part = pickle_[key];
             return part.kind == PickleKind::integer ||
                    (part.kind == PickleKind::text &&
                     part.integer <= static_cast<int64_t>(most_name_bytes));
           });
  }

  const std::string name_;
  Pickle pickle_;
  std::map<Key, Place> places_;
  std::vector<Entry> entries_;
};

}  // namespace

std::vector<Entry> read_metadata(const std::shared_ptr<const File>& file) {
  return Reader(file).run();
}

void check_cover(const std::string& tensor, const Shape& shape, const std::vector<Box>& boxes,
                 const std::string& file) {
  if (cover_corners(shape, boxes) > most_corners)
    fail(codes::pickle_limit,
         {.where = tensor_where(tensor),
          .expected = fmt::format("chunks of at most {} corners", most_corners),
          .found = fmt::format("{} chunks", boxes.size()),
          .file = file});
  const auto fault = find_cover_fault(shape, boxes);
  if (!fault) return;
  fail(codes::dcp_cover,
       {.where = tensor_where(tensor),
        .expected = fmt::format("each element of {} in one chunk", to_string(shape)),
        .found = fmt::format("the element at {} in {}", to_string(fault->at),
                             fault->overlap ? "several of them: an overlap" : "none: a gap"),
        .file = file});
}

}  // namespace recast::dcp
