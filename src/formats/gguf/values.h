#pragma once

#include <string>

#include "io/byte_reader.h"
#include "model/metadata.h"

namespace recast::gguf {

// Reads the type and the value that follow a metadata key. Throws gguf_value_type,
// gguf_nested_array, gguf_too_many, too_long (strings above 16 MiB) and truncated, naming the key.
MetaValue read_value(ByteReader& in, const std::string& key);

// Appends type and value as they stand in a little-endian file.
void write_value(std::string& out, const MetaValue& value);

void write_u32(std::string& out, uint32_t value);
void write_u64(std::string& out, uint64_t value);
void write_text(std::string& out, std::string_view text);  // with its length before it

}  // namespace recast::gguf
