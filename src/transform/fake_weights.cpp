#include "transform/fake_weights.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "arch/expected.h"
#include "arch/facts.h"
#include "arch/key_tables.h"
#include "arch/native.h"
#include "base/limits.h"
#include "tensor/fill.h"
#include "tensor/lazy_ops.h"

namespace recast {

namespace {

ModelFacts facts_of(const Checkpoint& model, const Architecture& arch) {
  std::vector<Finding> ignored;  // the conversion itself reads the config again and warns
  return facts_from_config(arch, model.config, model.config_file, ignored);
}

std::vector<Expected> expected_of(const Checkpoint& model, const Architecture& arch) {
  const ModelFacts facts = facts_of(model, arch);
  if (const uint64_t names = slot_count(facts, model.convention);
      names > limit(Limit::fake_tensors))
    fail_limit(codes::config_value, Limit::fake_tensors,
               {.where = key_where(key_spelling(arch, Fact::layers, model.convention)),
                .expected = "in all",
                .file = model.config_file},
               names);
  return expected_tensors(facts, model.convention);
}

// A file holds what is there; a config may claim anything.
void check_size(const Checkpoint& model, const std::vector<Expected>& tensors) {
  auto left = static_cast<int64_t>(limit(Limit::fake_weights));
  for (const Expected& tensor : tensors) {
    const auto n = element_count(tensor.shape);
    if (!n || *n > left)
      fail_limit(codes::config_value, Limit::fake_weights,
                 {.where = tensor_where(tensor.name),
                  .expected = "in all",
                  .found = fmt::format("shape {}", to_string(tensor.shape)),
                  .file = model.config_file});
    left -= *n;
  }
}

// Lays shapes over what the config says, by changing the config.
class Reshaper {
 public:
  Reshaper(Checkpoint& model, const Architecture& arch, const FakeWeights& fake)
      : model_(model),
        arch_(arch),
        fake_(fake),
        before_(expected_of(model, arch)),
        facts_(facts_of(model, arch)) {}

  std::vector<FakeChange> run() {
    for (const FakeShape& wanted : fake_.shapes) take(wanted);
    if (changes_.empty()) return {};
    const std::vector<Expected> after = changed();
    for (const FakeShape& wanted : fake_.shapes) {
      const Expected* tensor = find(after, wanted.tensor);
      if (!tensor || tensor->shape != wanted.shape)
        refuse(wanted, to_string(tensor ? tensor->shape : find(before_, wanted.tensor)->shape));
    }
    std::map<std::string_view, const Expected*> by_name;
    for (const Expected& tensor : before_) by_name[tensor.name] = &tensor;
    for (const Expected& tensor : after)
      if (const auto it = by_name.find(tensor.name);
          it != by_name.end() && it->second->shape != tensor.shape)
        check_followed(*it->second, tensor);
    return changes_;
  }

 private:
  static const Expected* find(const std::vector<Expected>& tensors, std::string_view name) {
    const auto it = std::find_if(tensors.begin(), tensors.end(),
                                 [&](const Expected& t) { return t.name == name; });
    return it == tensors.end() ? nullptr : &*it;
  }

  [[noreturn]] void refuse(const FakeShape& wanted, std::string expected) const {
    fail(codes::fake_shape_breaks, {.where = tensor_where(wanted.tensor),
                                    .expected = std::move(expected),
                                    .found = to_string(wanted.shape),
                                    .file = fake_.shapes_file});
  }

  void take(const FakeShape& wanted) {
    const Expected* tensor = find(before_, wanted.tensor);
    if (!tensor)
      fail(codes::fake_shape_unknown,
           {.where = tensor_where(wanted.tensor),
            .expected = fmt::format("a name such as {}", example(wanted)),
            .file = fake_.shapes_file});
    if (wanted.shape.size() != tensor->shape.size()) refuse(wanted, to_string(tensor->shape));
    for (size_t axis = 0; axis < wanted.shape.size(); ++axis)
      if (wanted.shape[axis] != tensor->shape[axis])
        change(wanted, *tensor, tensor->dims[axis], wanted.shape[axis]);
  }

  // The tensor whose name ends most like the one asked for.
  std::string example(const FakeShape& wanted) const {
    const Expected* best = &before_.front();
    size_t most = 0;
    for (const Expected& tensor : before_) {
      const auto differ = std::mismatch(tensor.name.rbegin(), tensor.name.rend(),
                                        wanted.tensor.rbegin(), wanted.tensor.rend());
      const auto same = static_cast<size_t>(differ.first - tensor.name.rbegin());
      if (same > most) {
        most = same;
        best = &tensor;
      }
    }
    return best->name;
  }

  // Sets the config key behind an extent.
  void change(const FakeShape& wanted, const Expected& tensor, Dim dim, int64_t extent) {
    // The extent is the fact, or so many rows of each one that it counts: heads, shared experts.
    const Fact fact = dim.blame;
    const KeyRow* row = find_key(arch_, fact);
    const int64_t count = facts_.facts.integer(fact);
    const int64_t width = dim.extent && count > 0 ? dim.extent(facts_) / count : 0;
    if (width == 0 || width * count != dim.extent(facts_) || extent % width != 0 || !row ||
        row->hf.empty())
      refuse(wanted, to_string(tensor.shape));
    const std::string key = key_spelling(arch_, fact, model_.convention);
    set_member(model_.config, key, extent / width);
    for (const FakeChange& c : changes_)
      if (c.fact == fact && c.value == extent / width) return;
    changes_.push_back({fact, key, extent / width, wanted});
  }

  // The tensors of the changed config. What a config of these numbers lacks is the shapes' fault.
  std::vector<Expected> changed() const {
    try {
      return expected_of(model_, arch_);
    } catch (const Error& error) {
      refuse(changes_.front().by, fmt::format("{}: {}", error.where, error.expected));
    }
  }

  // Nobody asked for this tensor's new shape: fine where it stands once in the model.
  void check_followed(const Expected& was, const Expected& tensor) const {
    for (const FakeShape& wanted : fake_.shapes)
      if (wanted.tensor == tensor.name) return;
    if (tensor.roles.front().layer < 0) return;
    const FakeShape& culprit = culprit_of(was, tensor);
    refuse(culprit, fmt::format("{}, or {} for {} and all others of this extent",
                                to_string(find(before_, culprit.tensor)->shape),
                                to_string(tensor.shape), tensor.name));
  }

  const FakeShape& culprit_of(const Expected& was, const Expected& tensor) const {
    for (size_t axis = 0; axis < tensor.shape.size(); ++axis) {
      if (was.shape[axis] == tensor.shape[axis]) continue;
      for (const FakeChange& c : changes_)
        if (c.fact == tensor.dims[axis].blame) return c.by;
    }
    return changes_.front().by;
  }

  Checkpoint& model_;
  const Architecture& arch_;
  const FakeWeights& fake_;
  std::vector<Expected> before_;
  const ModelFacts facts_;
  std::vector<FakeChange> changes_;
};

ValuePtr fake_value(const Expected& tensor, const FakeWeights& fake) {
  if (!fake.random) return zeros(tensor.shape, *fake.dtype);
  return cast(noise({.seed = fake.seed,
                     .name = tensor.name,
                     .mean = tensor.mean,
                     .deviation = tensor.deviation},
                    tensor.shape, *fake.f32),
              *fake.dtype);
}

}  // namespace

bool has_fake_weights(const Metadata& metadata) {
  const MetaValue* value = metadata.find(fake_weights_key);
  if (!value) return false;
  if (const std::string* text = value->as_string()) return *text == "true";
  return value->as_bool().value_or(false);
}

std::vector<FakeChange> add_fake_weights(Checkpoint& model, const Architecture& arch,
                                         const FakeWeights& fake) {
  std::vector<FakeChange> changes;
  if (!fake.shapes.empty()) changes = Reshaper(model, arch, fake).run();
  const std::vector<Expected> tensors = expected_of(model, arch);
  check_size(model, tensors);
  for (const Expected& tensor : tensors)
    model.tensors.push_back({tensor.name, fake_value(tensor, fake)});
  return changes;
}

}  // namespace recast
