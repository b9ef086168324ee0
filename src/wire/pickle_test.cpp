#include "wire/pickle.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <random>

#include "wire/caught.h"
#include "wire/torch_testing.h"

namespace recast {
namespace {

using namespace torch_testing;
using std::string_literals::operator""s;

Pickle read(std::string_view bytes) {
  ByteReader in(std::as_bytes(std::span(bytes)), "m.pkl");
  return read_pickle(
      in, [](const Pickle& pickle, PickleRef id) { return pickle[id].kind == PickleKind::tuple; });
}
std::string_view failure(const std::string& bytes) {
  return symbol_of(caught([&] { read(bytes); }));
}

// What the nodes say, for comparison.
std::string shown(const Pickle& pickle, PickleRef ref) {
  const PickleNode& node = pickle[ref];
  std::string text =
      fmt::format("{} {} {} {}[", pickle_kind_name(node.kind), node.integer, node.real, node.text);
  for (const PickleRef part : {node.callee, node.args, node.state})
    if (part) text.append(shown(pickle, part)).append("|");
  for (const PickleRef item : node.items) text.append(shown(pickle, item)).append(",");
  return text.append("]");
}
std::string shown(const std::string& bytes) {
  const Pickle pickle = read(bytes);
  return shown(pickle, pickle.root);
}

// {"a": [1, (2.5, None, True)], "b": {"c": -7}} as Python's pickle.dumps writes it.
TEST(Pickle, EveryProtocolGivesTheSameNodes) {
  const std::string expected = shown(
      "}q\0(X\1\0\0\0aq\1]q\2(K\1(G@\4\0\0\0\0\0\0NI01\ntq\3eX\1\0\0\0bq\4}q\5X\1\0\0\0cq\6"
      "J\xf9\xff\xff\xffsu."s);
  const std::string two = shown(
      "\x80\2}q\0(X\1\0\0\0aq\1]q\2(K\1G@\4\0\0\0\0\0\0N\x88\x87q\3eX\1\0\0\0bq\4}q\5"
      "X\1\0\0\0cq\6J\xf9\xff\xff\xffsu."s);
  const std::string four = shown(
      "\x80\4\x95\x2d\0\0\0\0\0\0\0}\x94(\x8c\1a\x94]\x94(K\1G@\4\0\0\0\0\0\0N\x88\x87\x94"
      "e\x8c\1b\x94}\x94\x8c\1c\x94J\xf9\xff\xff\xffsu."s);
  EXPECT_EQ(two, four);
  EXPECT_EQ(two, expected);
  EXPECT_NE(two.find("an integer -7"), std::string::npos);
}

TEST(Pickle, CallsObjectsAndStatesAreData) {
  const Pickle p = read(pickle(object(global("argparse", "Namespace"), {{"lr", number(3)}})));
  EXPECT_EQ(p.top().kind, PickleKind::object);
  EXPECT_EQ(p.class_of(p.top()), "argparse.Namespace");
  EXPECT_EQ(p[p.top().state].items.size(), 2u);
  // Python 2 and protocols below 2 make objects by a helper.
  const Pickle old =
      read(pickle(call(global("copy_reg", "_reconstructor"),
                       {global("torch.nn", "Linear"), global("__builtin__", "object"), "N"})));
  EXPECT_EQ(old.class_of(old.top()), "torch.nn.Linear");
  const Pickle by_stack = read("\x80\4\x8c\5torch\x94\x8c\4Size\x94\x93)R."s);
  EXPECT_EQ(by_stack.class_of(by_stack.top()), "torch.Size");
}

TEST(Pickle, IntegersOfAnyLengthAreDecimal) {
  const auto text_of = [](const std::string& bytes) { return read(bytes).top().text; };
  EXPECT_EQ(text_of("\x80\2\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."),
            "119547037146038801333356");
  EXPECT_EQ(text_of("\x80\2\x8a\x09\0\0\0\0\0\0\0\0\x80."s), "-2361183241434822606848");
  EXPECT_EQ(text_of("\x80\2\x8a\x09\xff\xff\xff\xff\xff\xff\xff\xff\xff."), "-1");
  EXPECT_EQ(text_of("L119547037146038801333356L\n."), "119547037146038801333356");
  EXPECT_EQ(read("\x80\2\x8a\x01\x80.").top().integer, -128);
  EXPECT_EQ(read("\x80\2\x8a\0."s).top().integer, 0);
}

TEST(Pickle, ContainersMayHoldThemselves) {
  const Pickle p = read("\x80\2]q\0h\0a."s);
  EXPECT_EQ(p.top().items, std::vector<PickleRef>{p.root});
}

TEST(Pickle, WhatWouldRunCodeIsRefusedByName) {
  const std::pair<std::string, const char*> cases[] = {
      {call(global("os", "system"), {text("x")}), "os.system"},
      {call(global("posix", "system"), {text("x")}), "posix.system"},
      {call(global("__builtin__", "eval"), {text("1")}), "eval"},
      {call(global("builtins", "__import__"), {text("os")}), "__import__"},
      {call(global("builtins", "getattr"), {text("x"), text("upper")}), "getattr"},
      {call(global("sys", "exit"), {}), "sys.exit"},
      {global("subprocess", "Popen") + ")\x81", "subprocess.Popen"},
      {global("subprocess", "Popen") + ")}\x92", "subprocess.Popen"},
  };
  for (const auto& [value, name] : cases) {
    const Error error = caught([&] { read(pickle(dict({{"beside", value}}))); });
    EXPECT_EQ(symbol_of(error), "pickle_call") << name;
    EXPECT_NE(error.found.find(name), std::string::npos) << error.found;
    EXPECT_NE(error.where.find("offset"), std::string::npos);
  }
  // An enum member, as some releases of Python write it.
  EXPECT_EQ(
      failure(pickle(call(global("builtins", "getattr"), {global("lib", "Mode"), text("A")}))),
      "none");
}

TEST(Pickle, OpcodesThatMakeAnythingAreRefused) {
  for (const auto& [bytes, name] : {std::pair{"(S'x'\nios\nsystem\n."s, "INST of os.system"},
                                    {"(cos\nsystem\nS'x'\no."s, "OBJ of os.system"},
                                    {"\x80\2\x82\1."s, "EXT1"},
                                    {"\x80\2\x84\1\0\0\0."s, "EXT4"}}) {
    const Error error = caught([&, bytes = bytes] { read(bytes); });
    EXPECT_EQ(symbol_of(error), "pickle_opcode");
    EXPECT_NE(error.found.find(name), std::string::npos) << error.found;
  }
}

TEST(Pickle, MalformedStreamsAreRefused) {
  const std::pair<std::string, const char*> cases[] = {
      {"\x80\2h\x63.", "pickle_malformed"},    // memo entry that is not set
      {"\x80\2\x87.", "pickle_malformed"},     // tuple of an empty stack
      {"\x80\2t.", "pickle_malformed"},        // no MARK
      {"\x80\2.", "pickle_malformed"},         // nothing to return
      {"\x80\2\xff.", "pickle_malformed"},     // no opcode
      {"\x80\2](K\1u.", "pickle_malformed"},   // items into a list
      {"\x80\2}K\1a.", "pickle_malformed"},    // append to a dict
      {"\x80\2}(K\1u.", "pickle_malformed"},   // a key without value
      {"\x80\2K\1}b.", "pickle_malformed"},    // a state for a number
      {"\x80\2K\1K\1R.", "pickle_malformed"},  // arguments that are no tuple
      {"Ix\n.", "pickle_malformed"},
      {"Sx\n.", "pickle_malformed"},
      {"\x80\2K\1Q.", "pickle_persistent_id"},
      {"P1\n.", "pickle_protocol"},
      {"\x80\x09}.", "pickle_protocol"},
      {"\x80\2}", "truncated"},  // no STOP
      {"\x80\2X\xff\xff\xff\xff.", "truncated"},
      {pickle(tensor() + "(K\1K\1u"), "pickle_malformed"},  // items into a tensor
  };
  for (const auto& [bytes, symbol] : cases) EXPECT_EQ(failure(bytes), symbol) << printable(bytes);
}

TEST(Pickle, LimitsHold) {
  EXPECT_EQ(failure(std::string(2'000'000, '(')), "pickle_limit");
  EXPECT_EQ(failure(std::string(")").append(500'000, '\x85')), "pickle_limit");
  EXPECT_EQ(failure(std::string(5'000'000, ')')), "pickle_limit");
  EXPECT_EQ(failure("\x80\2\x8b\xff\xff\xff\x7f."), "pickle_limit");
  EXPECT_EQ(failure("\x80\2Nr\xff\xff\xff\x7f."), "pickle_limit");
  // 2^30 leaves through the memo are thirty-one lists.
  std::string bomb = "\x80\2]q\0"s;
  for (char i = 0; i < 30; ++i)
    bomb.append("](h").append(1, i).append("h").append(1, i).append("eq").append(1, i + 1);
  EXPECT_EQ(read(bomb + ".").nodes.size(), 32u);
  // Long texts are skipped, not kept.
  const Pickle p = read(pickle(text(std::string(100'000, 'x'))));
  EXPECT_TRUE(p.top().text.empty());
  EXPECT_EQ(p.top().integer, 100'000);
}

TEST(Pickle, EveryTruncationIsRefusedAndNoFlipCrashes) {
  const std::string bytes = pickle(dict({{"w", tensor()}, {"args", object(global("a", "B"), {})}}));
  for (size_t n = 0; n < bytes.size(); ++n) EXPECT_NE(failure(bytes.substr(0, n)), "none") << n;
  std::mt19937 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string damaged = bytes;
    for (int flips = 0; flips < 3; ++flips)
      damaged[random() % damaged.size()] = static_cast<char>(random());
    failure(damaged);
  }
}

}  // namespace
}  // namespace recast
