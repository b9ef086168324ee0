#include "wire/torch_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "wire/zip.h"

namespace recast {
namespace {

constexpr uint64_t tar_magic_offset = 257;

std::string_view text_of(const Window& window) {
  return {reinterpret_cast<const char*>(window.bytes().data()), window.bytes().size()};
}

// A torch.save archive and an .npz are both zips: the name of the first member tells.
bool is_torch_zip(std::string_view start) {
  uint16_t length = 0;
  if (start.size() < 30) return false;
  std::memcpy(&length, start.data() + 26, sizeof length);
  const std::string_view member = start.substr(30, length);
  constexpr std::string_view ends[] = {"/data.pkl",        "/byteorder",          "/version",
                                       "/.format_version", "/.storage_alignment", "/constants.pkl"};
  return member.find("/data/") != member.npos ||
         std::any_of(std::begin(ends), std::end(ends),
                     [&](std::string_view end) { return member.ends_with(end); });
}

// One of its three members comes first.
bool is_torch_tar(std::string_view start) {
  if (start.size() <= tar_magic_offset || !start.substr(tar_magic_offset).starts_with("ustar"))
    return false;
  std::string_view name = start.substr(0, start.find('\0'));
  name.remove_prefix(name.rfind('/') + 1);  // npos + 1 is 0
  return name == "storages" || name == "tensors" || name == "pickle";
}

// The magic number of protocol 1 has no PROTO before it: a text number, or LONG1.
bool is_pickle(std::string_view start) {
  return (start.size() > 2 && start[0] == '\x80' && start[1] >= 2 && start[1] <= 5) ||
         start.starts_with("L11954703714") || start.starts_with("\x8a\x0a\x6c\xfc\x9c\x46");
}

}  // namespace

std::string_view torch_container(const File& file) {
  const Window window = file.window(0, std::min<uint64_t>(file.size(), 512));
  const std::string_view start = text_of(window);
  if (start.starts_with(zip_magic)) return is_torch_zip(start) ? "zip archive of PyTorch" : "";
  if (is_pickle(start)) return "pickle opcodes";
  return is_torch_tar(start) ? "tar archive of PyTorch" : "";
}

TorchFile read_torch_file(std::shared_ptr<const File> file, CrcCheck check) {
  const Window window = file->window(0, std::min<uint64_t>(file->size(), 512));
  const std::string_view start = text_of(window);
  if (start.starts_with(zip_magic)) return read_torch_zip(std::move(file), check);
  if (is_torch_tar(start)) return read_torch_tar(std::move(file));
  if (!is_pickle(start))
    fail(codes::torch_record,
         {.expected = "a zip, a pickle stream or a tar of torch.save",
          .found = fmt::format("a file that begins with \"{}\"", printable(start.substr(0, 8))),
          .file = file->name()});
  return read_torch_stream(std::move(file));
}

bool is_storage_id(const Pickle& pickle, PickleRef id) {
  using K = PickleKind;
  const PickleNode& tuple = pickle[id];
  const auto is = [&](size_t i, K kind) {
    return i < tuple.items.size() && pickle[tuple.items[i]].kind == kind;
  };
  if (tuple.kind != K::tuple || !is(0, K::text) || !is(1, K::global)) return false;
  const std::string& tag = pickle[tuple.items[0]].text;
  if (tag == "module") return tuple.items.size() == 4 && is(2, K::text) && is(3, K::text);
  return tag == "storage" && (tuple.items.size() == 5 || tuple.items.size() == 6) &&
         is(2, K::text) && is(3, K::text) && is(4, K::integer) &&
         pickle[tuple.items[4]].integer >= 0;
}

}  // namespace recast
