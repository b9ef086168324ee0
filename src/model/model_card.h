#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "model/metadata.h"
#include "wire/json.h"

namespace recast {

// The YAML at the head of a README.md: what stands between a first line of exactly "---" and the
// next such line (or the end), made safe to parse: tabs become two blanks and a list item `no`
// stays the language code it is meant as. Empty when the text does not begin with it.
std::optional<std::string> front_matter(std::string_view readme);

// Sets the general.* keys that the front matter of a card gives: name to description, license.*,
// source.*, base_model.*, dataset.*, tags, languages. Scalars become text as written; empty values
// are passed over. `parameters` as in SplitOptions, for ids of base models. A value that is neither
// text nor what the key takes is left out with card_value_ignored.
void read_model_card(const json::Value& card, int64_t parameters, Metadata& general,
                     std::vector<Finding>& warnings);

}  // namespace recast
