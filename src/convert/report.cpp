#include "convert/report.h"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <set>

#include "arch/architecture.h"
#include "convert/choose_types.h"
#include "convert/describe.h"
#include "convert/options.h"
#include "convert/quantize_options.h"

namespace recast {

namespace {

template <class T>
json::Array array(const std::vector<T>& items) {
  json::Array out;
  for (const T& item : items) out.emplace_back(item);
  return out;
}

uint64_t parameters(const std::vector<Tensor>& tensors) {
  uint64_t n = 0;
  for (const Tensor& tensor : tensors) n += static_cast<uint64_t>(tensor.elements());
  return n;
}

uint64_t tensor_bytes(const std::vector<Tensor>& tensors) {
  uint64_t n = 0;
  for (const Tensor& tensor : tensors) n += tensor.bytes();
  return n;
}

double bits_per_weight(const std::vector<Tensor>& tensors) {
  const uint64_t n = parameters(tensors);
  return n == 0 ? 0 : 8.0 * static_cast<double>(tensor_bytes(tensors)) / static_cast<double>(n);
}

json::Value source_part(const Plan& plan) {
  const Checkpoint& source = *plan.source;
  uint64_t bytes = 0;
  for (const auto& [name, file] : source.files) bytes += file->size();
  return object({{"path", plan.request.options.source},
                 {"format", plan.request.from->name},
                 {"evidence", plan.request.evidence},
                 {"architecture", plan.target.arch ? plan.target.arch->name : ""},
                 {"architecture_evidence", plan.target.arch_evidence},
                 {"dtype", dominant_type(source.tensors)},
                 {"parameters", parameters(source.tensors)},
                 {"bytes", bytes},
                 {"files", static_cast<int64_t>(source.files.size())},
                 {"bits_per_weight", bits_per_weight(source.tensors)}});
}

json::Array outputs_part(const Plan& plan) {
  json::Array out;
  const std::vector<Tensor>& tensors = plan.target.checkpoint.tensors;
  const double weights = std::max<double>(1, static_cast<double>(parameters(tensors)));
  const auto add = [&](std::string path, uint64_t bytes) {
    out.push_back(object({{"path", std::move(path)},
                          {"of_f16", static_cast<double>(bytes) / (2 * weights)},
                          {"of_f32", static_cast<double>(bytes) / (4 * weights)},
                          {"format", plan.request.to->name},
                          {"type", plan.target.type},
                          {"bytes", bytes},
                          {"bits_per_weight", bits_per_weight(tensors)}}));
  };
  if (plan.layout.kind == OutputKind::folder) {
    add(plan.paths.front(), plan.output_bytes());
  } else {
    for (size_t i = 0; i < plan.paths.size(); ++i) add(plan.paths[i], plan.layout.files[i].bytes);
  }
  return out;
}

json::Value tensors_part(const Plan& plan) {
  int64_t copied = 0, converted = 0, quantized = 0;
  for (const Origin& origin : plan.target.origins) {
    copied += origin.kind == Origin::Kind::copied;
    converted += origin.kind == Origin::Kind::converted;
    quantized += origin.kind == Origin::Kind::quantized;
  }
  return object({{"total", static_cast<int64_t>(plan.target.origins.size())},
                 {"source", static_cast<int64_t>(plan.source->tensors.size())},
                 {"copied", copied},
                 {"converted", converted},
                 {"quantized", quantized}});
}

json::Value types_part(const Plan& plan) {
  std::map<std::string_view, int64_t> count;
  for (const Tensor& tensor : plan.target.checkpoint.tensors) ++count[tensor.codec().name];
  json::Value out{json::Object{}};
  for (const auto& [name, n] : count) out.set(name, n);
  return out;
}

// Bytes of all tensors, of the files, and of the same weights in f16 and f32.
json::Value sizes_part(const Plan& plan, const json::Array& outputs) {
  const std::vector<Tensor>& tensors = plan.target.checkpoint.tensors;
  const uint64_t weights = parameters(tensors);
  uint64_t files = 0;
  for (const json::Value& output : outputs) files += output.find("bytes")->as_uint().value_or(0);
  return object({{"tensor_bytes", tensor_bytes(tensors)},
                 {"file_bytes", files},
                 {"f16_bytes", 2 * weights},
                 {"f32_bytes", 4 * weights}});
}

// What a level of --optimization does for a type: those without a search have nothing to choose.
std::string_view pass_of(Effort effort, const Codec& codec, bool has_imatrix) {
  if (effort == Effort::aggressive && codec.encode_best) return "least squared error";
  if (effort == Effort::fast && codec.encode_fast) return "rounded under the largest value";
  const bool searches = codec.encode_fast && (codec.encode_fast != codec.encode || has_imatrix);
  if (!searches) return "rounded";
  return "search of the reference";
}

json::Value optimization_part(const Plan& plan) {
  std::map<std::string_view, std::pair<const Codec*, int64_t>> packed;
  for (size_t i = 0; i < plan.target.origins.size(); ++i) {
    if (plan.target.origins[i].kind != Origin::Kind::quantized) continue;
    const Codec& codec = plan.target.checkpoint.tensors[i].codec();
    auto& [type, count] = packed[codec.name];
    type = &codec;
    ++count;
  }
  const Effort effort = effort_of(plan.request.options);
  json::Array passes;
  const bool has_imatrix = plan.request.imatrix != nullptr;
  for (const auto& [name, type] : packed)
    passes.push_back(object({{"type", name},
                             {"tensors", type.second},
                             {"pass", pass_of(effort, *type.first, has_imatrix)}}));
  return object({{"level", plan.request.options.optimization}, {"passes", std::move(passes)}});
}

json::Value tensor_types_part(const Plan& plan, const std::vector<Hash128>& hashes) {
  json::Array out;
  constexpr std::string_view how[] = {"copied", "converted", "quantized"};
  for (size_t i = 0; i < plan.target.checkpoint.tensors.size(); ++i) {
    const Tensor& tensor = plan.target.checkpoint.tensors[i];
    json::Array shape;
    for (const int64_t extent : tensor.shape()) shape.emplace_back(extent);
    json::Value row = object({{"name", tensor.name},
                              {"type", tensor.codec().name},
                              {"shape", std::move(shape)},
                              {"bytes", tensor.bytes()},
                              {"how", how[static_cast<size_t>(plan.target.origins[i].kind)]}});
    if (i < hashes.size()) row.set("xxh3", hashes[i].hex());
    out.push_back(std::move(row));
  }
  return out;
}

json::Value verification_part(const std::string& level, const Verification& found) {
  json::Array errors;
  for (const Verification::Entry& entry : found.entries) {
    json::Value row = object({{"name", entry.name}, {"role", entry.place.role}});
    if (entry.place.layer >= 0) row.set("layer", entry.place.layer);
    row.set("reference_type", entry.from->name);
    row.set("type", entry.to->name);
    row.set("weights", entry.weights);
    row.set("relative_rmse", entry.relative_rmse);
    row.set("sampled", entry.sampled);
    errors.push_back(std::move(row));
  }
  return object({{"level", level},
                 {"tensors", found.tensors},
                 {"rows", found.rows},
                 {"max_error", found.max_error},
                 {"relative_rmse", found.relative_rmse},
                 {"errors", std::move(errors)}});
}

json::Value disk_part(const Plan& plan) {
  const uint64_t needed = Output::disk_bytes(plan.layout.files, plan.folder);
  json::Value out = object({{"needed", needed}});
  if (needed < plan.output_bytes()) out.set("holes", plan.output_bytes() - needed);
  struct statvfs fs;
  if (::statvfs(plan.folder.c_str(), &fs) == 0)
    out.set("free", static_cast<uint64_t>(fs.f_bavail) * fs.f_frsize);
  return out;
}

// From rates measured on two cores (bench/): a guess that is only shown.
double estimate_seconds(const Plan& plan) {
  constexpr double copy_rate = 1.2e9, quantize_rate = 0.9e9;  // bytes a second of input
  double seconds = 0.02;
  for (size_t i = 0; i < plan.target.origins.size(); ++i) {
    if (plan.target.checkpoint.tensors[i].value->is_zero()) continue;
    const auto bytes = static_cast<double>(plan.target.checkpoint.tensors[i].elements()) * 2;
    const bool packs = plan.target.origins[i].kind == Origin::Kind::quantized;
    seconds += bytes / (packs ? quantize_rate : copy_rate);
  }
  return seconds;
}

}  // namespace

std::string dominant_type(const std::vector<Tensor>& tensors) {
  std::map<std::string_view, uint64_t> bytes;
  for (const Tensor& tensor : tensors) bytes[tensor.codec().name] += tensor.bytes();
  const auto it = std::max_element(bytes.begin(), bytes.end(), [](const auto& a, const auto& b) {
    return a.second < b.second;
  });
  return it == bytes.end() ? "" : std::string(it->first);
}

json::Value error_document(const Error& error) {
  return object({{"code", error.code->id},
                 {"kind", kind_name(error.code->kind)},
                 {"exit", exit_code(error.code->kind)},
                 {"message", error.code->meaning},
                 {"file", error.file},
                 {"where", error.where},
                 {"expected", error.expected},
                 {"found", error.found},
                 {"fix", error.fix.empty() ? std::string(error.code->fix) : error.fix}});
}

Report plan_report(const Plan& plan) {
  json::Array mapped, warnings, outputs = outputs_part(plan);
  for (const auto& [from, to] : plan.target.mapped)
    mapped.push_back(object({{"from", from}, {"to", to}}));
  for (const Finding& warning : plan.target.warnings) warnings.push_back(error_document(warning));
  json::Value sizes = sizes_part(plan, outputs);
  Report report = object({{"recast", RECAST_VERSION},
                 {"source", source_part(plan)},
                 {"outputs", std::move(outputs)},
                 {"tensors", tensors_part(plan)},
                 {"types", types_part(plan)},
                 {"sizes", std::move(sizes)},
                 {"optimization", optimization_part(plan)},
                 {"device", "cpu"},
                 {"memory", object({{"peak", plan.peak_bytes()}, {"limit", plan.memory_limit}})},
                 {"disk", disk_part(plan)},
                 {"time", object({{"estimate_s", estimate_seconds(plan)}})},
                 {"kept", array(plan.target.kept)},
                 {"mapped", std::move(mapped)},
                 {"dropped", array(plan.target.dropped)},
                 {"assumptions", array(plan.target.assumptions)},
                 {"notes", array(plan.target.notes)},
                 {"warnings", std::move(warnings)},
                 {"options", given_options(plan.request.options)}});
  if (plan.request.choice) report.set("choice", plan.request.choice->report);
  return report;
}

void add_plan_table(const Plan& plan, Report& report) {
  json::Array inputs, steps;
  for (const auto& [name, file] : plan.source->files)
    inputs.push_back(object({{"path", name},
                             {"bytes", file->size()},
                             {"mtime_ns", file->fingerprint().mtime_ns}}));
  for (const Step& step : plan.steps)
    steps.push_back(object({{"item", plan.items[step.item].name},
                            {"begin", step.begin},
                            {"end", step.end},
                            {"file", plan.layout.files[step.file].name},
                            {"offset", step.offset},
                            {"bytes", step.bytes},
                            {"peak_bytes", step.peak_bytes}}));
  report.set("fingerprint", plan.fingerprint);
  report.set("inputs", std::move(inputs));
  report.set("steps", std::move(steps));
}

void add_run(const Plan& plan, const RunResult& run, const std::vector<Finding>& warnings,
             Report& report) {
  json::Value stages{json::Object{}};
  for (const auto& [stage, seconds] : run.seconds) stages.set(stage_name(stage), seconds);
  report.set("time", object({{"total_s", run.total_s}, {"stages", std::move(stages)}}));
  report.set("memory", object({{"peak", run.peak_memory}, {"limit", plan.memory_limit}}));
  report.set("verification",
             verification_part(plan.request.options.verify, run.verification));
  report.set("tensor_types", tensor_types_part(plan, run.tensor_hashes));
  report.set("fingerprint", plan.fingerprint);
  json::Array list;
  for (const Finding& warning : warnings) list.push_back(error_document(warning));
  report.set("warnings", std::move(list));
  if (run.gain.tensors > 0)
    report.find("optimization")
        ->set("gain", object({{"tensors", run.gain.tensors},
                              {"balanced_rmse", run.gain.balanced},
                              {"rmse", run.gain.aggressive}}));
  for (const std::string& note : run.notes) report.find("notes")->as_array()->emplace_back(note);
  if (run.resumed_steps > 0)
    report.find("notes")->as_array()->emplace_back(
        fmt::format("{} of {} steps were taken over from the journal", run.resumed_steps,
                    plan.steps.size()));
}

}  // namespace recast
