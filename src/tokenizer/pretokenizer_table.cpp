#include "tokenizer/pretokenizer.h"

// Names, patterns and measured differences of the GGUF runtime's pre-tokenizers. Source: llama.cpp
// v0.5.0 (behaviour read and measured), published tokenizer.json files (patterns).
namespace recast {

namespace {

// Pieces that many patterns share: contractions, words by case, runs of white space.
const std::string contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const std::string upper = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
const std::string lower = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
const std::string spaces = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const std::string word = "[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|";
const std::string before_word = "[^\\r\\n\\p{L}\\p{N}]?";
const std::string symbols = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|";
const std::string symbol_slash = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|";
const std::string ascii_symbol_word =
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"
    "|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+";

std::string jais() {
  std::string text = contractions + "|" + word + "\\p{N}{1,3}" + symbols + "\\s*[\\r\\n]+";
  for (int n = 512; n >= 4; n /= 2) text += "|\\s{" + std::to_string(n) + "}(?!\\S)";
  return text + "|\\s{1,2}(?!\\S)|\\s";
}

const SplitPattern pattern_table[] = {
    {"L3", contractions + "|" + word + "\\p{N}{1,3}" + symbols + spaces},
    {"Q2", contractions + "|" + word + "\\p{N}" + symbols + spaces},
    {"CPM", contractions + "|" + word + "\\p{N}+" + symbols + spaces},
    {"UFA", word + "\\p{N}" + symbols + spaces},
    {"Q35", contractions + "|" + before_word +
                "[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|" + spaces},
    {"SEED", contractions + "|" + word + "\\p{N}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|" + spaces},
    {"JAIS", jais()},
    {"BAIL",
     "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*"
     "|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"},
    {"EXM", contractions + "|" + before_word +
                "(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?"
                "|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+"},
    {"TEK", before_word + upper + "*" + lower + "+|" + before_word + upper + "+" + lower +
                "*|\\p{N}" + symbol_slash + spaces},
    {"O2", before_word + upper + "*" + lower + "+" + contractions + "?|" + before_word + upper +
               "+" + lower + "*" + contractions + "?|\\p{N}{1,3}" + symbol_slash + spaces},
    {"N3", "\\p{N}{1,3}"},
    {"HAN", "[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+"},
    {"DSM", ascii_symbol_word + "[\\r\\n]*|" + spaces},
    {"SPK", ascii_symbol_word + "|[\\r\\n]|\\s+(?!\\S)|\\s+"},
    {"BLM", " ?[^(\\s|[.,!?\u2026\u3002\uFF0C\u3001\u0964\u06D4\u060C])]+"},
    {"CH3", "[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+"},
    {"LINE", "[\\r\\n]"},
    {"LINES", "[^\\n]+|[\\n]+"},
    {"ENDS", "\\s+$"},
    {"LET", "\\s?\\p{L}+"},
    {"PUN", "\\s?\\p{P}+"},
    {"DIGIT", "[0-9]"},
    {"DIGIT3", "[0-9][0-9][0-9]"},
    {"RIGHT3", "(?=(\\d{3})+(?!\\d))"},
    {"COUNT3", "\\d{1,3}(?=(?:\\d{3})*\\b)"},
    // Letters as DeepSeek lists them, code point by code point: normalizing this text breaks it.
    {"DSL2",
     "\\s?[A-Za-z\u00B5\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u01BA\u01BC-\u01BF\u01C4-\u0293\u0295"
     "-\u02AF\u0370-\u0373\u0376\u0377\u037B-\u037D\u037F\u0386\u0388-\u038A\u038C\u038E-"
     "\u03A1\u03A3-\u03F5\u03F7-\u0481\u048A-\u052F\u0531-\u0556\u10A0-\u10C5\u13A0-\u13F5"
     "\u13F8-\u13FD\u1C90-\u1CBA\u1CBD-\u1CBF\u1D00-\u1D2B\u1D6B-\u1D77\u1D79-\u1D9A\u1E00-"
     "\u1F15\u1F18-\u1F1D\u1F20-\u1F45\u1F48-\u1F4D\u1F50-\u1F57\u1F59\u1F5B\u1F5D\u1F5F-"
     "\u1F7D\u1F80-\u1FB4\u1FB6-\u1FBC\u1FBE\u1FC2-\u1FC4\u1FC6-\u1FCC\u1FD0-\u1FD3\u1FD6-"
     "\u1FDB\u1FE0-\u1FEC\u1FF2-\u1FF4\u1FF6-\u1FFC\u2102\u2107\u210A-\u2113\u2115\u2119-"
     "\u211D\u2124\u2126\u2128\u212A-\u212D\u212F-\u2134\u2139\u213C-\u213F\u2145-\u2149\u214E"
     "\u2183\u2184\u2C00-\u2C7B\u2C7E-\u2CE4\u2CEB-\u2CEE\u2CF2\u2CF3\uA640-\uA66D\uA680-"
     "\uA69B\uA722-\uA76F\uA771-\uA787\uA78B-\uA78E\uAB70-\uABBF\uFB00-\uFB06\uFB13-\uFB17"
     "\uFF21-\uFF3A\uFF41-\uFF5A\U00010400-\U0001044F\U000104B0-\U000104D3\U000104D8-"
     "\U000104FB\U00010C80-\U00010CB2\U00010CC0-\U00010CF2\U000118A0-\U000118DF\U0001E900-"
     "\U0001E943]+"},
    {"DSL3", "\\s?[!-/:-~\uFF01-\uFF0F\uFF1A-\uFF5E\u2018-\u201F\u3000-\u3002]+"},
};

using Only = PreRow::Only;
const PreRow row_table[] = {
    {"S(L3) B",
     Only::ignore_merges,
     {"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
      "jina-v5-nano"},
     {{"lfm2*", "lfm2"}, {"eurobert", "jina-v5-nano"}},
     true,
     true},
    {"S(L3) B", Only::keep_merges, {"dbrx", "smaug-bpe"}, {{"llama", "smaug-bpe"}}},
    {"S(L3) B",
     Only::any,
     {"glm4", "chatglm-bpe"},
     {{"glm", "glm4"}, {"glm4*", "glm4"}, {"chatglm", "glm4"}}},
    {"S(JAIS) B", Only::any, {"jais-2"}, {}},
    {"S(N3) S(CPM) B", Only::any, {"minicpm5"}, {}, true},
    {"S(Q2) B",
     Only::any,
     {"qwen2", "deepseek-r1-qwen", "kormo", "f2llmv2", "hunyuan", "solar-open", "grok-2"},
     {{"hunyuan_v1_moe", "hunyuan"}, {"solar_open", "solar-open"}, {"grok", "grok-2"}}},
    {"S(Q2) B", Only::any, {"stablelm2", "megrez"}, {{"stablelm", "stablelm2"}}},
    {"S(Q35) B", Only::any, {"qwen35"}, {}},
    {"S(SEED) B", Only::any, {"seed-coder"}, {}},
    {"S(UFA) B", Only::any, {"ufakzeka"}, {}},
    {"S(BAIL) B", Only::any, {"bailingmoe", "bailingmoe2", "llada-moe"}, {}},
    {"S(EXM) B", Only::any, {"exaone-moe"}, {}},
    {"S(LINES) S(Q2) B", Only::any, {"laguna"}, {}},
    {"Bg", Only::roberta, {"roberta-bpe", "jina-v1-en", "jina-v2-code"}, {}},
    {"Bg",
     Only::any,
     {"gpt-2", "olmo", "mpt", "phi-2", "modern-bert", "exaone4", "jais", "a.x-4.0", "mellum",
      "gigachat", "jina-es", "jina-de", "jina-v2-es", "jina-v2-de"},
     {{"phi", "phi-2"},
      {"modernbert", "modern-bert"},
      {"mpt", "mpt"},
      {"exaone4", "exaone4"},
      {"jais", "jais"}}},
    {"Bg",
     Only::any,
     {"trillion", "granite-docling"},
     {{"idefics3", "granite-docling"}, {"smolvlm", "granite-docling"}}},
    {"D1 Bg",
     Only::not_normalized,
     {"starcoder", "refact", "codeshell", "exaone", "mellum2", "minerva-7b"},
     {{"granite*", "refact"},
      {"gpt_refact", "refact"},
      {"codeshell", "codeshell"},
      {"exaone", "exaone"}}},
    {"D1 Bg", Only::any, {"command-r", "smollm"}, {{"cohere*", "command-r"}, {"llama", "smollm"}}},
    {"S(TEK) B", Only::any, {"tekken"}, {}, true, true, 272},
    {"S(O2) B", Only::modernbert, {"granite-embed-multi-97m"}, {}, true},
    {"S(O2) B",
     Only::any,
     {"gpt-4o", "llama4", "minimax-m2", "kanana2", "talkie"},
     {{"llama4*", "llama4"}, {"minimax_m2", "minimax-m2"}},
     false,
     false,
     274},
    {"S(COUNT3) S(O2) B", Only::any, {"tiny_aya", "cohere2moe"}, {}, false, false, 50},
    {"S(N3) S(HAN) S(DSM) B",
     Only::any,
     {"deepseek-v3", "hunyuan-dense", "hy_v4", "joyai-llm"},
     {{"hunyuan_v1_*", "hunyuan-dense"}, {"hy_v4", "hy_v4"}}},
    {"S(N3) S(HAN) S(SPK) D1 B", Only::any, {"spark2_5"}, {}},
    {"S(LINE) S(DSL2) S(DSL3) S(ENDS) S(CH3) D1 B",
     Only::any,
     {"deepseek-llm"},
     {},
     false,
     false,
     12},
    {"S(LINE) S(LET) S(PUN) S(CH3) D1 B", Only::any, {"deepseek-coder"}, {}, false, false, 10},
    {"P Bg D+ S(DIGIT3)", Only::any, {"falcon"}, {}},
    {"S(BLM) B", Only::any, {"bloom", "gpt3-finnish"}, {}},
    {"S(BLM) B", Only::any, {"poro-chat"}, {}},
    {"S(BLM) D1 B", Only::any, {"viking"}, {}},
    {"D+ S(RIGHT3) B", Only::any, {"superbpe"}, {}, false, false, 2},
    // Chosen by hand only: their stages are not written in a tokenizer.json, or not known.
    {"", Only::any, {"youtu"}, {}},
    {"", Only::any, {"kimi-k2"}, {}},
    {"", Only::any, {"afmoe"}, {}},
    {"", Only::any, {"chameleon"}, {}, false, true},
    {"", Only::any, {"gemma4", "granite-embed-multi-311m"}, {}, false, true},
    {"", Only::any, {"sarvam-moe"}, {}},
    {"", Only::any, {"whitespace"}, {}},
    {"", Only::any, {"default"}, {}},
};

// Stages of published files that no name has; the best name, and what it costs.
const PreRow near_table[] = {
    {"P Bg D1", Only::any, {"falcon"}, {}},
    {"P S(TEK) B S(DIGIT)", Only::any, {"tekken"}, {}, true, true, 362},
    {"D1 B", Only::any, {"superbpe"}, {}},
};

// Families whose old files (vocab.json, merges.txt, token ranks) do not say how they split.
constexpr FamilyName usual_table[] = {
    {"gpt2", "gpt-2"},
    {"opt", "gpt-2"},
    {"gptj", "gpt-2"},
    {"codegen", "gpt-2"},
    {"gpt_neo", "gpt-2"},
    {"roberta", "roberta-bpe"},
    {"phi", "phi-2"},
    {"qwen*", "qwen2"},
    {"starcoder2", "starcoder"},
    {"gpt_bigcode", "starcoder"},
    {"llama", "llama-bpe"},
    {"llama4*", "llama4"},
    {"mistral", "tekken"},
    {"gpt_oss", "gpt-4o"},
    {"kimi*", "kimi-k2"},
};

}  // namespace

std::span<const SplitPattern> split_patterns() { return pattern_table; }
std::span<const PreRow> pre_rows() { return row_table; }
std::span<const PreRow> near_pre_rows() { return near_table; }
std::span<const FamilyName> usual_pre_names() { return usual_table; }

}  // namespace recast
