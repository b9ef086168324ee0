#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "recast/error.h"
#include "recast/progress.h"
#include "wire/json.h"

namespace recast {

struct CardOptions {
  std::vector<std::string> paths;  // models of one folder, or the folder
  std::string from;                // format, when detection is to be overruled
  std::string output;              // empty: README.md in the folder; "-": nothing is written
  bool force = false;              // replace what exists
};

// Writes a model card and SHA256SUMS for models as they are published: the card to `output`, the
// sums into the folder, both whole or not at all. What the front matter says comes from the models'
// metadata and from an existing README.md there; a licence is copied, never guessed. Returns one
// document, schema docs/schemas/card.json: card and sums (paths, empty when not written), text,
// license, files, warnings. Throws what opening and writing throw, card_places for models of
// different folders, unknown_folder for a folder without a model.
json::Value write_card(const CardOptions& options, Progress& progress, std::stop_token stop = {});

}  // namespace recast
