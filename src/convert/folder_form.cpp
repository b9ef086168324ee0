#include "convert/folder_form.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/parallel.h"
#include "convert/carry.h"
#include "convert/describe.h"
#include "io/hash.h"
#include "model/model_card.h"

namespace recast {

namespace {

constexpr const FolderForm* table[] = {&lmstudio_form, &ollama_form, &oci_form};

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

// The files of the model stand before the documents.
size_t model_files(const Plan& plan) {
  return plan.first_document >= 0 ? static_cast<size_t>(plan.first_document)
                                  : plan.layout.files.size();
}

std::vector<FormFile> form_files(const Plan& plan) {
  std::vector<FormFile> files;
  for (size_t f = 0; f < model_files(plan); ++f)
    files.push_back(
        {plan.layout.files[f].name, plan.layout.files[f].bytes, std::string(64, '0')});
  return files;
}

SealedFiles sealed_by(const Plan& plan, const FormContent& content) {
  SealedFiles sealed{.names = content.names};
  for (const auto& [name, text] : content.documents) sealed.names.push_back(name);
  for (size_t f = sealed.names.size(); f < plan.layout.files.size(); ++f)
    sealed.names.push_back(plan.layout.files[f].name);
  return sealed;
}

}  // namespace

std::span<const FolderForm* const> folder_forms() { return table; }

const FolderForm* find_folder_form(std::string_view name) {
  for (const FolderForm* form : table)
    if (form->name == name) return form;
  return nullptr;
}

std::string path_component(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool keep = is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
    const char next = keep ? c : '-';
    if (out.empty() && !is_letter_or_digit(next)) continue;
    if (next != '-' || out.back() != '-') out += next;
  }
  while (!out.empty() && !is_letter_or_digit(out.back())) out.pop_back();
  return out;
}

std::string model_component(const Plan& plan) {
  std::string stem = plan.target.stem;
  const std::string end = fmt::format("-{}", plan.target.type);
  const bool same = stem.size() > end.size() &&
                    std::equal(end.begin(), end.end(), stem.end() - static_cast<long>(end.size()),
                               [](unsigned char a, unsigned char b) {
                                 return std::toupper(a) == std::toupper(b);
                               });
  if (same) stem.resize(stem.size() - end.size());
  const std::string name = path_component(stem);
  return name.empty() ? "model" : name;
}

std::string general_text(const Plan& plan, std::string_view key) {
  Metadata card_says;
  const MetaValue* value = plan.target.checkpoint.metadata.find(key);
  if (!value && plan.request.to->convention != Convention::gguf) {
    std::vector<Finding> ignored;  // told when the source was read
    const json::Value card = read_card(*plan.source, ignored);
    if (card.is_object()) read_model_card(card, 0, card_says, ignored);
    value = card_says.find(key);
  }
  return value && value->as_string() ? *value->as_string() : "";
}

std::string blob_name(std::string_view separator, std::string_view sha256) {
  return fmt::format("blobs/sha256{}{}", separator, sha256);
}

std::string sha256_of(std::string_view text) {
  Sha256 sha;
  sha.update(std::as_bytes(std::span(text)));
  return sha.hex();
}

void check_form(const Plan& plan) {
  const FolderForm* form = plan.form;
  if (!form) return;
  const std::string where = fmt::format("--layout {}", form->name);
  if (!form->format.empty() && plan.request.to->name != form->format)
    fail(codes::layout_cannot_hold, {.where = where,
                                     .expected = fmt::format("the target {}", form->format),
                                     .found = std::string(plan.request.to->name)});
  if (form->one_file && plan.layout.files.size() != 1)
    fail(codes::layout_cannot_hold,
         {.where = where,
          .expected = "one file",
          .found = fmt::format("{} files of a split model", plan.layout.files.size())});
}

void add_form_documents(Plan& plan) {
  if (!plan.form || !plan.form->content) return;
  const FormContent content = plan.form->content(plan, form_files(plan), plan.target.warnings);
  plan.first_document = static_cast<int>(plan.layout.files.size());
  for (const auto& [name, text] : content.documents)
    plan.layout.files.push_back({name, text.size()});
  plan.layout.kind = OutputKind::folder;
}

SealedFiles unsealed(const Plan& plan) {
  std::vector<Finding> told;  // when the documents were reserved
  if (plan.first_document >= 0)
    return sealed_by(plan, plan.form->content(plan, form_files(plan), told));
  SealedFiles sealed;
  for (const OutputFileSpec& file : plan.layout.files) sealed.names.push_back(file.name);
  return sealed;
}

SealedFiles seal_form(const Plan& plan, Output& output) {
  if (plan.first_document < 0) return unsealed(plan);
  std::vector<FormFile> files = form_files(plan);
  parallel_for(static_cast<int64_t>(files.size()), plan.threads, [&](int64_t f) {
    files[static_cast<size_t>(f)].sha256 = file_sha256(*output.reopen(static_cast<size_t>(f)));
  });
  std::vector<Finding> told;
  const FormContent content = plan.form->content(plan, files, told);
  for (size_t d = 0; d < content.documents.size(); ++d)
    output.write_at(static_cast<size_t>(plan.first_document) + d, 0,
                    std::as_bytes(std::span(content.documents[d].second)));
  SealedFiles sealed = sealed_by(plan, content);
  for (const FormFile& file : files) sealed.sha256.push_back(file.sha256);
  return sealed;
}

void name_form_files(const Plan& plan, const SealedFiles& sealed, Output& output) {
  if (plan.first_document < 0) return;
  for (size_t f = 0; f < sealed.names.size(); ++f) output.rename(f, sealed.names[f]);
}

}  // namespace recast
