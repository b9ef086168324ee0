#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/memory_budget.h"
#include "base/parallel.h"
#include "convert/carry.h"
#include "convert/describe.h"
#include "quantize/difference.h"
#include "convert/match.h"
#include "convert/quantize_options.h"
#include "convert/report.h"
#include "recast/inspect.h"

namespace recast {

namespace {

json::Value number(std::optional<double> value) {
  return value ? json::Value(*value) : json::Value(nullptr);
}

json::Value shape_document(const Shape& shape) {
  json::Array out;
  for (const int64_t extent : shape) out.emplace_back(extent);
  return out;
}

json::Array lone_documents(const std::vector<Lone>& lone) {
  json::Array out;
  for (const Lone& one : lone) {
    json::Value row = object({{"name", one.name}});
    if (!one.why.empty()) row.set("why", one.why);
    out.push_back(std::move(row));
  }
  return out;
}

uint64_t weight_bytes(const Checkpoint& model) {
  uint64_t bytes = 0;
  for (const Tensor& tensor : model.tensors) bytes += tensor.bytes();
  return bytes;
}

json::Value side_document(const ComparedModel& side) {
  uint64_t weights = 0, file_bytes = 0;
  for (const Tensor& tensor : side.model.tensors) weights += static_cast<uint64_t>(tensor.elements());
  for (const auto& [name, file] : side.model.files) file_bytes += file->size();
  const double bits = 8.0 * static_cast<double>(weight_bytes(side.model));
  return object({{"path", side.path},
                 {"format", side.detection.format->name},
                 {"architecture", side.known.arch ? side.known.arch->name : ""},
                 {"type", dominant_type(side.model.tensors)},
                 {"parameters", weights},
                 {"bytes", file_bytes},
                 {"header", header_fingerprint(side.model)},
                 {"bits_per_weight", weights ? bits / static_cast<double>(weights) : 0.0}});
}

// The numbers of one tensor or of all.
void set_numbers(json::Value& row, const Difference& d, bool weighted) {
  row.set("weights", d.weights);
  row.set("relative_rmse", number(d.relative_rmse()));
  row.set("max_abs_error", d.largest);
  row.set("cosine", number(d.cosine()));
  row.set("sqnr_db", number(d.sqnr_db()));
  if (weighted) row.set("weighted_relative_rmse", number(d.weighted_relative_rmse()));
  row.set("nonfinite", d.nonfinite);
  row.set("lost", d.lost);
}

// What is over at once needs no bar.
constexpr uint64_t shown_above_bytes = uint64_t{1} << 28;

// Compares what was matched and fills the document.
class Comparison {
 public:
  Comparison(const ErrorsOptions& options, const ComparedModel& a, const ComparedModel& b,
             Match match)
      : options_(options), a_(a), b_(b), match_(std::move(match)) {
    for (const Tensor& tensor : a.model.tensors) types_a_[tensor.name] = tensor.codec().name;
    for (const Tensor& tensor : b.model.tensors) types_b_[tensor.name] = tensor.codec().name;
    if (options.imatrix.empty()) return;
    importance_ = read_importance(open_source(options.imatrix), options.imatrix, {});
    if (!match_.arch) return;
    for (const auto& group : match_.arch->tensors)
      for (const TensorRow& row : group) rows_.emplace(row.role, &row);
  }

  json::Value run(Progress& progress, std::stop_token stop) {
    for (Pair& pair : match_.pairs) sort(std::move(pair));
    if (comparands_.empty()) refuse();
    if (importance_ && weighted_ == 0)
      fail(codes::imatrix_mismatch, {.where = "--imatrix",
                                     .expected = "an entry for some tensor of the models",
                                     .found = fmt::format("{} entries, none of these names",
                                                          importance_->entries.size()),
                                     .file = options_.imatrix});
    const std::vector<Difference> found = measure(progress, stop);
    json::Array tensors;
    Difference total;
    for (size_t i = 0; i < found.size(); ++i) {
      total.add(found[i]);
      tensors.push_back(tensor_row(compared_[i], found[i], comparands_[i].importance != nullptr));
    }
    json::Value sum = object({{"tensors", static_cast<int64_t>(found.size())}});
    set_numbers(sum, total, importance_.has_value());
    json::Value out = object({{"recast", RECAST_VERSION},
                              {"reference", side_document(a_)},
                              {"compared", side_document(b_)},
                              {"paired_by", match_.by_role ? "role" : "name"},
                              {"total", std::move(sum)},
                              {"tensors", std::move(tensors)},
                              {"only_reference", lone_documents(match_.only_a)},
                              {"only_compared", lone_documents(match_.only_b)},
                              {"shape_differs", std::move(shapes_)},
                              {"not_comparable", std::move(others_)}});
    if (!match_.note.empty()) out.set("note", match_.note);
    if (importance_)
      out.set("imatrix", object({{"path", options_.imatrix},
                                 {"dataset", importance_->dataset},
                                 {"weighted", weighted_}}));
    return out;
  }

 private:
  std::vector<Difference> measure(Progress& progress, std::stop_token stop) const {
    DifferenceRun run{.threads = options_.threads > 0 ? options_.threads : default_threads(),
                      .memory = default_memory_limit(),
                      .stop = std::move(stop)};
    uint64_t bytes = 0;
    for (const Comparand& c : comparands_) bytes += c.a->bytes() + c.b->bytes();
    if (bytes < shown_above_bytes) return differences(comparands_, run);
    run.advance = [&](size_t i, uint64_t n) {
      progress.advance(Stage::validate, n, compared_[i].name);
    };
    progress.begin(Stage::validate, bytes);
    std::vector<Difference> found = differences(comparands_, run);
    progress.end(Stage::validate);
    return found;
  }

  static std::string text_of_shape(const json::Value& row) {
    return fmt::format("{}: {} here, {} there", printable(*row.find("name")->as_string()),
                       json::write(*row.find("reference_shape")), json::write(*row.find("shape")));
  }

  [[noreturn]] void refuse() const {
    const auto first = [](const std::vector<Lone>& lone) {
      return lone.empty() ? std::string("nothing") : tensor_where(lone.front().name);
    };
    fail(codes::no_counterpart,
         {.where = fmt::format("{} and {}", printable(a_.path), printable(b_.path)),
          .expected = "tensors of one shape in both",
          .found = shapes_.empty()
                       ? fmt::format("{} here, {} there", first(match_.only_a),
                                     first(match_.only_b))
                       : fmt::format("another shape of {}", text_of_shape(shapes_.front())),
          .file = b_.path});
  }

  json::Value named(const Pair& pair) const {
    json::Value row = object({{"name", pair.name}});
    if (pair.reference != pair.name) row.set("reference", pair.reference);
    const RolePlace place = role_place(pair.role, pair.name);
    row.set("role", place.role);
    if (place.layer >= 0) row.set("layer", place.layer);
    return row;
  }

  // Types as they stand in the files: a rule may compute in another one.
  void set_types(json::Value& row, const Pair& pair) const {
    const auto type = [](const Types& types, const std::string& name, const Value& value) {
      const auto it = types.find(name);
      return it == types.end() ? value.codec().name : it->second;
    };
    row.set("reference_type", type(types_a_, pair.reference, *pair.source));
    row.set("type", type(types_b_, pair.name, *pair.target));
  }

  void sort(Pair pair) {
    if (pair.source->shape() != pair.target->shape()) {
      json::Value row = named(pair);
      row.set("reference_shape", shape_document(pair.source->shape()));
      row.set("shape", shape_document(pair.target->shape()));
      shapes_.push_back(std::move(row));
    } else if (!pair.source->codec().decode || !pair.target->codec().decode) {
      json::Value row = named(pair);
      set_types(row, pair);
      others_.push_back(std::move(row));
    } else {
      ImportanceValues importance = importance_for(pair);
      weighted_ += importance != nullptr;
      comparands_.push_back({pair.source, pair.target, std::move(importance)});
      compared_.push_back(std::move(pair));
    }
  }

  // Importance is of the names that a GGUF has.
  ImportanceValues importance_for(const Pair& pair) const {
    if (!importance_) return nullptr;
    if (!pair.role) return importance_of(*importance_, pair.name, pair.target->shape());
    const auto row = rows_.find(pair.role->role);
    if (row == rows_.end()) return nullptr;
    const std::string name = native_name(*row->second, Convention::gguf, *pair.role);
    return importance_of(*importance_, name, pair.target->shape());
  }

  json::Value tensor_row(const Pair& pair, const Difference& d, bool weighted) const {
    json::Value row = named(pair);
    row.set("shape", shape_document(pair.target->shape()));
    set_types(row, pair);
    set_numbers(row, d, weighted);
    return row;
  }

  using Types = std::map<std::string_view, std::string_view>;

  const ErrorsOptions& options_;
  const ComparedModel &a_, &b_;
  Match match_;
  Types types_a_, types_b_;
  std::optional<Importance> importance_;
  std::map<Role, const TensorRow*> rows_;
  std::vector<Comparand> comparands_;
  std::vector<Pair> compared_;
  json::Array shapes_, others_;
  int64_t weighted_ = 0;
};

}  // namespace

json::Value inspect_errors(const ErrorsOptions& options, Progress& progress,
                           std::stop_token stop) {
  const ComparedModel a = open_compared(options.reference, options.from);
  const ComparedModel b = open_compared(options.compared, "");
  json::Value out = Comparison(options, a, b, match(a, b)).run(progress, std::move(stop));
  json::Array warnings;
  for (const ComparedModel* side : {&a, &b})
    for (const auto* list : {&side->detection.warnings, &side->model.warnings})
      for (const Finding& warning : *list) warnings.push_back(error_document(warning));
  out.set("warnings", std::move(warnings));
  return out;
}

}  // namespace recast
