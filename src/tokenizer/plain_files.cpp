#include "tokenizer/plain_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <limits>
#include <unordered_map>

#include "base/error.h"
#include "base/limits.h"
#include "tokenizer/base64.h"
#include "tokenizer/byte_alphabet.h"

namespace recast {

namespace {

// Calls visit(line, number) for each line, without its end; a last line may lack one.
template <class Visit>
void for_each_line(std::string_view text, const Visit& visit) {
  for (int64_t number = 0; !text.empty(); ++number) {
    const size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    visit(line, number);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

[[noreturn]] void bad_line(int64_t number, std::string expected, std::string_view line,
                           const std::string& file) {
  fail(codes::tokenizer_lines, {.where = fmt::format("line {}", number + 1),
                                .expected = std::move(expected),
                                .found = fmt::format("\"{}\"", printable(line)),
                                .file = file});
}

using Ranks = std::unordered_map<std::string, int64_t>;  // token bytes to rank

// The two parts that byte pair encoding has left of a token when only lower ranks may merge: the
// merge that makes it. Empty for a single byte, and where more or fewer than two remain.
std::optional<std::pair<std::string, std::string>> last_merge(const std::string& token,
                                                              int64_t rank, const Ranks& ranks) {
  std::vector<std::string> parts;
  for (const char c : token) parts.emplace_back(1, c);
  while (parts.size() > 2) {
    size_t best = 0;
    int64_t best_rank = rank;
    for (size_t i = 0; i + 1 < parts.size(); ++i) {
      const auto pair = ranks.find(parts[i] + parts[i + 1]);
      if (pair == ranks.end() || pair->second >= best_rank) continue;
      best = i;
      best_rank = pair->second;
    }
    if (best_rank == rank) return std::nullopt;
    parts[best] += parts[best + 1];
    parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
  }
  if (parts.size() != 2) return std::nullopt;
  return std::pair(parts[0], parts[1]);
}

// Tokens by rank, ids shifted by `first_id`, and the merges that make them.
TokenizerJson from_ranks(const std::vector<std::string>& tokens, int64_t first_id) {
  Ranks ranks;
  for (size_t rank = 0; rank < tokens.size(); ++rank)
    ranks.emplace(tokens[rank], static_cast<int64_t>(rank));
  TokenizerJson out;
  out.ignore_merges = true;  // tiktoken takes a word of the list before it merges
  out.vocab.resize(static_cast<size_t>(first_id));
  for (size_t rank = 0; rank < tokens.size(); ++rank) {
    out.vocab.emplace_back(to_byte_alphabet(tokens[rank]));
    const auto merge = last_merge(tokens[rank], static_cast<int64_t>(rank), ranks);
    if (merge)
      out.merges.emplace_back(to_byte_alphabet(merge->first), to_byte_alphabet(merge->second));
  }
  return out;
}


std::string decode_token(std::string_view base64, int64_t line, const std::string& file) {
  auto token = decode_base64(base64);
  if (!token || token->empty()) bad_line(line, "a token in base64", base64, file);
  if (token->size() > limit(Limit::token_bytes))
    fail_limit(codes::tokenizer_lines, Limit::token_bytes,
               {.where = fmt::format("line {}", line + 1), .file = file}, token->size());
  return std::move(*token);
}

[[noreturn]] void bad_tekken(std::string_view key, std::string expected, const std::string& file) {
  fail(codes::tokenizer_field,
       {.where = key_where(key), .expected = std::move(expected), .file = file});
}
const json::Value& require(const json::Value& object, std::string_view key,
                           const std::string& file) {
  const json::Value* value = object.find(key);
  if (!value) bad_tekken(key, "a value", file);
  return *value;
}

// The specials that newer files list; older ones have the three that every model of the kind has.
void add_tekken_specials(const json::Value& root, int64_t count, TokenizerJson& out,
                         const std::string& file) {
  std::vector<std::string> texts = {"<unk>", "<s>", "</s>"};
  if (const json::Value* list = root.find("special_tokens"); list && list->is_array()) {
    texts.clear();
    for (const json::Value& entry : *list->as_array()) {
      const std::string* text = require(entry, "token_str", file).as_string();
      if (!text) bad_tekken("special_tokens.token_str", "a text", file);
      texts.push_back(*text);
    }
  }
  for (int64_t id = 0; id < count; ++id) {
    const bool named = id < std::ssize(texts);
    const std::string text =
        named ? texts[static_cast<size_t>(id)] : fmt::format("<SPECIAL_{}>", id);
    out.added.push_back({.id = id, .content = text, .special = true, .normalized = false});
  }
}

}  // namespace

TokenizerJson read_vocab_and_merges(json::Value vocab, std::string_view merges,
                                    const std::string& file, const std::string& merges_file) {
  json::Array pairs;
  for_each_line(merges, [&](std::string_view line, int64_t number) {
    if (line.empty() || (number == 0 && line.starts_with("#version"))) return;
    const size_t blank = line.find(' ');
    if (blank == std::string_view::npos || line.find(' ', blank + 1) != std::string_view::npos)
      bad_line(number, "two tokens and a blank between them", line, merges_file);
    pairs.push_back(json::Array{line.substr(0, blank), line.substr(blank + 1)});
  });
  json::Object model{{"type", "BPE"}, {"vocab", std::move(vocab)}, {"merges", std::move(pairs)}};
  return parse_tokenizer_json(json::Object{{"model", std::move(model)}}, file);
}

TokenizerJson read_vocab_txt(std::string_view text, const std::string& file) {
  json::Object vocab;
  for_each_line(text, [&](std::string_view line, int64_t number) {
    vocab.emplace_back(std::string(line), json::Value(number));
  });
  json::Array added;
  for (const auto& [token, id] : vocab)
    if (token.starts_with('[') && token.ends_with(']'))
      for (const std::string_view special : {"[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"})
        if (token == special)
          added.push_back(json::Object{{"id", id}, {"content", token}, {"special", true}});
  json::Object model{{"type", "WordPiece"},
                     {"vocab", std::move(vocab)},
                     {"unk_token", "[UNK]"},
                     {"continuing_subword_prefix", "##"}};
  return parse_tokenizer_json(
      json::Object{{"model", std::move(model)}, {"added_tokens", std::move(added)}}, file);
}

TokenizerJson read_tiktoken(std::string_view text, const std::string& file) {
  std::vector<std::string> tokens;
  for_each_line(text, [&](std::string_view line, int64_t number) {
    if (line.empty()) return;
    const size_t blank = line.find(' ');
    const std::string_view digits = blank == std::string_view::npos ? "" : line.substr(blank + 1);
    int64_t rank = -1;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), rank);
    if (error != std::errc() || end != digits.data() + digits.size() || rank != std::ssize(tokens))
      bad_line(number, fmt::format("a token in base64, a blank, rank {}", tokens.size()), line,
               file);
    if (rank >= max_token_id())
      fail_limit(codes::tokenizer_lines, Limit::token_ids,
                 {.where = fmt::format("line {}", number + 1), .file = file},
                 static_cast<uint64_t>(rank) + 1);
    tokens.push_back(decode_token(line.substr(0, blank), number, file));
  });
  return from_ranks(tokens, 0);
}

TokenizerJson read_tekken(const json::Value& root, const std::string& file) {
  const json::Value& config = require(root, "config", file);
  const std::string* pattern = require(config, "pattern", file).as_string();
  const auto size = require(config, "default_vocab_size", file).as_int();
  const auto specials = require(config, "default_num_special_tokens", file).as_int();
  const json::Array* vocab = require(root, "vocab", file).as_array();
  if (!pattern || !vocab || !size || !specials || *specials < 0 || *size < *specials ||
      *size >= id_limit(std::ssize(*vocab)))
    bad_tekken("config", "pattern, default_vocab_size and default_num_special_tokens", file);
  std::vector<std::string> tokens;
  for (const json::Value& entry : *vocab) {
    if (std::ssize(tokens) == *size - *specials) break;
    const std::string* bytes = require(entry, "token_bytes", file).as_string();
    if (!bytes) bad_tekken("vocab.token_bytes", "base64", file);
    tokens.push_back(decode_token(*bytes, std::ssize(tokens), file));
  }
  TokenizerJson out = from_ranks(tokens, *specials);
  add_tekken_specials(root, *specials, out, file);
  out.pre_tokenizer = json::Object{
      {"type", "Sequence"},
      {"pretokenizers",
       json::Array{json::Object{{"type", "Split"},
                                {"pattern", json::Object{{"Regex", *pattern}}},
                                {"behavior", "Isolated"},
                                {"invert", false}},
                   json::Object{
                       {"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}}}}};
  return out;
}

}  // namespace recast
