#include "wire/pickle.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <iterator>

#include "base/limits.h"
#include "wire/pickle_names.h"

namespace recast {
namespace {

constexpr int highest_protocol = 5;
constexpr std::string_view copyreg_names[] = {"copyreg._reconstructor", "copy_reg._reconstructor",
                                              "copyreg.__newobj__", "copy_reg.__newobj__",
                                              "copyreg.__newobj_ex__"};

// Little-endian two's complement of any length, in decimal.
std::string decimal(std::span<const std::byte> bytes) {
  std::vector<uint8_t> digits(bytes.size());  // magnitude, the highest byte first
  const bool negative = (bytes.back() & std::byte{0x80}) != std::byte{0};
  unsigned carry = negative ? 1 : 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned>(negative ? ~bytes[i] : bytes[i]) & 0xff;
    digits[bytes.size() - 1 - i] = static_cast<uint8_t>(byte + carry);
    carry = carry && byte == 0xff ? 1 : 0;
  }
  std::string text;
  for (size_t first = 0; first < digits.size();) {
    unsigned rest = 0;
    for (size_t i = first; i < digits.size(); ++i) {
      const unsigned value = rest << 8 | digits[i];
      digits[i] = static_cast<uint8_t>(value / 10);
      rest = value % 10;
    }
    text.push_back(static_cast<char>('0' + rest));
    while (first < digits.size() && digits[first] == 0) ++first;
  }
  if (negative) text.push_back('-');
  std::reverse(text.begin(), text.end());
  return text;
}

int64_t small_integer(std::span<const std::byte> bytes) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) value |= static_cast<uint64_t>(bytes[i]) << (8 * i);
  const int unused = 64 - 8 * static_cast<int>(bytes.size());  // above the sign
  return bytes.empty() ? 0 : static_cast<int64_t>(value << unused) >> unused;
}

class Machine {
 public:
  Machine(ByteReader& in, PersistentIdRule rule) : in_(in), rule_(rule) {
    out_.nodes.emplace_back();  // the node that means none
  }

  Pickle run() {
    while (!out_.root) step();
    return std::move(out_);
  }

 private:
  using Run = void (Machine::*)();
  struct Opcode {
    uint8_t byte;
    std::string_view name;
    Run run;
  };

  void step() {
    at_ = in_.offset();
    const auto byte = in_.get<uint8_t>("an opcode, up to STOP");
    const Opcode* opcode = table()[byte];
    if (!opcode)
      fail(codes::pickle_malformed,
           {.expected = "an opcode", .found = fmt::format("the byte 0x{:02x}", byte)});
    name_ = opcode->name;
    (this->*opcode->run)();
  }

  [[noreturn]] void fail(const ErrorCode& code, ErrorFacts facts) const {
    if (facts.where.empty()) {
      facts.where = offset_where(at_);
      if (!name_.empty()) facts.where.append(", opcode ").append(name_);
    }
    in_.fail(code, std::move(facts));
  }
  [[noreturn]] void fail_limit(Limit which, std::string_view of = {},
                               std::optional<uint64_t> needed = {}) const {
    fail(codes::pickle_limit,
         over_limit(codes::pickle_limit, which, {.expected = std::string(of)}, needed));
  }
  [[noreturn]] void fail_type(std::string_view expected, PickleKind found) const {
    fail(codes::pickle_malformed,
         {.expected = std::string(expected), .found = std::string(pickle_kind_name(found))});
  }

  // ---- stack and memo
  void push(PickleRef ref) {
    if (stack_.size() >= most_values_) fail_limit(Limit::pickle_values, "the stack");
    stack_.push_back(ref);
  }
  size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  PickleRef pop() {
    const PickleRef ref = peek();
    stack_.pop_back();
    return ref;
  }
  PickleRef peek() const {
    if (stack_.size() <= floor())
      fail(codes::pickle_malformed, {.expected = "a value on the stack", .found = "none"});
    return stack_.back();
  }
  std::vector<PickleRef> pop_mark() {
    if (marks_.empty())
      fail(codes::pickle_malformed, {.expected = "a MARK on the stack", .found = "none"});
    const auto first = stack_.begin() + static_cast<ptrdiff_t>(marks_.back());
    std::vector<PickleRef> items(first, stack_.end());
    stack_.erase(first, stack_.end());
    marks_.pop_back();
    return items;
  }
  std::vector<PickleRef> pop_many(size_t n) {
    std::vector<PickleRef> items(n);
    for (size_t i = n; i-- > 0;) items[i] = pop();
    return items;
  }
  void remember(uint64_t key) {
    const PickleRef ref = peek();
    if (key >= most_values_) fail_limit(Limit::pickle_values, "the memo", key);
    if (key >= memo_.size()) memo_.resize(key + 1);
    memo_[key] = ref;
  }
  void recall(uint64_t key) {
    if (key >= memo_.size() || memo_[key] == 0)
      fail(codes::pickle_malformed,
           {.expected = "an entry of the memo", .found = fmt::format("{} is not set", key)});
    push(memo_[key]);
  }

  // ---- nodes
  PickleNode& make(PickleKind kind) {
    if (out_.nodes.size() >= most_values_) fail_limit(Limit::pickle_values);
    push(static_cast<PickleRef>(out_.nodes.size()));
    PickleNode& node = out_.nodes.emplace_back();
    node.kind = kind;
    node.offset = at_;
    return node;
  }
  void deepen(PickleNode& node, PickleRef child) {
    node.depth = std::max(node.depth, out_[child].depth + 1);
    if (node.depth > most_depth_) fail_limit(Limit::pickle_depth, "containers in each other");
  }
  void make_container(PickleKind kind, std::vector<PickleRef> items) {
    PickleNode& node = make(kind);
    for (const PickleRef item : items) deepen(node, item);
    node.items = std::move(items);
  }
  void extend(PickleRef target, const std::vector<PickleRef>& items) {
    PickleNode& node = out_.nodes[target];
    for (const PickleRef item : items) deepen(node, item);
    node.items.insert(node.items.end(), items.begin(), items.end());
  }
  // None, booleans and small integers are one node each: headers repeat them by the million.
  void push_shared(size_t slot, PickleKind kind, int64_t value) {
    if (shared_[slot]) return push(shared_[slot]);
    make(kind).integer = value;
    shared_[slot] = stack_.back();
  }
  void make_integer(int64_t value) {
    if (value >= 0 && value < 256)
      return push_shared(static_cast<size_t>(value), PickleKind::integer, value);
    make(PickleKind::integer).integer = value;
  }
  void make_long(uint64_t length) {
    if (length > limit(Limit::pickle_integer_bytes))
      fail_limit(Limit::pickle_integer_bytes, name_, length);
    const auto bytes = in_.take(length, name_);
    if (bytes.size() <= 8) return make_integer(small_integer(bytes));
    std::string text = decimal(bytes);
    make(PickleKind::big_integer).text = std::move(text);
  }
  void make_text(PickleKind kind, uint64_t length) {
    in_.require_room(length, 1, name_);
    PickleNode& node = make(kind);
    node.integer = static_cast<int64_t>(length);
    if (node.integer > kept_text_bytes) return in_.skip(length, name_);
    const auto bytes = in_.take(length, name_);
    node.text.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  std::string line() {
    std::string text;
    const uint64_t most = limit(Limit::pickle_line_bytes);
    for (char c; (c = static_cast<char>(in_.get<uint8_t>(name_))) != '\n';) {
      if (text.size() == most) fail_limit(Limit::pickle_line_bytes, "a line");
      text.push_back(c);
    }
    return text;
  }
  void make_line_text(PickleKind kind, std::string text) {
    PickleNode& node = make(kind);
    node.integer = static_cast<int64_t>(text.size());
    node.text = std::move(text);
  }
  void make_decimal(std::string text) {
    if (text.ends_with('L')) text.pop_back();
    int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = end == text.data() + text.size() && !text.empty();
    if (whole && error == std::errc()) return make_integer(value);
    if (!whole || error != std::errc::result_out_of_range)
      fail(codes::pickle_malformed, {.expected = "a number", .found = printable(text)});
    make(PickleKind::big_integer).text = std::move(text);
  }
  void make_global(std::string module, std::string_view name) {
    module.append(".").append(name);
    make(PickleKind::global).text = std::move(module);
  }

  // ---- what would run
  void check_call(PickleRef callee, PickleRef args) const {
    const PickleNode& called = out_[callee];
    if (called.kind != PickleKind::global) return;
    bool refused = runs_code(called.text);
    if (is_getattr(called.text)) {
      const PickleNode& given = out_[args];
      refused = given.items.empty() || out_[given.items[0]].kind != PickleKind::global;
    }
    if (refused)
      fail(codes::pickle_call, {.found = fmt::format("a call of {}", printable(called.text))});
  }
  void make_call(PickleKind kind, PickleRef callee, PickleRef args, PickleRef keywords) {
    check_call(callee, args);
    PickleNode& node = make(kind);
    node.callee = callee;
    node.args = args;
    for (const PickleRef part : {callee, args}) deepen(node, part);
    if (keywords) deepen(node, keywords);
    if (keywords) node.state = keywords;
  }
  void require(PickleRef ref, PickleKind kind, std::string_view expected) const {
    if (out_[ref].kind != kind) fail_type(expected, out_[ref].kind);
  }
  // Python's own containers, and objects of other classes that may be one. Tensors are none.
  void require_fillable(PickleRef ref, PickleKind kind, std::string_view expected) const {
    const PickleNode& node = out_[ref];
    const bool other = (node.kind == PickleKind::call || node.kind == PickleKind::object) &&
                       !out_.class_of(node).starts_with("torch._");
    if (node.kind != kind && !other) fail_type(expected, node.kind);
  }

  // ---- opcodes
  void protocol() {
    const int number = in_.get<uint8_t>(name_);
    if (number > highest_protocol)
      fail(codes::pickle_protocol, {.expected = fmt::format("at most {}", highest_protocol),
                                    .found = fmt::format("protocol {}", number)});
  }
  void frame() { in_.skip(8, name_); }
  void mark() {
    if (marks_.size() >= most_marks_) fail_limit(Limit::pickle_marks);
    marks_.push_back(stack_.size());
  }
  void stop() { out_.root = pop(); }  // Python does not mind values below it
  void drop() { stack_.size() > floor() || marks_.empty() ? void(pop()) : marks_.pop_back(); }
  void drop_mark() { pop_mark(); }
  void twice() { push(peek()); }
  void none() { push_shared(256, PickleKind::none, 0); }
  void yes() { push_shared(257, PickleKind::boolean, 1); }
  void no() { push_shared(258, PickleKind::boolean, 0); }
  template <class T>
  void number() {
    make_integer(in_.get<T>(name_));
  }
  template <class T>
  void long_number() {
    make_long(in_.get<T>(name_));
  }
  void line_number() {
    std::string text = line();
    if (text == "01") return yes();
    if (text == "00") return no();
    make_decimal(std::move(text));
  }
  void real() {
    const uint64_t bits = __builtin_bswap64(in_.get<uint64_t>(name_));
    make(PickleKind::real).real = std::bit_cast<double>(bits);
  }
  void line_real() {
    const std::string text = line();
    double value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size())
      fail(codes::pickle_malformed, {.expected = "a number", .found = printable(text)});
    make(PickleKind::real).real = value;
  }
  template <class T>
  void text() {
    make_text(PickleKind::text, in_.get<T>(name_));
  }
  template <class T>
  void bytes() {
    make_text(PickleKind::bytes, in_.get<T>(name_));
  }
  void line_text() { make_line_text(PickleKind::text, line()); }
  void quoted_text() {
    std::string text = line();
    if (text.size() < 2 || text.front() != text.back() || (text[0] != '\'' && text[0] != '"'))
      fail(codes::pickle_malformed, {.expected = "quotes", .found = printable(text)});
    make_line_text(PickleKind::text, text.substr(1, text.size() - 2));
  }
  template <PickleKind kind>
  void empty() {
    make(kind);
  }
  template <PickleKind kind>
  void container() {
    make_container(kind, pop_mark());
  }
  template <int n>
  void tuple_of() {
    make_container(PickleKind::tuple, pop_many(n));
  }
  void marked_dict() {
    std::vector<PickleRef> items = pop_mark();
    require_pairs(items);
    make_container(PickleKind::dict, std::move(items));
  }
  void append() { append_all(pop_many(1)); }
  void appends() { append_all(pop_mark()); }
  void append_all(const std::vector<PickleRef>& items) {
    require_fillable(peek(), PickleKind::list, "a list to append to");
    extend(peek(), items);
  }
  void set_item() { set_all(pop_many(2)); }
  void set_items() { set_all(pop_mark()); }
  void set_all(const std::vector<PickleRef>& items) {
    require_pairs(items);
    require_fillable(peek(), PickleKind::dict, "a dict to put items into");
    extend(peek(), items);
  }
  void require_pairs(const std::vector<PickleRef>& items) const {
    if (items.size() % 2 != 0)
      fail(codes::pickle_malformed,
           {.expected = "pairs of key and value", .found = fmt::format("{} values", items.size())});
  }
  void add_items() {
    const std::vector<PickleRef> items = pop_mark();
    require(peek(), PickleKind::set, "a set to add to");
    extend(peek(), items);
  }
  void global() {
    std::string module = line();
    make_global(std::move(module), line());
  }
  void stack_global() {
    const std::vector<PickleRef> names = pop_many(2);
    for (const PickleRef name : names) require(name, PickleKind::text, "the text of a name");
    make_global(out_[names[0]].text, std::string(out_[names[1]].text));
  }
  void reduce() {
    const std::vector<PickleRef> call = pop_many(2);
    require(call[1], PickleKind::tuple, "a tuple of arguments");
    make_call(PickleKind::call, call[0], call[1], 0);
  }
  void new_object() {
    const std::vector<PickleRef> call = pop_many(2);
    require(call[1], PickleKind::tuple, "a tuple of arguments");
    make_call(PickleKind::object, call[0], call[1], 0);
  }
  void new_object_ex() {
    const std::vector<PickleRef> call = pop_many(3);
    require(call[1], PickleKind::tuple, "a tuple of arguments");
    make_call(PickleKind::object, call[0], call[1], call[2]);
  }
  void build() {
    const PickleRef state = pop();
    const PickleRef target = peek();
    PickleNode& node = out_.nodes[target];
    if (node.kind != PickleKind::call && node.kind != PickleKind::object)
      fail_type("an object to give a state to", node.kind);
    deepen(node, state);
    node.state = state;
  }
  void persistent() {
    const PickleRef id = pop();
    if (!rule_(out_, id))
      fail(codes::pickle_persistent_id,
           {.expected = "('storage', type, key, location, count)", .found = describe(id)});
    PickleNode& node = make(PickleKind::persistent);
    deepen(node, id);
    node.args = id;
  }
  std::string describe(PickleRef ref) const {
    const PickleNode& node = out_[ref];
    if (node.kind == PickleKind::integer) return fmt::format("the number {}", node.integer);
    if (node.kind == PickleKind::tuple && !node.items.empty() &&
        out_[node.items[0]].kind == PickleKind::text)
      return fmt::format("a tuple of {} that begins with '{}'", node.items.size(),
                         printable(out_[node.items[0]].text));
    return std::string(pickle_kind_name(node.kind));
  }
  void text_persistent() {
    fail(codes::pickle_protocol,
         {.expected = "protocol 1 or higher",
          .found = "a persistent id as text, which protocol 0 writes and PyTorch cannot read"});
  }
  void refuse() {
    fail(codes::pickle_opcode, {.found = fmt::format("the opcode {}{}", name_, hidden_name())});
  }
  // What a forbidden opcode would have called, for the message.
  std::string hidden_name() {
    if (name_ == "INST") {
      const std::string module = line();
      return fmt::format(" of {}.{}", printable(module), printable(line()));
    }
    if (marks_.empty() || stack_.size() <= floor()) return {};
    const PickleNode& node = out_[stack_[floor()]];
    return node.kind == PickleKind::global ? fmt::format(" of {}", printable(node.text)) : "";
  }
  template <class T>
  void put() {
    remember(in_.get<T>(name_));
  }
  template <class T>
  void get() {
    recall(in_.get<T>(name_));
  }
  uint64_t line_key() {
    const std::string text = line();
    uint64_t key = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), key);
    if (error != std::errc() || end != text.data() + text.size())
      fail(codes::pickle_malformed, {.expected = "a memo key", .found = printable(text)});
    return key;
  }
  void line_put() { remember(line_key()); }
  void line_get() { recall(line_key()); }
  void memoize() { remember(memo_.size()); }

  using Table = std::array<const Opcode*, 256>;
  static const Table& table();

  ByteReader& in_;
  PersistentIdRule rule_;
  const uint64_t most_values_ = limit(Limit::pickle_values);
  const uint64_t most_marks_ = limit(Limit::pickle_marks);
  const uint64_t most_depth_ = limit(Limit::pickle_depth);
  Pickle out_;
  std::vector<PickleRef> stack_;
  std::vector<size_t> marks_;  // sizes of the stack where a MARK stands
  std::vector<PickleRef> memo_;
  std::array<PickleRef, 259> shared_{};
  uint64_t at_ = 0;  // offset of the opcode at work
  std::string_view name_;
};

const Machine::Table& Machine::table() {
  using M = Machine;
  using K = PickleKind;
  static constexpr Opcode rows[] = {
      {0x80, "PROTO", &M::protocol},
      {0x95, "FRAME", &M::frame},
      {'(', "MARK", &M::mark},
      {'.', "STOP", &M::stop},
      {'0', "POP", &M::drop},
      {'1', "POP_MARK", &M::drop_mark},
      {'2', "DUP", &M::twice},
      {'N', "NONE", &M::none},
      {0x88, "NEWTRUE", &M::yes},
      {0x89, "NEWFALSE", &M::no},
      {'I', "INT", &M::line_number},
      {'L', "LONG", &M::line_number},
      {'J', "BININT", &M::number<int32_t>},
      {'K', "BININT1", &M::number<uint8_t>},
      {'M', "BININT2", &M::number<uint16_t>},
      {0x8a, "LONG1", &M::long_number<uint8_t>},
      {0x8b, "LONG4", &M::long_number<uint32_t>},
      {'F', "FLOAT", &M::line_real},
      {'G', "BINFLOAT", &M::real},
      {'S', "STRING", &M::quoted_text},
      {'T', "BINSTRING", &M::text<uint32_t>},
      {'U', "SHORT_BINSTRING", &M::text<uint8_t>},
      {'V', "UNICODE", &M::line_text},
      {'X', "BINUNICODE", &M::text<uint32_t>},
      {0x8c, "SHORT_BINUNICODE", &M::text<uint8_t>},
      {0x8d, "BINUNICODE8", &M::text<uint64_t>},
      {'B', "BINBYTES", &M::bytes<uint32_t>},
      {'C', "SHORT_BINBYTES", &M::bytes<uint8_t>},
      {0x8e, "BINBYTES8", &M::bytes<uint64_t>},
      {0x96, "BYTEARRAY8", &M::bytes<uint64_t>},
      {')', "EMPTY_TUPLE", &M::empty<K::tuple>},
      {']', "EMPTY_LIST", &M::empty<K::list>},
      {'}', "EMPTY_DICT", &M::empty<K::dict>},
      {0x8f, "EMPTY_SET", &M::empty<K::set>},
      {'t', "TUPLE", &M::container<K::tuple>},
      {'l', "LIST", &M::container<K::list>},
      {0x91, "FROZENSET", &M::container<K::set>},
      {'d', "DICT", &M::marked_dict},
      {0x85, "TUPLE1", &M::tuple_of<1>},
      {0x86, "TUPLE2", &M::tuple_of<2>},
      {0x87, "TUPLE3", &M::tuple_of<3>},
      {'a', "APPEND", &M::append},
      {'e', "APPENDS", &M::appends},
      {'s', "SETITEM", &M::set_item},
      {'u', "SETITEMS", &M::set_items},
      {0x90, "ADDITEMS", &M::add_items},
      {'c', "GLOBAL", &M::global},
      {0x93, "STACK_GLOBAL", &M::stack_global},
      {'R', "REDUCE", &M::reduce},
      {0x81, "NEWOBJ", &M::new_object},
      {0x92, "NEWOBJ_EX", &M::new_object_ex},
      {'b', "BUILD", &M::build},
      {'Q', "BINPERSID", &M::persistent},
      {'P', "PERSID", &M::text_persistent},
      {'i', "INST", &M::refuse},
      {'o', "OBJ", &M::refuse},
      {0x82, "EXT1", &M::refuse},
      {0x83, "EXT2", &M::refuse},
      {0x84, "EXT4", &M::refuse},
      {'p', "PUT", &M::line_put},
      {'q', "BINPUT", &M::put<uint8_t>},
      {'r', "LONG_BINPUT", &M::put<uint32_t>},
      {0x94, "MEMOIZE", &M::memoize},
      {'g', "GET", &M::line_get},
      {'h', "BINGET", &M::get<uint8_t>},
      {'j', "LONG_BINGET", &M::get<uint32_t>},
  };
  static const Table by_byte = [] {
    Table table{};
    for (const Opcode& row : rows) table[row.byte] = &row;
    return table;
  }();
  return by_byte;
}

}  // namespace

std::string_view pickle_kind_name(PickleKind kind) {
  constexpr std::string_view names[] = {"nothing",       "None",
                                        "a boolean",     "an integer",
                                        "an integer",    "a float",
                                        "text",          "bytes",
                                        "a tuple",       "a list",
                                        "a dict",        "a set",
                                        "a global name", "the result of a call",
                                        "an object",     "a persistent id"};
  static_assert(std::size(names) == static_cast<size_t>(PickleKind::persistent) + 1);
  return names[static_cast<size_t>(kind)];
}

std::string_view Pickle::class_of(const PickleNode& node) const {
  const PickleNode* callee = &nodes[node.callee];
  const bool helper = std::find(std::begin(copyreg_names), std::end(copyreg_names), callee->text) !=
                      std::end(copyreg_names);
  if (helper && !nodes[node.args].items.empty()) callee = &nodes[nodes[node.args].items[0]];
  // A legacy stream wraps the class of a module in ('module', class, file, source).
  if (callee->kind == PickleKind::persistent && nodes[callee->args].items.size() > 1)
    callee = &nodes[nodes[callee->args].items[1]];
  return callee->kind == PickleKind::global ? std::string_view(callee->text) : std::string_view();
}

Pickle read_pickle(ByteReader& in, PersistentIdRule rule) { return Machine(in, rule).run(); }

}  // namespace recast
