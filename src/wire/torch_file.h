#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "io/file.h"
#include "tensor/shape.h"
#include "wire/pickle.h"

// A file of torch.save as data: its pickle and where its storages stand. Three containers: zip
// (since 1.6), a stream of pickles and raw storages, tar (before 0.2).
namespace recast {

// The bytes of a storage.
struct TorchExtent {
  std::shared_ptr<const File> file;
  uint64_t offset = 0, bytes = 0;
};

// A tensor of the tar container, which keeps them beside its pickle.
struct TarTensor {
  std::string storage;  // key
  Shape shape, stride;
  int64_t offset = 0;  // elements
};

struct TorchFile {
  std::string name;  // of the file, to blame
  Pickle object;
  bool big_endian = false;
  std::unordered_map<std::string, TorchExtent> storages;        // by key
  std::unordered_map<std::string, std::string_view> tar_types;  // tar: dtype of a storage by key
  std::unordered_map<std::string, TarTensor> tar_tensors;       // tar: by key
  std::vector<Finding> warnings;
};

// What the beginning of the file says: "zip archive of PyTorch", "pickle stream", "tar of PyTorch";
// empty when it is none of them. Cheap; never throws on content.
std::string_view torch_container(const File& file);

// Whose CRCs are compared, in a zip. A wrong one is a warning.
enum class CrcCheck { pickle, small_archives };  // small_archives: all of archives up to 16 MiB

// Reads directory and pickle; of the storages only their extents, but for what `check` asks. Throws
// what ZipArchive and read_pickle throw, torch_record, torch_storage, and format_not_read for
// TorchScript and torch.export archives.
TorchFile read_torch_file(std::shared_ptr<const File> file,
                          CrcCheck check = CrcCheck::small_archives);

// The containers, for read_torch_file.
TorchFile read_torch_zip(std::shared_ptr<const File> file, CrcCheck check);
TorchFile read_torch_stream(std::shared_ptr<const File> file);
TorchFile read_torch_tar(std::shared_ptr<const File> file);

// ('storage', type, key, location, count[, view]), or the ('module', class, file, source) that
// stands for the class of a pickled module.
bool is_storage_id(const Pickle& pickle, PickleRef id);

}  // namespace recast
