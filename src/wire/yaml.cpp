// libyaml gives events; the value, the types of plain scalars, and the limits on depth, aliases and
// size are ours.

#include "wire/yaml.h"

#include <fmt/format.h>
#include <yaml.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "base/limits.h"

namespace recast::yaml {

namespace {

// Owns libyaml's parser and its current event.
class EventStream {
 public:
  EventStream(std::string_view text, const ParseOptions& options) : options_(options) {
    if (!yaml_parser_initialize(&parser_)) recast::fail(codes::out_of_memory);
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()),
                                 text.size());
  }
  ~EventStream() {
    yaml_event_delete(&event_);
    yaml_parser_delete(&parser_);
  }
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  // Valid until the next call.
  const yaml_event_t& next() {
    yaml_event_delete(&event_);
    if (!yaml_parser_parse(&parser_, &event_)) {
      const std::string problem = parser_.problem ? parser_.problem : "no memory";
      recast::fail(
          codes::yaml_syntax,
          {.where = fmt::format("line {}",
                                std::max(parser_.problem_mark.line, parser_.context_mark.line) + 1),
           .found = problem,
           .file = options_.file});
    }
    return event_;
  }

  [[noreturn]] void fail(const ErrorCode& code, std::string expected, std::string found) const {
    fail(code, {.expected = std::move(expected), .found = std::move(found)});
  }
  [[noreturn]] void fail(const ErrorCode& code, ErrorFacts facts) const {
    facts.where = fmt::format("line {}", event_.start_mark.line + 1);
    facts.file = options_.file;
    recast::fail(code, std::move(facts));
  }

 private:
  const ParseOptions& options_;
  yaml_parser_t parser_{};
  yaml_event_t event_{};
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// JSON's grammar: -? (0 | [1-9][0-9]*) (. [0-9]+)? ([eE] [+-]? [0-9]+)?
bool is_json_number(std::string_view text) {
  size_t i = 0;
  const auto accept = [&](std::string_view any) {
    return i < text.size() && any.find(text[i]) != any.npos && ++i;
  };
  const auto digits = [&] {
    const size_t first = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return i > first;
  };
  accept("-");
  if (!accept("0") && !digits()) return false;
  if (accept(".") && !digits()) return false;
  if (accept("eE")) {
    accept("+-");
    if (!digits()) return false;
  }
  return i == text.size();
}

json::Value plain_value(std::string_view text) {
  for (const std::string_view null : {"", "~", "null", "Null", "NULL"})
    if (text == null) return nullptr;
  for (const std::string_view yes : {"true", "True", "TRUE"})
    if (text == yes) return true;
  for (const std::string_view no : {"false", "False", "FALSE"})
    if (text == no) return false;
  if (is_json_number(text)) return json::Number{std::string(text)};
  return text;
}

std::string_view view(const yaml_char_t* text) {
  return text ? reinterpret_cast<const char*>(text) : std::string_view();
}

// A value, what it counts against Limit::yaml_values, and how many levels of containers it has.
struct Counted {
  json::Value value;
  size_t nodes = 1;
  size_t depth = 0;
};

// Long texts count as several nodes: an alias of one is a copy of all its bytes.
size_t nodes_of(std::string_view text) { return 1 + text.size() / 64; }

class Builder {
 public:
  explicit Builder(EventStream& events) : events_(events) {}

  // The document's value; null for an empty one.
  json::Value document() {
    events_.next();  // the stream's start
    if (events_.next().type == YAML_STREAM_END_EVENT) return {};
    while (!done_) take(events_.next());
    events_.next();  // the document's end
    if (events_.next().type != YAML_STREAM_END_EVENT)
      events_.fail(codes::yaml_syntax, "one document", "a second one");
    return std::move(root_);
  }

 private:
  struct Open {
    Counted container;
    std::string anchor;
    std::set<std::string, std::less<>> keys;  // of a map
    std::optional<std::string> key;           // of a map: its value comes next
  };

  void take(const yaml_event_t& event) {
    switch (event.type) {
      case YAML_SCALAR_EVENT:
        return take_scalar(event);
      case YAML_ALIAS_EVENT:
        return take_alias(view(event.data.alias.anchor));
      case YAML_SEQUENCE_START_EVENT:
        check_tag(view(event.data.sequence_start.tag), "seq");
        return open(json::Array(), view(event.data.sequence_start.anchor));
      case YAML_MAPPING_START_EVENT:
        check_tag(view(event.data.mapping_start.tag), "map");
        return open(json::Object(), view(event.data.mapping_start.anchor));
      case YAML_SEQUENCE_END_EVENT:
      case YAML_MAPPING_END_EVENT:
        return close();
      default:
        return;
    }
  }

  void take_scalar(const yaml_event_t& event) {
    const auto& scalar = event.data.scalar;
    const std::string_view text(reinterpret_cast<const char*>(scalar.value), scalar.length);
    const bool plain = scalar.style == YAML_PLAIN_SCALAR_STYLE && scalar.plain_implicit;
    if (!plain) check_tag(view(scalar.tag), "str");
    if (expects_key()) return take_key(text, view(scalar.anchor));
    Counted item = {plain ? plain_value(text) : json::Value(text), nodes_of(text), 0};
    count(item.nodes);
    keep(view(scalar.anchor), item);
    add(std::move(item));
  }

  void take_key(std::string_view text, std::string_view anchor) {
    count(nodes_of(text));
    keep(anchor, {text, nodes_of(text), 0});
    Open& map = open_.back();
    map.container.nodes += nodes_of(text);
    map.key = text;
    if (!map.keys.insert(*map.key).second)
      events_.fail(codes::yaml_syntax, "different keys",
                   fmt::format("\"{}\" twice", printable(text)));
  }

  void take_alias(std::string_view name) {
    const auto anchor = anchors_.find(name);
    if (anchor == anchors_.end())
      events_.fail(codes::yaml_syntax, "an anchor that is complete",
                   fmt::format("*{}", printable(name)));
    const Counted& item = anchor->second;
    if (expects_key()) {
      const std::string* text = item.value.as_string();
      if (!text) events_.fail(codes::yaml_syntax, "a text as key", "an alias of something else");
      return take_key(*text, "");
    }
    if (open_.size() + item.depth > most_depth_) fail_limit(Limit::yaml_depth);
    count(item.nodes);
    add(item);
  }

  // Only the tags of what JSON has; `!` alone says nothing.
  void check_tag(std::string_view tag, std::string_view kind) const {
    if (!tag.empty() && tag != "!" && tag != fmt::format("tag:yaml.org,2002:{}", kind))
      events_.fail(codes::yaml_syntax, "no tag", fmt::format("tag {}", printable(tag)));
  }

  bool expects_key() const {
    return !open_.empty() && open_.back().container.value.is_object() && !open_.back().key;
  }

  void open(json::Value container, std::string_view anchor) {
    if (expects_key()) events_.fail(codes::yaml_syntax, "a text as key", "a list or a map");
    if (open_.size() >= most_depth_) fail_limit(Limit::yaml_depth);
    count(1);
    Open& opened = open_.emplace_back();
    opened.container.value = std::move(container);
    opened.container.depth = 1;
    opened.anchor = anchor;
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    keep(done.anchor, done.container);
    add(std::move(done.container));
  }

  // Anchors hold copies, which count too.
  void keep(std::string_view anchor, const Counted& item) {
    if (anchor.empty()) return;
    count(item.nodes);
    anchors_.insert_or_assign(std::string(anchor), item);
  }

  void add(Counted item) {
    if (open_.empty()) {
      root_ = std::move(item.value);
      done_ = true;
      return;
    }
    Open& parent = open_.back();
    parent.container.nodes += item.nodes;
    parent.container.depth = std::max(parent.container.depth, item.depth + 1);
    if (json::Object* map = parent.container.value.as_object()) {
      map->emplace_back(std::move(*parent.key), std::move(item.value));
      parent.key.reset();
    } else {
      parent.container.value.as_array()->push_back(std::move(item.value));
    }
  }

  void count(size_t nodes) {
    nodes_ += nodes;
    if (nodes_ > most_values_) fail_limit(Limit::yaml_values);
  }
  [[noreturn]] void fail_limit(Limit which) const {
    events_.fail(codes::yaml_limit, over_limit(codes::yaml_limit, which, {.found = "more"}));
  }

  EventStream& events_;
  std::vector<Open> open_;
  std::map<std::string, Counted, std::less<>> anchors_;
  const uint64_t most_depth_ = limit(Limit::yaml_depth);
  const uint64_t most_values_ = limit(Limit::yaml_values);
  size_t nodes_ = 0;
  json::Value root_;
  bool done_ = false;
};

// The lines between the two `---`, tabs replaced; empty when there is no closing one.
std::optional<std::string> block_of(std::string_view card) {
  std::string block;
  for (size_t begin = card.find('\n') + 1; begin < card.size();) {
    const size_t end = std::min(card.find('\n', begin), card.size());
    std::string_view line = card.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line == "---") return block;
    for (const char c : line) block.append(c == '\t' ? "  " : std::string_view(&c, 1));
    block += '\n';
    begin = end + 1;
  }
  return std::nullopt;
}

}  // namespace

json::Value parse(std::string_view text, const ParseOptions& options) {
  if (text.size() > limit(options.size_limit))
    fail_limit(codes::yaml_limit, options.size_limit, {.file = options.file}, text.size());
  EventStream events(text, options);
  return Builder(events).document();
}

FrontMatter parse_front_matter(std::string_view card, const std::string& file) {
  FrontMatter out;
  const auto warn = [&](const std::string& where, const std::string& found) {
    out.warning = Finding(codes::front_matter, {.where = where, .found = found, .file = file});
    return out;
  };
  if (!card.starts_with("---\n") && !card.starts_with("---\r\n")) return out;
  const auto block = block_of(card);
  if (!block) return warn("", "no closing --- line");
  try {
    json::Value value = parse(*block, {.file = file});
    if (json::Object* members = value.as_object())
      out.members = std::move(*members);
    else if (!value.is_null())
      return warn("", fmt::format("{} instead of keys and values", value.type_name()));
  } catch (const Error& error) {
    // Lines are counted within the block, which begins on the card's second line.
    return warn(error.where.empty() ? "" : error.where + " of the block", error.found);
  }
  return out;
}

FrontMatter read_front_matter(const File& card) {
  std::string text(std::min(card.size(), limit(Limit::yaml_bytes)), '\0');
  card.read_at(0, std::as_writable_bytes(std::span(text)));
  return parse_front_matter(text, card.name());
}

}  // namespace recast::yaml
