#pragma once

#include "formats/format.h"

// What stands beside the weights in a Hugging Face folder.
namespace recast {

// config.json (or what it is called) and generation_config.json into the checkpoint, with its
// warnings. A missing file leaves the value null. Throws config_malformed, quantization_method for weights that are packed
// in a way that no reader knows, and what json::parse_file throws.
void read_configs(const Source& source, Checkpoint& checkpoint,
                  std::string_view config_name = "config.json");

// Tokenizer, template, processor and licence files, the model card, and, while the config asks for
// them by auto_map, *.py files; sorted by name. generation_config.json is among them too, so that
// an unchanged one is copied byte for byte. Nothing is read.
void find_side_files(const Source& source, Checkpoint& checkpoint);

}  // namespace recast
