#pragma once

#include <string>
#include <utility>
#include <vector>

#include "arch/architecture.h"

// How a convention names and lays out the tensors of one model: what the tables say, multiplied out.
namespace recast {

// One native tensor: the roles that it holds, in the order of its rows.
struct Slot {
  std::vector<const TensorRow*> rows;
  Part part = Part::weight;
  int layer = -1;
  int expert = -1;  // entry of the first axis that this tensor is; -1: it holds all

  const Cell& cell(Convention c) const { return rows.front()->cell(c); }
  RoleKey key(const TensorRow& row) const { return {row.role, part, layer}; }
};
using NamedSlot = std::pair<std::string, Slot>;

// All native tensors that a model of these facts may have, in the order of the table: rows before
// the first layer row, the layers, the rest.
std::vector<NamedSlot> native_slots(const ModelFacts& model, Convention convention);
// The further names and forms that are read.
std::vector<NamedSlot> also_read_slots(const ModelFacts& model, Convention convention);
// How many slots there would be, without making them: to refuse absurd counts.
uint64_t slot_count(const ModelFacts& model, Convention convention);

// The native name of a role: "blk.3.attn_q.weight". Empty when the convention does not hold it.
std::string native_name(const TensorRow& row, Convention convention, const RoleKey& key);

// Whether the facts ask for the weight that a slot belongs to, or leave it to the file.
bool is_asked_for(const Slot& slot, const ModelFacts& model);
// Whether the facts ask for the tensor of a slot; false for what a file may leave out.
bool is_needed(const Slot& slot, const ModelFacts& model);

// Shape of the canonical value of one role, and of a whole native tensor. A bias lacks the last axis.
Shape canonical_shape(const TensorRow& row, Part part, const ModelFacts& model);
Shape native_shape(const Slot& slot, Convention convention, const ModelFacts& model);
// The extents' names in the native form, to blame.
std::vector<Dim> native_dims(const Slot& slot, Convention convention);

// The canonical values of the slot's rows, cut out of the native tensor; for one entry of a stack
// the first extent is 1. Requires: the native shape.
std::vector<ValuePtr> split_native(ValuePtr native, const Slot& slot, Convention convention,
                                   const ModelFacts& model);
// The way back; `parts` are whole canonical values, one a row.
ValuePtr join_native(std::vector<ValuePtr> parts, const Slot& slot, Convention convention,
                     const ModelFacts& model);

}  // namespace recast
