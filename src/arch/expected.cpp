#include "arch/expected.h"

#include <cmath>

#include "arch/facts.h"
#include "arch/native.h"

namespace recast {

namespace {

constexpr float vector_deviation = 0.02f;

bool is_norm(Role role) { return role_name(role).find("norm") != std::string_view::npos; }

// A norm whose canonical weight is what is added to one.
bool adds_one(const TensorRow& row) {
  return row.hf.rule == &plus_one || row.gguf.rule == &plus_one;
}

void set_statistics(Expected& tensor, const TensorRow& row, Part part, const Shape& canonical) {
  const bool matrix = canonical.size() > 1;
  // By the number of inputs that one output sums: its deviation is then that of an input.
  tensor.deviation =
      matrix ? 1 / std::sqrt(static_cast<float>(canonical.back())) : vector_deviation;
  tensor.mean = part == Part::weight && is_norm(row.role) && !adds_one(row) ? 1.0f : 0.0f;
}

Expected expected_of(std::string name, const Slot& slot, const ModelFacts& model,
                     Convention convention) {
  const TensorRow& first = *slot.rows.front();
  const Shape canonical = canonical_shape(first, slot.part, model);
  Expected tensor{.name = std::move(name), .shape = native_shape(slot, convention, model)};
  tensor.dims = native_dims(slot, convention);
  tensor.dims.resize(tensor.shape.size(), Dim::none);
  // An extent that is a sum, or more than one axis of the canonical form, has no key of its own.
  for (size_t i = 0; i < tensor.shape.size(); ++i)
    if (!tensor.dims[i].extent || tensor.dims[i].extent(model) != tensor.shape[i])
      tensor.dims[i] = Dim::none;
  for (const TensorRow* row : slot.rows) tensor.roles.push_back(slot.key(*row));
  set_statistics(tensor, first, slot.part, canonical);
  return tensor;
}

}  // namespace

std::vector<Expected> expected_tensors(const ModelFacts& model, Convention convention) {
  std::vector<Expected> out;
  for (auto& [name, slot] : native_slots(model, convention)) {
    if (is_needed(slot, model))
      out.push_back(expected_of(std::move(name), slot, model, convention));
  }
  return out;
}

}  // namespace recast
