#pragma once

#include <cstdint>
#include <string_view>

// What families say of their tokens beyond the files of a model. Source: the converter of llama.cpp
// v0.5.0.
namespace recast {

// Flags that a family has whatever its files say (`wins`), or when they say nothing.
struct FamilyFlag {
  std::string_view model_type;
  std::string_view flag;
  bool value;
  bool wins = false;
  int64_t only_with_tokens = 0;   // the vocabulary has this many tokens
  std::string_view only_without;  // config.json has no such key
};
inline constexpr FamilyFlag flag_table[] = {
    {"phi", "add_bos_token", false},
    {"chatglm", "add_bos_token", false},
    {"glm", "add_bos_token", false},
    {"llama", "add_bos_token", false, true, 49152},
    {"granite", "add_bos_token", false, true, 49152},
    {"granitemoe", "add_bos_token", false, true, 49152},
    {"llada", "add_bos_token", true, true},
    {"gemma4", "add_bos_token", true, true},
    {"gemma4_text", "add_bos_token", true, true},
    {"nemotron_h", "add_bos_token", true, true, 0, "n_routed_experts"},
    {"modernbert", "add_bos_token", true},
    {"modernbert", "add_eos_token", true},
    {"modernbert", "add_sep_token", true},
    {"eurobert", "add_bos_token", false},
    {"gemma", "add_space_prefix", false, true},
    {"gemma2", "add_space_prefix", false, true},
    {"gemma3", "add_space_prefix", false, true},
    {"gemma3_text", "add_space_prefix", false, true},
    {"gemma4", "add_space_prefix", false, true},
    {"gemma4_text", "add_space_prefix", false, true},
    {"jamba", "add_space_prefix", false, true},
    {"plamo2", "add_space_prefix", false, true},
};

// Families whose add_space_prefix is the add_prefix_space of tokenizer_config.json.
inline constexpr std::string_view prefix_from_config[] = {
    "llama",   "mistral",    "mixtral",   "arcee",    "smollm3",
    "granite", "granitemoe", "internlm3", "ernie4_5", "pangu_embedded",
};

// Ids that a family fixes by the text of a token, or by a key of config.json.
struct FamilyId {
  std::string_view model_type;
  std::string_view role;
  std::string_view text;
  std::string_view config_key;
  bool overwrite = false;
};
inline constexpr FamilyId id_table[] = {
    {"glm4", "eot", "<|user|>", ""},
    {"glm4", "unknown", "<|endoftext|>", ""},
    {"glm4", "bos", "<|endoftext|>", ""},
    {"glm4_moe", "eot", "<|user|>", ""},
    {"glm4_moe", "unknown", "<|endoftext|>", ""},
    {"glm4_moe", "bos", "[gMASK]", ""},
    {"glm4_moe", "eom", "<|observation|>", ""},
    {"chatglm", "eot", "<|user|>", ""},
    {"chatglm", "unknown", "<|endoftext|>", ""},
    {"glm", "eos", "<|endoftext|>", ""},
    {"glm", "eot", "<|user|>", ""},
    {"glm", "unknown", "<|endoftext|>", ""},
    {"solar_open", "bos", "<|startoftext|>", ""},
    {"solar_open", "eot", "<|endoftext|>", ""},
    {"hunyuan_v1_dense", "eos", "", "eod_token_id", true},
    {"gemma", "eot", "<end_of_turn>", ""},
};

}  // namespace recast
