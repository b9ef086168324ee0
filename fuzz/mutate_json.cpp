#include <vector>

#include "base/error.h"
#include "mutate_parts.h"

namespace recast::fuzz {
namespace {

// Every value beneath, in order.
void collect(json::Value& value, std::vector<json::Value*>& out) {
  out.push_back(&value);
  if (json::Array* items = value.as_array())
    for (json::Value& item : *items) collect(item, out);
  if (json::Object* members = value.as_object())
    for (auto& [key, member] : *members) collect(member, out);
}

json::Value any_value(const Mutation& m) {
  switch (m.random.below(10)) {
    case 0:
      return nullptr;
    case 1:
      return m.random.one_in(2);
    case 2:
      return json::Number{"-1"};
    case 3:
      return json::Number{m.random.one_in(2) ? "NaN" : "1e308"};
    case 4:
      return json::Number{m.random.one_in(2) ? "0.5" : "-0"};
    case 5:
      return std::string(m.word());
    case 6:
      return json::Array{m.random.number(), m.random.number()};
    case 7:
      return json::Object{{std::string(m.word()), m.random.number()}};
    default:
      return m.random.number();
  }
}

void change_members(json::Object& members, const Mutation& m) {
  if (members.empty()) return members.emplace_back(std::string(m.word()), any_value(m)), void();
  const size_t at = m.random.below(members.size());
  switch (m.random.below(4)) {
    case 0:
      members.erase(members.begin() + static_cast<ptrdiff_t>(at));
      break;
    case 1:
      members[at].first = m.changed(members[at].first);
      break;
    case 2:
      std::swap(members[at].second, members[m.random.below(members.size())].second);
      break;
    default:
      members.emplace_back(members[at].first + "_", json::Value(members[at].second));
  }
}

void change_items(json::Array& items, const Mutation& m) {
  const size_t at = m.random.below(items.size());
  switch (m.random.below(items.empty() ? 1 : 4)) {
    case 0:
      items.push_back(any_value(m));
      break;
    case 1:
      items.erase(items.begin() + static_cast<ptrdiff_t>(at));
      break;
    case 2:
      items.push_back(json::Value(items[at]));
      break;
    default:
      std::swap(items[at], items[m.random.below(items.size())]);
  }
}

}  // namespace

void mutate_value(json::Value& root, const Mutation& m) {
  std::vector<json::Value*> values;
  collect(root, values);
  json::Value& value = *values[m.random.below(values.size())];
  if (m.random.one_in(4)) {
    json::Value copy = *values[m.random.below(values.size())];
    value = m.random.one_in(2) ? std::move(copy) : any_value(m);
  } else if (json::Object* members = value.as_object()) {
    change_members(*members, m);
  } else if (json::Array* items = value.as_array()) {
    change_items(*items, m);
  } else if (const std::string* text = value.as_string()) {
    value = m.random.one_in(4) ? std::string(m.word()) : m.changed(*text);
  } else {
    value = any_value(m);
  }
}

std::optional<std::string> mutate_json(std::string_view input, const Mutation& m) {
  if (input.empty() || (input[0] != '{' && input[0] != '[')) return std::nullopt;
  try {
    json::Value root = json::parse(input, {.file = "input"});
    for (size_t n = 1 + m.random.below(3); n > 0; --n) mutate_value(root, m);
    return json::write(root, m.random.one_in(2) ? 0 : 2);
  } catch (const Error&) {  // no JSON: bytes will do
    return std::nullopt;
  }
}

}  // namespace recast::fuzz
