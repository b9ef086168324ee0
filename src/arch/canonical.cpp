#include "arch/canonical.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <unordered_map>

#include "arch/facts.h"
#include "arch/rope.h"
#include "arch/slots.h"
#include "codec/codecs.h"
#include "tensor/lazy_ops.h"

namespace recast {

bool TensorRow::per_layer() const {
  return hf.name.find("{}") != std::string_view::npos ||
         gguf.name.find("{}") != std::string_view::npos;
}

std::string native_name(const TensorRow& row, Convention convention, const RoleKey& key) {
  const Cell& cell = row.cell(convention);
  if (cell.name.empty()) return "";
  std::string name(cell.name);
  if (const size_t at = name.find("{}"); at != std::string::npos)
    name.replace(at, 2, fmt::format("{}", key.layer));
  return name + (key.part == Part::weight ? std::string(cell.suffix) : ".bias");
}

namespace {

std::vector<const TensorRow*> all_rows(const Architecture& arch) {
  std::vector<const TensorRow*> rows;
  for (const auto& group : arch.tensors)
    for (const TensorRow& row : group) rows.push_back(&row);
  return rows;
}

}  // namespace

std::vector<std::pair<std::string, Slot>> native_slots(const ModelFacts& model,
                                                       Convention convention) {
  const std::vector<const TensorRow*> rows = all_rows(*model.arch);
  const auto first_layer = std::find_if(rows.begin(), rows.end(),
                                        [](const TensorRow* r) { return r->per_layer(); });
  std::vector<std::pair<std::string, Slot>> slots;
  std::unordered_map<std::string, size_t> seen;
  const auto add = [&](const TensorRow* row, int layer) {
    for (const Part part : {Part::weight, Part::bias}) {
      if ((part == Part::weight ? row->weight : row->bias) == Needed::never) continue;
      std::string name = native_name(*row, convention, {row->role, part, layer});
      if (name.empty()) continue;
      const auto [it, fresh] = seen.emplace(name, slots.size());
      if (fresh) slots.push_back({std::move(name), Slot{{}, part, layer}});
      slots[it->second].second.rows.push_back(row);
    }
  };
  for (auto it = rows.begin(); it != first_layer; ++it) add(*it, -1);
  const auto layers = static_cast<int>(model.facts.integer(Fact::layers));
  for (int layer = 0; layer < layers; ++layer)
    for (auto it = first_layer; it != rows.end(); ++it)
      if ((*it)->per_layer()) add(*it, layer);
  for (auto it = first_layer; it != rows.end(); ++it)
    if (!(*it)->per_layer()) add(*it, -1);
  return slots;
}

bool is_needed(Needed needed, const ModelFacts& model) {
  switch (needed) {
    case Needed::never:
    case Needed::optional: return false;
    case Needed::always: return true;
    case Needed::attention_bias: return model.facts.flag(Fact::attention_bias);
    case Needed::mlp_bias: return model.facts.flag(Fact::mlp_bias);
    case Needed::untied: return !model.facts.flag(Fact::tied);
  }
  return false;
}

Shape canonical_shape(const TensorRow& row, Part part, const ModelFacts& model) {
  Shape shape{extent_of(row.shape[0], model)};
  if (part == Part::weight && row.shape[1] != Dim::none)
    shape.push_back(extent_of(row.shape[1], model));
  return shape;
}

namespace {

class Canonicaliser {
 public:
  Canonicaliser(const Checkpoint& source, ModelFacts model, std::vector<Finding>& warnings)
      : source_(source), warnings_(warnings) {
    out_.model = std::move(model);
  }

  Canonical run() {
    check_layers();
    for (auto& [name, slot] : native_slots(out_.model, source_.convention))
      slots_.emplace(std::move(name), std::move(slot));
    for (const Tensor& tensor : source_.tensors) take(tensor);
    settle_head();
    check_complete();
    if (!problems_.empty()) raise();
    return std::move(out_);
  }

 private:
  const ModelFacts& model() const { return out_.model; }
  const Architecture& arch() const { return *out_.model.arch; }
  bool hf() const { return source_.convention == Convention::hf; }

  // The name as the table spells it: a family prefix that is missing from the file is put back, and
  // one that wraps the whole model is taken off.
  std::string table_name(std::string_view name) const {
    if (!hf() || slots_.contains(std::string(name))) return std::string(name);
    for (const std::string_view prefix : words(arch().prefixes)) {
      std::string longer = std::string(prefix) + std::string(name);
      if (slots_.contains(longer)) return longer;
      if (name.starts_with(prefix) && slots_.contains(std::string(name.substr(prefix.size()))))
        return std::string(name.substr(prefix.size()));
    }
    return std::string(name);
  }

  // Layers in the file, by the numbers in its names, against the config. Without this a config of
  // another size would be reported as a hundred missing tensors.
  void check_layers() {
    int64_t highest = -1;
    std::string example;
    for (const TensorRow* row : all_rows(arch())) {
      const std::string_view name = row->cell(source_.convention).name;
      const size_t at = name.find("{}");
      if (at == std::string_view::npos) continue;
      const std::string_view head = name.substr(0, at), tail = name.substr(at + 2);
      for (const Tensor& tensor : source_.tensors) {
        const int64_t layer = layer_in(tensor.name, head, tail);
        if (layer > highest) {
          highest = layer;
          example = tensor.name;
        }
      }
    }
    if (source_.tensors.empty())
      fail(codes::tensor_missing, {.expected = "the weights", .found = "no tensor at all"});
    const int64_t layers = model().facts.integer(Fact::layers);
    if (highest + 1 == layers) return;
    fail(codes::config_contradicts,
         {.where = key_where(key_spelling(arch(), Fact::layers, source_.convention)),
          .expected = fmt::format("{}, by the tensor names (last: {})", highest + 1,
                                  example.empty() ? "none" : printable(example)),
          .found = fmt::format("{}", layers),
          .file = source_.config_file});
  }

  int64_t layer_in(std::string_view name, std::string_view head, std::string_view tail) const {
    for (const std::string_view prefix : words(arch().prefixes))
      if (!name.starts_with(head) && head.starts_with(prefix) &&
          name.starts_with(head.substr(prefix.size())))
        head.remove_prefix(prefix.size());
    if (!name.starts_with(head)) return -1;
    name.remove_prefix(head.size());
    int64_t layer = 0;
    size_t digits = 0;
    while (digits < name.size() && digits < 9 && name[digits] >= '0' && name[digits] <= '9')
      layer = layer * 10 + (name[digits++] - '0');
    if (digits == 0 || !name.substr(digits).starts_with(tail)) return -1;
    return layer;
  }

  void take(const Tensor& tensor) {
    for (const std::string_view suffix : words(arch().dropped))
      if (tensor.name.ends_with(suffix) && !slots_.contains(table_name(tensor.name))) {
        out_.dropped.push_back({tensor.name, "buffer of an old checkpoint"});
        return;
      }
    const std::string name = table_name(tensor.name);
    const auto it = slots_.find(name);
    if (it == slots_.end()) {
      out_.unknown.push_back(tensor.name);
      return;
    }
    const Slot& slot = it->second;
    if (slot.rows.front()->weight == Needed::optional && slot.rows.front()->hf.name.empty()) {
      out_.dropped.push_back({tensor.name, "rope factors are config values"});
      return;
    }
    if (!taken_.insert(name).second) {
      problem(codes::tensor_twice, {.where = tensor_where(tensor.name)});
      return;
    }
    split(tensor, slot);
  }

  // Cuts a native tensor into the canonical values of its roles.
  void split(const Tensor& tensor, const Slot& slot) {
    const TensorRow& first = *slot.rows.front();
    const Rule* rule = first.cell(source_.convention).rule;
    if (!check_shape(tensor, slot)) return;
    ValuePtr value = tensor.value;
    if (rule && slot.rows.size() > 1) value = rule->to_canonical(value, first.role, model());
    int64_t row_at = 0;
    for (const TensorRow* row : slot.rows) {
      const Shape shape = canonical_shape(*row, slot.part, model());
      ValuePtr part =
          slot.rows.size() == 1 ? value : slice(value, row_at, row_at + shape.front());
      if (rule && slot.rows.size() == 1) part = rule->to_canonical(part, row->role, model());
      row_at += shape.front();
      out_.tensors[{row->role, slot.part, slot.layer}] = {std::move(part), tensor.name};
    }
  }

  // Compares with the shape that the config asks for, in the form of the file.
  bool check_shape(const Tensor& tensor, const Slot& slot) {
    const TensorRow& first = *slot.rows.front();
    Shape want = canonical_shape(first, slot.part, model());
    Dim dims[2] = {first.shape[0], first.shape[1]};
    for (size_t i = 1; i < slot.rows.size(); ++i)
      want[0] += canonical_shape(*slot.rows[i], slot.part, model()).front();
    if (first.cell(source_.convention).rule == &transposed && want.size() == 2) {
      std::swap(want[0], want[1]);
      std::swap(dims[0], dims[1]);
    }
    const Shape& have = tensor.shape();
    if (have == want) return true;
    size_t axis = 0;
    while (axis < want.size() && axis < have.size() && have[axis] == want[axis]) ++axis;
    const Dim blame = axis < want.size() ? dims[axis] : dims[0];
    problem(codes::tensor_shape,
            {.where = fmt::format("{}, {}", tensor_where(tensor.name),
                                  key_where(key_spelling(arch(), fact_of(blame),
                                                         source_.convention))),
             .expected = to_string(want),
             .found = to_string(have)});
    return false;
  }

  // A head beside a tied embedding: equal bytes are one matrix, other bytes are a contradiction
  // that loaders resolve in favour of the embedding.
  void settle_head() {
    const RoleKey head{Role::output};
    const auto it = out_.tensors.find(head);
    if (it == out_.tensors.end() || !model().facts.flag(Fact::tied)) return;
    const auto embedding = out_.tensors.find({Role::token_embd});
    if (embedding != out_.tensors.end() && !same_bytes(*it->second.value, *embedding->second.value))
      add_warning(warnings_, Error(codes::head_differs,
                                   {.where = tensor_where(it->second.source),
                                    .expected = "the values of " + embedding->second.source,
                                    .file = source_.config_file}));
    out_.dropped.push_back({it->second.source, "tied head"});
    out_.tensors.erase(it);
  }

  static bool same_bytes(const Value& a, const Value& b) {
    if (&a.codec() != &b.codec() || a.elements() != b.elements()) return false;
    constexpr int64_t slab = 256 * 1024;
    FloatCensus census;
    for (int64_t at = 0; at < a.elements(); at += slab) {
      const int64_t end = std::min(a.elements(), at + slab);
      const Window left = a.fetch(at, end, census), right = b.fetch(at, end, census);
      if (!std::equal(left.bytes().begin(), left.bytes().end(), right.bytes().begin()))
        return false;
    }
    return true;
  }

  void check_complete() {
    tie_by_absence();
    for (const auto& [name, slot] : native_slots(model(), source_.convention)) {
      const TensorRow& row = *slot.rows.front();
      if (!is_needed(slot.part == Part::weight ? row.weight : row.bias, model())) continue;
      if (!out_.tensors.contains({row.role, slot.part, slot.layer}) && !taken_.contains(name))
        problem(codes::tensor_missing, {.where = tensor_where(name)});
    }
  }

  // No head, and the config does not say that there is one of its own.
  void tie_by_absence() {
    const KeyRow* row = find_key(arch(), Fact::tied);
    if (!hf() || !row || model().facts.flag(Fact::tied) ||
        out_.tensors.contains({Role::output}) || source_.config.find(row->hf))
      return;
    out_.model.facts.set(Fact::tied, true);
    add_warning(warnings_, Error(codes::tied_by_absence,
                                 {.where = key_where(row->hf), .file = source_.config_file}));
  }

  void problem(const ErrorCode& code, ErrorFacts facts) {
    if (facts.file.empty())
      facts.file = source_.files.empty() ? source_.config_file : source_.files.front().first;
    problems_.emplace_back(code, std::move(facts));
  }
  [[noreturn]] void raise() {
    Error first = problems_.front();
    for (size_t i = 1; i < problems_.size() && i < 3; ++i) first.more.push_back(problems_[i]);
    throw first;
  }

  const Checkpoint& source_;
  std::vector<Finding>& warnings_;
  Canonical out_;
  std::unordered_map<std::string, Slot> slots_;
  std::set<std::string> taken_;
  std::vector<Error> problems_;
};

// The rope factors that the target keeps as tensors.
std::map<RoleKey, RoleTensor> with_rope_tensors(const Canonical& canonical,
                                                Convention convention) {
  std::map<RoleKey, RoleTensor> all = canonical.tensors;
  if (convention == Convention::gguf)
    for (auto& [role, factors] : rope_tensors(canonical.model))
      all[{role}] = {constant_f32(factors, {static_cast<int64_t>(factors.size())}, codec::f32),
                     "config"};
  return all;
}

}  // namespace

Canonical to_canonical(const Checkpoint& source, ModelFacts model,
                       std::vector<Finding>& warnings) {
  return Canonicaliser(source, std::move(model), warnings).run();
}

std::vector<NativeTensor> from_canonical(const Canonical& canonical, Convention convention) {
  const std::map<RoleKey, RoleTensor> all = with_rope_tensors(canonical, convention);
  std::vector<NativeTensor> out;
  for (const auto& [name, slot] : native_slots(canonical.model, convention)) {
    const Rule* rule = slot.rows.front()->cell(convention).rule;
    NativeTensor native;
    std::vector<ValuePtr> parts;
    int64_t rows = 0;
    for (const TensorRow* row : slot.rows) {
      const RoleKey key{row->role, slot.part, slot.layer};
      const auto it = all.find(key);
      if (it == all.end()) break;
      ValuePtr value = it->second.value;
      if (rule && slot.rows.size() == 1) value = rule->from_canonical(value, row->role, canonical.model);
      rows += value->shape().front();
      parts.push_back(std::move(value));
      native.roles.push_back(key);
    }
    if (parts.empty() || parts.size() != slot.rows.size()) continue;
    ValuePtr value = parts.front();
    if (parts.size() > 1) {
      Shape shape = value->shape();
      shape.front() = rows;
      value = concat(std::move(parts), std::move(shape));
      if (rule) value = rule->from_canonical(value, native.roles.front().role, canonical.model);
    }
    native.tensor = {name, std::move(value)};
    out.push_back(std::move(native));
  }
  return out;
}

}  // namespace recast
