#include <fmt/format.h>

#include <algorithm>

#include "base/shell_quote.h"
#include "convert/card.h"
#include "convert/describe.h"
#include "convert/options.h"
#include "wire/utf8.h"

namespace recast {

namespace {

constexpr size_t longest_text = 2000;

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

// Plain text in Markdown, on one line: no sign of it opens markup, a link or HTML, or ends a cell.
std::string escaped(std::string_view text) {
  constexpr std::string_view signs = "\\`*_{}[]<>()#+!|~&$:@-";
  std::string valid = with_valid_utf8(text.substr(0, longest_text));
  std::string out;
  for (const char c : valid) {
    if (is_control(c)) {
      out += ' ';
      continue;
    }
    // Renderers make links of words that begin so.
    const bool links = c == '.' && (out.ends_with("www") || out.ends_with("WWW"));
    if (links || signs.find(c) != signs.npos) out += '\\';
    out += c;
  }
  return out;
}

// A name as code where nothing in it can end the code or the cell.
std::string code(std::string_view text) {
  const bool simple = !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           std::string_view("._/+-=:@%").find(c) != std::string_view::npos;
  });
  return simple ? fmt::format("`{}`", text) : escaped(text);
}

// A block of code whose fence is longer than any run of backticks in it.
std::string block(std::string_view language, std::string_view text) {
  std::string lines = with_valid_utf8(text);
  for (char& c : lines)
    if (is_control(c) && c != '\n' && c != '\t') c = '?';
  size_t run = 0, longest = 2;
  for (const char c : lines) {
    run = c == '`' ? run + 1 : 0;
    longest = std::max(longest, run);
  }
  const std::string fence(longest + 1, '`');
  return fmt::format("{}{}\n{}{}{}\n", fence, language, lines, lines.ends_with('\n') ? "" : "\n",
                     fence);
}

std::string size_text(uint64_t bytes) {
  const auto n = static_cast<double>(bytes);
  if (n >= 1e9) return fmt::format("{:.2f} GB", n / 1e9);
  if (n >= 1e6) return fmt::format("{:.1f} MB", n / 1e6);
  return fmt::format("{:.1f} kB", n / 1e3);
}

std::string general(const CardMaterial& material, std::string_view key) {
  for (const CardModel& model : material.models)
    if (const MetaValue* value = model.model.metadata.find(key))
      if (const std::string* text = value->as_string(); text && !text->empty()) return *text;
  return "";
}

std::string title(const CardMaterial& material) {
  const std::string name = general(material, "general.name");
  return name.empty() ? material.models.front().name : name;
}

std::string figure(const std::optional<double>& value, int digits) {
  return value ? fmt::format("{:.{}f}", *value, digits) : "not measured";
}

std::string file_table(const CardMaterial& material) {
  const std::vector<CardFile> files = card_files(material);
  const auto any = [&](std::optional<double> CardFile::*member) {
    return std::any_of(files.begin(), files.end(),
                       [&](const CardFile& file) { return (file.*member).has_value(); });
  };
  const bool kl = any(&CardFile::mean_kl), top = any(&CardFile::same_top_token);
  std::string out = fmt::format("| File | Type | Size | Bits a weight |{}{}\n",
                                kl ? " Mean KL |" : "", top ? " Same top token |" : "");
  out += fmt::format("|---|---|---:|---:|{}{}\n", kl ? "---:|" : "", top ? "---:|" : "");
  for (const CardFile& file : files) {
    out += fmt::format("| {} | {} | {} | {} |", code(file.name), escaped(file.type),
                       size_text(file.bytes),
                       file.bits_per_weight > 0 ? fmt::format("{:.2f}", file.bits_per_weight) : "");
    if (kl) out += fmt::format(" {} |", figure(file.mean_kl, 4));
    if (top)
      out += fmt::format(" {} |", file.same_top_token
                                      ? fmt::format("{:.1f} %", 100 * *file.same_top_token)
                                      : "not measured");
    out += '\n';
  }
  return out;
}

// How to run one model of the container with its own config, and of a folder.
std::string run_section(const CardMaterial& material) {
  std::string out;
  const auto of = [&](bool one_file) {
    return std::find_if(material.models.begin(), material.models.end(), [&](const CardModel& m) {
      return m.format->holds_config && m.format->extension.empty() != one_file;
    });
  };
  if (const auto model = of(true); model != material.models.end()) {
    const std::string name = shell_quoted(model->model.files.front().first);
    out += fmt::format("With llama.cpp:\n\n{}\n",
                       block("sh", fmt::format("llama-cli -m {} -p 'Hello'", name)));
    if (material.has_modelfile)
      out += fmt::format("With Ollama:\n\n{}\n",
                         block("sh", "ollama create my-model -f Modelfile\nollama run my-model"));
    out += fmt::format("With LM Studio:\n\n{}\n", block("sh", fmt::format("lms import {}", name)));
  }
  if (const auto model = of(false); model != material.models.end())
    out += fmt::format(
        "With transformers, from this folder:\n\n{}\n",
        block("python", "from transformers import AutoModel, AutoTokenizer\n\n"
                        "model = AutoModel.from_pretrained('.')\n"
                        "tokenizer = AutoTokenizer.from_pretrained('.')"));
  return out.empty() ? "" : fmt::format("## How to run\n\n{}", out);
}

// The command that a manifest records: source, and the options as they were given.
std::string command_of(const json::Value& manifest) {
  const json::Value *source = manifest.find("source_path"), *options = manifest.find("options");
  if (!source || !source->as_string() || !options || !options->is_object()) return "";
  std::string out = fmt::format("recast convert {}", shell_quoted(*source->as_string()));
  for (const auto& [name, value] : *options->as_object()) {
    const OptionRow* row = find_option(name);
    if (!row) continue;  // of a newer version: its place in a command is not known
    const json::Array one{value};
    for (const json::Value& text : value.as_array() ? *value.as_array() : one) {
      if (!text.as_string()) continue;
      const bool attached = row->value.starts_with('[') && !text.as_string()->empty();
      out += fmt::format(" --{}", row->name);
      if (!row->value.empty() && (attached || !row->value.starts_with('[')))
        out += fmt::format("{}{}", attached ? "=" : " ", shell_quoted(*text.as_string()));
    }
  }
  return out;
}

std::string made_section(const CardMaterial& material) {
  std::string out;
  for (const CardModel& model : material.models) {
    const std::string command = command_of(model.manifest);
    if (command.empty()) continue;
    const json::Value* version = model.manifest.find("recast");
    const bool known = version && version->as_string();
    out += fmt::format("{}{}:\n\n{}\n", code(model.name),
                       known ? fmt::format(", by recast {}", escaped(*version->as_string())) : "",
                       block("sh", command));
  }
  return out.empty() ? "" : fmt::format("## How it was made\n\n{}", out);
}

std::string sums_section(const CardMaterial& material) {
  std::string lines;
  for (size_t i = 0; i < material.files.size(); ++i)
    lines += sha256_line(material.sha256[i], material.files[i].first);
  return fmt::format("## Checksums\n\nSHA-256, also in `SHA256SUMS` (`sha256sum -c SHA256SUMS`):\n\n{}",
                     block("text", lines));
}

}  // namespace

std::string card_body(const CardMaterial& material) {
  std::string out = fmt::format("# {}\n\n", escaped(title(material)));
  if (const std::string text = general(material, "general.description"); !text.empty())
    out += fmt::format("{}\n\n", escaped(text));
  out += fmt::format("## Files\n\n{}\n", file_table(material));
  out += run_section(material);
  out += made_section(material);
  return out + sums_section(material);
}

}  // namespace recast
