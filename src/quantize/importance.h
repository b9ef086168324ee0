#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/checkpoint.h"
#include "quantize/patterns.h"
#include "tensor/weighted_cast.h"

namespace recast {

// An importance matrix: for each tensor how much the error of its columns counts.
struct Importance {
  // Name of the tensor to a row of values, or one for each matrix of a stack.
  std::map<std::string, ImportanceValues, std::less<>> entries;
  std::string file;     // its name, without folders
  std::string dataset;  // what it was computed from; may be empty
  int64_t chunks = 0;   // of text; 0: not said
};

// Out of a GGUF of that kind: NAME.in_sum2 and NAME.counts; a matrix without any count has the same
// value everywhere. Throws imatrix_file for what is no such file, a value that cannot be, or sums
// without counts.
Importance importance_from(const Checkpoint& matrix);

// Requires every value to be finite and not negative; throws imatrix_file.
void check_importance(const Importance& importance, const std::string& path);

// Keeps the entries whose names some pattern of `include` matches (all without one), leaves out
// those that one of `exclude` does. Throws pattern_unused.
void choose_entries(Importance& importance, const std::vector<NamePattern>& include,
                    const std::vector<NamePattern>& exclude);

// The entry of a tensor of this shape; null when there is none. Throws imatrix_mismatch when it has
// another length, except for the embedding, of which the reference takes none either.
ImportanceValues importance_of(const Importance& importance, std::string_view gguf_name,
                               const Shape& shape);

// The keys that the reference quantizer adds to a GGUF.
void describe_importance(const Importance& importance, Metadata& metadata);

}  // namespace recast
