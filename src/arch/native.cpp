#include "arch/native.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <unordered_map>

#include "codec/codecs.h"
#include "tensor/lazy_ops.h"

namespace recast {

namespace {

constexpr std::string_view layer_mark = "{}", entry_mark = "{e}";

bool has_mark(std::string_view name, std::string_view mark) {
  return name.find(mark) != std::string_view::npos;
}

void fill(std::string& name, std::string_view mark, int number) {
  if (const size_t at = name.find(mark); at != std::string::npos)
    name.replace(at, mark.size(), fmt::format("{}", number));
}

std::string slot_name(const Cell& cell, Part part, int layer, int expert) {
  std::string name(cell.name);
  fill(name, layer_mark, layer);
  fill(name, entry_mark, expert);
  return name.append(part == Part::weight ? cell.suffix : cell.bias);
}

// Multiplies the rows of the tables out.
class SlotMaker {
 public:
  SlotMaker(const ModelFacts& model, Convention convention)
      : model_(model), convention_(convention) {}

  std::vector<NamedSlot> run(const std::vector<std::span<const TensorRow>>& tables) {
    std::vector<const TensorRow*> rows;
    for (const auto& group : tables)
      for (const TensorRow& row : group) rows.push_back(&row);
    const auto first = std::find_if(rows.begin(), rows.end(),
                                    [](const TensorRow* r) { return r->per_layer(); });
    for (auto it = rows.begin(); it != first; ++it) add(**it, -1);
    for (Iterator it = first; it != rows.cend();) it = add_layers(it, rows.cend());
    for (auto it = first; it != rows.end(); ++it)
      if (!(*it)->per_layer()) add(**it, -1);
    return std::move(slots_);
  }

 private:
  using Iterator = std::vector<const TensorRow*>::const_iterator;

  // The layers of one stack: all rows from here that count by the same fact.
  Iterator add_layers(Iterator begin, Iterator end) {
    const Fact count = (*begin)->count;
    const auto other = std::find_if(begin, end, [&](const TensorRow* r) {
      return r->per_layer() && r->count != count;
    });
    const auto layers = static_cast<int>(model_.facts.integer(count));
    for (int layer = 0; layer < layers; ++layer)
      for (auto it = begin; it != other; ++it)
        if ((*it)->per_layer()) add(**it, layer);
    return other;
  }

  void add(const TensorRow& row, int layer) {
    const Cell& cell = row.cell(convention_);
    if (cell.name.empty()) return;
    for (const Part part : {Part::weight, Part::bias}) {
      if (!(part == Part::weight ? row.weight : row.bias).possible) continue;
      if (!has_mark(cell.name, entry_mark)) {
        add(row, part, layer, -1);
        continue;
      }
      const auto entries = static_cast<int>(row.shape[0].extent(model_));
      for (int entry = 0; entry < entries; ++entry) add(row, part, layer, entry);
    }
  }

  void add(const TensorRow& row, Part part, int layer, int expert) {
    std::string name = slot_name(row.cell(convention_), part, layer, expert);
    const auto [it, fresh] = seen_.emplace(name, slots_.size());
    if (fresh) slots_.push_back({std::move(name), Slot{{}, part, layer, expert}});
    std::vector<const TensorRow*>& rows = slots_[it->second].second.rows;
    if (!rows.empty() && !asked_for(row, layer)) return;
    if (!rows.empty() && !asked_for(*rows.front(), layer)) rows.clear();
    rows.push_back(&row);
  }

  bool asked_for(const TensorRow& row, int layer) const {
    return !row.weight.holds || row.weight.holds(model_, layer);
  }

  const ModelFacts& model_;
  Convention convention_;
  std::vector<NamedSlot> slots_;
  std::unordered_map<std::string, size_t> seen_;
};

// Extents of the part of a role that a slot holds.
Shape part_shape(const TensorRow& row, const Slot& slot, const ModelFacts& model) {
  Shape shape = canonical_shape(row, slot.part, model);
  if (slot.expert >= 0) shape.erase(shape.begin());
  return shape;
}

// How a slot's rows lie: a stack of matrices, each of the parts' rows in groups.
struct Lie {
  int64_t stack = 1;     // matrices
  int64_t columns = 1;   // of a row; 1 for vectors and biases
  int64_t rows = 0;      // of one matrix, all parts
  int64_t groups = 1;    // in the whole tensor
  bool stacked = false;  // has an axis for the stack
  bool matrix = false;   // has an axis for the columns
  int64_t skip = 0;      // first rows that the native form lacks
  std::vector<int64_t> part_rows;  // of the whole tensor, by part
};

Lie lie_of(const Slot& slot, Convention convention, const ModelFacts& model) {
  Lie lie;
  for (const TensorRow* row : slot.rows) {
    Shape shape = part_shape(*row, slot, model);
    const size_t axes = shape.size() + (slot.part == Part::bias ? 1 : 0);
    lie.stacked = axes > 2;
    lie.matrix = slot.part == Part::weight && axes > 1;
    if (lie.matrix) {
      lie.columns = shape.back();
      shape.pop_back();
    }
    if (lie.stacked) lie.stack = shape.front();
    lie.rows += shape.empty() ? 1 : shape.back();
    lie.part_rows.push_back(std::accumulate(shape.begin(), shape.end(), int64_t{1},
                                            std::multiplies<>()));
  }
  const Dim& groups = slot.cell(convention).groups;
  const Dim& skip = slot.cell(convention).skip;
  lie.skip = skip.extent ? skip.extent(model) : 0;
  lie.groups = lie.stack * (groups.extent ? groups.extent(model) : 1);
  return lie;
}

// What a rule computes with has to be decoded.
ValuePtr decodable(ValuePtr value, const Slot& slot, Convention convention) {
  if (value->codec().decode) return value;
  fail(codes::type_not_decodable,
       {.where = tensor_where(slot_name(slot.cell(convention), slot.part, slot.layer,
                                        std::max(0, slot.expert))),
        .expected = "a type that can be computed with",
        .found = std::string(value->codec().name)});
}

bool turns(Form form) { return form == Form::transposed || form == Form::flat_transposed; }

// Packed values as f32 where their blocks would be cut: in vectors and in turned matrices.
ValuePtr unpacked(ValuePtr value, const Lie& lie, const Slot& slot, Convention convention) {
  const int64_t block = value->codec().block_elements;
  const bool turned = lie.matrix && turns(slot.cell(convention).form);
  if (block == 1 || (lie.columns % block == 0 && !turned)) return value;
  return cast(decodable(std::move(value), slot, convention), codec::f32);
}

// Parts of one tensor may come in several types: f32 then, which holds what they hold.
std::vector<ValuePtr> in_one_type(std::vector<ValuePtr> parts, const Slot& slot,
                                  Convention convention) {
  const Codec* first = &parts.front()->codec();
  if (std::all_of(parts.begin(), parts.end(),
                  [&](const ValuePtr& part) { return &part->codec() == first; }))
    return parts;
  for (ValuePtr& part : parts)
    part = cast(decodable(std::move(part), slot, convention), codec::f32);
  return parts;
}

ValuePtr with_zero_rows(ValuePtr value, const Lie& lie) {
  const Codec& codec = value->codec();
  std::vector<std::byte> zeros(codec.bytes(lie.skip * lie.columns));
  std::vector<ValuePtr> parts{constant(std::move(zeros), {lie.skip, lie.columns}, codec),
                              std::move(value)};
  return concat(std::move(parts), {lie.rows, lie.columns});
}

// Rows of matrices, [rows, columns] each, out of the native form.
ValuePtr as_rows(ValuePtr value, const Lie& lie, Form form) {
  const int64_t all = lie.stack * lie.rows;
  if (lie.skip > 0) return with_zero_rows(std::move(value), lie);
  if (lie.matrix && turns(form))
    value = transpose(reshape(std::move(value), {lie.stack, lie.columns, lie.rows}));
  return reshape(std::move(value), lie.matrix ? Shape{all, lie.columns} : Shape{all});
}

// The parts one after another out of groups that each hold a share of every part.
std::vector<ValuePtr> ungrouped(const ValuePtr& value, const Lie& lie) {
  const size_t parts = lie.part_rows.size();
  if (parts == 1) return {value};
  std::vector<ValuePtr> out;
  const bool even = std::all_of(lie.part_rows.begin(), lie.part_rows.end(),
                                [&](int64_t n) { return n == lie.part_rows.front(); });
  if (lie.groups == 1 || even) {
    const ValuePtr apart = lie.groups == 1
                               ? value
                               : swap_row_axes(value, 1, lie.groups, static_cast<int64_t>(parts),
                                               lie.part_rows.front() / lie.groups);
    int64_t at = 0;
    for (const int64_t rows : lie.part_rows) {
      out.push_back(slice(apart, at, at + rows));
      at += rows;
    }
    return out;
  }
  const int64_t group = lie.stack * lie.rows / lie.groups;
  int64_t offset = 0;
  for (const int64_t rows : lie.part_rows) {
    const int64_t share = rows / lie.groups;
    std::vector<ValuePtr> pieces;
    for (int64_t g = 0; g < lie.groups; ++g)
      pieces.push_back(slice(value, g * group + offset, g * group + offset + share));
    offset += share;
    out.push_back(concat(std::move(pieces), lie.matrix ? Shape{rows, lie.columns} : Shape{rows}));
  }
  return out;
}

ValuePtr grouped(std::vector<ValuePtr> parts, const Lie& lie) {
  const int64_t all = lie.stack * lie.rows;
  const Shape shape = lie.matrix ? Shape{all, lie.columns} : Shape{all};
  const auto count = static_cast<int64_t>(parts.size());
  if (count == 1) return parts.front();
  if (lie.groups == 1) return concat(std::move(parts), shape);
  if (std::all_of(lie.part_rows.begin(), lie.part_rows.end(),
                  [&](int64_t n) { return n == lie.part_rows.front(); }))
    return swap_row_axes(concat(std::move(parts), shape), 1, count, lie.groups,
                         lie.part_rows.front() / lie.groups);
  std::vector<ValuePtr> pieces;
  for (int64_t g = 0; g < lie.groups; ++g)
    for (size_t i = 0; i < parts.size(); ++i) {
      const int64_t share = lie.part_rows[i] / lie.groups;
      pieces.push_back(slice(parts[i], g * share, (g + 1) * share));
    }
  return concat(std::move(pieces), shape);
}

}  // namespace

bool TensorRow::per_layer() const {
  return has_mark(hf.name, layer_mark) || has_mark(gguf.name, layer_mark);
}

std::string native_name(const TensorRow& row, Convention convention, const RoleKey& key) {
  const Cell& cell = row.cell(convention);
  return cell.name.empty() ? "" : slot_name(cell, key.part, key.layer, std::max(0, key.expert));
}

std::vector<NamedSlot> native_slots(const ModelFacts& model, Convention convention) {
  return SlotMaker(model, convention).run(model.arch->tensors);
}
std::vector<NamedSlot> also_read_slots(const ModelFacts& model, Convention convention) {
  return SlotMaker(model, convention).run(model.arch->also_read);
}

uint64_t slot_count(const ModelFacts& model, Convention convention) {
  uint64_t count = 0;
  for (const auto* tables : {&model.arch->tensors, &model.arch->also_read})
    for (const auto& group : *tables)
      for (const TensorRow& row : group) {
        const std::string_view name = row.cell(convention).name;
        uint64_t n = has_mark(name, entry_mark)
                         ? static_cast<uint64_t>(row.shape[0].extent(model)) : 1;
        if (row.per_layer()) n *= static_cast<uint64_t>(model.facts.integer(row.count));
        count += n;
      }
  return count;
}

bool is_asked_for(const Slot& slot, const ModelFacts& model) {
  const Needed& weight = slot.rows.front()->weight;
  return !weight.holds || weight.holds(model, slot.layer);
}

bool is_needed(const Slot& slot, const ModelFacts& model) {
  const TensorRow& row = *slot.rows.front();
  const Needed& needed = slot.part == Part::weight ? row.weight : row.bias;
  return needed.possible && needed.holds && needed.holds(model, slot.layer);
}

Shape canonical_shape(const TensorRow& row, Part part, const ModelFacts& model) {
  Shape shape;
  for (const Dim& dim : row.shape)
    if (dim.extent) shape.push_back(dim.extent(model));
  if (part == Part::bias && shape.size() > 1) shape.pop_back();
  return shape;
}

Shape native_shape(const Slot& slot, Convention convention, const ModelFacts& model) {
  const Lie lie = lie_of(slot, convention, model);
  if (!lie.matrix) return lie.stacked ? Shape{lie.stack, lie.rows} : Shape{lie.rows};
  Shape matrix{lie.rows - lie.skip, lie.columns};
  const Form form = slot.cell(convention).form;
  if (turns(form)) std::swap(matrix[0], matrix[1]);
  switch (form) {
    case Form::vector: return {lie.stack * lie.rows * lie.columns};
    case Form::unit_axis: matrix.insert(matrix.begin() + 1, 1); break;
    case Form::flat:
    case Form::flat_transposed: matrix[0] *= lie.stack; return matrix;
    case Form::plain:
    case Form::transposed: break;
  }
  if (lie.stacked) matrix.insert(matrix.begin(), lie.stack);
  return matrix;
}

std::vector<Dim> native_dims(const Slot& slot, Convention convention) {
  const TensorRow& row = *slot.rows.front();
  std::vector<Dim> dims;
  for (const Dim& dim : row.shape)
    if (dim.extent) dims.push_back(dim);
  if (slot.part == Part::bias && dims.size() > 1) dims.pop_back();
  if (slot.expert >= 0) dims.erase(dims.begin());
  const Form form = slot.cell(convention).form;
  if (slot.part == Part::weight && turns(form) && dims.size() > 1)
    std::swap(dims[dims.size() - 1], dims[dims.size() - 2]);
  return dims;
}

std::vector<ValuePtr> split_native(ValuePtr native, const Slot& slot, Convention convention,
                                   const ModelFacts& model) {
  const Lie lie = lie_of(slot, convention, model);
  const ValuePtr rows = as_rows(unpacked(std::move(native), lie, slot, convention), lie,
                                slot.cell(convention).form);
  std::vector<ValuePtr> parts = ungrouped(rows, lie);
  for (size_t i = 0; i < parts.size(); ++i) {
    const TensorRow& row = *slot.rows[i];
    Shape shape = canonical_shape(row, slot.part, model);
    if (slot.expert >= 0) shape.front() = 1;
    parts[i] = reshape(std::move(parts[i]), std::move(shape));
    if (const Rule* rule = row.cell(convention).rule) {
      if (!rule->exact) parts[i] = decodable(std::move(parts[i]), slot, convention);
      parts[i] = rule->to_canonical(parts[i], {row.role, slot.part, slot.layer, model});
    }
  }
  return parts;
}

ValuePtr join_native(std::vector<ValuePtr> parts, const Slot& slot, Convention convention,
                     const ModelFacts& model) {
  const Lie lie = lie_of(slot, convention, model);
  for (size_t i = 0; i < parts.size(); ++i) {
    const TensorRow& row = *slot.rows[i];
    parts[i] = unpacked(std::move(parts[i]), lie, slot, convention);
    if (const Rule* rule = row.cell(convention).rule) {
      if (!rule->exact) parts[i] = decodable(std::move(parts[i]), slot, convention);
      parts[i] = rule->from_canonical(parts[i], {row.role, slot.part, slot.layer, model});
    }
    if (slot.expert >= 0) parts[i] = slice(parts[i], slot.expert, slot.expert + 1);
    const int64_t rows = lie.part_rows[i];
    parts[i] = reshape(parts[i], lie.matrix ? Shape{rows, lie.columns} : Shape{rows});
  }
  ValuePtr value = grouped(in_one_type(std::move(parts), slot, convention), lie);
  if (lie.skip > 0) value = slice(value, lie.skip, lie.rows);
  if (lie.matrix && turns(slot.cell(convention).form))
    value = transpose(reshape(std::move(value), {lie.stack, lie.rows, lie.columns}));
  return reshape(std::move(value), native_shape(slot, convention, model));
}

}  // namespace recast
