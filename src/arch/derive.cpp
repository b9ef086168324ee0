#include "arch/derive.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "arch/facts.h"
#include "arch/key_tables.h"
#include "arch/native.h"
#include "base/limits.h"

namespace recast {

namespace {

constexpr std::string_view layer_mark = "{}";
// The tensor that a layer has which predicts further tokens, and no other.
constexpr std::string_view mtp_mark = ".eh_proj.";

// Two values to try for an unknown. Heads are few, so that they divide a width to something; no sum
// or difference of others is the same twice: extents that agree at both points are one expression.
struct Points {
  int64_t a, b;
};
constexpr Points points_of(Fact fact, int64_t number) {
  if (fact == Fact::heads) return {7, 11};
  if (fact == Fact::kv_heads) return {3, 5};
  if (fact == Fact::hidden) return {1'000'003, 1'100'009};
  return {1009 + 97 * number, 1511 + 173 * number * number};
}

// What one set of choices makes of a family: how many tensors of each sort it asks for.
struct Demand {
  uint64_t needed = 0, asked = 0;
};

class Fitter {
 public:
  Fitter(const NameCensus& census, const FamilyNames& names, const json::Value& stated)
      : names_(names), stated_(stated.is_object() ? stated : json::Value(json::Object{})) {
    for (const NameSort& sort : census.sorts)
      if (const std::string* pattern = names.find(sort.pattern)) {
        NameSort& mine = present_[*pattern];
        mine.count += sort.count;
        if (!mine.first) mine.first = sort.first;
        for (size_t i = 0; i < mine.highest.size(); ++i)
          mine.highest[i] = std::max(mine.highest[i], sort.highest[i]);
      }
    if (find_key(arch(), Fact::mtp_layers))
      for (const NameSort& sort : census.sorts)
        if (sort.pattern.find(mtp_mark) != std::string::npos) mtp_layers_ = sort.count;
    tensors_ = static_cast<int64_t>(census.tensors);
  }

  void run(Fit& out) {
    out.config = stated_;
    if (!count_by_names()) return;
    set_flags();
    choose();
    out.complete = solve_or_choose() && has_its_experts();
    out.config = config_;
    for (const auto& [key, value] : *config_.as_object())
      if (!member(stated_, key)) out.derived.push_back(fmt::format("{} {}", key, json::write(value)));
  }

 private:
  const Architecture& arch() const { return names_.arch(); }
  bool gguf() const { return names_.convention() == Convention::gguf; }

  const NameSort* present(const std::string& pattern) const {
    const auto it = present_.find(pattern);
    return it == present_.end() ? nullptr : &it->second;
  }
  bool is_stated(const KeyRow& row) const { return spelled(config_, row) != nullptr; }
  static std::string key_of(const KeyRow& row) { return std::string(words(row.hf).front()); }

  template <class Visit>
  void each_key(Visit&& visit) const {
    for (const auto& group : arch().keys)
      for (const KeyRow& row : group)
        if (!row.hf.empty()) visit(row);
  }

  // Layers by the numbers in names. False when these are absurd.
  bool count_by_names() {
    const auto most_layers = std::min<int64_t>(tensors_, signed_limit(Limit::model_layers));
    const auto most_experts = std::min<int64_t>(tensors_, signed_limit(Limit::model_experts));
    config_ = stated_;
    std::map<Fact, int64_t> counts;
    for (const FamilyNames::Sort& sort : names_.sorts())
      if (const NameSort* here = present(sort.pattern); here && sort.per_layer) {
        if (here->highest[0] >= most_layers || here->highest[1] >= most_experts) return false;
        int64_t& count = counts[sort.rows.front()->count];
        count = std::max(count, here->highest[0] + 1);
      }
    if (mtp_layers_ > 0) {
      counts[Fact::layers] -= static_cast<int64_t>(mtp_layers_);
      if (const KeyRow* row = find_key(arch(), Fact::mtp_layers); !is_stated(*row))
        set_member(config_, key_of(*row), static_cast<int64_t>(mtp_layers_));
    }
    for (const auto& [fact, count] : counts)
      if (const KeyRow* row = find_key(arch(), fact); row && !row->hf.empty() && !is_stated(*row))
        set_member(config_, key_of(*row), count);
    return true;
  }

  // A family with experts has models of dense layers alone on paper only: their names would be
  // those of another family.
  bool has_its_experts() const {
    return !find_key(arch(), Fact::experts) || has_role(Role::expert_down);
  }
  bool has_role(Role role) const {
    for (const FamilyNames::Sort& sort : names_.sorts())
      if (sort.rows.front()->role == role && present(sort.pattern)) return true;
    return false;
  }

  // Whether there is what a name of the GGUF table stands for in this convention; nullopt when it
  // stands for nothing.
  std::optional<bool> has_gguf_name(std::string_view rule) const {
    const size_t star = std::min(rule.find('*'), rule.size());
    std::string name(rule.substr(0, star));
    if (star < rule.size()) name.append(layer_mark).append(rule.substr(star + 1));
    bool known = false;
    for (const FamilyNames::Sort& sort : names_.sorts())
      for (const TensorRow* row : sort.rows) {
        if (pattern_of(row->gguf, sort.part) != name) continue;
        if (present(sort.pattern)) return true;
        known = true;
      }
    return known ? std::optional(false) : std::nullopt;
  }

  // What is there or not says what a flag is.
  void set_flags() {
    each_key([&](const KeyRow& row) {
      if (row.kind != KeyKind::flag || is_stated(row)) return;
      // A rule on what every file has says what all GGUF files mean.
      if (!gguf() && row.gguf == "?token_embd.weight") return;
      if (row.fact == Fact::tied) {
        set_member(config_, key_of(row), !has_role(Role::output));
      } else if (is_tensor_rule(row.gguf)) {
        if (const auto there = has_gguf_name(row.gguf.substr(1)))
          set_member(config_, key_of(row), *there == row.gguf.starts_with('?'));
      }
    });
  }

  // The facts at a point: stated and derived keys, class defaults, and values for the unknown.
  ModelFacts facts_at(const std::map<std::string, int64_t>& values) const {
    json::Value config = config_;
    for (const auto& [key, value] : values) set_member(config, key, value);
    return trial_facts(arch(), config);
  }

  // The facts that decide which tensors there are: class defaults for what nothing says.
  ModelFacts usual() const {
    std::map<std::string, int64_t> values;
    for (const std::string& key : opened_) values[key] = 1;
    return facts_at(values);
  }

  std::map<std::string, int64_t> point(bool second) const {
    std::map<std::string, int64_t> values;
    int64_t number = 0;
    each_key([&](const KeyRow& row) {
      if (!is_unknown(row)) return;
      const Points p = points_of(row.fact, number++);
      values[key_of(row)] = second ? p.b : p.a;
    });
    return values;
  }

  // A count that no key states. One that may be null is null until a choice says otherwise.
  bool is_unknown(const KeyRow& row) const {
    if (is_stated(row)) return false;
    if (row.kind == KeyKind::integer || row.kind == KeyKind::count)
      return row.fact != Fact::mtp_layers;
    return row.kind == KeyKind::optional_integer &&
           (opened_.contains(key_of(row)) || (row.fallback != "null" && row.fallback != "0"));
  }

  static bool asks(const TensorRow& row, const ModelFacts& model, int layer) {
    return !row.weight.holds || row.weight.holds(model, layer);
  }
  static bool needs(const TensorRow& row, Part part, const ModelFacts& model, int layer) {
    const Needed& needed = part == Part::weight ? row.weight : row.bias;
    return needed.holds && needed.holds(model, layer);
  }

  static int64_t signed_limit(Limit which) { return static_cast<int64_t>(limit(which)); }
  int layers_of(const FamilyNames::Sort& sort, const ModelFacts& model) const {
    if (!sort.per_layer) return 1;
    return static_cast<int>(std::min<int64_t>(model.facts.integer(sort.rows.front()->count),
                                              signed_limit(Limit::model_layers)));
  }
  uint64_t entries_of(const FamilyNames::Sort& sort) const {
    if (!sort.per_entry) return 1;
    const NameSort* here = present(sort.pattern);
    return here ? static_cast<uint64_t>(here->highest[1] + 1) : 1;
  }

  // The rows of a sort that a layer asks for; the first one when it asks for none.
  static std::vector<const TensorRow*> rows_in(const FamilyNames::Sort& sort,
                                               const ModelFacts& model, int layer, bool& asked) {
    std::vector<const TensorRow*> rows;
    for (const TensorRow* row : sort.rows)
      if (asks(*row, model, layer)) rows.push_back(row);
    asked = !rows.empty();
    if (!asked) rows.push_back(sort.rows.front());
    return rows;
  }

  // Tensors that are missing or too many at a point.
  uint64_t mismatch(const ModelFacts& model) const {
    std::map<std::string_view, Demand> demands;
    uint64_t wrong = 0;
    for (const FamilyNames::Sort& sort : names_.sorts()) {
      const uint64_t entries = entries_of(sort);
      Demand& demand = demands[sort.pattern];
      const bool replaced = is_replaced(sort);
      for (int layer = 0, n = layers_of(sort, model); layer < n; ++layer) {
        bool asked = false;
        const int at = sort.per_layer ? layer : -1;
        const TensorRow& row = *rows_in(sort, model, at, asked).front();
        if (sort.part == Part::bias && row.bias.holds && !row.bias.holds(model, at)) asked = false;
        if (asked || row.role == Role::output) demand.asked += entries;
        if (layer + 1 == n && sort.per_layer) demand.asked += entries * mtp_layers_;
        if (!replaced && !sort.alternative && needs(row, sort.part, model, at))
          demand.needed += entries;
      }
    }
    for (const auto& [pattern, demand] : demands) {
      const NameSort* here = present(std::string(pattern));
      const uint64_t have = here ? here->count : 0;
      if (have < demand.needed) wrong += demand.needed - have;
      if (have > demand.asked) wrong += have - demand.asked;
    }
    return wrong;
  }

  // Whether the file has the same roles under another name and not under this one.
  bool is_replaced(const FamilyNames::Sort& sort) const {
    if (sort.alternative || present(sort.pattern)) return false;
    for (const FamilyNames::Sort& other : names_.sorts())
      if (other.alternative && other.part == sort.part && present(other.pattern))
        for (const TensorRow* row : other.rows)
          if (row->role == sort.rows.front()->role) return true;
    return false;
  }

  // Another value of a key that may decide which tensors there are; null where `opens` says that
  // the key has a number that shapes tell.
  struct Choice {
    std::string key;
    json::Value value;
    bool opens = false;
  };

  std::vector<Choice> choices() const {
    std::vector<Choice> out;
    each_key([&](const KeyRow& row) {
      if (is_stated(row) || out.size() > max_choices) return;
      const std::string key = key_of(row);
      const bool is_count = row.kind == KeyKind::count;
      if (row.kind == KeyKind::flag)
        out.push_back({key, row.fallback != "true"});
      else if (row.kind == KeyKind::optional_integer && is_unknown(row))
        out.push_back({key, nullptr});
      else if (row.kind == KeyKind::optional_integer ||
               (row.kind == KeyKind::integer && row.fallback.starts_with('=')))
        out.push_back({key, nullptr, true});
      else if (is_count || (row.kind == KeyKind::integer && row.fallback == "1"))
        for (int64_t n = is_count ? 0 : 1; n <= std::min(layers(), max_layer_choice); ++n)
          out.push_back({key, n});
    });
    return out;
  }

  // Where the class defaults do not fit: the choice that helps most, as long as one helps.
  void choose() {
    if (layers() > max_layers_to_choose || misses_what_all_have()) return;
    for (uint64_t wrong = mismatch(usual()); wrong > 0;) {
      const json::Value config = config_;
      const std::set<std::string> opened = opened_;
      std::optional<Choice> best;
      for (const Choice& choice : choices()) {
        take(choice);
        if (const uint64_t left = mismatch(usual()); left < wrong) {
          wrong = left;
          best = choice;
        }
        config_ = config;
        opened_ = opened;
      }
      if (!best) return;
      take(*best);
    }
  }

  bool misses_what_all_have() const {
    for (const FamilyNames::Sort& sort : names_.sorts())
      if (!sort.alternative && sort.part == Part::weight && sort.rows.size() == 1 &&
          sort.rows.front()->weight.holds == Needed::always.holds && !present(sort.pattern) &&
          !is_replaced(sort))
        return true;
    return false;
  }

  void take(const Choice& choice) {
    if (choice.opens)
      opened_.insert(choice.key);
    else
      set_member(config_, choice.key, choice.value);
  }

  int64_t layers() const {
    const KeyRow* row = find_key(arch(), Fact::layers);
    const json::Value* value = row ? spelled(config_, *row) : nullptr;
    return value ? value->as_int().value_or(0) : 0;
  }

  // One extent of the file and the sort whose shape says what it is; axis -1: how many entries.
  struct Equation {
    Slot slot;
    size_t axis;
    int64_t extent;
    bool entries = false;
  };

  int64_t value_of(const Equation& e, const ModelFacts& model) const {
    if (e.entries) return e.slot.rows.front()->shape[0].extent(model);
    return native_shape(e.slot, names_.convention(), model)[e.axis];
  }

  // False when the file has another number of axes somewhere.
  bool find_equations(const ModelFacts& model) {
    for (const FamilyNames::Sort& sort : names_.sorts()) {
      const NameSort* here = present(sort.pattern);
      if (!here) continue;
      bool asked = false;
      int layer = sort.per_layer ? 0 : -1;
      auto rows = rows_in(sort, model, layer, asked);
      for (const int n = layers_of(sort, model); !asked && layer + 1 < n;)
        rows = rows_in(sort, model, ++layer, asked);
      if (!asked && sort.rows.front()->role != Role::output) continue;
      Slot slot{rows, sort.part, layer, sort.per_entry ? 0 : -1};
      if (sort.per_entry) equations_.push_back({slot, 0, here->highest[1] + 1, true});
      const Shape& shape = here->first->shape();
      if (native_shape(slot, names_.convention(), model).size() != shape.size()) return false;
      for (size_t axis = 0; axis < shape.size(); ++axis)
        equations_.push_back({slot, axis, shape[axis]});
    }
    return true;
  }

  // Extents that are one expression must be one number.
  bool same_expressions_agree() const {
    const ModelFacts a = facts_at(point(false)), b = facts_at(point(true));
    std::map<std::pair<int64_t, int64_t>, int64_t> extents;
    for (const Equation& e : equations_) {
      const std::pair<int64_t, int64_t> at{value_of(e, a), value_of(e, b)};
      if (at.first == 0 || at.second == 0) continue;
      if (at.first == at.second && at.first != e.extent) return false;
      if (extents.emplace(at, e.extent).first->second != e.extent) return false;
    }
    return true;
  }

  // Every extent with one unknown in it gives that unknown, until no more are found. False for a
  // contradiction.
  bool solve() {
    const ModelFacts structure = usual();
    if (mismatch(structure) != 0 || !find_equations(structure)) return false;
    if (!same_expressions_agree()) return false;
    while (solve_one()) {
    }
    return !contradicted_ && mismatch(usual()) == 0 && same_expressions_agree();
  }

  // Some flags decide about shapes alone (multi-query attention).
  bool solve_or_choose() {
    const json::Value config = config_;
    if (solve()) return true;
    const json::Value first = config_;
    std::vector<std::pair<std::string, bool>> flags;
    each_key([&](const KeyRow& row) {
      if (row.kind == KeyKind::flag && !spelled(config, row))
        flags.emplace_back(key_of(row), row.fallback != "true");
    });
    for (const auto& [key, value] : flags) {
      config_ = config;
      set_member(config_, key, value);
      equations_.clear();
      contradicted_ = false;
      if (solve()) return true;
    }
    config_ = first;
    return false;
  }

  bool solve_one() {
    const std::map<std::string, int64_t> base = point(false);
    const ModelFacts at_base = facts_at(base);
    std::map<std::string, ModelFacts> moved;
    for (const auto& [key, value] : base) {
      auto other = base;
      other[key] = value + 2;
      moved.emplace(key, facts_at(other));
    }
    for (const Equation& e : equations_) {
      const int64_t here = value_of(e, at_base);
      std::string unknown;
      size_t count = 0;
      for (const auto& [key, model] : moved)
        if (value_of(e, model) != here) {
          unknown = key;
          ++count;
        }
      if (count == 1 && solve_for(e, unknown, base)) return true;
      if (contradicted_) return false;
    }
    return false;
  }

  bool solve_for(const Equation& e, const std::string& key,
                 std::map<std::string, int64_t> values) {
    const auto at = [&](int64_t x) {
      values[key] = x;
      return value_of(e, facts_at(values));
    };
    const int64_t one = at(1), slope = at(2) - one;
    if (slope <= 0 || at(3) - one != 2 * slope) return false;
    const int64_t x = 1 + (e.extent - one) / slope;
    contradicted_ = (e.extent - one) % slope != 0 || x < 1;
    if (contradicted_) return false;
    set_member(config_, key, x);
    return true;
  }

  // Bounds of the search for what decides which tensors there are.
  static constexpr size_t max_choices = 200;
  static constexpr int64_t max_layer_choice = 64, max_layers_to_choose = 1000;

  const FamilyNames& names_;
  json::Value stated_, config_;
  std::unordered_map<std::string, NameSort> present_;
  std::set<std::string> opened_;  // keys that may be null and are not
  std::vector<Equation> equations_;
  int64_t tensors_ = 0;
  uint64_t mtp_layers_ = 0;
  bool contradicted_ = false;
};

}  // namespace

Fit fit(const NameCensus& census, const FamilyNames& names, const json::Value& stated) {
  Fit out{.explained = explained_tensors(census, names)};
  Fitter(census, names, stated).run(out);
  return out;
}

std::vector<std::string> missing_keys(const Architecture& arch, const json::Value& config) {
  const auto has_inner_theta = [&] {
    for (const std::string_view key : {"rope_parameters", "rope_scaling"})
      if (const json::Value* object = config.find(key); object && object->is_object()) {
        if (object->find("rope_theta")) return true;
        const json::Value* full = object->find("full_attention");
        if (full && full->is_object() && full->find("rope_theta")) return true;
      }
    return false;
  };
  std::vector<std::string> missing;
  for (const auto& group : arch.keys)
    for (const KeyRow& row : group) {
      if (row.hf.empty() || spelled(config, row)) continue;
      const bool never_guessed = row.fact == Fact::heads || row.fact == Fact::norm_eps ||
                                 (row.fact == Fact::rope_theta && arch.rope && !has_inner_theta());
      if (never_guessed || (row.fallback.empty() && row.fact != Fact::rope_theta))
        missing.push_back(std::string(words(row.hf).front()));
    }
  return missing;
}

}  // namespace recast
