#pragma once

#include <memory>
#include <string>
#include <vector>

#include "arch/name_census.h"
#include "arch/native.h"

// What names and shapes of tensors say of a model without a config: whether it can be of a family,
// and which config keys follow from them.
namespace recast {

// A family's names in one convention: which sorts of tensors it knows, in any spelling that is read.
class FamilyNames {
 public:
  // The native tensors of one name with any layer and expert.
  struct Sort {
    std::string pattern;
    std::vector<const TensorRow*> rows;
    Part part = Part::weight;
    bool per_layer = false, per_entry = false;
    bool alternative = false;  // of also_read
  };

  FamilyNames(const Architecture& arch, Convention convention);

  const Architecture& arch() const { return *arch_; }
  Convention convention() const { return convention_; }
  const std::vector<Sort>& sorts() const { return sorts_; }

  // The family's spelling of a sort of a file; null when it knows none.
  const std::string* find(std::string_view pattern) const;
  // Whether it leaves such tensors out by a rule: buffers, parts of other modalities.
  bool drops(std::string_view pattern) const;

 private:
  void add(const TensorRow& row, Part part, bool alternative);
  void add_spellings(const std::string& pattern);

  const Architecture* arch_;
  Convention convention_;
  std::vector<Sort> sorts_;
  std::unordered_map<std::string, std::string> spellings_;
};

// How a file fits a family.
struct Fit {
  uint64_t explained = 0;     // tensors whose names the family knows or drops
  bool complete = false;      // every tensor that the family needs is there, none is too many, and
                              // no two shapes contradict each other
  json::Value config;         // keys that names and shapes give, beside the stated ones
  std::vector<std::string> derived;  // "num_hidden_layers 4"
};

// How many tensors of a file a family explains, by names alone.
uint64_t explained_tensors(const NameCensus& census, const FamilyNames& names);

// The whole of it. `stated` is a partial config, or null.
Fit fit(const NameCensus& census, const FamilyNames& names, const json::Value& stated);

// Config keys that neither `config` nor a class default gives. Without any config of the model's own
// a class default is no reason to believe that it has the usual head count, rotary base or epsilon:
// these must be stated.
std::vector<std::string> missing_keys(const Architecture& arch, const json::Value& config);

}  // namespace recast
