#pragma once

#include <cstdint>
#include <vector>

#include "base/error.h"
#include "model/metadata.h"
#include "wire/json.h"

namespace recast {

// Sets the general.* keys that the front matter of a card gives: name to description, license.*,
// source.*, base_model.*, dataset.*, tags, languages. Scalars become text as written; empty values
// are passed over. `parameters` as in SplitOptions, for ids of base models. A value that is neither
// text nor what the key takes is left out with card_value_ignored.
void read_model_card(const json::Value& card, int64_t parameters, Metadata& general,
                     std::vector<Finding>& warnings);

}  // namespace recast
