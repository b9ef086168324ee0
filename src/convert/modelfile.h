#pragma once

#include <string>
#include <utility>
#include <vector>

#include "convert/plan.h"

namespace recast {

// What Ollama is told of a model beside its GGUF file.
struct OllamaSetup {
  std::string chat_template;  // Go's text/template; empty: none can be said
  std::vector<std::pair<std::string, json::Value>> parameters;  // in order; "stop" may repeat
  std::string license;        // the text of a licence file, else what the metadata name; may be empty
};

// Taken from the target's metadata and vocabulary and from licence files of the source. Warns of a
// chat template that is of no known family (template_not_said).
OllamaSetup ollama_setup(const Plan& plan, std::vector<Finding>& warnings);

// A text as an argument of a Modelfile command, quoted so that Ollama's parser gives it back whole.
// Empty when no way of quoting does: it holds """ at the end of a line, or a character that the
// parser drops. Source: ollama/ollama, parser/parser.go.
std::string modelfile_argument(const std::string& text);

// The lines FROM, TEMPLATE, PARAMETER and LICENSE. What cannot be quoted is left out with
// modelfile_text. Throws modelfile_name when that is the name of the model file.
std::string modelfile_text(const std::string& model_file, const OllamaSetup& setup,
                           std::vector<Finding>& warnings);

// Places the file "Modelfile" beside the one GGUF file of the plan, when the options ask for it.
// Throws no_effect_refused for other targets, layout_cannot_hold for a split one.
void add_modelfile(Plan& plan);

}  // namespace recast
