#include "wire/safetensors_index.h"

#include "base/error.h"
#include "io/source.h"

namespace recast {

namespace {

const json::Object& require_object(const json::Value* value, std::string_view key,
                                   const File& file) {
  const json::Object* object = value ? value->as_object() : nullptr;
  if (!object)
    fail(codes::shard_index, {.where = key.empty() ? std::string() : key_where(key),
                              .expected = "an object",
                              .found = value ? std::string(value->type_name()) : "nothing",
                              .file = file.name()});
  return *object;
}

}  // namespace

ShardIndex read_shard_index(const File& file) {
  const json::Value root = json::parse_file(file);
  require_object(&root, "", file);
  ShardIndex index;
  for (const auto& [tensor, shard] : require_object(root.find("weight_map"), "weight_map", file)) {
    const std::string* name = shard.as_string();
    if (!name)
      fail(codes::shard_index, {.where = key_where("weight_map") + ", " + tensor_where(tensor),
                                .expected = "the name of a file",
                                .found = std::string(shard.type_name()),
                                .file = file.name()});
    try {
      check_relative_name(*name);
    } catch (Error& error) {
      error.file = file.name();
      throw;
    }
    index.weight_map.emplace_back(tensor, *name);
  }
  const json::Value* metadata = root.find("metadata");
  if (metadata && !metadata->is_null()) {
    index.metadata = require_object(metadata, "metadata", file);
    if (const json::Value* total = metadata->find("total_size"))
      index.total_size = total->as_uint();
  }
  return index;
}

}  // namespace recast
