#pragma once

#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "convert/plan.h"

namespace recast {

// A finished file of the model, before it gets the name of a form.
struct FormFile {
  std::string name;    // as the format calls it
  uint64_t bytes = 0;
  std::string sha256;  // 64 digits; zeros while planning
};

// What a folder holds in which files are called by their content.
struct FormContent {
  std::vector<std::string> names;                              // of the model's files, in order
  std::vector<std::pair<std::string, std::string>> documents;  // name and text of what is beside them
};

// A form of folder that some program keeps models in (--layout). One row and one file each.
struct FolderForm {
  std::string_view name;    // "ollama"
  std::string_view format;  // the one target it holds; empty: any
  bool one_file;            // the model has to be one file
  bool holds_setup;         // it says itself what a Modelfile says
  // Exactly one of the two.
  // The folder beneath the destination that the files go into, beside what is there.
  std::string (*folder)(const Plan&) = nullptr;
  // A folder that is written whole: the same digests give the same names and texts, and other
  // digests give texts of the same length.
  FormContent (*content)(const Plan&, std::span<const FormFile>,
                         std::vector<Finding>& warnings) = nullptr;
  // A sentence for the report: how the model is run from there.
  std::string (*note)(const Plan&) = nullptr;
};

std::span<const FolderForm* const> folder_forms();
// By the name that --layout takes; null for an empty one.
const FolderForm* find_folder_form(std::string_view name);

extern const FolderForm lmstudio_form, ollama_form, oci_form;

// A name from a model's metadata as one component of a path or reference: letters, digits, '.', '_'
// and '-', not beginning with a sign. Empty when nothing is left.
std::string path_component(std::string_view text);
// The derived name of the output without its type: "Tiny-Llama-108K" of "Tiny-Llama-108K-Q8_0".
std::string model_component(const Plan& plan);
// What the general.* key of the target says, for a folder what its card does; empty: nothing.
std::string general_text(const Plan& plan, std::string_view key);
std::string blob_name(std::string_view separator, std::string_view sha256);  // "blobs/sha256-..."
std::string sha256_of(std::string_view text);

// Throws layout_cannot_hold when the form does not hold the laid-out plan.
void check_form(const Plan& plan);
// Reserves the documents of a form that is written whole. Requires: the layout is made.
void add_form_documents(Plan& plan);

// Final names of all files of the layout, in order: where no form is, those of the layout.
struct SealedFiles {
  std::vector<std::string> names;
  std::vector<std::string> sha256;  // of the model's files, where they were needed
};
// Names for planning, of the length of the final ones.
SealedFiles unsealed(const Plan& plan);
// Hashes the files of a form and writes its documents. Requires: every other byte is written.
SealedFiles seal_form(const Plan& plan, Output& output);
// Gives the files their names; right before commit().
void name_form_files(const Plan& plan, const SealedFiles& sealed, Output& output);

}  // namespace recast
