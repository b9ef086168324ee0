#include "wire/torch_state_dict.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "wire/pickle_values.h"
#include "wire/torch_optimizer.h"
#include "wire/torch_tensor.h"
#include "wire/utf8.h"

namespace recast {
namespace {

// In the order of preference. Source: the trainers' own saving code; facts of the project.
constexpr std::string_view wrapper_keys[] = {
    "state_dict", "model", "module",    "model_state_dict", "net",      "weights",
    "params",     "ema",   "model_ema", "state_dict_ema",   "generator"};
constexpr std::string_view wrapper_prefixes[] = {"module.", "_orig_mod.", "_fsdp_wrapped_module.",
                                                 "_forward_module.", "base_model.model."};
constexpr int most_walk_depth = 1000;
constexpr size_t most_steps = 4 << 20;  // of a walk: shared containers are walked once a path
constexpr size_t value_budget =
    10'000;  // nodes of one carried value, the longest list of a trainer
constexpr size_t all_values_budget = 1'000'000;
constexpr size_t most_value_bytes = 64 << 10;
// Of a container that is too long or too mixed to be one value, so many are carried one by one.
constexpr size_t most_loose_values = 2000;
constexpr size_t shown_names = 3;
constexpr size_t most_tensors = 1'000'000;
constexpr size_t most_name_bytes = 4096;
constexpr size_t listed_keys = 50;  // of dropped things; the rest is counted

std::string joined_path(std::string_view path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

std::string first_names(const std::set<std::string>& names) {
  std::string text;
  size_t shown = 0;
  for (const std::string& name : names) {
    if (shown++ == shown_names)
      return fmt::format("{} and {} more", text, names.size() - shown_names);
    text.append(text.empty() ? "" : ", ").append(name);
  }
  return text;
}

class Finder {
 public:
  Finder(const TorchFile& file, const StateDictOptions& options)
      : file_(file), pickle_(file.object), options_(options) {
    std::vector<bool> seeds(pickle_.nodes.size());
    for (size_t i = 0; i < seeds.size(); ++i)
      seeds[i] =
          is_torch_tensor(file_, pickle_.nodes[i]) || is_torch_storage(file_, pickle_.nodes[i]);
    holds_tensor_ = reaching(pickle_, seeds);
    on_path_.resize(pickle_.nodes.size());
    walked_.resize(pickle_.nodes.size());
  }

  StateDict run() {
    if (!holds_tensor_[pickle_.root]) fail_empty(pickle_.root);
    const PickleRef root = descend(pickle_.root);
    const PickleNode& top = pickle_[root];
    if (is_torch_storage(file_, top)) fail_empty(root);
    walk(root, is_torch_tensor(file_, top) ? "tensor" : "", 0);
    if (!foreign_.empty()) fail(codes::pickle_object, {.found = first_names(foreign_)});
    if (out_.tensors.empty()) fail_empty(root);
    if (!read_classes_.empty())
      out_.warnings.push_back(
          Error(codes::foreign_classes, {.found = first_names(read_classes_), .file = file_.name}));
    strip_prefixes();
    name_optimizer();
    make_unique(out_.tensors);
    make_unique(out_.optimizer);
    list_dropped();
    return std::move(out_);
  }

 private:
  struct Dropped {
    size_t tensors = 0;
    std::set<std::string> objects;
  };

  [[noreturn]] void fail(const ErrorCode& code, ErrorFacts facts) const {
    facts.file = file_.name;
    recast::fail(code, std::move(facts));
  }
  [[noreturn]] void fail_empty(PickleRef ref) const {
    fail(codes::no_state_dict,
         {.where = fmt::format("pickle {}", offset_where(pickle_[ref].offset)),
          .expected = "a dict of tensors, or an object that holds one",
          .found = describe_node(pickle_, pickle_[ref])});
  }

  // ---- choosing
  PickleRef value_at(const PickleNode& mapping, std::string_view key) const {
    PickleRef found = 0;  // of equal keys the last one counts, as in Python
    for (size_t i = 0; i + 1 < mapping.items.size(); i += 2)
      if (pickle_[mapping.items[i]].kind == PickleKind::text &&
          pickle_[mapping.items[i]].text == key)
        found = mapping.items[i + 1];
    return found;
  }
  bool is_model(PickleRef ref) const {
    const PickleNode& node = pickle_[ref];
    return holds_tensor_[ref] && (is_mapping(pickle_, node) || node.state != 0) &&
           !is_torch_tensor(file_, node);
  }
  bool is_mostly_tensors(const PickleNode& mapping) const {
    size_t tensors = 0;
    for (size_t i = 1; i < mapping.items.size(); i += 2)
      tensors += is_torch_tensor(file_, pickle_[mapping.items[i]]);
    return tensors * 4 >= mapping.items.size();  // half of the values
  }

  PickleRef descend(PickleRef ref) {
    std::string path;
    for (int level = 0; level < most_state_dict_levels; ++level) {
      const PickleNode& node = pickle_[ref];
      if (!is_mapping(pickle_, node) || is_mostly_tensors(node)) break;
      const auto* key = std::find_if(std::begin(wrapper_keys), std::end(wrapper_keys),
                                     [&](std::string_view name) {
                                       const PickleRef value = value_at(node, name);
                                       return value != 0 && is_model(value);
                                     });
      if (key == std::end(wrapper_keys)) break;
      check_alone(node, *key);
      for (size_t i = 0; i + 1 < node.items.size(); i += 2)
        if (pickle_[node.items[i]].text != *key)
          set_aside(node.items[i + 1], joined_path(path, key_text(pickle_, node.items[i])));
      path = joined_path(path, *key);
      ref = value_at(node, *key);
    }
    return ref;
  }

  // A generator has an opponent that is as much the model as it is.
  void check_alone(const PickleNode& node, std::string_view key) const {
    if (key != "generator") return;
    for (size_t i = 0; i + 1 < node.items.size(); i += 2)
      if (is_model(node.items[i + 1]) && pickle_[node.items[i]].text != key)
        fail(codes::state_dict_ambiguous,
             {.expected = "one model",
              .found = fmt::format("\"{}\" and \"{}\"", key,
                                   printable(key_text(pickle_, node.items[i])))});
  }

  // ---- the weights
  void walk(PickleRef ref, const std::string& path, int depth) {
    const PickleNode& node = pickle_[ref];
    if (++steps_ > most_steps)
      fail(codes::pickle_limit,
           {.expected = fmt::format("at most {} values and leaves", most_steps)});
    if (depth > most_walk_depth)
      fail(codes::pickle_limit,
           {.expected = fmt::format("nested at most {} deep", most_walk_depth)});
    if (out_.tensors.size() > most_tensors || path.size() > most_name_bytes)
      fail(codes::pickle_limit, {.expected = fmt::format("at most {} tensors, names of {} bytes",
                                                         most_tensors, most_name_bytes)});
    if (on_path_[ref]) return;  // a container inside itself
    on_path_[ref] = true;
    visit(ref, node, path, depth);
    on_path_[ref] = false;
  }

  void visit(PickleRef ref, const PickleNode& node, const std::string& path, int depth) {
    if (!holds_tensor_[ref]) return set_aside(ref, path);
    if (is_torch_tensor(file_, node)) return take_tensor(ref, node, path, depth);
    if (is_torch_storage(file_, node)) return void(out_.tensors.push_back({path, ref}));
    if (is_mapping(pickle_, node)) return walk_pairs(node.items, path, depth);
    if (is_sequence(pickle_, node)) return walk_items(elements_of(pickle_, node), path, depth);
    walk_object(node, path, depth);
  }

  void walk_pairs(const std::vector<PickleRef>& items, const std::string& path, int depth) {
    for (size_t i = 0; i + 1 < items.size(); i += 2) {
      const std::string key = key_text(pickle_, items[i]);
      if (depth == 0 && is_optimizer_key(key) && !is_torch_tensor(file_, pickle_[items[i + 1]]))
        set_aside(items[i + 1], key);
      else
        walk(items[i + 1], depth == 0 ? key : fmt::format("{}.{}", path, key), depth + 1);
    }
  }
  void walk_items(const std::vector<PickleRef>& items, const std::string& path, int depth) {
    for (size_t i = 0; i < items.size(); ++i)
      walk(items[i], depth == 0 ? fmt::format("{}", i) : fmt::format("{}.{}", path, i), depth + 1);
  }

  void take_tensor(PickleRef ref, const PickleNode& node, const std::string& path, int depth) {
    if (const std::string_view name = foreign_tensor_class(file_, node); !name.empty())
      note_foreign(name);
    out_.tensors.push_back({path, ref});
    if (const PickleRef more = tensor_attributes(file_, node); more && holds_tensor_[more])
      walk(more, path, depth + 1);
  }

  void note_foreign(std::string_view name) {
    (options_.foreign_objects ? read_classes_ : foreign_).insert(printable(name));
  }

  void walk_object(const PickleNode& node, const std::string& path, int depth) {
    const std::string_view name = pickle_.class_of(node);
    // Tensors as arguments of a call come out of it as nobody knows what.
    if (holds_tensor_[node.args] || name.empty())
      fail(codes::pickle_reconstructor,
           {.where = fmt::format("\"{}\", pickle {}", printable(path), offset_where(node.offset)),
            .found = describe_node(pickle_, node)});
    const PickleNode& state = pickle_[node.state];
    const bool module = name.starts_with("torch.nn.") && value_at(state, "_parameters") != 0;
    if (name == "types.SimpleNamespace") return walk_pairs(state.items, path, depth);
    if (!module || has_hooks(state)) {
      note_foreign(name);
      if (!options_.foreign_objects) return;
    }
    if (value_at(state, "_parameters") != 0) return walk_module(state, path, depth);
    walk_attributes(node, path, depth);
  }

  // Hooks of foreign classes change the weights when the module is used (pruning).
  bool has_hooks(const PickleNode& state) const {
    for (const std::string_view key : {"_forward_pre_hooks", "_forward_hooks"})
      if (!pickle_[value_at(state, key)].items.empty()) return true;
    return false;
  }
  void walk_module(const PickleNode& state, const std::string& path, int depth) {
    for (const std::string_view key : {"_parameters", "_buffers", "_modules"})
      if (const PickleRef part = value_at(state, key); part && holds_tensor_[part])
        walk_pairs(pickle_[part].items, path, depth);
  }
  // The state is a dict, or a pair of one and the slots.
  void walk_attributes(const PickleNode& node, const std::string& path, int depth) {
    walk_pairs(is_mapping(pickle_, node) || !holds_tensor_[node.state] ? node.items
                                                                       : std::vector<PickleRef>(),
               path, depth);
    const PickleNode& state = pickle_[node.state];
    if (state.kind == PickleKind::dict) return walk_pairs(state.items, path, depth);
    for (const PickleRef part : state.items) walk_pairs(pickle_[part].items, path, depth);
  }

  // ---- what stands beside them
  void set_aside(PickleRef ref, const std::string& path) {
    const std::string top = path.substr(0, path.find('.'));
    aside(ref, path, top, 0);
  }
  void aside(PickleRef ref, const std::string& path, const std::string& top, int depth) {
    const PickleNode& node = pickle_[ref];
    if (node.kind == PickleKind::none && depth > 0) return;
    if (options_.keep_optimizer && holds_tensor_[ref] && keep(ref, path)) return;
    if (is_torch_tensor(file_, node)) return void(++dropped_[top].tensors);
    if (!holds_tensor_[ref] && carry(ref, path)) return;
    const bool container = is_mapping(pickle_, node) || is_sequence(pickle_, node);
    const bool kept =
        options_.keep_optimizer && holds_tensor_[ref] && !optimizer_root(path).empty();
    const bool large = !kept && (node.items.size() > most_loose_values ||
                                 out_.values.size() > most_loose_values);
    if (!container || large || depth > most_walk_depth || path.size() > most_name_bytes)
      return void(dropped_[top].objects.insert(describe_node(pickle_, node)));
    if (walked_[ref]) return;
    walked_[ref] = true;
    if (is_mapping(pickle_, node)) {
      for (size_t i = 0; i + 1 < node.items.size(); i += 2)
        aside(node.items[i + 1], joined_path(path, key_text(pickle_, node.items[i])), top,
              depth + 1);
      return;
    }
    const std::vector<PickleRef>& items = elements_of(pickle_, node);
    for (size_t i = 0; i < items.size(); ++i)
      aside(items[i], fmt::format("{}.{}", path, i), top, depth + 1);
  }
  // Whether it is a tensor of an optimizer, which is kept. Notes optimizers as it meets them.
  bool keep(PickleRef ref, const std::string& path) {
    const std::string_view root = optimizer_root(path);
    if (root.empty()) return false;
    if (root.size() == path.size()) optimizers_[path] = ref;
    if (!is_torch_tensor(file_, pickle_[ref]) || root.size() == path.size()) return false;
    if (out_.optimizer.size() == most_tensors)
      fail(codes::pickle_limit, {.expected = fmt::format("at most {} tensors", most_tensors)});
    out_.optimizer.push_back({path, ref});
    return true;
  }
  // A plain value travels as metadata; an empty container says nothing.
  bool carry(PickleRef ref, const std::string& path) {
    size_t budget = std::min(value_budget, all_values_left_);
    const size_t before = budget;
    std::optional<json::Value> value = plain_value(pickle_, ref, budget);
    all_values_left_ -= before - budget;
    if (!value || find_invalid_utf8(path) || path.find('\0') != path.npos) return false;
    if (value->is_null() || (value->as_array() && value->as_array()->empty()) ||
        (value->as_object() && value->as_object()->empty()))
      return true;
    if (json::write(*value).size() > most_value_bytes) return false;
    out_.values.emplace_back(path, std::move(*value));
    return true;
  }

  static std::string shown(const Dropped& dropped) {
    std::string found;
    if (dropped.tensors == 1) found.append("a tensor");
    if (dropped.tensors > 1) found = fmt::format("{} tensors", dropped.tensors);
    if (dropped.objects.empty()) return found;
    return found.append(found.empty() ? "" : ", ").append(first_names(dropped.objects));
  }
  void list_dropped() {
    size_t listed = 0;
    for (const auto& [key, dropped] : dropped_) {
      const bool last = ++listed > listed_keys;
      out_.warnings.push_back(
          Error(codes::not_carried,
                {.where = last ? std::string("further keys") : key_where(key),
                 .found = last ? fmt::format("{} of them", dropped_.size() - listed_keys)
                               : shown(dropped),
                 .fix = last || dropped.tensors == 0 ? std::string() : dropped_fix(key),
                 .file = file_.name}));
      if (last) break;
    }
  }

  // ---- names
  void strip_prefixes() {
    std::vector<std::string*> names;
    for (NamedNode& tensor : out_.tensors) names.push_back(&tensor.name);
    strip_wrapper_prefixes(names);
  }
  // Of several optimizers each keeps its own key in the names.
  void name_optimizer() {
    std::set<std::string> roots;
    for (const NamedNode& tensor : out_.optimizer) roots.emplace(optimizer_root(tensor.name));
    std::unordered_map<std::string, ParameterNames> names;
    for (const std::string& root : roots)
      names.emplace(root, parameter_names(pickle_, optimizers_[root]));
    for (NamedNode& tensor : out_.optimizer) {
      const std::string root(optimizer_root(tensor.name));
      const std::string start = roots.size() == 1 ? "optimizer" : "optimizer." + root;
      tensor.name = optimizer_tensor_name(start, tensor.name.substr(root.size() + 1), names[root]);
    }
  }
  void make_unique(std::vector<NamedNode>& tensors) {
    std::unordered_set<std::string> seen;
    std::unordered_map<std::string, int> count;
    std::set<std::string> renamed;
    for (NamedNode& tensor : tensors) {
      if (seen.insert(tensor.name).second) continue;
      const std::string name = tensor.name;
      int& number = count.try_emplace(name, 1).first->second;
      do tensor.name = fmt::format("{}#{}", name, ++number);
      while (!seen.insert(tensor.name).second);
      renamed.insert(printable(tensor.name));
    }
    if (!renamed.empty())
      out_.warnings.push_back(
          Error(codes::name_twice, {.found = first_names(renamed), .file = file_.name}));
  }

  const TorchFile& file_;
  const Pickle& pickle_;
  const StateDictOptions options_;
  std::vector<bool> holds_tensor_, on_path_, walked_;
  size_t steps_ = 0, all_values_left_ = all_values_budget;
  std::set<std::string> foreign_, read_classes_;
  std::map<std::string, Dropped> dropped_;         // by the first key of the path
  std::map<std::string, PickleRef> optimizers_;    // by their path
  StateDict out_;
};

}  // namespace

std::span<const std::string_view> state_dict_keys() { return wrapper_keys; }

void strip_wrapper_prefixes(std::span<std::string* const> names) {
  if (names.empty()) return;
  for (bool again = true; again;) {
    again = false;
    for (const std::string_view prefix : wrapper_prefixes) {
      if (!std::all_of(names.begin(), names.end(), [&](const std::string* name) {
            return name->starts_with(prefix) && name->size() > prefix.size();
          }))
        continue;
      for (std::string* name : names) name->erase(0, prefix.size());
      again = true;
    }
  }
}

StateDict find_state_dict(const TorchFile& file, const StateDictOptions& options) {
  return Finder(file, options).run();
}

}  // namespace recast
