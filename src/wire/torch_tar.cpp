// A tar with three members. "storages": pickle(count), then for each pickle((key, location,
// class)), an int64 count and the elements; then pickle(list of (key, root key, offset, count)):
// views. "tensors": pickle(count), then for each pickle((key, storage key, class)), an int32 rank,
// 4 bytes, int64 sizes, int64 strides, an int64 offset. "pickle": the object, whose persistent ids
// are keys. Source: PyTorch, torch/serialization.py, legacy_load.
#include <fmt/format.h>

#include "base/checked_math.h"
#include "base/limits.h"
#include "wire/torch_dtype.h"
#include "wire/torch_file.h"

namespace recast {
namespace {

constexpr uint64_t block_bytes = 512;

struct Member {
  uint64_t offset = 0, bytes = 0;
};

bool is_number(const Pickle& pickle, PickleRef id) {
  return pickle[id].kind == PickleKind::integer || pickle[id].kind == PickleKind::text;
}
bool no_id(const Pickle&, PickleRef) { return false; }

// A key as text: they are the ids of Python objects.
std::string key_of(const PickleNode& node) {
  if (node.kind == PickleKind::integer) return fmt::format("{}", node.integer);
  return node.text;
}

uint64_t octal(std::string_view digits) {
  uint64_t value = 0;
  for (const char c : digits) {
    if (c < '0' || c > '7') break;
    value = value * 8 + static_cast<uint64_t>(c - '0');
  }
  return value;
}

Member find_member(const std::shared_ptr<const File>& file, std::string_view name) {
  for (uint64_t at = 0; file->size() >= block_bytes && at <= file->size() - block_bytes;) {
    ByteReader in(file, at, block_bytes);
    const std::string header = in.get_text(block_bytes, block_bytes, "a tar header");
    std::string_view member = std::string_view(header).substr(0, 100);
    member = member.substr(0, member.find('\0'));
    const uint64_t bytes = octal(std::string_view(header).substr(124, 12));
    if (bytes > file->size() - at - block_bytes)
      in.fail(codes::torch_record, {.expected = fmt::format("a member of {} bytes", bytes),
                                    .found = "the end of the file: truncated"});
    if (member.ends_with(name) &&
        (member.size() == name.size() || member[member.size() - name.size() - 1] == '/'))
      return {at + block_bytes, bytes};
    at += block_bytes + align_up(bytes, block_bytes);
  }
  fail(codes::torch_record, {.expected = fmt::format("the member {} of a tar of torch.save", name),
                             .found = "no such member",
                             .file = file->name()});
}

int64_t read_count(ByteReader& in) {
  const Pickle count = read_pickle(in, no_id);
  const int64_t n = count.top().integer;
  if (count.top().kind != PickleKind::integer || n < 0)
    in.fail(codes::torch_record, {.expected = "a count"});
  if (const auto entries = static_cast<uint64_t>(n); entries > limit(Limit::torch_tar_entries))
    in.fail(codes::torch_record,
            over_limit(codes::torch_record, Limit::torch_tar_entries, {}, entries));
  return n;
}

// Three parts: key, something, class.
struct Head {
  std::string key, second, type;
};
Head read_head(ByteReader& in) {
  const Pickle tuple = read_pickle(in, no_id);
  const std::vector<PickleRef>& items = tuple.top().items;
  if (items.size() != 3 || tuple[items[2]].kind != PickleKind::global)
    in.fail(codes::torch_record, {.expected = "a tuple of key, place and class"});
  return {key_of(tuple[items[0]]), key_of(tuple[items[1]]), tuple[items[2]].text};
}

void read_storages(const std::shared_ptr<const File>& file, TorchFile& out) {
  const Member member = find_member(file, "storages");
  ByteReader in(file, member.offset, member.bytes);
  for (int64_t n = read_count(in); n > 0; --n) {
    const Head head = read_head(in);
    const TorchDtype* dtype = find_torch_storage(head.type);
    if (!dtype) in.fail(codes::torch_dtype, {.found = printable(head.type)});
    const auto count = in.get<int64_t>("the count of a storage");
    const auto bytes =
        count < 0 ? std::nullopt : checked_mul(static_cast<uint64_t>(count), dtype->bytes);
    if (!bytes || *bytes > in.remaining())
      in.fail(codes::torch_storage, {.where = fmt::format("storage {}", printable(head.key)),
                                     .expected = fmt::format("{} elements", count),
                                     .found = fmt::format("{} bytes left", in.remaining())});
    out.storages[head.key] = {file, in.offset(), *bytes};
    out.tar_types[head.key] = dtype->name;
    in.skip(*bytes, "a storage");
  }
  const Pickle views = read_pickle(in, no_id);
  for (const PickleRef view : views.top().items) {
    const std::vector<PickleRef>& part = views[view].items;
    if (part.size() != 4) in.fail(codes::torch_record, {.expected = "a view of 4 parts"});
    const auto root = out.storages.find(key_of(views[part[1]]));
    const std::string key = key_of(views[part[0]]);
    if (root == out.storages.end())
      in.fail(codes::torch_storage, {.where = fmt::format("storage {}", printable(key))});
    const uint64_t size = find_torch_dtype(out.tar_types[root->first])->bytes;
    const uint64_t all = root->second.bytes / size;
    const auto offset = static_cast<uint64_t>(views[part[2]].integer);
    const auto count = static_cast<uint64_t>(views[part[3]].integer);
    if (offset > all || count > all - offset)
      in.fail(codes::torch_storage, {.where = fmt::format("storage {}", printable(key)),
                                     .found = "a view out of bounds"});
    const TorchExtent extent{file, root->second.offset + offset * size, count * size};
    const std::string_view type = out.tar_types[root->first];
    out.storages[key] = extent;
    out.tar_types[key] = type;
  }
}

void read_tensors(const std::shared_ptr<const File>& file, TorchFile& out) {
  const Member member = find_member(file, "tensors");
  ByteReader in(file, member.offset, member.bytes);
  for (int64_t n = read_count(in); n > 0; --n) {
    const Head head = read_head(in);
    TarTensor tensor{.storage = head.second};
    const auto rank = in.get<int32_t>("a rank");
    if (rank < 0)
      in.fail(codes::torch_tensor, {.expected = "a rank", .found = fmt::format("{}", rank)});
    if (const auto axes = static_cast<uint64_t>(rank); axes > limit(Limit::torch_rank))
      in.fail(codes::torch_tensor, over_limit(codes::torch_tensor, Limit::torch_rank, {}, axes));
    in.skip(4);
    for (int32_t i = 0; i < rank; ++i) tensor.shape.push_back(in.get<int64_t>("a size"));
    for (int32_t i = 0; i < rank; ++i) tensor.stride.push_back(in.get<int64_t>("a stride"));
    tensor.offset = in.get<int64_t>("an offset");
    out.tar_tensors[head.key] = std::move(tensor);
  }
}

}  // namespace

TorchFile read_torch_tar(std::shared_ptr<const File> file) {
  TorchFile out{.name = file->name()};
  read_storages(file, out);
  read_tensors(file, out);
  const Member member = find_member(file, "pickle");
  ByteReader in(file, member.offset, member.bytes);
  out.object = read_pickle(in, is_number);
  return out;
}

}  // namespace recast
