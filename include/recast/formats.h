#pragma once

#include "wire/json.h"

namespace recast {

// The tables behind `recast list`, as arrays of objects (schema docs/schemas/list.json).
json::Value list_formats();  // name, aliases, on_disk, read, write, options
json::Value list_types();    // name, block, bytes, bits_per_weight, encode, needs_imatrix, targets
json::Value list_archs();    // name, classes, gguf, tiers
json::Value list_pairs();    // from, to, possible, why
json::Value list_errors();   // code, symbol, kind, exit, meaning, fix
json::Value list_limits();   // name, default, unit, most (null: no ceiling), reason
json::Value list_options(const std::string& to);  // option, effect (acts, no effect, refused), why

}  // namespace recast
