#pragma once

#include <memory>
#include <string>
#include <vector>

#include "io/file.h"

namespace recast {

// An importance matrix as llama-imatrix wrote it before it wrote GGUF.
struct ImatrixDat {
  struct Entry {
    std::string name;           // of the tensor
    int32_t calls = 0;          // that `values` are the sum over; 0: they are no sum
    std::vector<float> values;  // one a column, and matrix after matrix in a stack
  };
  std::vector<Entry> entries;
  int32_t chunks = 0;   // 0 where the file is too old to say
  std::string dataset;  // file that it was computed from; may be empty
};

// Throws imatrix_file for counts that cannot be, truncated.
ImatrixDat read_imatrix_dat(const std::shared_ptr<const File>& file);

}  // namespace recast
