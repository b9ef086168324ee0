#include "tokenizer/token_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>

namespace recast {

namespace {

constexpr float added_score = -1000;
constexpr std::string_view lower_block = "\u2581";  // stands for a blank in pieces

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  while (!text.empty()) {
    const size_t at = std::min(text.find(from), text.size());
    out.append(text.substr(0, at));
    if (at == text.size()) break;
    out.append(to);
    text.remove_prefix(at + from.size());
  }
  return out;
}

// Tokens that act as control tokens although their files do not say so. Source: llama.cpp.
bool looks_special(std::string_view text) {
  for (const std::string_view known : {"<pad>", "<mask>", "<2mass>", "[@BOS@]"})
    if (text == known) return true;
  const auto framed = [&](std::string_view front, std::string_view back) {
    return text.size() >= front.size() + back.size() && text.starts_with(front) &&
           text.ends_with(back);
  };
  return framed("<|", "|>") || framed("<\uFF5C", "\uFF5C>") || framed("<unused", ">");
}

Token added_as_token(const AddedToken& added) {
  if (added.special || looks_special(added.content))
    return {.text = added.content, .score = added_score, .type = TokenType::control};
  return {.text = replaced(added.content, lower_block, " "),
          .score = added_score,
          .type = TokenType::user_defined};
}

void put_vocab(const TokenizerJson& json, TokenList& tokens) {
  for (size_t id = 0; id < json.vocab.size(); ++id)
    if (json.vocab[id]) tokens.put(static_cast<int64_t>(id), {.text = *json.vocab[id]});
}
void put_all_added(const TokenizerJson& json, TokenList& tokens) {
  for (const AddedToken& added : json.added) put_added(added, tokens);
}

}  // namespace

void TokenList::put(int64_t id, Token token) {
  const auto index = static_cast<size_t>(id);
  if (index >= slots_.size()) slots_.resize(index + 1);
  slots_[index] = std::move(token);
}

bool TokenList::has(int64_t id) const {
  return id >= 0 && id < size() && slots_[static_cast<size_t>(id)].has_value();
}

std::vector<Token> TokenList::finish(int64_t rows, float pad_score) const {
  std::unordered_set<std::string_view> names;
  for (const auto& slot : slots_)
    if (slot) names.insert(slot->text);
  std::vector<Token> out;
  out.reserve(static_cast<size_t>(std::max(rows, size())));
  for (const auto& slot : slots_) out.push_back(slot.value_or(Token{}));
  out.resize(static_cast<size_t>(std::max(rows, size())));
  for (size_t id = 0; id < out.size(); ++id) {
    if (has(static_cast<int64_t>(id))) continue;
    std::string name = fmt::format("[PAD{}]", id);
    while (names.contains(name)) name = fmt::format("[{}]", name);
    out[id] = {.text = std::move(name), .score = pad_score, .type = TokenType::unused};
  }
  return out;
}

void put_pieces(const SentencePieceModel& model, TokenList& tokens) {
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    Token piece = model.pieces[id];
    if (piece.type == TokenType::user_defined) piece.type = TokenType::normal;
    tokens.put(static_cast<int64_t>(id), std::move(piece));
  }
}

void put_fairseq_pieces(const SentencePieceModel& model, TokenList& tokens) {
  tokens.put(0, {.text = "<s>", .type = TokenType::control});
  tokens.put(1, {.text = "<pad>", .type = TokenType::control});
  tokens.put(2, {.text = "</s>", .type = TokenType::control});
  tokens.put(3, {.text = "<unk>", .type = TokenType::unknown});
  for (size_t piece = 3; piece < model.pieces.size(); ++piece)
    tokens.put(static_cast<int64_t>(piece) + 1, model.pieces[piece]);
  tokens.put(tokens.size(), {.text = "<mask>", .type = TokenType::control});
}

void put_added(const AddedToken& added, TokenList& tokens) {
  tokens.put(added.id, added_as_token(added));
}

void put_byte_bpe(const TokenizerJson& json, TokenList& tokens) {
  put_vocab(json, tokens);
  put_all_added(json, tokens);
}

void put_wordpiece(const TokenizerJson& json, TokenList& tokens) {
  put_vocab(json, tokens);
  put_all_added(json, tokens);
  const std::string& prefix = json.subword_prefix;
  for (int64_t id = 0; id < tokens.size(); ++id) {
    if (!tokens.has(id) || tokens.at(id).type == TokenType::control) continue;
    Token token = tokens.at(id);
    const bool inside = !prefix.empty() && token.text.starts_with(prefix);
    token.text =
        inside ? token.text.substr(prefix.size()) : fmt::format("{}{}", lower_block, token.text);
    tokens.put(id, std::move(token));
  }
}

void put_unigram(const TokenizerJson& json, TokenList& tokens) {
  put_vocab(json, tokens);
  for (int64_t id = 0; id < tokens.size(); ++id) {
    Token token = tokens.at(id);
    token.score = json.scores[static_cast<size_t>(id)];
    if (json.byte_fallback && byte_of_piece(token.text) >= 0) token.type = TokenType::byte;
    tokens.put(id, std::move(token));
  }
  for (const AddedToken& added : json.added) {
    Token token = added_as_token(added);
    if (tokens.has(added.id)) token.score = tokens.at(added.id).score;
    tokens.put(added.id, std::move(token));
  }
  if (!json.unk_id) return;
  Token unknown = tokens.at(*json.unk_id);
  unknown.type = TokenType::unknown;
  tokens.put(*json.unk_id, std::move(unknown));
}

void put_sentencepiece_bpe(const TokenizerJson& json, TokenList& tokens) {
  // The runtime merges the pair whose result scores highest: the rank of the first merge that makes
  // a piece, negated, gives the order of the merge list.
  std::unordered_map<std::string, float> scores;
  for (size_t rank = 0; rank < json.merges.size(); ++rank)
    scores.emplace(json.merges[rank].first + json.merges[rank].second, -static_cast<float>(rank));
  put_vocab(json, tokens);
  for (int64_t id = 0; id < tokens.size(); ++id) {
    if (!tokens.has(id)) continue;
    Token token = tokens.at(id);
    const auto score = scores.find(token.text);
    token.score = score == scores.end() ? -static_cast<float>(id) : score->second;
    if (byte_of_piece(token.text) >= 0) token.type = TokenType::byte;
    tokens.put(id, std::move(token));
  }
  put_all_added(json, tokens);
}

std::vector<std::string> merge_lines(const TokenizerJson& json) {
  std::vector<std::string> out;
  out.reserve(json.merges.size());
  for (const auto& [left, right] : json.merges)
    out.push_back(
        fmt::format("{} {}", replaced(left, " ", "\u0120"), replaced(right, " ", "\u0120")));
  return out;
}

}  // namespace recast
