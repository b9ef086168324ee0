#include "recast/convert.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <chrono>
#include <ctime>

#include "convert/execute.h"
#include "convert/folder_form.h"
#include "convert/gain.h"
#include "convert/manifest.h"
#include "convert/memory_watch.h"
#include "convert/options.h"
#include "convert/plan.h"
#include "convert/report.h"
#include "convert/verify.h"
#include "io/system.h"

namespace recast {

namespace {

using Clock = std::chrono::steady_clock;

// Options of a stored plan, which the same command made; what is given beside --apply wins.
struct StoredPlan {
  ConvertOptions options;
  std::string fingerprint;
  std::string tables;  // inputs and steps, as text
};

// The parts of a plan that nobody may edit.
std::string tables_of(const json::Value& document) {
  std::string text;
  for (const char* key : {"inputs", "steps"})
    if (const json::Value* table = document.find(key)) text += json::write(*table);
  return text;
}

StoredPlan read_plan(const ConvertOptions& given) {
  const auto file = open_file(given.apply);
  const json::Value document = json::parse_file(*file, {.file = given.apply});
  const json::Value* options = document.find("options");
  const json::Value* fingerprint = document.find("fingerprint");
  const json::Value* source = document.find("source");
  const json::Value* path = source ? source->find("path") : nullptr;
  if (!options || !options->is_object() || !fingerprint || !fingerprint->as_string() || !path ||
      !path->as_string())
    fail(codes::not_a_plan, {.expected = "options, fingerprint and source", .file = given.apply});
  StoredPlan plan{.fingerprint = *fingerprint->as_string(), .tables = tables_of(document)};
  plan.options.source = *path->as_string();
  for (const auto& [name, value] : *options->as_object()) {
    const OptionRow* row = find_option(name);
    if (row && name != "plan" && name != "dry-run") set_stored_option(plan.options, *row, value);
  }
  for (const auto& [name, value] : given.given)
    if (const OptionRow* row = find_option(name); row && name != "apply")
      set_option(plan.options, *row, value);
  if (!given.output.empty()) plan.options.output = given.output;
  return plan;
}

Plan planned(const ConvertOptions& options, Progress& progress) {
  set_max_retries(options.max_retries);
  if (options.apply.empty()) return make_plan(options, progress);
  const StoredPlan stored = read_plan(options);
  Plan plan = make_plan(stored.options, progress);
  if (plan.fingerprint != stored.fingerprint)
    fail(codes::plan_stale, {.expected = "the inputs, options and version of the plan, " +
                                         stored.fingerprint,
                             .found = plan.fingerprint,
                             .file = options.apply});
  Report now = plan_report(plan);
  add_plan_table(plan, now);
  if (tables_of(now) != stored.tables)
    fail(codes::plan_stale, {.where = "inputs and steps",
                             .expected = "the tables that --plan stored",
                             .found = "others under the same fingerprint",
                             .file = options.apply});
  return plan;
}

void check_memory(const Plan& plan) {
  uint64_t largest = 0;
  for (const Step& step : plan.steps) largest = std::max(largest, step.peak_bytes);
  if (largest > plan.memory_limit)
    fail(codes::memory_short, {.where = "--memory",
                               .expected = fmt::format("at least {} bytes", largest),
                               .found = fmt::format("{}", plan.memory_limit)});
}

// Every refusal that planning can see beside those that end it.
std::vector<Error> further_refusals(const Plan& plan) {
  std::vector<Error> out;
  const auto attempt = [&](auto&& check) {
    try {
      check();
    } catch (const Error& error) {
      out.push_back(error);
    }
  };
  attempt([&] { Output::check(output_options(plan)); });
  attempt([&] { check_memory(plan); });
  return out;
}

Report refused(const ConvertOptions& options, const Error& error) {
  Report report{json::Object{}};
  report.set("recast", RECAST_VERSION);
  json::Value source{json::Object{}};
  source.set("path", options.source);
  source.set("format", "");
  source.set("evidence", "");
  source.set("bytes", 0);
  report.set("source", source);
  for (const char* key : {"outputs", "kept", "mapped", "dropped", "assumptions", "notes",
                          "warnings"})
    report.set(key, json::Array{});
  for (const char* key : {"types", "time"}) report.set(key, json::Object{});
  json::Value tensors{json::Object{}}, memory{json::Object{}}, disk{json::Object{}};
  for (const char* key : {"total", "copied", "converted", "quantized"}) tensors.set(key, 0);
  memory.set("limit", 0);
  disk.set("needed", 0);
  report.set("tensors", tensors);
  report.set("memory", memory);
  report.set("disk", disk);
  json::Array refusals{error_document(error)};
  for (const Error& more : error.more) refusals.push_back(error_document(more));
  report.set("refusals", std::move(refusals));
  return report;
}

std::string utc_now() {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
}

void warn_of_losses(const Plan& plan, const Execution& execution, std::vector<Finding>& warnings,
                    Progress& progress) {
  const auto warn = [&](const ErrorCode& code, const PlanItem& item, std::string found) {
    // The file that is blamed is the source, so the tensor is called what it is called there.
    const auto& sources = plan.target.origins[static_cast<size_t>(item.tensor)].sources;
    const std::string& name = sources.size() == 1 ? sources.front() : item.name;
    Error warning(code, {.where = tensor_where(name), .found = std::move(found),
                         .file = plan.request.options.source});
    progress.warn(warning);
    warnings.push_back(std::move(warning));
  };
  for (size_t i = 0; i < plan.items.size(); ++i) {
    const FloatCensus& c = execution.losses[i];
    const PlanItem& item = plan.items[i];
    if (item.tensor < 0) continue;
    if (c.nan + c.infinite > 0)
      warn(codes::nonfinite_values, item, fmt::format("{} NaN, {} infinite", c.nan, c.infinite));
    const bool is_float = item.value->codec().kind == CodecKind::floating;
    if (c.overflow > 0 && is_float)
      warn(codes::overflow_clamped, item,
           fmt::format("{} values ({}), the first {}", c.overflow,
                       plan.request.options.allow_overflow == "clamp"
                           ? fmt::format("now {}", item.value->codec().max_finite)
                           : "now infinite",
                       c.first_overflow_value));
    if (c.underflow > 0 && is_float)
      warn(codes::underflow, item,
           fmt::format("{} {}", c.underflow, c.underflow == 1 ? "value" : "values"));
  }
}

// blocks whose bytes are not the reference's, because it would lose them.
std::vector<std::string> mended_blocks(const Plan& plan, const Execution& execution) {
  std::vector<std::string> notes;
  for (size_t i = 0; i < plan.items.size(); ++i)
    if (const uint64_t n = execution.losses[i].mended; n > 0)
      notes.push_back(fmt::format("{}: {} {} of {} written right that the reference corrupts",
                                  plan.items[i].name, n, n == 1 ? "block" : "blocks",
                                  plan.items[i].value->codec().name));
  return notes;
}

// The run of a plan, from the lock to the rename.
class Run {
 public:
  Run(const Plan& plan, Progress& progress, std::stop_token stop)
      : plan_(plan), progress_(progress), stop_(stop), warnings_(plan.target.warnings) {}

  Report operator()() {
    const auto started = Clock::now();
    RunFacts facts{.started = utc_now()};
    MemoryWatch memory;
    check_memory(plan_);
    for (const Finding& warning : warnings_) progress_.warn(warning);
    std::unique_ptr<Output> output = Output::open(output_options(plan_));
    for (const std::string& note : output->notes()) progress_.note(note);
    for (const Finding& warning : output->warnings()) {
      progress_.warn(warning);
      warnings_.push_back(warning);
    }
    auto mark = Clock::now();
    const auto lap = [&] {
      const double s = std::chrono::duration<double>(Clock::now() - mark).count();
      mark = Clock::now();
      return s;
    };
    const Execution execution = execute(plan_, *output, progress_, stop_);
    result_.resumed_steps = execution.resumed_steps;
    result_.seconds[Stage::quantize] = execution.quantize_s;
    result_.seconds[Stage::convert] = execution.convert_s;
    lap();
    output->sync();
    progress_.end(Stage::save);
    result_.seconds[Stage::save] = execution.save_s + lap();
    finish(execution, facts, *output, memory, started);
    name_form_files(plan_, sealed_, *output);
    output->commit();
    progress_.end(Stage::validate);
    result_.seconds[Stage::validate] = lap();
    result_.total_s = std::chrono::duration<double>(Clock::now() - started).count();
    result_.peak_memory = memory.peak();
    Report report = plan_report(plan_);
    add_run(plan_, result_, warnings_, report);
    return report;
  }

 private:
  // Everything between the sync and the rename: read back, sums, verification, manifest.
  void finish(const Execution& execution, RunFacts& facts, Output& output, MemoryWatch& memory,
              Clock::time_point started) {
    const std::vector<Hash128> hashes = read_back(plan_, execution, output, progress_);
    keep_tensor_hashes(hashes);
    write_sums(output);
    result_.verification = verify(plan_, output);
    warn_of_coarse();
    result_.notes = mended_blocks(plan_, execution);
    result_.gain = measure_gain(plan_);
    if (result_.gain.tensors > 0)
      result_.notes.push_back(fmt::format(
          "aggressive: relative RMSE {:.5f}, balanced would have {:.5f} ({:.1f} % less; by a sample)",
          result_.gain.aggressive, result_.gain.balanced,
          100 * (1 - result_.gain.aggressive / std::max(result_.gain.balanced, 1e-30))));
    for (const std::string& note : result_.notes) progress_.note(note);
    warn_of_losses(plan_, execution, warnings_, progress_);
    for (const auto& [name, file] : plan_.source->files) file->check_unchanged();
    facts.seconds = std::chrono::duration<double>(Clock::now() - started).count();
    facts.peak_memory = memory.peak();
    sealed_ = seal_form(plan_, output);
    write_manifest(plan_, hashes, facts, sealed_, output, execution.source_hashes);
    if (plan_.manifest_file >= 0 || plan_.first_document >= 0 || !plan_.layout.sums.empty())
      output.sync();
    if (stop_.stop_requested()) {
      output.keep_for_resume();
      fail(codes::stopped, {.found = "every step is done; the files are not in place yet"});
    }
  }

  void keep_tensor_hashes(const std::vector<Hash128>& of_items) {
    result_.tensor_hashes.resize(plan_.target.checkpoint.tensors.size());
    for (size_t i = 0; i < plan_.items.size(); ++i)
      if (plan_.items[i].tensor >= 0)
        result_.tensor_hashes[static_cast<size_t>(plan_.items[i].tensor)] = of_items[i];
  }

  void warn_of_coarse() {
    for (const Verification::Entry& entry : result_.verification.entries) {
      if (!entry.coarse) continue;
      Error warning(codes::type_too_coarse,
                    {.where = tensor_where(entry.name),
                     .found = fmt::format("a relative RMSE of {:.3g} in {}", entry.relative_rmse,
                                          entry.to->name),
                     .file = plan_.request.options.source});
      progress_.warn(warning);
      warnings_.push_back(std::move(warning));
    }
  }

  void write_sums(Output& output) {
    for (const LayoutSum& sum : plan_.layout.sums) {
      const std::string hex = result_.tensor_hashes[sum.tensor].hex();
      output.write_at(sum.file, sum.offset, std::as_bytes(std::span(hex)));
    }
  }

  const Plan& plan_;
  Progress& progress_;
  std::stop_token stop_;
  std::vector<Finding> warnings_;
  RunResult result_;
  SealedFiles sealed_;
};

}  // namespace

Report plan(const ConvertOptions& options, Progress& progress) {
  try {
    const Plan plan = planned(options, progress);
    Report report = plan_report(plan);
    json::Array refusals;
    for (const Error& error : further_refusals(plan)) refusals.push_back(error_document(error));
    report.set("refusals", std::move(refusals));
    add_plan_table(plan, report);
    for (const Finding& warning : plan.target.warnings) progress.warn(warning);
    return report;
  } catch (const Error& error) {
    if (!options.dry_run) throw;
    return refused(options, error);
  }
}

Report convert(const ConvertOptions& options, Progress& progress, std::stop_token stop,
               const std::function<void(const Report&)>& tell) {
  const auto started = Clock::now();
  const Plan plan = planned(options, progress);
  if (tell) tell(plan_report(plan));
  const double load = std::chrono::duration<double>(Clock::now() - started).count();
  Report report = Run(plan, progress, stop)();
  json::Value* time = report.find("time");
  time->find("stages")->set("load", load);
  time->set("total_s", std::chrono::duration<double>(Clock::now() - started).count());
  return report;
}

}  // namespace recast
