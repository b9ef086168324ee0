#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/file.h"
#include "tensor/blocks.h"

// What `.metadata` of torch.distributed.checkpoint says: which chunk of which tensor stands where.
namespace recast::dcp {

// Bytes of a file beside it. They hold a whole file of torch.save.
struct Place {
  std::string file;  // a plain name
  uint64_t offset = 0, bytes = 0;
  std::string transforms;  // what packed them, "stream.zstd/1"; empty: nothing
};

struct Chunk {
  Box box;  // without axes for an object
  Place place;
};

// A tensor, or an object that is none.
struct Entry {
  std::string name;
  std::vector<std::string> path;  // keys that the name was joined of; the name alone if unknown
  bool is_tensor = false;
  std::string dtype;  // "torch.float32"
  Shape shape;
  std::vector<Chunk> chunks;  // with elements only; of an object: one
};

// Reads the pickle as data; nothing beside it is opened. Order of the file. Throws dcp_metadata for
// anything that is not as torch.distributed.checkpoint writes it, boxes outside their tensor and
// bytes that two entries share; unsafe_name for file names that are more than a name; dcp_cover
// when the chunks of a tensor leave a gap or overlap; pickle_limit; what read_pickle throws.
// Source: PyTorch, torch/distributed/checkpoint/metadata.py and filesystem.py.
std::vector<Entry> read_metadata(const std::shared_ptr<const File>& file);

// Throws dcp_cover, naming the first element that no box or that two hold, and pickle_limit.
void check_cover(const std::string& tensor, const Shape& shape, const std::vector<Box>& boxes,
                 const std::string& file);

}  // namespace recast::dcp
