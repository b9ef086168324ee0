#pragma once

#include <memory>

#include "formats/format.h"

namespace recast::formats {
extern const Format gguf;
}

namespace recast::gguf {

// One GGUF file, or the split set that it belongs to. All keys of the (first) file are in
// Checkpoint::metadata with their types, those of `split.` left out; the tokenizer is also in
// Checkpoint::vocabulary. Throws what read_parts, check_metadata and read_tokenizer_keys throw.
// Requires: !source->is_folder().
Checkpoint read(std::shared_ptr<const Source> source, const ReadOptions& options);

// Version 3, little-endian: keys in the order of Checkpoint::metadata, tensors in their order. The
// alignment is that of the options, else `general.alignment` of the metadata, else 32, and the key
// is written only when it is not 32.
//   split "tensors:N" or "size:BYTES": parts of at most N tensors or BYTES of padded tensor data (a
//   larger tensor gets a part of its own), named PREFIX-00001-of-0000N.gguf from the options' name;
//   the first has all keys, the others those of the split. What fits one part is not split.
//   tensor_sums: key `recast.tensor_sums` of the first part, an array of strings of 32 hexadecimal
//   digits in the order of the tensors over all parts.
// Throws gguf_not_writable for names above 63 bytes and more than 4 dimensions, type_not_stored,
// gguf_too_many_parts, bad_value for an impossible alignment or split.
Layout lay_out(const Checkpoint& checkpoint, const WriteOptions& options);

}  // namespace recast::gguf
