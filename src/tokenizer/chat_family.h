#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/vocabulary.h"

namespace recast {

// A family of chat templates: how a conversation of system, user and assistant turns is written.
struct ChatFamily;

// The family that the text of a Jinja template belongs to; null for one of no family of the table,
// and for one that says more of a plain conversation than its family does (a date, a default system
// text that the table has not). The text is looked at, never run.
const ChatFamily* find_chat_family(std::string_view jinja);

std::string_view chat_family_name(const ChatFamily& family);  // "chatml", "llama3" ...

// The same conversation format as a template of Go's text/template over Ollama's variables
// (.System, .Messages with .Role and .Content). Where the Jinja template trims a turn, this one
// does not. Empty when the family needs the text of a begin or end token and the vocabulary has
// none.
std::string ollama_template(const ChatFamily& family, const Vocabulary& vocabulary);

// Texts at which the answer ends: what the runtime has to be told beside the model's end token.
std::vector<std::string> chat_stops(const ChatFamily& family, const Vocabulary& vocabulary);

}  // namespace recast
