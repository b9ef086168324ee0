#include "tokenizer/chat_family.h"

#include <gtest/gtest.h>

namespace recast {
namespace {

Vocabulary with_tokens() {
  Vocabulary v;
  v.tokens = {{.text = "<s>"}, {.text = "</s>"}};
  v.special_ids = {{"bos", 0}, {"eos", 1}};
  return v;
}

constexpr std::string_view chatml =
    "{% for m in messages %}{{ \"<|im_start|>\" + message.role + \"\\n\" + message.content + "
    "'<|im_end|>' + '\\n' }}{% endfor -%}{{- '<|im_start|>assistant\\n' }}";

TEST(ChatFamily, SpellingDoesNotMatter) {
  const ChatFamily* family = find_chat_family(chatml);
  ASSERT_NE(family, nullptr);
  EXPECT_EQ(chat_family_name(*family), "chatml");
}

TEST(ChatFamily, WhatSaysMoreIsOfNoFamily) {
  const std::string more = std::string(chatml) + "{{ 'Use a tool' }}";
  EXPECT_EQ(find_chat_family(more), nullptr);
  EXPECT_EQ(find_chat_family(""), nullptr);
  EXPECT_EQ(find_chat_family("{# never closed '"), nullptr);
  EXPECT_EQ(find_chat_family("{{ 'never closed"), nullptr);
  EXPECT_EQ(find_chat_family("{{ 'ends in an escape \\"), nullptr);
}

TEST(ChatFamily, TokensComeFromTheVocabulary) {
  const ChatFamily* family = find_chat_family(
      "{{ bos_token }}{% for message in messages %}{{ '[INST] ' + message['content'] + ' [/INST]' }}"
      "{% else %}{{ message['content'] + eos_token }}{% endfor %}");
  ASSERT_NE(family, nullptr);
  EXPECT_EQ(chat_family_name(*family), "mistral");
  const std::string text = ollama_template(*family, with_tokens());
  EXPECT_NE(text.find("{{ .Content }}{{ if not $last }}</s>{{ end }}"), text.npos) << text;
  EXPECT_EQ(chat_stops(*family, with_tokens()),
            (std::vector<std::string>{"[INST]", "[/INST]", "</s>"}));
  EXPECT_EQ(ollama_template(*family, Vocabulary{}), "");
  Vocabulary hostile = with_tokens();
  hostile.tokens[1].text = "{{ .Tools }}";
  EXPECT_EQ(ollama_template(*family, hostile), "");
}

}  // namespace
}  // namespace recast
