// Five pickles: the magic number, 1001, the machine, the object, the keys of the storages in order.
// Then for each key a count of elements (int64) and the elements, back to back. Source: PyTorch,
// torch/serialization.py, _legacy_load.
#include <fmt/format.h>

#include "base/checked_math.h"
#include "wire/torch_dtype.h"
#include "wire/torch_file.h"

namespace recast {
namespace {

constexpr std::string_view magic_number = "119547037146038801333356";  // 0x1950a86a20f9469cfc6c
constexpr int64_t stream_version = 1001;

bool no_id(const Pickle&, PickleRef) { return false; }

std::string shown(const PickleNode& node) {
  if (node.kind == PickleKind::integer) return fmt::format("the number {0} ({0:#x})", node.integer);
  if (node.kind == PickleKind::big_integer) return "the number " + node.text;
  return fmt::format("an ordinary pickle of {}", pickle_kind_name(node.kind));
}

void check_start(ByteReader& in) {
  const Pickle magic = read_pickle(in, no_id);
  if (magic.top().text != magic_number || magic.top().kind != PickleKind::big_integer)
    in.fail(codes::torch_record, {.where = offset_where(magic.top().offset),
                                  .expected = "the magic number of torch.save in the first pickle",
                                  .found = shown(magic.top())});
  const Pickle version = read_pickle(in, no_id);
  if (version.top().integer != stream_version)
    in.fail(codes::torch_record, {.expected = "version 1001", .found = shown(version.top())});
}

bool is_big_endian(const Pickle& machine) {
  const PickleNode& dict = machine.top();
  for (size_t i = 0; i + 1 < dict.items.size(); i += 2)
    if (machine[dict.items[i]].text == "little_endian")
      return machine[dict.items[i + 1]].kind == PickleKind::boolean &&
             machine[dict.items[i + 1]].integer == 0;
  return false;
}

// Bytes of an element of each storage, by key: its class stands in the persistent ids only.
std::unordered_map<std::string, uint64_t> element_bytes(const Pickle& object) {
  std::unordered_map<std::string, uint64_t> sizes;
  for (const PickleNode& node : object.nodes) {
    if (node.kind != PickleKind::persistent) continue;
    const std::vector<PickleRef>& id = object[node.args].items;
    if (object[id[0]].text != "storage") continue;
    if (const TorchDtype* dtype = find_torch_storage(object[id[1]].text))
      sizes.emplace(object[id[2]].text, dtype->bytes);
  }
  return sizes;
}

void read_storage(ByteReader& in, const std::shared_ptr<const File>& file, const std::string& key,
                  const std::unordered_map<std::string, uint64_t>& sizes, TorchFile& out) {
  const auto size = sizes.find(key);
  if (size == sizes.end())
    in.fail(codes::torch_storage, {.where = fmt::format("storage \"{}\"", printable(key)),
                                   .expected = "a key that the object uses",
                                   .found = "none that does"});
  const auto count = in.get<int64_t>("the count of a storage");
  const auto bytes =
      count < 0 ? std::nullopt : checked_mul(static_cast<uint64_t>(count), size->second);
  if (!bytes || *bytes > in.remaining())
    in.fail(codes::torch_storage,
            {.where = fmt::format("storage \"{}\"", printable(key)),
             .expected = fmt::format("{} elements of {} bytes", count, size->second),
             .found = fmt::format("{} bytes left: truncated", in.remaining())});
  const TorchExtent extent{file, in.offset(), *bytes};
  if (!out.storages.emplace(key, extent).second)
    in.fail(codes::torch_storage,
            {.where = fmt::format("storage \"{}\"", printable(key)), .found = "a duplicate key"});
  in.skip(*bytes, "a storage");
}

}  // namespace

TorchFile read_torch_stream(std::shared_ptr<const File> file) {
  ByteReader in(file, 0, file->size());
  check_start(in);
  TorchFile out{.name = file->name()};
  out.big_endian = is_big_endian(read_pickle(in, no_id));
  out.object = read_pickle(in, is_storage_id);
  const Pickle keys = read_pickle(in, no_id);
  if (keys.top().kind != PickleKind::list)
    in.fail(codes::torch_record, {.expected = "the list of storage keys",
                                  .found = std::string(pickle_kind_name(keys.top().kind))});
  const auto sizes = element_bytes(out.object);
  for (const PickleRef key : keys.top().items) read_storage(in, file, keys[key].text, sizes, out);
  return out;
}

}  // namespace recast
