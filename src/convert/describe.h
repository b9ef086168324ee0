#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "io/hash.h"
#include "model/checkpoint.h"
#include "wire/json.h"

// Parts of a model as documents, shared by inspect and validate.
namespace recast {

// An object with these members, in this order.
json::Value object(std::initializer_list<std::pair<std::string, json::Value>> members);

// XXH3-128 of the bytes of a tensor, in order. Reads them in slabs.
Hash128 tensor_xxh3(const Tensor& tensor);

// SHA-256 of a whole file, as 64 lower-case hexadecimal digits.
std::string file_sha256(const File& file);

// One line as sha256sum prints it and reads it back with -c. A name with a line break, a carriage
// return or a backslash has these escaped, and the line begins with a backslash then.
std::string sha256_line(std::string_view sha256, std::string_view name);

// One tensor: name, type, shape (outermost first), bytes, and offset and file where it stands in one
// place.
json::Value tensor_document(const Tensor& tensor);

// A metadata value; arrays above eight items as {"type", "count", "first"} unless `full`.
json::Value metadata_document(const MetaValue& value, bool full);

}  // namespace recast
