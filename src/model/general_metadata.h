#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "model/metadata.h"
#include "model/model_name.h"
#include "tokenizer/vocabulary.h"
#include "wire/json.h"

namespace recast {

// What the general.* keys of a GGUF file are derived from. Pointers may be null and are only looked
// at during the call.
struct GeneralInput {
  std::string source_name;        // folder or file stem
  bool name_is_model_id = false;  // the name is an id by the user's word; org--name is one anyway
  const json::Value* config = nullptr;             // for `_name_or_path`
  const json::Value* generation_config = nullptr;  // for sampling.*
  const json::Value* card = nullptr;               // members of yaml::read_front_matter()
  const Vocabulary* vocabulary = nullptr;          // decides whether the name may hold phi-3
  std::string architecture;
  std::string type = "model";  // or "adapter", "mmproj"
  uint32_t file_type = 0;
  ParameterCounts counts;                                      // of the tensors as written
  std::vector<std::pair<std::string, std::string>> overrides;  // --metadata KEY=VALUE, in order
};

// `first` is written before the keys of the architecture, `last` (file_type and
// quantization_version) behind them and before the tokenizer.
struct GeneralMetadata {
  Metadata first;
  Metadata last;
};

// Every general.* key, in file order. Sources by key: overrides, card, model id, counts; the id is
// `_name_or_path` of the config where that is one, else the name of the source, never a mixture.
// Overrides outside general.* are left to apply_overrides(). Throws bad_value for an override that
// is no value of its key. Warns of a reworded name and of values left out.
GeneralMetadata general_metadata(const GeneralInput& input, std::vector<Finding>& warnings);

// Runtimes look into general.name: with phi-3 or phi3 in it they demand the special tokens of that
// vocabulary and trim the text around them. Rewords general.name where those tokens are missing
// (without a vocabulary: where the architecture is another) and restores "phi-3" in the title of a
// Phi-3 model. For every GGUF whose name comes from elsewhere.
void fit_name_to_vocabulary(Metadata& metadata, std::string_view architecture,
                            const Vocabulary* vocabulary, std::vector<Finding>& warnings);

// "models--org--name" of a hub cache and "org--name" as "org/name"; empty for any other folder.
std::string model_id_of_folder(std::string_view folder);

// The parts of a GGUF file's name that its general.* keys give; encoding and kind are the caller's.
GgufFileName gguf_file_name(const Metadata& general);

}  // namespace recast
