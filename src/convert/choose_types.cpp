#include "convert/choose_types.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cmath>

#include "base/parallel.h"
#include "convert/assemble.h"
#include "convert/keep_split.h"
#include "convert/quantize_options.h"
#include "quantize/choose.h"
#include "quantize/sensitivity.h"

namespace recast {

namespace {

// Enough for an error that is known to about a hundredth.
constexpr int64_t sampled_weights = int64_t{1} << 18;
// Points of the curve in the report, and how finely they are sought.
constexpr int curve_points = 16;
constexpr size_t curve_units = 1 << 12;

// What the target counts: bytes of the files, or bits of the tensors.
struct Size {
  uint64_t files = 0, tensors = 0;
  int64_t weights = 0;

  double bits() const {
    return 8 * static_cast<double>(tensors) / static_cast<double>(std::max<int64_t>(1, weights));
  }
};

class Chooser {
 public:
  Chooser(const Request& request, const Checkpoint& source, int threads, Progress& progress)
      : request_(request),
        options_(request.options),
        source_(source),
        threads_(threads),
        progress_(progress),
        alignment_(request.write.alignment > 0 ? request.write.alignment : 32),
        values_(assemble(as_stored(request), source)) {}

  TypeChoice run() {
    find_matrices();
    measure();
    rate_recipes();
    bound();
    std::vector<size_t> chosen = fit();
    while (!holds(chosen)) chosen = fit();
    TypeChoice choice = as_choice(chosen);
    choice.report = report(chosen);
    return choice;
  }

 private:
  const std::vector<Tensor>& tensors() const { return values_.checkpoint.tensors; }
  const Tensor& tensor(size_t matrix) const { return tensors()[matrices_[matrix]]; }

  // The same conversion with the matrices as they are: the values to measure.
  static Request as_stored(const Request& request) {
    Request plain = request;
    plain.quant = nullptr;
    plain.precision = plain.embedding = plain.output_matrix = nullptr;
    plain.patterns.clear();
    plain.imatrix = nullptr;
    return plain;
  }

  TypeRequest types_of(const FileType& quant, std::vector<TypePattern>& patterns) const {
    return {.quant = &quant,
            .precision = request_.precision,
            .embedding = request_.embedding,
            .output = request_.output_matrix,
            .leave_output = options_.leave_output,
            .allow_requantize = options_.allow_requantize,
            .from_gguf = source_.convention == Convention::gguf,
            .has_imatrix = request_.imatrix != nullptr,
            .patterns = patterns,
            .model = recipe_model_of(values_.checkpoint.metadata)};
  }

  void find_matrices() {
    std::vector<TypePattern> patterns = request_.patterns;
    const TypeRequest ask = types_of(file_type("q8_0"), patterns);
    std::vector<Finding> told_later;
    decide_types(tensors(), ask, told_later);  // what has to be refused is, before any work
    matrices_ = undecided(tensors(), ask);
    std::erase_if(matrices_, [&](size_t i) { return tensors()[i].elements() == 0; });
    for (const size_t i : matrices_)
      importance_.push_back(request_.imatrix ? importance_of(*request_.imatrix, tensors()[i].name,
                                                             tensors()[i].shape())
                                             : nullptr);
    options_of_.resize(matrices_.size());
  }

  CastOptions casts() const {
    return {.replace_nonfinite = options_.allow_nonfinite, .effort = effort_of(options_)};
  }

  void measure() {
    uint64_t total = 0;
    for (size_t m = 0; m < matrices_.size(); ++m) total += tensor(m).bytes();
    progress_.begin(Stage::transform, total);
    std::atomic<int64_t> weights{0};
    parallel_for(static_cast<int64_t>(matrices_.size()), threads_, [&](int64_t i) {
      const auto m = static_cast<size_t>(i);
      const Tensor& of = tensor(m);
      const ValuePtr sample = sample_rows(of.value, sampled_weights);
      weights += sample->elements();
      for (const Codec* codec : candidate_types(of.name, of.shape(), of.codec(),
                                                importance_[m] != nullptr)) {
        TypeError error = type_error(sample, *codec, importance_[m], casts());
        options_of_[m].push_back({error, bytes_in(of, *codec), {}});
      }
      progress_.advance(Stage::transform, of.bytes(), of.name);
    });
    measured_ = weights;
    add_losses();
  }

  uint64_t bytes_in(const Tensor& of, const Codec& codec) const {
    return (codec.bytes(of.elements()) + alignment_ - 1) / alignment_ * alignment_;
  }

  void add_losses() {
    std::vector<MatrixPower> powers;
    for (size_t m = 0; m < matrices_.size(); ++m) {
      powers.push_back({tensor(m).name, options_of_[m].back().error.power *
                                            static_cast<double>(tensor(m).elements())});
      power_ += powers.back().power;
    }
    const RecipeModel model = recipe_model_of(values_.checkpoint.metadata);
    const std::vector<double> factors = sensitivities(powers, model.layers);
    for (size_t m = 0; m < matrices_.size(); ++m)
      for (TypeOption& option : options_of_[m]) {
        const double squared = option.error.weighted * option.error.weighted;
        option.losses = {factors[m] * squared, powers[m].power * squared, squared};
      }
  }

  // The recipes of which every type was measured and may be used.
  void rate_recipes() {
    for (const FileType& type : all_file_types()) {
      if (type.codec->kind != CodecKind::block) continue;
      std::vector<TypePattern> patterns = request_.patterns;
      std::vector<Finding> ignored;
      const auto types = decide_types(tensors(), types_of(type, patterns), ignored);
      std::vector<size_t> chosen;
      for (size_t m = 0; m < matrices_.size(); ++m) {
        const Codec* codec = types[matrices_[m]];
        const auto option = std::find_if(options_of_[m].begin(), options_of_[m].end(),
                                         [&](const auto& o) { return o.error.codec == codec; });
        if (option == options_of_[m].end() ||
            (!importance_[m] && needs_importance(tensor(m).name, *codec, &type)))
          break;
        chosen.push_back(static_cast<size_t>(option - options_of_[m].begin()));
      }
      if (chosen.size() < matrices_.size()) continue;
      recipes_.push_back(rate(options_of_, chosen));
      recipes_.back().name = type.name;
    }
  }

  bool too_lossy(const TypeError& error) const {
    return options_.max_rmse > 0 && error.plain > options_.max_rmse;
  }

  // Leaves out what --max-rmse forbids.
  void bound() {
    for (size_t m = 0; m < matrices_.size(); ++m) {
      std::erase_if(options_of_[m], [&](const auto& option) { return too_lossy(option.error); });
      if (options_of_[m].empty())
        fail(codes::target_unreachable,
             {.where = tensor_where(tensor(m).name),
              .expected = fmt::format("a relative RMSE of at most {}", options_.max_rmse),
              .file = options_.source});
    }
  }

  // The bound is one of whole tensors: types that only the sample liked are left out. Whether all of
  // the chosen ones stay.
  bool holds(const std::vector<size_t>& chosen) {
    if (options_.max_rmse <= 0) return true;
    bool all = true;
    for (size_t m = 0; m < matrices_.size(); ++m) {
      TypeError& error = options_of_[m][chosen[m]].error;
      if (error.codec != &tensor(m).codec() && !error.whole) {
        error = type_error(tensor(m).value, *error.codec, importance_[m], casts(), threads_);
        error.whole = true;
      }
      all = all && !too_lossy(error);
    }
    bound();
    return all;
  }

  TypeChoice as_choice(const std::vector<size_t>& chosen) const {
    TypeChoice choice;
    for (size_t m = 0; m < chosen.size(); ++m)
      choice.types[tensor(m).name] = options_of_[m][chosen[m]].error.codec;
    return choice;
  }

  Size size_with(const std::vector<size_t>& chosen) const {
    Request request = request_;
    request.choice = std::make_shared<const TypeChoice>(as_choice(chosen));
    const Target target = assemble(request, source_);
    WriteOptions write = request.write;
    write.name = fmt::format("model{}", request.to->extension);
    if (write.split == kept_split) write.split.clear();
    Size size;
    for (const OutputFileSpec& file : request.to->lay_out(target.checkpoint, write).files)
      size.files += file.bytes;
    for (const Tensor& of : target.checkpoint.tensors) {
      size.tensors += of.bytes();
      size.weights += of.elements();
    }
    return size;
  }

  bool by_bits() const { return options_.target_bpw > 0; }
  bool has_size() const { return by_bits() || options_.target_size > 0; }
  uint64_t counted(const Size& size) const { return by_bits() ? size.tensors : size.files; }
  uint64_t allowed(const Size& size) const {
    if (!by_bits()) return options_.target_size;
    return static_cast<uint64_t>(options_.target_bpw / 8 * static_cast<double>(size.weights));
  }

  void require_reachable(const Size& least) const {
    if (counted(least) <= allowed(least)) return;
    fail(codes::target_unreachable,
         {.where = by_bits() ? "--target-bpw" : "--target-size",
          .expected = by_bits() ? fmt::format("at least {:.3f} bits a weight", least.bits())
                                : fmt::format("at least {} bytes", least.files),
          .found = by_bits() ? fmt::format("{}", options_.target_bpw)
                             : fmt::format("{}", options_.target_size),
          .file = options_.source});
  }

  // The best choice within the target. What stands beside the matrices, the header most of all, is
  // known exactly once it is laid out.
  std::vector<size_t> fit() const {
    std::vector<size_t> chosen = smallest(options_of_);
    if (!has_size()) return chosen;
    const Size least = size_with(chosen);
    require_reachable(least);
    uint64_t rest = counted(least) - std::min(counted(least), rate(options_of_, chosen).bytes);
    while (rest <= allowed(least)) {
      std::vector<size_t> better = choose_within(options_of_, recipes_, allowed(least) - rest);
      if (better.empty()) break;
      const Size found = size_with(better);
      if (counted(found) <= allowed(found)) return better;
      rest += counted(found) - allowed(found);
    }
    return chosen;
  }

  json::Value report(const std::vector<size_t>& chosen) const;
  json::Value rated(const RatedChoice& choice, const RatedChoice& made, const Size& size) const;

  const Request& request_;
  const ConvertOptions& options_;
  const Checkpoint& source_;
  int threads_;
  Progress& progress_;
  uint64_t alignment_;
  Target values_;
  std::vector<size_t> matrices_;               // indices into the tensors
  std::vector<ImportanceValues> importance_;   // of each; null: all columns alike
  std::vector<TypeOptions> options_of_;        // of each, by rising bits
  std::vector<RatedChoice> recipes_;
  double power_ = 0;                           // of all that the matrices compute
  int64_t measured_ = 0;                       // weights
};

// Size and error of a choice other than the one that was made and laid out.
json::Value Chooser::rated(const RatedChoice& choice, const RatedChoice& made,
                           const Size& size) const {
  const auto moved = [&](uint64_t bytes) { return bytes - made.bytes + choice.bytes; };
  const Size other{moved(size.files), moved(size.tensors), size.weights};
  json::Value out{json::Object{}};
  if (!choice.name.empty()) out.set("name", choice.name);
  out.set("bytes", other.files);
  out.set("bits_per_weight", other.bits());
  out.set("weighted_rmse", power_ > 0 ? std::sqrt(choice.losses.power / power_) : 0.0);
  out.set("loss", choice.losses.prior);
  return out;
}

json::Value Chooser::report(const std::vector<size_t>& chosen) const {
  const Size size = size_with(chosen);
  const RatedChoice made = rate(options_of_, chosen);
  json::Value out = rated(made, made, size);
  json::Array curve, recipes, tensors;
  const uint64_t least = rate(options_of_, smallest(options_of_)).bytes;
  uint64_t most = made.bytes;
  for (const RatedChoice& recipe : recipes_) {
    most = std::max(most, recipe.bytes);
    recipes.push_back(rated(recipe, made, size));
  }
  for (int i = 0; i < curve_points && most > least; ++i) {
    const uint64_t budget = least + (most - least) / (curve_points - 1) * static_cast<uint64_t>(i);
    const auto point = choose_within(options_of_, recipes_, budget, curve_units);
    if (!point.empty()) curve.push_back(rated(rate(options_of_, point), made, size));
  }
  for (size_t m = 0; m < chosen.size(); ++m) {
    const TypeError& error = options_of_[m][chosen[m]].error;
    json::Value one{json::Object{}};
    one.set("name", tensor(m).name);
    one.set("type", error.codec->name);
    one.set("rmse", error.plain);
    one.set("weighted_rmse", error.weighted);
    tensors.push_back(std::move(one));
  }
  out.set("measured_weights", measured_);
  out.set("curve", std::move(curve));
  out.set("recipes", std::move(recipes));
  out.set("tensors", std::move(tensors));
  return out;
}

}  // namespace

TypeChoice choose_types(const Request& request, const Checkpoint& source, int threads,
                        Progress& progress) {
  return Chooser(request, source, threads, progress).run();
}

}  // namespace recast
