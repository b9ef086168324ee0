#pragma once

#include "arch/architecture.h"

// The families, one file of data each; architectures.cpp lists them.
namespace recast {

extern const Architecture llama, mistral, mixtral, qwen2, qwen2_moe, qwen2_vl, qwen3, qwen3_moe,
    phi, phi3, gemma, gemma2, gemma3, gpt2, gpt_bigcode, gpt_neox, gptj, falcon, bloom, opt, bert,
    roberta, modernbert, stablelm, starcoder2, minicpm, minicpm3, olmo, olmo2, olmo3, olmoe,
    cohere, cohere2, granite, granitemoe, granitemoeshared, deepseek_v2, deepseek_v3, gpt_oss,
    llama4, internlm2, baichuan, glm4, exaone4, smollm3, ernie4_5, nemotron, mamba, t5, arcee,
    afmoe, dbrx, distilbert, dots1, ernie4_5_moe, falcon_mamba, glm, glm4_moe, hunyuan_dense,
    hunyuan_moe, mamba2, minimax_m2, ministral3, mpt, phimoe, seed_oss;

}  // namespace recast
