// Families are known by pieces of their Jinja text in a spelling without accidents: no white space
// outside of literals, one kind of quotes, joined literals as one. Source: the chat templates of the
// models themselves; Ollama's documentation of its template variables.
#include "tokenizer/chat_family.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace recast {

namespace {

// What stands before and behind the content of a turn. "{bos}" and "{eos}" are the special tokens.
struct Turn {
  std::string_view before, after;
};

enum class SystemText { own_turn, in_first_user_turn, left_out };

}  // namespace

struct ChatFamily {
  std::string_view name;
  std::array<std::string_view, 3> needs;     // pieces that are all there; empty ones ask nothing
  std::array<std::string_view, 6> without;   // pieces that would say something else
  Turn system, user, assistant;
  SystemText system_text;                    // in_first_user_turn: between `before` and the content
  std::string_view between;                  // before every user turn but the first
  std::string_view answer;                   // what the answer is begun with
  std::string_view default_system;           // said when the conversation has no system text
  std::array<std::string_view, 3> stops;
};

namespace {

constexpr std::string_view bos = "{bos}", eos = "{eos}";

constexpr ChatFamily table[] = {
    {.name = "qwen2.5",
     .needs = {"'<|im_start|>system\\nYou are Qwen, created by Alibaba Cloud. "
               "You are a helpful assistant.<|im_end|>\\n'",
               "'<|im_start|>'+message['role']+'\\n'+message['content']+'<|im_end|>\\n'",
               "'<|im_start|>assistant\\n'"},
     .without = {"think"},
     .system = {"<|im_start|>system\n", "<|im_end|>\n"},
     .user = {"<|im_start|>user\n", "<|im_end|>\n"},
     .assistant = {"<|im_start|>assistant\n", "<|im_end|>\n"},
     .answer = "<|im_start|>assistant\n",
     .default_system = "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.",
     .stops = {"<|im_start|>", "<|im_end|>"}},
    {.name = "qwen2",
     .needs = {"loop.firstandmessages[0]['role']!='system'%}{{"
               "'<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n'",
               "'<|im_start|>'+message['role']+'\\n'+message['content']+'<|im_end|>\\n'",
               "'<|im_start|>assistant\\n'"},
     .without = {"think", "tool", "trim", "strip"},
     .system = {"<|im_start|>system\n", "<|im_end|>\n"},
     .user = {"<|im_start|>user\n", "<|im_end|>\n"},
     .assistant = {"<|im_start|>assistant\n", "<|im_end|>\n"},
     .answer = "<|im_start|>assistant\n",
     .default_system = "You are a helpful assistant.",
     .stops = {"<|im_start|>", "<|im_end|>"}},
    {.name = "chatml",
     .needs = {"'<|im_start|>'+message['role']+'\\n'+message['content']+'<|im_end|>\\n'",
               "'<|im_start|>assistant\\n'"},
     .without = {"think", "tool", "system", "loop", "trim", "strip"},
     .system = {"<|im_start|>system\n", "<|im_end|>\n"},
     .user = {"<|im_start|>user\n", "<|im_end|>\n"},
     .assistant = {"<|im_start|>assistant\n", "<|im_end|>\n"},
     .answer = "<|im_start|>assistant\n",
     .stops = {"<|im_start|>", "<|im_end|>"}},
    {.name = "llama3",
     .needs = {"'<|start_header_id|>'+message['role']+'<|end_header_id|>\\n\\n'+"
               "message['content']|trim+'<|eot_id|>'",
               "'<|start_header_id|>assistant<|end_header_id|>\\n\\n'"},
     .without = {"tool", "date", "think", "'system'"},
     .system = {"<|start_header_id|>system<|end_header_id|>\n\n", "<|eot_id|>"},
     .user = {"<|start_header_id|>user<|end_header_id|>\n\n", "<|eot_id|>"},
     .assistant = {"<|start_header_id|>assistant<|end_header_id|>\n\n", "<|eot_id|>"},
     .answer = "<|start_header_id|>assistant<|end_header_id|>\n\n",
     .stops = {"<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}},
    {.name = "llama2",
     .needs = {"'<<SYS>>\\n'+system_message+'\\n<</SYS>>\\n\\n'+message['content']",
               "bos_token+'[INST] '+content|trim+' [/INST]'", "' '+content|trim+' '+eos_token"},
     .without = {"tool", "default_system", "DEFAULT_SYSTEM", "system_message='"},
     .system = {"<<SYS>>\n", "\n<</SYS>>\n\n"},
     .user = {"[INST] ", " [/INST]"},
     .assistant = {" ", " {eos}"},
     .system_text = SystemText::in_first_user_turn,
     .between = bos,
     .stops = {"[INST]", "[/INST]", eos}},
    {.name = "mistral",
     .needs = {"'[INST] '+message['content']+' [/INST]'", "{{message['content']+eos_token}}"},
     .without = {"tool", "system_message", "<<SYS>>", "trim", "strip"},
     .system = {"", "\n\n"},
     .user = {"[INST] ", " [/INST]"},
     .assistant = {"", eos},
     .system_text = SystemText::in_first_user_turn,
     .stops = {"[INST]", "[/INST]", eos}},
    {.name = "mistral-v0.1",
     .needs = {"'[INST] '+message['content']+' [/INST]'", "{{message['content']+eos_token+' '}}"},
     .without = {"tool", "system_message", "<<SYS>>", "trim", "strip"},
     .system = {"", "\n\n"},
     .user = {"[INST] ", " [/INST]"},
     .assistant = {"", "{eos} "},
     .system_text = SystemText::in_first_user_turn,
     .stops = {"[INST]", "[/INST]", eos}},
    {.name = "inst",
     .needs = {"bos_token+'[INST] '+message['content']+' [/INST]'",
               "' '+message['content']+' '+eos_token"},
     .without = {"tool", "system", "trim", "strip"},
     .user = {"[INST] ", " [/INST]"},
     .assistant = {" ", " {eos}"},
     .system_text = SystemText::left_out,
     .between = bos,
     .stops = {"[INST]", "[/INST]", eos}},
    {.name = "gemma3",
     .needs = {"first_user_prefix", "'<start_of_turn>'+role+'\\n'+", "<end_of_turn>\\n"},
     .without = {"tool", "think"},
     .system = {"", "\n\n"},
     .user = {"<start_of_turn>user\n", "<end_of_turn>\n"},
     .assistant = {"<start_of_turn>model\n", "<end_of_turn>\n"},
     .system_text = SystemText::in_first_user_turn,
     .answer = "<start_of_turn>model\n",
     .stops = {"<start_of_turn>", "<end_of_turn>"}},
    {.name = "gemma",
     .needs = {"'<start_of_turn>'+role+'\\n'+message['content']|trim+'<end_of_turn>\\n'",
               "'<start_of_turn>model\\n'", "System role not supported"},
     .without = {"tool", "think"},
     .system = {"", "\n\n"},
     .user = {"<start_of_turn>user\n", "<end_of_turn>\n"},
     .assistant = {"<start_of_turn>model\n", "<end_of_turn>\n"},
     .system_text = SystemText::in_first_user_turn,
     .answer = "<start_of_turn>model\n",
     .stops = {"<start_of_turn>", "<end_of_turn>"}},
    {.name = "gemma-turns",
     .needs = {"'<start_of_turn>'+role+'\\n'+message['content']|trim+'<end_of_turn>\\n'",
               "'<start_of_turn>model\\n'", "{%setrole=message['role']%}"},
     .without = {"tool", "think", "system"},
     .system = {"<start_of_turn>system\n", "<end_of_turn>\n"},
     .user = {"<start_of_turn>user\n", "<end_of_turn>\n"},
     .assistant = {"<start_of_turn>model\n", "<end_of_turn>\n"},
     .answer = "<start_of_turn>model\n",
     .stops = {"<start_of_turn>", "<end_of_turn>"}},
    {.name = "phi3",
     .needs = {"'<|user|>\\n'+message['content']+'<|end|>\\n'",
               "'<|assistant|>\\n'+message['content']+'<|end|>\\n'",
               "'<|system|>\\n'+message['content']+'<|end|>\\n'"},
     .without = {"tool", "think", "loop", "trim", "strip"},
     .system = {"<|system|>\n", "<|end|>\n"},
     .user = {"<|user|>\n", "<|end|>\n"},
     .assistant = {"<|assistant|>\n", "<|end|>\n"},
     .answer = "<|assistant|>\n",
     .stops = {"<|end|>", "<|user|>", "<|assistant|>"}},
    {.name = "zephyr",
     .needs = {"'<|user|>\\n'+message['content']+eos_token",
               "'<|system|>\\n'+message['content']+eos_token",
               "'<|assistant|>\\n'+message['content']+eos_token"},
     .without = {"tool", "think", "trim", "strip"},
     .system = {"<|system|>\n", "{eos}\n"},
     .user = {"<|user|>\n", "{eos}\n"},
     .assistant = {"<|assistant|>\n", "{eos}\n"},
     .answer = "<|assistant|>\n",
     .stops = {"<|system|>", "<|user|>", eos}},
};

// Copies a literal from its opening quote on; returns the place behind it. Line breaks, as such or
// escaped, become "\n".
size_t copy_literal(std::string_view text, size_t at, std::string& out) {
  const char quote = text[at++];
  out += '\'';
  for (; at < text.size() && text[at] != quote; ++at) {
    if (text[at] == '\n') {
      out += "\\n";
    } else {
      out += text[at];
      if (text[at] == '\\' && at + 1 < text.size()) out += text[++at];
    }
  }
  out += '\'';
  return std::min(at + 1, text.size());
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  std::string out;
  size_t start = 0;
  for (size_t at; (at = text.find(from, start)) != std::string::npos; start = at + from.size())
    out.append(text, start, at - start).append(to);
  text = out.append(text, start);
}

std::string plain_spelling(std::string_view jinja) {
  std::string out;
  bool inside = false;  // of {{ }} or {% %}
  for (size_t at = 0; at < jinja.size();) {
    const std::string_view rest = jinja.substr(at);
    if (inside && (rest[0] == '\'' || rest[0] == '"')) {
      at = copy_literal(jinja, at, out);
      continue;
    }
    const std::string_view two = rest.substr(0, 2);
    if (two == "{#") {
      at = std::min(jinja.find("#}", at), jinja.size() - 2) + 2;
      continue;
    }
    if (two == "{{" || two == "{%" || two == "}}" || two == "%}") {
      inside = two[0] == '{';
      out += two;
      at += 2;
      if (inside && at < jinja.size() && jinja[at] == '-') ++at;
      continue;
    }
    const bool trims = inside && (rest.starts_with("-}}") || rest.starts_with("-%}"));
    if (!trims && rest[0] != ' ' && rest[0] != '\n' && rest[0] != '\r' && rest[0] != '\t')
      out += rest[0];
    ++at;
  }
  replace_all(out, "'+'", "");
  replace_all(out, "message.role", "message['role']");
  replace_all(out, "message.content", "message['content']");
  return out;
}

bool is_of(const ChatFamily& family, std::string_view plain) {
  const auto has = [&](std::string_view piece) { return plain.find(piece) != plain.npos; };
  return std::all_of(family.needs.begin(), family.needs.end(), has) &&
         std::none_of(family.without.begin(), family.without.end(),
                      [&](std::string_view piece) { return !piece.empty() && has(piece); });
}

std::string token_text(const Vocabulary& vocabulary, std::string_view role) {
  const auto id = vocabulary.special_id(role);
  return id && *id < vocabulary.tokens.size() ? vocabulary.tokens[*id].text : "";
}

// Puts the tokens in; false when one is needed and has no text.
bool put_tokens(std::string& text, const Vocabulary& vocabulary) {
  for (const auto& [mark, role] : {std::pair{bos, "bos"}, std::pair{eos, "eos"}}) {
    if (text.find(mark) == std::string::npos) continue;
    const std::string token = token_text(vocabulary, role);
    if (token.empty() || token.find("{{") != std::string::npos) return false;
    replace_all(text, mark, token);
  }
  return true;
}

}  // namespace

const ChatFamily* find_chat_family(std::string_view jinja) {
  const std::string plain = plain_spelling(jinja);
  for (const ChatFamily& family : table)
    if (is_of(family, plain)) return &family;
  return nullptr;
}

std::string_view chat_family_name(const ChatFamily& family) { return family.name; }

// One line but for the line breaks of the format itself: a template's own would be part of it.
std::string ollama_template(const ChatFamily& f, const Vocabulary& vocabulary) {
  std::string out;
  const auto add = [&](std::string_view text) { out += text; };
  if (!f.default_system.empty()) {
    add("{{ if not .System }}");
    add(f.system.before), add(f.default_system), add(f.system.after);
    add("{{ end }}");
  }
  add("{{ range $i, $_ := .Messages }}{{ $last := eq (len (slice $.Messages $i)) 1 }}");
  add("{{ if eq .Role \"user\" }}");
  // The first user turn is the first message, or the second behind the system text.
  if (!f.between.empty()) add("{{ if gt $i 1 }}"), add(f.between), add("{{ end }}");
  add(f.user.before);
  if (f.system_text == SystemText::in_first_user_turn) {
    add("{{ if and $.System (le $i 1) }}");
    add(f.system.before), add("{{ $.System }}"), add(f.system.after);
    add("{{ end }}");
  }
  add("{{ .Content }}"), add(f.user.after);
  if (f.system_text == SystemText::own_turn) {
    add("{{ else if eq .Role \"system\" }}");
    add(f.system.before), add("{{ .Content }}"), add(f.system.after);
  }
  add("{{ else if eq .Role \"assistant\" }}");
  add(f.assistant.before);
  // An answer that was begun is gone on with.
  add("{{ .Content }}{{ if not $last }}"), add(f.assistant.after), add("{{ end }}{{ end }}");
  if (!f.answer.empty())
    add("{{ if and $last (ne .Role \"assistant\") }}"), add(f.answer), add("{{ end }}");
  add("{{ end }}");
  return put_tokens(out, vocabulary) ? out : "";
}

std::vector<std::string> chat_stops(const ChatFamily& family, const Vocabulary& vocabulary) {
  std::vector<std::string> stops;
  for (const std::string_view stop : family.stops) {
    std::string text(stop);
    if (!text.empty() && put_tokens(text, vocabulary)) stops.push_back(std::move(text));
  }
  return stops;
}

}  // namespace recast
