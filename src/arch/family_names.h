#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "arch/architecture.h"
#include "arch/name_census.h"

namespace recast {

// A family's names in one convention: the sorts of tensors that it knows, in any spelling that is
// read.
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

// How many tensors of a file a family explains, by names alone.
uint64_t explained_tensors(const NameCensus& census, const FamilyNames& names);

// The sort of a tensor that a cell of a table names.
std::string pattern_of(const Cell& cell, Part part);

}  // namespace recast
