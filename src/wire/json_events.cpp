// RapidJSON's iterative SAX reader behind our own rules. The reader sees text that is already known
// to be UTF-8 without NUL (its streams take a NUL for the end); what it is lenient about (lone low
// surrogates, "Inf", repeated keys, any depth) is refused by the adapter between it and the events.

#include "wire/json_events.h"

#include <fmt/format.h>
#include <rapidjson/error/error.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>
#include <xxhash.h>

#include <algorithm>
#include <cassert>
#include <cstdlib>
#include <cstring>
#include <new>
#include <random>

#include "base/error.h"
#include "base/limits.h"
#include "wire/utf8.h"

namespace recast::json {

namespace {

// The keys of the open objects. An object of a million members stays linear: beyond a few keys it
// gets a hash table. The hash is seeded anew in each process, so that no file can be built whose
// keys all collide; nothing that is written depends on it.
class OpenKeys {
 public:
  void open() {
    if (depth_ == objects_.size()) objects_.emplace_back();
    objects_[depth_].first_key = keys_.size();
    objects_[depth_].text_begin = text_.size();
    objects_[depth_].table.clear();
    ++depth_;
  }

  void close() {
    --depth_;
    keys_.resize(objects_[depth_].first_key);
    text_.resize(objects_[depth_].text_begin);
  }

  // False when the innermost object has this key already.
  bool add(std::string_view name) {
    OpenObject& object = objects_[depth_ - 1];
    const Key key = {XXH3_64bits_withSeed(name.data(), name.size(), seed_), text_.size(),
                     name.size()};
    const size_t count = keys_.size() - object.first_key;
    if (count < linear_limit) {
      for (size_t i = object.first_key; i < keys_.size(); ++i)
        if (same(keys_[i], key, name)) return false;
    } else {
      if (2 * (count + 1) > object.table.size()) rebuild(object);
      size_t slot = key.hash & (object.table.size() - 1);
      for (; object.table[slot] != 0; slot = (slot + 1) & (object.table.size() - 1))
        if (same(keys_[object.first_key + object.table[slot] - 1], key, name)) return false;
      object.table[slot] = static_cast<uint32_t>(count + 1);
    }
    keys_.push_back(key);
    text_.append(name);
    return true;
  }

 private:
  static constexpr size_t linear_limit = 16;
  struct Key {
    uint64_t hash;
    size_t begin, length;  // in text_
  };
  struct OpenObject {
    size_t first_key = 0, text_begin = 0;
    std::vector<uint32_t> table;  // 1 + number of the key within the object; 0: free
  };

  bool same(const Key& old, const Key& key, std::string_view name) const {
    return old.hash == key.hash && std::string_view(text_).substr(old.begin, old.length) == name;
  }

  void rebuild(OpenObject& object) {
    const size_t count = keys_.size() - object.first_key;
    object.table.assign(std::max<size_t>(64, 2 * object.table.size()), 0);
    const size_t mask = object.table.size() - 1;
    for (size_t i = 0; i < count; ++i) {
      size_t slot = keys_[object.first_key + i].hash & mask;
      while (object.table[slot] != 0) slot = (slot + 1) & mask;
      object.table[slot] = static_cast<uint32_t>(i + 1);
    }
  }

  static inline const uint64_t seed_ = std::random_device{}();
  std::vector<OpenObject> objects_;  // kept when closed, for their tables' memory
  size_t depth_ = 0;
  std::vector<Key> keys_;
  std::string text_;
};

// Where in the text a failure is, and of which file.
class Blame {
 public:
  Blame(const ParseOptions& options, const Events& events) : options_(options), events_(events) {}

  [[noreturn]] void fail(const ErrorCode& code, uint64_t offset, std::string found,
                         std::string expected = {}) const {
    fail(code, offset, {.expected = std::move(expected), .found = std::move(found)});
  }
  [[noreturn]] void fail(const ErrorCode& code, uint64_t offset, ErrorFacts facts) const {
    facts.where = events_.place();
    if (!facts.where.empty()) facts.where += ", ";
    facts.where += offset_where(options_.base_offset + offset);
    facts.file = options_.file;
    recast::fail(code, std::move(facts));
  }

 private:
  const ParseOptions& options_;
  const Events& events_;
};

// RapidJSON's idea of a handler, on top of ours. The letters of a surrogate (0xED, then 0xA0 or
// more) are the trace of a lone \uDC00 escape: the raw text is valid UTF-8, which has none.
class Adapter {
 public:
  Adapter(const rapidjson::MemoryStream& stream, const ParseOptions& options, Events& events,
          const Blame& blame)
      : stream_(stream), options_(options), events_(events), blame_(blame) {}

  bool Null() { return events_.null(), true; }
  bool Bool(bool value) { return events_.boolean(value), true; }
  bool RawNumber(const char* text, rapidjson::SizeType length, bool) {
    const std::string_view number(text, length);
    // RapidJSON takes "Inf", "-NaN" and even "NInfinity" too.
    const bool word = number.find_first_of("NI") != number.npos;
    if (word && number != "NaN" && number != "Infinity" && number != "-Infinity")
      blame_.fail(codes::json_syntax, stream_.Tell() - length, std::string(number),
                  "NaN, Infinity or -Infinity");
    events_.number(number);
    return true;
  }
  bool String(const char* text, rapidjson::SizeType length, bool) {
    check_surrogates({text, length});
    events_.string({text, length});
    return true;
  }
  bool StartObject() {
    enter();
    keys_.open();
    events_.start_object();
    return true;
  }
  bool Key(const char* text, rapidjson::SizeType length, bool) {
    const std::string_view name(text, length);
    check_surrogates(name);
    if (!keys_.add(name))
      blame_.fail(codes::json_duplicate_key, stream_.Tell(),
                  fmt::format("\"{}\" twice", printable(name)), "different keys");
    events_.key(name);
    return true;
  }
  bool EndObject(rapidjson::SizeType) {
    --depth_;
    keys_.close();
    events_.end_object();
    return true;
  }
  bool StartArray() {
    enter();
    events_.start_array();
    return true;
  }
  bool EndArray(rapidjson::SizeType) {
    --depth_;
    events_.end_array();
    return true;
  }
  // Part of the handler concept; the reader is told to report numbers as text.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(int64_t) { return false; }
  bool Uint64(uint64_t) { return false; }
  bool Double(double) { return false; }

 private:
  void enter() {
    if (++depth_ > most_depth_)
      blame_.fail(codes::json_depth, stream_.Tell() - 1,
                  over_limit(codes::json_depth, Limit::json_depth, {.found = "more"}));
  }

  void check_surrogates(std::string_view text) const {
    for (size_t i = text.find('\xED'); i != text.npos; i = text.find('\xED', i + 1))
      if (static_cast<uint8_t>(text[i + 1]) >= 0xA0)
        blame_.fail(codes::json_surrogate, stream_.Tell(), "a lone low surrogate");
  }

  const rapidjson::MemoryStream& stream_;
  const ParseOptions& options_;
  Events& events_;
  const Blame& blame_;
  OpenKeys keys_;
  const uint64_t most_depth_ = limit(Limit::json_depth);
  uint64_t depth_ = 0;
};

void check_text(std::string_view text, const ParseOptions& options, const Blame& blame) {
  // RapidJSON counts the bytes of a string with 32 bits: no limit for JSON has a higher ceiling.
  assert(limit_row(options.size_limit).most <= UINT32_MAX);
  if (text.size() > limit(options.size_limit))
    fail_limit(codes::json_size, options.size_limit, {.file = options.file}, text.size());
  if (text.starts_with("\xEF\xBB\xBF"))
    blame.fail(codes::json_syntax, 0, "a byte order mark", "UTF-8 without one");
  if (const auto bad = find_invalid_utf8(text))
    blame.fail(codes::json_utf8, *bad, fmt::format("byte 0x{:02x}", uint8_t(text[*bad])));
  if (const size_t nul = text.find('\0'); nul != text.npos)
    blame.fail(codes::json_syntax, nul, "a NUL byte");
}

std::string_view expected_instead(rapidjson::ParseErrorCode code) {
  static constexpr std::pair<rapidjson::ParseErrorCode, std::string_view> table[] = {
      {rapidjson::kParseErrorDocumentEmpty, "a JSON value"},
      {rapidjson::kParseErrorDocumentRootNotSingular, "nothing after the JSON value"},
      {rapidjson::kParseErrorObjectMissName, "a key in quotes"},
      {rapidjson::kParseErrorObjectMissColon, "a colon after the key"},
      {rapidjson::kParseErrorObjectMissCommaOrCurlyBracket, "a comma or } after the member"},
      {rapidjson::kParseErrorArrayMissCommaOrSquareBracket, "a comma or ] after the element"},
      {rapidjson::kParseErrorStringUnicodeEscapeInvalidHex, "four hex digits after \\u"},
      {rapidjson::kParseErrorStringEscapeInvalid, "a known escape, and no control character"},
      {rapidjson::kParseErrorStringMissQuotationMark, "a closing quotation mark"},
      {rapidjson::kParseErrorNumberTooBig, "a number within the range of a double"},
      {rapidjson::kParseErrorNumberMissFraction, "a digit after the decimal point"},
      {rapidjson::kParseErrorNumberMissExponent, "a digit in the exponent"},
  };
  for (const auto& [known, text] : table)
    if (known == code) return text;
  return "a JSON value";
}

[[noreturn]] void fail_syntax(const rapidjson::ParseResult& result, std::string_view text,
                              const Blame& blame) {
  const size_t offset = std::min(result.Offset(), text.size());
  if (result.Code() == rapidjson::kParseErrorStringUnicodeSurrogateInvalid)
    blame.fail(codes::json_surrogate, offset, "a lone high surrogate");
  const std::string found = offset == text.size()
                                ? "the end of the text"
                                : fmt::format("\"{}\"", printable(text.substr(offset, 20)));
  blame.fail(codes::json_syntax, offset, found, std::string(expected_instead(result.Code())));
}

// RapidJSON takes what malloc gives for memory, a null pointer too.
struct ThrowingAllocator {
  static constexpr bool kNeedFree = true;
  void* Malloc(size_t size) { return Realloc(nullptr, 0, size); }
  void* Realloc(void* old, size_t, size_t size) {
    if (size == 0) {
      std::free(old);
      return nullptr;
    }
    void* memory = std::realloc(old, size);
    if (!memory) throw std::bad_alloc();
    return memory;
  }
  static void Free(void* memory) { std::free(memory); }
};
using Reader = rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, ThrowingAllocator>;

}  // namespace

void parse_events(std::span<const std::byte> bytes, const ParseOptions& options, Events& events) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const Blame blame(options, events);
  check_text(text, options, blame);
  rapidjson::MemoryStream stream(text.data(), text.size());
  Adapter adapter(stream, options, events, blame);
  Reader reader;
  constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseNanAndInfFlag |
                             rapidjson::kParseNumbersAsStringsFlag;
  const rapidjson::ParseResult result = reader.Parse<flags>(stream, adapter);
  if (result.IsError()) fail_syntax(result, text, blame);
}

}  // namespace recast::json
