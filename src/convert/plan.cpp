#include "convert/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/checked_math.h"
#include "base/parallel.h"
#include "codec/codecs.h"
#include "convert/carry.h"
#include "convert/choose_types.h"
#include "convert/fake_source.h"
#include "convert/folder_form.h"
#include "convert/keep_split.h"
#include "convert/manifest.h"
#include "convert/modelfile.h"
#include "convert/options.h"
#include "convert/place.h"
#include "convert/prune.h"
#include "model/optimizer.h"
#include "tensor/lazy_ops.h"

namespace recast {

namespace {

// Files of a byte copy: a set gets the names of the source, one file the name asked for.
Layout copy_layout(const Plan& plan) {
  const Checkpoint& source = *plan.source;
  const bool folder = plan.request.to->extension.empty();
  Layout layout;
  layout.kind = folder ? OutputKind::folder : OutputKind::files;
  std::vector<std::pair<std::string, std::shared_ptr<const File>>> files = source.files;
  for (const auto& [name, file] : files) {
    std::string final_name = !folder && files.size() == 1 ? plan.request.write.name : name;
    layout.copies.push_back({layout.files.size(), file});
    layout.files.push_back({std::move(final_name), file->size()});
  }
  return layout;
}

void add_steps(Plan& plan, size_t index) {
  const PlanItem& item = plan.items[index];
  const Codec& codec = item.value->codec();
  const int64_t row = row_length(item.value->shape());
  // Whole rows where they are shorter than a step: a matrix that is turned reads rows at once.
  const auto step_elements =
      static_cast<int64_t>(step_bytes / codec.block_bytes) * codec.block_elements;
  const bool by_rows = row > 0 && (row <= step_elements || item.value->whole_rows());
  int64_t unit = by_rows ? row : codec.block_elements;
  unit = std::max<int64_t>(unit, 1);
  const int64_t per_step = std::max(unit, step_elements / unit * unit);
  for (int64_t at = 0; at < item.value->elements(); at += per_step) {
    const int64_t end = std::min(item.value->elements(), at + per_step);
    const auto slab = static_cast<int64_t>(slab_bytes / codec.block_bytes) * codec.block_elements;
    const int64_t held = std::min(end - at, std::max({slab, unit, item.value->good_read()}));
    plan.steps.push_back({index, at, end, item.file, item.offset + codec.bytes(at),
                          codec.bytes(end - at),
                          codec.bytes(held) + item.value->scratch_bytes(held)});
  }
}

// A file that is copied whole: its tensors as items of their own, so that they are looked at and
// hashed as any other, and the bytes between them.
void add_copy(Plan& plan, const LayoutCopy& copy) {
  struct Part {
    uint64_t offset;
    int tensor;
  };
  std::vector<Part> parts;
  const std::vector<Tensor>& tensors = plan.target.checkpoint.tensors;
  if (plan.target.raw_copy)
    for (size_t t = 0; t < tensors.size(); ++t)
      if (const auto extent = tensors[t].value->extent();
          extent && extent->file == copy.source && extent->bytes > 0)
        parts.push_back({extent->offset, static_cast<int>(t)});
  std::sort(parts.begin(), parts.end(),
            [](const Part& a, const Part& b) { return a.offset < b.offset; });
  uint64_t at = 0;
  const auto add_rest = [&](uint64_t until) {
    if (until <= at) return;
    plan.items.push_back(
        {plan.layout.files[copy.file].name,
         stored(copy.source, at, {static_cast<int64_t>(until - at)}, codec::u8), copy.file, at, -1});
  };
  for (const Part& part : parts) {
    const Tensor& tensor = tensors[static_cast<size_t>(part.tensor)];
    add_rest(part.offset);
    plan.items.push_back({tensor.name, tensor.value, copy.file, part.offset, part.tensor});
    at = part.offset + tensor.bytes();
  }
  add_rest(copy.source->size());
}

void make_items(Plan& plan) {
  for (const LayoutPlace& p : plan.layout.places) {
    const Tensor& tensor = plan.target.checkpoint.tensors[p.tensor];
    plan.items.push_back(
        {tensor.name, tensor.value, p.file, p.offset, static_cast<int>(p.tensor)});
  }
  for (const LayoutCopy& c : plan.layout.copies) add_copy(plan, c);
  for (size_t i = 0; i < plan.items.size(); ++i) {
    const PlanItem& item = plan.items[i];
    if (item.value->is_zero())
      plan.layout.files[item.file].hole_bytes += item.value->bytes();
    else
      add_steps(plan, i);
  }
}

std::string input_line(const std::string& name, const File& file) {
  const Fingerprint f = file.fingerprint();
  return fmt::format("{} {} {}\n", name, f.size, f.mtime_ns);
}

std::string plan_fingerprint(const Plan& plan) {
  std::string text = fmt::format("recast {}\n", RECAST_VERSION);
  for (const auto& [name, file] : plan.source->files) text += input_line(name, *file);
  text += header_fingerprint(*plan.source) + "\n";
  const Request& request = plan.request;
  text += fmt::format("{} to {}\n{}\n", request.from->name, request.to->name,
                      json::write(acting_options(request)));
  text += fmt::format("{}\n{}\n", request.options.model_config, request.options.tokenizer);
  if (request.imatrix_file) text += input_line(request.options.imatrix, *request.imatrix_file);
  for (const OutputFileSpec& file : plan.layout.files)
    text += fmt::format("{} {}\n", file.name, file.bytes);
  return xxh3_128(std::as_bytes(std::span(text))).hex();
}

}  // namespace

uint64_t Plan::output_bytes() const {
  uint64_t sum = 0;
  for (const OutputFileSpec& file : layout.files) sum += file.bytes;
  return sum;
}

uint64_t Plan::peak_bytes() const {
  std::vector<uint64_t> peaks;
  for (const Step& step : steps) peaks.push_back(step.peak_bytes);
  const size_t n = std::min(peaks.size(), static_cast<size_t>(threads));
  std::partial_sort(peaks.begin(), peaks.begin() + static_cast<long>(n), peaks.end(),
                    std::greater<>());
  uint64_t sum = 0;
  for (size_t i = 0; i < n; ++i) sum += peaks[i];
  // A step above the limit runs alone; the others share the limit.
  if (sum > memory_limit && !peaks.empty()) sum = std::max(memory_limit, peaks.front());
  for (const LayoutPiece& piece : layout.pieces) sum += piece.bytes.size();
  return sum;
}

uint64_t Plan::hole_bytes() const {
  uint64_t sum = 0;
  for (const OutputFileSpec& file : layout.files) sum += file.hole_bytes;
  return sum;
}

std::string Plan::path_of(size_t file) const {
  const std::string base = folder == "." ? "" : folder == "/" ? "/" : folder + "/";
  if (layout.kind == OutputKind::folder) return base + name + "/" + layout.files[file].name;
  return base + layout.files[file].name;
}

Plan make_plan(const ConvertOptions& options, Progress& progress) {
  progress.begin(Stage::load, 0);
  Plan plan{.request = resolve(options)};
  const Request& request = plan.request;
  progress.note(fmt::format("{}: {} ({})", printable(options.source), request.from->name,
                            request.evidence));
  plan.threads = options.threads > 0 ? options.threads : default_threads();
  plan.memory_limit = options.memory > 0 ? options.memory : default_memory_limit();
  plan.source = std::make_shared<Checkpoint>(
      options.fake_weight ? read_fake_source(plan.request)
                          : request.from->read(request.source, request.read));
  if (!request.pruned.empty()) prune_layers(*plan.source, request.pruned);
  if (!options.source_name.empty()) plan.source->name = options.source_name;
  progress.end(Stage::load);
  if (request.chooses_types())
    plan.request.choice = std::make_shared<const TypeChoice>(
        choose_types(request, *plan.source, plan.threads, progress));
  else
    progress.begin(Stage::transform, 0);
  plan.target = assemble(request, *plan.source);
  keep_split(plan);
  plan.form = find_folder_form(options.layout);
  place(plan);
  plan.layout = plan.target.raw_copy ? copy_layout(plan)
                                     : request.to->lay_out(plan.target.checkpoint, plan.request.write);
  check_form(plan);
  make_items(plan);
  add_modelfile(plan);
  add_form_documents(plan);
  plan.fingerprint = plan_fingerprint(plan);
  if (options.manifest) add_manifest(plan);
  if (plan.layout.kind == OutputKind::folder) {
    plan.paths.push_back(plan.folder == "." ? plan.name : plan.folder + "/" + plan.name);
  } else {
    for (size_t i = 0; i < plan.layout.files.size(); ++i)
      if (plan.manifest_file < 0 || static_cast<int>(i) < plan.manifest_file)
        plan.paths.push_back(plan.path_of(i));
  }
  if (plan.form && plan.form->note) plan.target.notes.push_back(plan.form->note(plan));
  const std::vector<Finding>& seen = plan.source->warnings;
  if (options.allow_unsafe_pickle &&
      std::none_of(seen.begin(), seen.end(),
                   [](const Finding& f) { return f.code == &codes::foreign_classes; }))
    plan.request.warnings.push_back(
        Error(codes::option_no_effect,
              {.where = "--allow-unsafe-pickle", .found = "no weights in foreign objects"}));
  if (options.keep_optimizer && std::none_of(plan.source->tensors.begin(),
                                             plan.source->tensors.end(), is_optimizer_tensor))
    plan.request.warnings.push_back(
        Error(codes::option_no_effect,
              {.where = "--keep-optimizer", .found = "the source holds no tensors of optimizers"}));
  for (Finding& warning : plan.request.warnings) add_warning(plan.target.warnings, warning);
  progress.end(Stage::transform);
  return plan;
}

OutputOptions output_options(const Plan& plan) {
  const ConvertOptions& o = plan.request.options;
  OutputOptions out;
  out.kind = plan.layout.kind;
  out.folder = plan.folder;
  out.name = plan.layout.kind == OutputKind::folder ? plan.name : plan.layout.files.front().name;
  out.files = plan.layout.files;
  out.force = o.force;
  out.make_folders = o.mkdir || plan.makes_folders;
  out.follow_links = o.follow;
  out.skip_disk_check = o.skip_disk_check;
  for (const auto& [name, file] : plan.source->files) {
    out.inputs.push_back(file->fingerprint());
    out.input_names.push_back(file->name());
  }
  for (const std::string& option_file : {o.model_config, o.fake_weight_config, o.apply})
    if (!option_file.empty()) {
      out.inputs.push_back(open_file(option_file)->fingerprint());
      out.input_names.push_back(option_file);
    }
  if (const auto& matrix = plan.request.imatrix_file) {
    out.inputs.push_back(matrix->fingerprint());
    out.input_names.push_back(matrix->name());
  }
  const uint64_t written = plan.output_bytes() - plan.hole_bytes();
  out.journal = o.journal.has_value() || written > (uint64_t{1} << 30);
  if (o.journal) out.journal_batch_bytes = *o.journal;
  out.restart = o.restart;
  out.demand_journal = o.resume;
  out.plan_fingerprint = plan.fingerprint;
  return out;
}

}  // namespace recast
