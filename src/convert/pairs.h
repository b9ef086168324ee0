#pragma once

#include <optional>
#include <string>
#include <vector>

#include "arch/canonical.h"

// Which tensor of one model is which of another.
namespace recast {

// Values that must be the same tensor of one model.
struct Pair {
  std::string name;       // in the second model
  std::string reference;  // in the first
  std::optional<RoleKey> role;
  ValuePtr source, target;
};

struct Pairing {
  std::vector<Pair> pairs;
  // Without a counterpart: native names and, where they were paired so, roles.
  struct Single {
    std::string name;
    std::optional<RoleKey> role;
  };
  std::vector<Single> only_source, only_target;
};

// By role, in the order of the roles: whatever the names and layouts of the two conventions are.
Pairing pair_by_role(const Canonical& source, const Canonical& target);
// By name, in the order of the first.
Pairing pair_by_name(const std::vector<Tensor>& source, const std::vector<Tensor>& target);

// Where a tensor stands in a picture of layers and roles.
struct RolePlace {
  std::string role;  // "attn_q", "attn_q.bias", "self_attn.q_proj"
  int layer = -1;    // -1: of no layer
};
// By the role, else by the name: its first number is the layer, what follows names the role;
// further numbers (experts) and the ending ".weight" are left out.
RolePlace role_place(const std::optional<RoleKey>& role, std::string_view name);

}  // namespace recast
