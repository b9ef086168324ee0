#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "arch/facts.h"
#include "arch/recognise.h"
#include "base/memory_budget.h"
#include "base/parallel.h"
#include "convert/carry.h"
#include "convert/describe.h"
#include "convert/difference.h"
#include "convert/pairs.h"
#include "convert/quantize_options.h"
#include "convert/report.h"
#include "formats/detect.h"
#include "model/optimizer.h"
#include "recast/inspect.h"

namespace recast {

namespace {

// One of the two models.
struct Model {
  std::string path;
  std::shared_ptr<const Source> source;
  Detection detection;
  Checkpoint model;
  Recognition known;
};

Model open_side(const std::string& path, const std::string& from) {
  Model side{.path = path, .source = open_source(path, ReadMode::mapped)};
  side.detection = detect(*side.source, from);
  side.model = side.detection.format->read(side.source, {});
  std::erase_if(side.model.tensors, is_optimizer_tensor);
  side.known = recognise(side.model, "");
  return side;
}

// The family of both. A GGUF calls families that its runtime computes alike by one name, so the other
// side may know better. Null: none is known. Throws other_architecture.
const Architecture* common_architecture(const Model& a, const Model& b) {
  const Architecture *first = a.known.arch, *second = b.known.arch;
  if (!first || !second || first == second) return first ? first : second;
  if (first->gguf.empty() || first->gguf != second->gguf)
    fail(codes::other_architecture,
         {.where = b.known.evidence,
          .expected = fmt::format("{}, as {} is", first->name, printable(a.path)),
          .found = std::string(second->name),
          .file = b.path});
  return a.model.convention == Convention::gguf ? second : first;
}

ModelFacts facts_of(const Model& side, const Architecture& arch) {
  std::vector<Finding> ignored;
  if (side.model.convention == Convention::hf)
    return facts_from_config(arch, language_config(side.model.config), side.model.config_file,
                             ignored);
  const json::Value carried = beyond_gguf(restore_config(side.model.metadata), arch);
  return facts_from_gguf(arch, side.model, carried, ignored);
}

// What one model has and the other has not, with the reason where there is one.
struct Lone {
  std::string name, why;
};

struct Match {
  std::vector<Pair> pairs;
  std::vector<Lone> only_a, only_b;
  const Architecture* arch = nullptr;
  bool by_role = false;
  std::string note;  // why not by role
};

// What a way through the roles leaves over.
std::map<std::string, std::string> leftovers(const Canonical& canonical) {
  std::map<std::string, std::string> out;
  for (const Canonical::Dropped& dropped : canonical.dropped) out[dropped.name] = dropped.rule;
  for (const std::string& name : canonical.other_modalities)
    out[name] = "no part of the language model";
  for (const std::string& name : canonical.unknown) out[name] = "no role in the architecture";
  return out;
}

Match match_by_role(const Model& a, const Model& b, const Architecture& arch) {
  // A file of bare weights is what the other side says.
  const Model& stating = has_own_facts(a.model) ? a : b;
  std::vector<Finding> ignored;
  const ModelFacts facts_a = facts_of(stating, arch);
  const ModelFacts facts_b = has_own_facts(b.model) ? facts_of(b, arch) : facts_a;
  const Canonical from = held_by(to_canonical(a.model, facts_a, ignored), b.model.convention);
  const Canonical to = held_by(to_canonical(b.model, facts_b, ignored), a.model.convention);
  Pairing pairing = pair_by_role(from, to);
  Match out{.pairs = std::move(pairing.pairs), .arch = &arch, .by_role = true};
  for (const Pairing::Single& single : pairing.only_source)
    out.only_a.push_back({single.name, "nothing of this role"});
  for (const Pairing::Single& single : pairing.only_target)
    out.only_b.push_back({single.name, "nothing of this role"});
  const auto rest_a = leftovers(from), rest_b = leftovers(to);
  const bool one_convention = a.model.convention == b.model.convention;
  for (const auto& [name, why] : rest_a) {
    const Tensor *left = a.model.find(name), *right = b.model.find(name);
    if (one_convention && left && right && rest_b.contains(name))
      out.pairs.push_back({name, name, {}, left->value, right->value});
    else
      out.only_a.push_back({name, why});
  }
  for (const auto& [name, why] : rest_b)
    if (!one_convention || !rest_a.contains(name)) out.only_b.push_back({name, why});
  return out;
}

Match match_by_name(const Model& a, const Model& b, const Architecture* arch, std::string note) {
  Pairing pairing = pair_by_name(a.model.tensors, b.model.tensors);
  Match out{.pairs = std::move(pairing.pairs), .arch = arch, .note = std::move(note)};
  for (Pairing::Single& single : pairing.only_source) out.only_a.push_back({single.name, ""});
  for (Pairing::Single& single : pairing.only_target) out.only_b.push_back({single.name, ""});
  return out;
}

// By role wherever both models fit their architecture. Two of one convention may also be compared
// when they do not: names are enough then.
Match match(const Model& a, const Model& b) {
  const Architecture* arch = common_architecture(a, b);
  const bool one_convention = a.model.convention == b.model.convention;
  if (one_convention && !arch) return match_by_name(a, b, nullptr, "no architecture is known");
  if (one_convention && !has_own_facts(a.model) && !has_own_facts(b.model))
    return match_by_name(a, b, arch, "no config says what the tensors are");
  if (!arch) arch = require_architecture(a.model, "").arch;
  if (!one_convention) return match_by_role(a, b, *arch);
  try {
    return match_by_role(a, b, *arch);
  } catch (const Error& error) {
    return match_by_name(a, b, arch, error.what());
  }
}

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

json::Value side_document(const Model& side) {
  uint64_t weights = 0, file_bytes = 0;
  std::map<std::string_view, uint64_t> bytes;
  for (const Tensor& tensor : side.model.tensors) {
    weights += static_cast<uint64_t>(tensor.elements());
    bytes[tensor.codec().name] += tensor.bytes();
  }
  for (const auto& [name, file] : side.model.files) file_bytes += file->size();
  const auto most = std::max_element(bytes.begin(), bytes.end(), [](const auto& x, const auto& y) {
    return x.second < y.second;
  });
  const double bits = 8.0 * static_cast<double>(weight_bytes(side.model));
  return object({{"path", side.path},
                 {"format", side.detection.format->name},
                 {"architecture", side.known.arch ? side.known.arch->name : ""},
                 {"type", most == bytes.end() ? std::string_view() : most->first},
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

// Compares what was matched and fills the document.
class Comparison {
 public:
  Comparison(const ErrorsOptions& options, const Model& a, const Model& b, Match match)
      : options_(options), a_(a), b_(b), match_(std::move(match)) {
    for (const Tensor& tensor : a.model.tensors) types_a_[tensor.name] = tensor.codec().name;
    for (const Tensor& tensor : b.model.tensors) types_b_[tensor.name] = tensor.codec().name;
    if (options.imatrix.empty()) return;
    importance_ = read_importance(open_source(options.imatrix), options.imatrix, {});
    if (!match_.arch) return;
    for (const auto& group : match_.arch->tensors)
      for (const TensorRow& row : group) rows_.emplace(row.role, &row);
  }

  json::Value run() {
    for (Pair& pair : match_.pairs) sort(std::move(pair));
    if (comparands_.empty()) refuse();
    const int threads = options_.threads > 0 ? options_.threads : default_threads();
    const auto found = differences(comparands_, threads, default_memory_limit());
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
  [[noreturn]] void refuse() const {
    const auto first = [](const std::vector<Lone>& lone) {
      return lone.empty() ? std::string("nothing") : tensor_where(lone.front().name);
    };
    fail(codes::no_counterpart,
         {.where = fmt::format("{} and {}", printable(a_.path), printable(b_.path)),
          .expected = fmt::format("tensors of one shape in both ({} shapes differ)",
                                  shapes_.size()),
          .found = fmt::format("{} here, {} there", first(match_.only_a), first(match_.only_b)),
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
  const Model &a_, &b_;
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

json::Value inspect_errors(const ErrorsOptions& options) {
  const Model a = open_side(options.reference, options.from), b = open_side(options.compared, "");
  json::Value out = Comparison(options, a, b, match(a, b)).run();
  json::Array warnings;
  for (const Model* side : {&a, &b})
    for (const auto* list : {&side->detection.warnings, &side->model.warnings})
      for (const Finding& warning : *list) warnings.push_back(error_document(warning));
  out.set("warnings", std::move(warnings));
  return out;
}

}  // namespace recast
