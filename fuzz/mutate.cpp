#include "mutate.h"

#include <algorithm>
#include <array>
#include <vector>

#include "memory_source.h"
#include "mutate_parts.h"

namespace recast::fuzz {
namespace {

constexpr std::string_view words[] = {
    "general.architecture", "general.alignment", "general.name", "llama", "gpt2", "qwen2", "gemma",
    "llama.block_count", "llama.attention.head_count", "llama.embedding_length",
    "llama.rope.dimension_count", "tokenizer.ggml.model", "tokenizer.ggml.tokens",
    "tokenizer.ggml.token_type", "tokenizer.ggml.merges", "tokenizer.ggml.scores", "split.count",
    "split.no", "recast.tensor_sums", "token_embd.weight", "output.weight", "blk.0.attn_q.weight",
    "blk.0.ffn_down.weight", "model.embed_tokens.weight", "lm_head.weight", "__metadata__",
    "model.layers.0.self_attn.q_proj.weight", "config.json", "params.json", "model.safetensors",
    "model.safetensors.index.json", "pytorch_model.bin", "tokenizer.json", "tokenizer.model",
    "tokenizer_config.json", "vocab.json", "merges.txt", "generation_config.json",
    "consolidated.00.pth", "../x", "F16", "BF16", "F4", "I64"};

std::string by_bytes(std::string_view input, size_t most, ByteMutator bytes) {
  std::string out(input.substr(0, most));
  const size_t size = out.size();
  out.resize(most);
  out.resize(bytes(reinterpret_cast<uint8_t*>(out.data()), size, most));
  return out;
}

std::optional<std::string> mutate_pack(std::string_view input, const Mutation& m) {
  const Bytes raw = std::as_bytes(std::span(input));
  if (!is_packed(raw)) return std::nullopt;
  std::vector<PackedFile> files = unpack(raw);
  if (files.empty()) return std::nullopt;
  PackedFile& file = files[m.random.below(files.size())];
  switch (m.random.below(12)) {
    case 0:
      files.erase(files.begin() + static_cast<ptrdiff_t>(m.random.below(files.size())));
      break;
    case 1:
      file.name = m.random.one_in(2) ? m.changed(file.name) : std::string(m.word());
      break;
    case 2:
      file.content = files[m.random.below(files.size())].content;
      break;
    default:
      file.content = mutate(file.content, file.content.size() + 256, m.random, m.bytes);
  }
  return pack(files);
}

}  // namespace

uint64_t Random::number() {
  switch (below(6)) {
    case 0:
      return below(4);
    case 1:
      return uint64_t{0} - below(4);
    case 2:
      return (uint64_t{1} << below(64)) - below(2);
    case 3:
      return 32 * (1 + below(8));
    case 4:
      return below(100);
    default:
      return (uint64_t{engine_()} << 32) | engine_();
  }
}

std::string Mutation::changed(std::string_view text) const {
  if (text.empty()) return std::string(word());
  return by_bytes(text, text.size() + 8, bytes);
}

std::string_view Mutation::word() const { return words[random.below(std::size(words))]; }

std::string mutate(std::string_view input, size_t most, Random& random, ByteMutator bytes) {
  if (most == 0) return {};
  const Mutation m{random, bytes, most};
  if (!random.one_in(6))
    for (auto* structure : {mutate_pack, mutate_gguf, mutate_safetensors, mutate_zip, mutate_json})
      if (auto out = structure(input, m)) {
        out->resize(std::min(out->size(), most));
        return *std::move(out);
      }
  return by_bytes(input, most, bytes);
}

size_t havoc(uint8_t* data, size_t size, size_t most) {
  static std::minstd_rand engine(1);
  const auto below = [](size_t n) { return n == 0 ? 0 : engine() % n; };
  for (size_t rounds = 1 + below(3); rounds > 0; --rounds) {
    const size_t at = below(size);
    switch (below(5)) {
      case 0:
        if (size > 0) data[at] ^= static_cast<uint8_t>(1 << below(8));
        break;
      case 1:
        if (size > 0) data[at] = static_cast<uint8_t>(below(256));
        break;
      case 2:  // a block lost
        if (const size_t n = std::min(size - at, below(16)); size > n) {
          std::copy(data + at + n, data + size, data + at);
          size -= n;
        }
        break;
      case 3:  // a block twice
        if (const size_t n = std::min({size - at, below(16), most - size}); n > 0) {
          std::copy_backward(data + at, data + size, data + size + n);
          size += n;
        }
        break;
      default:  // a block of one value
        std::fill_n(data + at, std::min(size - at, below(16)), below(2) ? 0 : 0xff);
    }
  }
  return size;
}

}  // namespace recast::fuzz
