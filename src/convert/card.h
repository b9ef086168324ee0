#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "convert/request.h"
#include "recast/card.h"

// The parts of a model card; recast/card.h says what it is for.
namespace recast {

// One model that is published: a GGUF file or split set, or a folder.
struct CardModel {
  std::string name;         // of the file or folder
  const Format* format = nullptr;
  Checkpoint model;
  std::string type;         // "Q4_K_M", else that of most of its bytes
  bool is_packed = false;   // holds block types
  json::Value manifest;     // null: none, or not of these files
};

// One row of the table: a file that holds tensors.
struct CardFile {
  std::string name;         // beneath the folder
  std::string type;
  uint64_t bytes = 0;
  double bits_per_weight = 0;  // 0: holds no weights of its own
  std::optional<double> mean_kl, same_top_token;  // as a manifest has them, never computed here
};

struct CardMaterial {
  std::string folder;                   // that holds the models
  std::vector<CardModel> models;        // by name
  json::Object old_card;                // front matter of its README.md
  std::vector<std::pair<std::string, std::shared_ptr<const File>>> files;  // to hash, by name
  std::vector<std::string> sha256;      // of `files`
  bool has_modelfile = false;
  std::vector<Finding> warnings;
};

// Finds and opens the models. Nothing is hashed yet.
CardMaterial gather_models(const CardOptions& options);

std::vector<CardFile> card_files(const CardMaterial& material);
// Keys in the usual order, what an old card says beside them behind. Warns of an unknown licence.
json::Object card_front_matter(CardMaterial& material);
// Markdown behind the front matter. Texts from files are escaped: no HTML, no markup of theirs.
std::string card_body(const CardMaterial& material);

}  // namespace recast
