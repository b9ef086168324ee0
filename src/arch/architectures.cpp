#include "arch/families.h"

namespace recast {

std::span<const Architecture* const> all_architectures() {
  static constexpr const Architecture* table[] = {
      &llama, &mistral, &mixtral, &qwen2, &qwen2_moe, &qwen2_vl, &qwen3, &qwen3_moe, &phi, &phi3,
      &gemma, &gemma2, &gemma3, &gpt2, &gpt_bigcode, &gpt_neox, &gptj, &falcon, &bloom, &opt,
      &bert, &roberta, &modernbert, &stablelm, &starcoder2, &minicpm, &minicpm3, &olmo, &olmo2,
      &olmo3, &olmoe, &cohere, &cohere2, &granite, &granitemoe, &granitemoeshared, &deepseek_v2,
      &deepseek_v3, &gpt_oss, &llama4, &internlm2, &baichuan, &glm4, &exaone4, &smollm3,
      &ernie4_5, &nemotron, &mamba, &t5, &arcee, &afmoe, &dbrx, &distilbert, &dots1,
      &ernie4_5_moe, &falcon_mamba, &glm, &glm4_moe, &hunyuan_dense, &hunyuan_moe, &mamba2,
      &minimax_m2, &ministral3, &mpt, &phimoe, &seed_oss};
  return table;
}

std::vector<std::string_view> words(std::string_view list) {
  std::vector<std::string_view> out;
  while (!list.empty()) {
    const size_t end = std::min(list.find(' '), list.size());
    if (end > 0) out.push_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return out;
}

bool has_word(std::string_view list, std::string_view word) {
  for (const std::string_view w : words(list))
    if (w == word) return true;
  return false;
}

}  // namespace recast
