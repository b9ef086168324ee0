#pragma once

#include <memory>

#include "formats/format.h"

namespace recast::formats {
// A Hugging Face model folder: config.json, safetensors weights, tokenizer files.
extern const Format hf;
}  // namespace recast::formats
