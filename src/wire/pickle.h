#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "io/byte_reader.h"

// A pickle read as data. Nothing is imported, looked up or called: what Python would call becomes a
// node that says so. Source of the opcodes: CPython, Lib/pickletools.py, protocols 1 to 5.
namespace recast {

enum class PickleKind : uint8_t {
  nothing,  // the node 0: there is none
  none,
  boolean,
  integer,
  big_integer,  // beyond int64; `text` holds it in decimal
  real,
  text,
  bytes,
  tuple,
  list,
  dict,  // items are key, value, key, value ...
  set,
  global,      // a name, dotted: "torch._utils._rebuild_tensor_v2"
  call,        // `callee` called with the tuple `args`
  object,      // an object of class `callee`, made from `args`
  persistent,  // `args` is its id
};
std::string_view pickle_kind_name(PickleKind kind);

using PickleRef = uint32_t;  // index of a node; 0 is none

struct PickleNode {
  PickleKind kind = PickleKind::nothing;
  uint32_t depth = 0;  // containers above the deepest leaf, as far as it was known when built
  PickleRef callee = 0, args = 0;
  PickleRef state = 0;  // what BUILD attached
  uint64_t offset = 0;  // of the opcode, in the file
  int64_t integer = 0;  // integer, boolean; text and bytes: their length
  double real = 0;
  std::string text;              // text, bytes: left out when longer than kept_text_bytes
  std::vector<PickleRef> items;  // of a container; also of a call or object that was filled
};

inline constexpr int64_t kept_text_bytes = 64 << 10;

// The nodes of one pickle. Containers may hold each other in a circle.
struct Pickle {
  std::vector<PickleNode> nodes;
  PickleRef root = 0;

  const PickleNode& operator[](PickleRef ref) const { return nodes[ref]; }
  const PickleNode& top() const { return nodes[root]; }
  // The name that a call or object is made by; empty when it is no global. The helpers by which
  // Python makes plain objects (copyreg) give the class.
  std::string_view class_of(const PickleNode& node) const;
};

// Whether a value may be a persistent id here.
using PersistentIdRule = bool (*)(const Pickle& pickle, PickleRef id);

// Reads one pickle up to and including STOP. Throws, naming the offset: unsafe pickle_call for a
// call of a name that runs code, pickle_opcode for INST, OBJ and EXT, pickle_persistent_id; corrupt
// pickle_malformed, truncated; unsupported pickle_protocol; resource pickle_limit (the
// limits of base/limits.def that begin with pickle), too_long.
Pickle read_pickle(ByteReader& in, PersistentIdRule rule);

}  // namespace recast
