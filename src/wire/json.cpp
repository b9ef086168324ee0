#include "wire/json.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>

#include "base/error.h"
#include "wire/decimal.h"
#include "wire/json_events.h"
#include "wire/mistaken.h"
#include "wire/utf8.h"

namespace recast::json {

Value::Value(int64_t value) : data_(Number{fmt::to_string(value)}) {}
Value::Value(uint64_t value) : data_(Number{fmt::to_string(value)}) {}
Value::Value(double value) : data_(Number{shortest_text(value)}) {}

std::string_view Value::type_name() const {
  constexpr std::string_view names[] = {"null", "boolean", "number", "string", "array", "object"};
  static_assert(std::size(names) == std::variant_size_v<decltype(data_)>);
  return names[data_.index()];
}

std::optional<bool> Value::as_bool() const {
  const bool* value = std::get_if<bool>(&data_);
  return value ? std::optional(*value) : std::nullopt;
}

std::optional<int64_t> Value::as_int() const {
  const Number* number = as_number();
  const auto decimal = number ? to_decimal(number->text) : std::nullopt;
  const auto whole = decimal ? to_whole(*decimal) : std::nullopt;
  constexpr uint64_t most = std::numeric_limits<int64_t>::max();
  if (!whole || *whole > most + decimal->negative) return std::nullopt;
  return static_cast<int64_t>(decimal->negative ? -*whole : *whole);
}

std::optional<uint64_t> Value::as_uint() const {
  const Number* number = as_number();
  const auto decimal = number ? to_decimal(number->text) : std::nullopt;
  return decimal && !decimal->negative ? to_whole(*decimal) : std::nullopt;
}

std::optional<double> Value::as_double() const {
  const Number* number = as_number();
  if (const Value* tagged = find("__float__"); tagged && as_object()->size() == 1) {
    const std::string* text = tagged->as_string();
    return text ? Value(Number{*text}).as_double() : std::nullopt;
  }
  if (!number) return std::nullopt;
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const std::string& text = number->text;
  if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (text == "Infinity") return infinity;
  if (text == "-Infinity") return -infinity;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::result_out_of_range) {  // said of too small and of too large alike
    const auto decimal = to_decimal(text);
    if (!decimal || decimal->exponent > 0) return std::nullopt;
    return decimal->negative ? -0.0 : 0.0;
  }
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

const Value* Value::find(std::string_view key) const {
  if (const Object* object = as_object())
    for (const auto& [name, value] : *object)
      if (name == key) return &value;
  return nullptr;
}

Value* Value::find(std::string_view key) {
  return const_cast<Value*>(static_cast<const Value*>(this)->find(key));
}

void Value::set(std::string_view key, Value value) {
  if (is_null()) data_ = Object();
  if (Value* old = find(key))
    *old = std::move(value);
  else
    as_object()->emplace_back(key, std::move(value));
}

bool Value::erase(std::string_view key) {
  Object* object = as_object();
  return object && std::erase_if(*object, [&](const auto& member) { return member.first == key; });
}

namespace {

bool equal_numbers(const Number& a, const Number& b) {
  if (a.text == b.text) return true;
  const auto x = to_decimal(a.text);
  return x && x == to_decimal(b.text);
}

// Regardless of order, and without a search per key: vocabularies are compared too.
bool equal_objects(const Object& a, const Object& b) {
  if (a.size() != b.size()) return false;
  const auto sorted = [](const Object& object) {
    std::vector<const Object::value_type*> members;
    for (const auto& member : object) members.push_back(&member);
    std::stable_sort(members.begin(), members.end(),
                     [](const auto* x, const auto* y) { return x->first < y->first; });
    return members;
  };
  const auto x = sorted(a), y = sorted(b);
  return std::equal(x.begin(), x.end(), y.begin(), [](const auto* m, const auto* n) {
    return m->first == n->first && m->second == n->second;
  });
}

}  // namespace

bool Value::operator==(const Value& other) const {
  if (data_.index() != other.data_.index()) return false;
  if (is_number()) return equal_numbers(*as_number(), *other.as_number());
  if (is_object()) return equal_objects(*as_object(), *other.as_object());
  if (is_array()) return *as_array() == *other.as_array();
  if (is_string()) return *as_string() == *other.as_string();
  return as_bool() == other.as_bool();
}

namespace {

// Builds the value of the events it gets. Open containers wait on a stack of their own.
class Builder : public Events {
 public:
  void null() override { add(nullptr); }
  void boolean(bool value) override { add(value); }
  void number(std::string_view text) override { add(Number{std::string(text)}); }
  void string(std::string_view text) override { add(text); }
  void start_object() override { open_.push_back({Object(), {}}); }
  void key(std::string_view name) override { open_.back().key = name; }
  void end_object() override { close(); }
  void start_array() override { open_.push_back({Array(), {}}); }
  void end_array() override { close(); }

  Value result() { return std::move(root_); }

 private:
  struct Open {
    Value container;
    std::string key;  // of the member whose value comes next
  };

  void add(Value value) {
    if (open_.empty())
      root_ = std::move(value);
    else if (Object* object = open_.back().container.as_object())
      object->emplace_back(std::move(open_.back().key), std::move(value));
    else
      open_.back().container.as_array()->push_back(std::move(value));
  }

  void close() {
    Value done = std::move(open_.back().container);
    open_.pop_back();
    add(std::move(done));
  }

  std::vector<Open> open_;
  Value root_;
};

void write_escape(char c, std::string& out) {
  constexpr std::string_view plain = "\"\\\b\f\n\r\t", letters = "\"\\bfnrt";
  if (const size_t i = plain.find(c); i != plain.npos)
    out.append("\\").append(1, letters[i]);
  else
    out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
}

// What stands in texts of binary formats may be any bytes; JSON has no way to say them.
std::string with_replacements(std::string_view text) {
  std::string out;
  while (const auto bad = find_invalid_utf8(text)) {
    out.append(text.substr(0, *bad)).append("\xEF\xBF\xBD");
    text.remove_prefix(*bad + 1);
  }
  return out.append(text);
}

void write_string(std::string_view text, std::string& out) {
  if (find_invalid_utf8(text)) return write_string(with_replacements(text), out);
  out += '"';
  for (const char c : text) {
    if (static_cast<uint8_t>(c) >= 0x20 && c != '"' && c != '\\')
      out += c;
    else
      write_escape(c, out);
  }
  out += '"';
}

void write_value(const Value& value, int indent, int depth, std::string& out);

// The items of a container between its brackets, one call of `item` each.
template <class Items, class WriteItem>
void write_items(const Items& items, std::string_view brackets, int indent, int depth,
                 std::string& out, WriteItem item) {
  const auto new_line = [&](int levels) {
    if (indent > 0) out.append("\n").append(static_cast<size_t>(indent * levels), ' ');
  };
  out += brackets[0];
  bool first = true;
  for (const auto& each : items) {
    if (!first) out += indent > 0 ? "," : ", ";
    first = false;
    new_line(depth + 1);
    item(each);
  }
  if (!items.empty()) new_line(depth);
  out += brackets[1];
}

void write_value(const Value& value, int indent, int depth, std::string& out) {
  if (const Array* array = value.as_array()) {
    write_items(*array, "[]", indent, depth, out,
                [&](const Value& item) { write_value(item, indent, depth + 1, out); });
  } else if (const Object* object = value.as_object()) {
    write_items(*object, "{}", indent, depth, out, [&](const auto& member) {
      write_string(member.first, out);
      out += ": ";
      write_value(member.second, indent, depth + 1, out);
    });
  } else if (const std::string* text = value.as_string()) {
    write_string(*text, out);
  } else if (const Number* number = value.as_number()) {
    out += number->text;
  } else {
    out += value.is_null() ? "null" : *value.as_bool() ? "true" : "false";
  }
}

}  // namespace

Value parse(std::span<const std::byte> text, const ParseOptions& options) {
  Builder builder;
  parse_events(text, options, builder);
  return builder.result();
}

Value parse(std::string_view text, const ParseOptions& options) {
  return parse(std::as_bytes(std::span(text)), options);
}

Value parse_file(const File& file, ParseOptions options) {
  if (options.file.empty()) options.file = file.name();
  std::vector<std::byte> text(std::min<uint64_t>(file.size(), sniff_bytes));
  file.read_at(0, text);
  if (const ErrorCode* mistaken = sniff_mistaken_file(text))
    fail(*mistaken, {.file = options.file});
  if (file.size() > limit(options.size_limit))
    fail_limit(codes::json_size, options.size_limit, {.file = options.file}, file.size());
  text.resize(file.size());
  file.read_at(0, text);
  return parse(text, options);
}

std::string write(const Value& value, int indent) {
  std::string out;
  write_value(value, indent, 0, out);
  return out;
}

}  // namespace recast::json
