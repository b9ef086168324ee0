#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "model/metadata.h"

namespace recast {

// A general.* key of GGUF: its type and where it stands in a file.
struct GeneralKey {
  MetaType type;
  MetaType element = MetaType::string;  // of an array
  uint64_t place = 0;                   // keys are written in rising order
  bool after_architecture = false;      // written behind the ARCH.* keys
};

// Empty for keys that no specification names. "general.base_model.N.FIELD" and
// "general.dataset.N.FIELD" are known for every N below 65536.
std::optional<GeneralKey> find_general_key(std::string_view key);

// Fields of a base model or dataset, in file order: name, author, version ...
std::span<const std::string_view> link_fields();

}  // namespace recast
