#pragma once

#include <string>
#include <vector>

#include "model/checkpoint.h"
#include "wire/json.h"

// Parts of a model as documents, shared by inspect and validate.
namespace recast {

// One tensor: name, type, shape (outermost first), bytes, and offset and file where it stands in one
// place.
json::Value tensor_document(const Tensor& tensor);

// A metadata value; arrays above eight items as {"type", "count", "first"} unless `full`.
json::Value metadata_document(const MetaValue& value, bool full);

}  // namespace recast
