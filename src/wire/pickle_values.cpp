#include "wire/pickle_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/limits.h"
#include "wire/torch_dtype.h"
#include "wire/utf8.h"

namespace recast {
namespace {

constexpr size_t text_bytes_a_node = 16;
constexpr std::string_view mappings[] = {"collections.OrderedDict", "collections.defaultdict",
                                         "collections.Counter"};

bool contains_class(std::span<const std::string_view> list, std::string_view name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

template <class Visit>
void for_each_child(const PickleNode& node, Visit&& visit) {
  for (const PickleRef child : {node.callee, node.args, node.state})
    if (child) visit(child);
  for (const PickleRef child : node.items) visit(child);
}

// Sets are calls of set(list) up to protocol 3, sizes of torch.Size(tuple).
const PickleNode* called_with_items(const Pickle& pickle, const PickleNode& node) {
  const std::string_view name = pickle.class_of(node);
  if (name != "torch.Size" && name != "builtins.set" && name != "__builtin__.set" &&
      name != "builtins.frozenset" && name != "__builtin__.frozenset")
    return nullptr;
  const std::vector<PickleRef>& args = pickle[node.args].items;
  return args.size() == 1 ? &pickle[args[0]] : nullptr;
}

class PlainReader {
 public:
  PlainReader(const Pickle& pickle, size_t& budget) : pickle_(pickle), budget_(budget) {}

  std::optional<json::Value> read(PickleRef ref, uint64_t depth) {
    const PickleNode& node = pickle_[ref];
    // Long texts count for more: one that is repeated through the memo costs the file nothing.
    const size_t cost = 1 + node.text.size() / text_bytes_a_node;
    if (budget_ < cost || depth > most_depth_) return std::nullopt;
    budget_ -= cost;
    switch (node.kind) {
      case PickleKind::none:
        return json::Value(nullptr);
      case PickleKind::boolean:
        return json::Value(node.integer != 0);
      case PickleKind::integer:
        return json::Value(node.integer);
      case PickleKind::big_integer:
        return json::Value(json::Number{node.text});
      case PickleKind::real:
        return json::Value(node.real);
      case PickleKind::text:
        return text(node);
      case PickleKind::global:
        return dtype(node);
      default:
        return container(node, depth);
    }
  }

 private:
  static std::optional<json::Value> text(const PickleNode& node) {
    const bool whole = node.text.size() == static_cast<size_t>(node.integer);
    if (!whole || find_invalid_utf8(node.text)) return std::nullopt;
    return json::Value(std::string_view(node.text));
  }
  static std::optional<json::Value> dtype(const PickleNode& node) {
    if (!node.text.starts_with("torch.") || !find_torch_dtype(node.text)) return std::nullopt;
    return json::Value(std::string_view(node.text));
  }
  std::optional<json::Value> container(const PickleNode& node, uint64_t depth) {
    if (is_mapping(pickle_, node)) return mapping(node, depth);
    if (node.kind == PickleKind::set || is_sequence(pickle_, node))
      return array(node.kind == PickleKind::set ? node.items : elements_of(pickle_, node), depth);
    if (const PickleNode* items = called_with_items(pickle_, node))
      return array(items->items, depth);
    return std::nullopt;
  }
  std::optional<json::Value> array(const std::vector<PickleRef>& items, uint64_t depth) {
    json::Array out;
    for (const PickleRef item : items) {
      std::optional<json::Value> value = read(item, depth + 1);
      if (!value) return std::nullopt;
      out.push_back(std::move(*value));
    }
    return json::Value(std::move(out));
  }
  std::optional<json::Value> mapping(const PickleNode& node, uint64_t depth) {
    json::Object out;
    for (size_t i = 0; i + 1 < node.items.size(); i += 2) {
      std::string key = key_text(pickle_, node.items[i]);
      const size_t cost = key.size() / text_bytes_a_node;
      if (budget_ < cost || find_invalid_utf8(key)) return std::nullopt;
      budget_ -= cost;
      std::optional<json::Value> value = read(node.items[i + 1], depth + 1);
      if (!value) return std::nullopt;
      out.emplace_back(std::move(key), std::move(*value));
    }
    return json::Value(std::move(out));
  }

  const Pickle& pickle_;
  size_t& budget_;
  const uint64_t most_depth_ = limit(Limit::carried_depth);
};

}  // namespace

std::vector<bool> reaching(const Pickle& pickle, const std::vector<bool>& seeds) {
  // Arrows turned round, as one array a node: [first[n], first[n + 1]) of `holders`.
  const size_t n = pickle.nodes.size();
  std::vector<uint32_t> first(n + 2), holders;
  for (const PickleNode& node : pickle.nodes)
    for_each_child(node, [&](PickleRef child) { ++first[child + 2]; });
  for (size_t i = 2; i < first.size(); ++i) first[i] += first[i - 1];
  holders.resize(first.back());
  for (PickleRef holder = 0; holder < n; ++holder)
    for_each_child(pickle[holder], [&](PickleRef child) { holders[first[child + 1]++] = holder; });

  std::vector<bool> reached = seeds;
  std::vector<PickleRef> open;
  for (PickleRef i = 0; i < n; ++i)
    if (seeds[i]) open.push_back(i);
  while (!open.empty()) {
    const PickleRef at = open.back();
    open.pop_back();
    for (uint32_t i = first[at]; i < first[at + 1]; ++i) {
      if (reached[holders[i]]) continue;
      reached[holders[i]] = true;
      open.push_back(holders[i]);
    }
  }
  return reached;
}

bool is_mapping(const Pickle& pickle, const PickleNode& node) {
  return node.kind == PickleKind::dict || contains_class(mappings, pickle.class_of(node));
}

bool is_sequence(const Pickle& pickle, const PickleNode& node) {
  if (node.kind == PickleKind::list || node.kind == PickleKind::tuple) return true;
  const std::string_view name = pickle.class_of(node);
  return name == "collections.deque" || name.starts_with("torch.return_types.");
}

const std::vector<PickleRef>& elements_of(const Pickle& pickle, const PickleNode& node) {
  const bool named = pickle.class_of(node).starts_with("torch.return_types.");
  const std::vector<PickleRef>& args = pickle[node.args].items;
  return named && !args.empty() ? pickle[args[0]].items : node.items;
}

std::string key_text(const Pickle& pickle, PickleRef key) {
  const PickleNode& node = pickle[key];
  switch (node.kind) {
    case PickleKind::text:
    case PickleKind::big_integer:
      return node.text;
    case PickleKind::integer:
      return fmt::format("{}", node.integer);
    case PickleKind::boolean:
      return node.integer ? "True" : "False";
    case PickleKind::real:
      return fmt::format("{}", node.real);
    case PickleKind::none:
      return "None";
    case PickleKind::tuple:
      break;
    default:
      return describe_node(pickle, node);
  }
  std::string text = "(";
  for (const PickleRef item : node.items) {
    if (text.size() > limit(Limit::torch_name_bytes)) break;
    if (text.size() > 1) text += ", ";
    const PickleNode& part = pickle[item];
    if (part.kind == PickleKind::text)
      text.append("'").append(part.text).append("'");
    else
      text += part.kind == PickleKind::tuple ? "(...)" : key_text(pickle, item);
  }
  return text + (node.items.size() == 1 ? ",)" : ")");
}

std::optional<json::Value> plain_value(const Pickle& pickle, PickleRef ref, size_t& budget) {
  return PlainReader(pickle, budget).read(ref, 0);
}

std::string describe_node(const Pickle& pickle, const PickleNode& node) {
  const std::string_view name = pickle.class_of(node);
  if (node.kind == PickleKind::global) return "the name " + printable(node.text);
  if (node.kind == PickleKind::object || node.kind == PickleKind::call)
    return name.empty() ? "an object of a computed class" : "object " + printable(name);
  return std::string(pickle_kind_name(node.kind));
}

}  // namespace recast
