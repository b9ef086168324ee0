#include "arch/blocks.h"

namespace recast::blocks {

namespace {

template <class Has>
void mark_layers(ModelFacts& model, Has&& has) {
  std::vector<int64_t> flags;
  for (int64_t layer = 0; layer < model.facts.integer(Fact::layers); ++layer)
    flags.push_back(has(layer) ? 1 : 0);
  model.facts.set(moe_layers, std::move(flags));
}

}  // namespace

void settle_sparse(ModelFacts& model) {
  const int64_t step = std::max<int64_t>(1, model.facts.integer(sparse_step));
  mark_layers(model, [&](int64_t layer) {
    return (layer + 1) % step == 0 &&
           model.facts.at_layer(dense_layers, static_cast<int>(layer)) == 0;
  });
}

void settle_first_dense(ModelFacts& model) {
  mark_layers(model, [&](int64_t layer) { return layer >= model.facts.integer(first_dense); });
}

}  // namespace recast::blocks
