#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "model/metadata.h"

namespace recast {

// The value of `--metadata KEY=VALUE`. VALUE may begin with a type and a colon: u8 i8 u16 i16 u32
// i32 u64 i64 f32 f64 bool string, each with [] behind it for an array of values separated by
// commas
// ("u32:7", "string[]:en,de"). Without one the type is that of the key where a specification gives
// it one, else that of `present` (the value to replace, may be null), else string. Where the type
// of the key is known, only that type may be named. Throws bad_value: unknown type, text that is no
// value of the type, general.alignment (the layout of the file decides it).
MetaValue parse_metadata_value(std::string_view key, std::string_view text,
                               const MetaValue* present = nullptr);

using MetadataOverrides = std::span<const std::pair<std::string, std::string>>;

enum class OverrideKeys { all, not_general };

// Sets or appends every pair; an empty VALUE removes the key. not_general leaves general.* alone,
// for metadata that came from general_metadata(), which has applied them in their places. Throws as
// parse_metadata_value().
void apply_overrides(Metadata& metadata, MetadataOverrides overrides,
                     OverrideKeys keys = OverrideKeys::all);

}  // namespace recast
