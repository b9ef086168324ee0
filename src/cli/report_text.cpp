#include "cli/report_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/document.h"
#include "cli/heat_map.h"
#include "cli/table.h"
#include "cli/units.h"

namespace recast::cli {
namespace {

// Joins what is not empty.
std::string listed(std::initializer_list<std::string> parts) {
  std::string out;
  for (const std::string& part : parts)
    if (!part.empty()) out.append(out.empty() ? "" : ", ").append(part);
  return out;
}

std::string bits_text(const json::Value& of) {
  const double bits = real_at(of, {"bits_per_weight"});
  return bits > 0 ? fmt::format("{:.2f} bits/weight", bits) : "";
}

std::string source_text(const json::Value& report) {
  const uint64_t files = number_at(report, {"source", "files"});
  const uint64_t parameters = number_at(report, {"source", "parameters"});
  return fmt::format(
      "{}   {}", text_at(report, {"source", "path"}),
      listed({text_at(report, {"source", "format"}), files > 1 ? plural(files, "file") : "",
              bytes_text(number_at(report, {"source", "bytes"})),
              text_at(report, {"source", "dtype"}), text_at(report, {"source", "architecture"}),
              parameters ? plural(parameters, "parameter") : ""}));
}

// Bytes to compare the output with: a config says nothing of its weights' size.
uint64_t source_weights(const json::Value& report) {
  return at(report, {"options", "fake-weight"}) ? 0 : number_at(report, {"source", "bytes"});
}

std::string share_text(uint64_t part, uint64_t whole) {
  if (whole == 0) return "";  // nothing, or a config without weights
  return fmt::format("{:.1f} % of the source",
                     100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

std::string output_text(const json::Value& report) {
  const json::Array& outputs = array_at(report, {"outputs"});
  if (outputs.empty()) return "";
  const json::Value& first = outputs.front();
  const uint64_t bytes = output_bytes(report);
  return fmt::format(
      "{}{}   {}", text_at(first, {"path"}), outputs.size() > 1 ? " ..." : "",
      listed({text_at(first, {"format"}), text_at(first, {"type"}),
              outputs.size() > 1 ? plural(outputs.size(), "file") : "", bytes_text(bytes),
              bits_text(first), share_text(bytes, source_weights(report))}));
}

std::string types_text(const json::Value& report) {
  std::string out;
  for (const auto& [type, count] : object_at(report, {"types"}))
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", type, json::write(count));
  const json::Value* tensors = at(report, {"tensors"});
  if (!tensors) return out;
  return fmt::format("{} ({} copied, {} converted, {} quantized)", out,
                     number_at(*tensors, {"copied"}), number_at(*tensors, {"converted"}),
                     number_at(*tensors, {"quantized"}));
}

// What is left of all weights in f16 and f32: of the tensors' data, and of the files.
std::string ratio_to_floats(const json::Value& report) {
  const json::Value* sizes = at(report, {"sizes"});
  if (!sizes) return "";
  const auto share = [&](std::string_view of, std::string_view by) {
    return 100 * real_at(*sizes, {of}) / std::max(1.0, real_at(*sizes, {by}));
  };
  return fmt::format("tensors {:.1f} % of f16, {:.1f} % of f32; files {:.1f} %, {:.1f} %",
                     share("tensor_bytes", "f16_bytes"), share("tensor_bytes", "f32_bytes"),
                     share("file_bytes", "f16_bytes"), share("file_bytes", "f32_bytes"));
}

std::string packing_text(const json::Value& report) {
  const json::Value* optimization = at(report, {"optimization"});
  if (!optimization) return "";
  std::string out = text_at(*optimization, {"level"});
  std::string_view separator = ": ";
  for (const json::Value& pass : array_at(*optimization, {"passes"})) {
    out += fmt::format("{}{} {} ({})", separator, number_at(pass, {"tensors"}),
                       text_at(pass, {"type"}), text_at(pass, {"pass"}));
    separator = ", ";
  }
  return array_at(*optimization, {"passes"}).empty() ? out + ": nothing to do" : out;
}

std::string memory_text(const json::Value& report) {
  const uint64_t peak = number_at(report, {"memory", "peak"});
  const uint64_t limit = number_at(report, {"memory", "limit"});
  if (peak == 0) return fmt::format("limit {}", bytes_text(limit));
  return fmt::format("{} at peak (limit {})", bytes_text(peak), bytes_text(limit));
}

std::string disk_text(const json::Value& report) {
  const std::string needed = bytes_text(number_at(report, {"disk", "needed"}));
  std::string out = needed + " needed";
  if (at(report, {"disk", "holes"}))
    out += fmt::format(" beside {} of zeros", bytes_text(number_at(report, {"disk", "holes"})));
  if (at(report, {"disk", "free"}))
    out += fmt::format(", {} free", bytes_text(number_at(report, {"disk", "free"})));
  return out;
}

std::string time_text(const json::Value& report, bool planned, bool details) {
  if (planned) {
    const json::Value* estimate = at(report, {"time", "estimate_s"});
    return estimate ? fmt::format("about {}", duration_text(estimate->as_double().value_or(0)))
                    : "";
  }
  std::string out;
  if (at(report, {"time", "total_s"})) out = duration_text(real_at(report, {"time", "total_s"}));
  if (!details && !out.empty()) return out;
  std::string stages;
  for (const auto& [stage, seconds] : object_at(report, {"time", "stages"}))
    stages += fmt::format("{}{} {}", stages.empty() ? "" : ", ", stage,
                          duration_text(seconds.as_double().value_or(0)));
  return out.empty() || stages.empty() ? out + stages : fmt::format("{} ({})", out, stages);
}

std::string verified_text(const json::Value& report) {
  const std::string level = text_at(report, {"verification", "level"});
  if (level.empty() || level == "none") return level.empty() ? "" : "hashes only";
  const uint64_t tensors = number_at(report, {"verification", "tensors"});
  // A byte copy is compared by its hashes alone.
  if (tensors == 0) return level == "structure" ? level : "hashes and structure";
  std::string out = fmt::format("{}: {} against the source", level, plural(tensors, "tensor"));
  if (at(report, {"verification", "max_error"}))
    out += fmt::format(", largest relative RMSE {:.4g}",
                       real_at(report, {"verification", "max_error"}));
  return out;
}

}  // namespace

uint64_t output_bytes(const json::Value& report) {
  uint64_t bytes = 0;
  for (const json::Value& output : array_at(report, {"outputs"}))
    bytes += number_at(output, {"bytes"});
  return bytes;
}

std::string report_title(const json::Value& report) {
  const std::filesystem::path source(text_at(report, {"source", "path"}));
  const std::string name =
      (source.has_filename() ? source.filename() : source.parent_path().filename()).string();
  std::string target;
  if (!array_at(report, {"outputs"}).empty()) {
    const json::Value& output = array_at(report, {"outputs"}).front();
    target = text_at(output, {"format"}) + " " + text_at(output, {"type"});
  }
  return escape_controls(
      fmt::format("{}  {} -> {}", name, text_at(report, {"source", "dtype"}), target));
}

namespace {

std::vector<Term> terms(const json::Value& report, bool planned, bool details) {
  std::vector<Term> out;
  out.emplace_back("source", source_text(report));
  if (details) out.emplace_back("detected", text_at(report, {"source", "evidence"}));
  out.emplace_back("output", output_text(report));
  const bool of_run = details && !planned;
  if (of_run) out.emplace_back("ratio", ratio_to_floats(report));
  out.emplace_back("types", types_text(report));
  if (of_run) out.emplace_back("packing", packing_text(report));
  if (!planned) out.emplace_back("verified", verified_text(report));
  out.emplace_back("memory", memory_text(report));
  if (planned) out.emplace_back("disk", disk_text(report));
  out.emplace_back("time", time_text(report, planned, details));
  if (of_run) out.emplace_back("device", text_at(report, {"device"}));
  return out;
}

// Relative RMSE by layer and role, where the verification kept it.
std::string error_map(const json::Value& report, const Terminal& terminal) {
  const json::Array& rows = array_at(report, {"verification", "errors"});
  const std::vector<MapEntry> entries = map_entries(rows);
  if (entries.empty()) return "";
  const bool sampled = std::any_of(rows.begin(), rows.end(), [](const json::Value& row) {
    return truth_at(row, {"sampled"});
  });
  std::string out = terminal.is_terminal ? "\n" : "";
  out += render_field("error", fmt::format("by role and layer, of {} rows",
                                           sampled ? "sampled" : "all"), terminal);
  return out + heat_map_text(make_heat_map(entries, map_columns(entries, terminal)), terminal);
}

}  // namespace

std::vector<Term> report_terms(const json::Value& report) { return terms(report, false, true); }

std::string report_text(const json::Value& report, bool planned, bool details,
                        const Terminal& terminal) {
  std::string out;
  const auto field = [&](std::string_view label, const std::string& text) {
    if (!text.empty()) out += render_field(label, text, terminal);
  };
  const auto each = [&](std::string_view label, std::string_view key) {
    for (const json::Value& item : array_at(report, {key})) field(label, value_text(item));
  };
  for (const auto& [label, text] : terms(report, planned, details)) field(label, text);
  if (planned || details) each("kept", "kept");
  if (details)
    for (const json::Value& pair : array_at(report, {"mapped"}))
      field("mapped", fmt::format("{} -> {}", text_at(pair, {"from"}), text_at(pair, {"to"})));
  each("dropped", "dropped");
  each("assumed", "assumptions");
  each("note", "notes");
  return details && !planned ? out + error_map(report, terminal) : out;
}

}  // namespace recast::cli
