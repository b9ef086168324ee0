#include "arch/expected.h"

#include <cmath>
#include <limits>

#include "arch/facts.h"
#include "arch/slots.h"

namespace recast {

namespace {

constexpr float vector_deviation = 0.02f;

bool is_norm(Role role) { return role_name(role).find("norm") != std::string_view::npos; }

// A norm whose canonical weight is what is added to one.
bool adds_one(const TensorRow& row) {
  return row.hf.rule == &plus_one || row.gguf.rule == &plus_one;
}

// Of extents that a config claims: no file bounds them.
int64_t sum(int64_t a, int64_t b) {
  constexpr int64_t most = std::numeric_limits<int64_t>::max();
  return a > most - b ? most : a + b;
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
  Expected tensor{.name = std::move(name), .shape = canonical};
  tensor.dims = {first.shape[0]};
  if (canonical.size() > 1) tensor.dims.push_back(first.shape[1]);
  for (const TensorRow* row : slot.rows) {
    tensor.roles.push_back({row->role, slot.part, slot.layer});
    if (row == &first) continue;
    tensor.shape[0] = sum(tensor.shape[0], canonical_shape(*row, slot.part, model).front());
    tensor.dims[0] = Dim::none;
  }
  if (first.cell(convention).rule == &transposed && tensor.shape.size() == 2) {
    std::swap(tensor.shape[0], tensor.shape[1]);
    std::swap(tensor.dims[0], tensor.dims[1]);
  }
  set_statistics(tensor, first, slot.part, canonical);
  return tensor;
}

}  // namespace

std::vector<Expected> expected_tensors(const ModelFacts& model, Convention convention) {
  std::vector<Expected> out;
  for (auto& [name, slot] : native_slots(model, convention)) {
    const TensorRow& row = *slot.rows.front();
    if (is_needed(slot.part == Part::weight ? row.weight : row.bias, model))
      out.push_back(expected_of(std::move(name), slot, model, convention));
  }
  return out;
}

}  // namespace recast
