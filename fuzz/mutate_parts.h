#pragma once

#include <optional>

#include "mutate.h"
#include "wire/json.h"

// The mutators of one structure each; empty when the input is not of it.
namespace recast::fuzz {

struct Mutation {
  Random& random;
  ByteMutator bytes;
  size_t most;  // bytes that the result may have

  // The text, changed by the byte mutator, a little longer at most.
  std::string changed(std::string_view text) const;
  // One of a few words that parsers look for.
  std::string_view word() const;
};

std::optional<std::string> mutate_gguf(std::string_view input, const Mutation& m);
std::optional<std::string> mutate_safetensors(std::string_view input, const Mutation& m);
std::optional<std::string> mutate_zip(std::string_view input, const Mutation& m);
std::optional<std::string> mutate_json(std::string_view input, const Mutation& m);

// Changes one value or member somewhere beneath.
void mutate_value(json::Value& root, const Mutation& m);

}  // namespace recast::fuzz
