#pragma once

#include <memory>
#include <string>
#include <vector>

#include "arch/recognise.h"
#include "convert/pairs.h"
#include "formats/detect.h"

// Two models of any form, and which tensor of one is which of the other.
namespace recast {

// One of the two, headers read.
struct ComparedModel {
  std::string path;
  std::shared_ptr<const Source> source;
  Detection detection;
  Checkpoint model;
  Recognition known;
};

// Opens and recognises it; tensors of an optimizer are left out. Throws what detecting and reading
// throw.
ComparedModel open_compared(const std::string& path, const std::string& from);

// What one model has and the other has not, with the reason where there is one.
struct Lone {
  std::string name, why;
};

struct Match {
  std::vector<Pair> pairs;
  std::vector<Lone> only_a, only_b;
  const Architecture* arch = nullptr;
  bool by_role = false;
  std::string note;  // why not by role
};

// By role wherever both models fit their architecture. Two of one convention may also be compared
// when they do not: names are enough then. Throws other_architecture; for two conventions what
// recognising and reading roles throw, too.
Match match(const ComparedModel& a, const ComparedModel& b);

}  // namespace recast
