#include "convert/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "arch/canonical.h"
#include "arch/facts.h"
#include "base/parallel.h"
#include "codec/codecs.h"
#include "quantize/difference.h"
#include "convert/pairs.h"

namespace recast {

namespace {

// The unfinished output under its final names, for the reader of its format.
class StagedSource final : public Source {
 public:
  StagedSource(const Plan& plan, const Output& output) : plan_(plan), output_(output) {}
  bool is_folder() const override { return plan_.request.to->extension.empty(); }
  const std::string& path() const override { return plan_.paths.front(); }
  std::string base_name() const override {
    return is_folder() ? plan_.name : plan_.layout.files.front().name;
  }
  std::shared_ptr<const File> file() const override { return output_.reopen(0); }
  std::vector<std::string> list() const override {
    std::vector<std::string> names;
    for (const OutputFileSpec& file : plan_.layout.files)
      names.push_back(file.name.substr(0, file.name.find('/')));
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
  }
  std::vector<std::string> list(std::string_view folder) const override {
    std::vector<std::string> names;
    for (const OutputFileSpec& file : plan_.layout.files)
      if (file.name.starts_with(folder) && file.name.substr(folder.size()).starts_with('/'))
        names.push_back(file.name.substr(folder.size() + 1));
    std::sort(names.begin(), names.end());
    return names;
  }
  std::shared_ptr<const File> open(std::string_view name) const override {
    if (auto file = find(name)) return file;
    fail(codes::file_missing, {.file = std::string(name)});
  }
  std::shared_ptr<const File> find(std::string_view name) const override {
    for (size_t i = 0; i < plan_.layout.files.size(); ++i)
      if (plan_.layout.files[i].name == name) return output_.reopen(i);
    return nullptr;
  }

 private:
  const Plan& plan_;
  const Output& output_;
};

[[noreturn]] void wrong(const Plan& plan, std::string_view name, std::string expected,
                        std::string found) {
  fail(codes::read_back, {.where = tensor_where(name),
                          .expected = std::move(expected),
                          .found = std::move(found),
                          .file = plan.paths.front()});
}

void compare_tables(const Plan& plan, const Checkpoint& written) {
  std::map<std::string_view, const Tensor*> by_name;
  for (const Tensor& tensor : written.tensors) by_name[tensor.name] = &tensor;
  const std::vector<Tensor>& planned = plan.target.checkpoint.tensors;
  if (written.tensors.size() != planned.size())
    wrong(plan, "", fmt::format("{} tensors", planned.size()),
          fmt::format("{}", written.tensors.size()));
  for (const Tensor& tensor : planned) {
    const auto it = by_name.find(tensor.name);
    if (it == by_name.end()) wrong(plan, tensor.name, "this tensor", "none of this name");
    const Tensor& back = *it->second;
    if (back.shape() != tensor.shape())
      wrong(plan, tensor.name, to_string(tensor.shape()), to_string(back.shape()));
    if (&back.codec() != &tensor.codec())
      wrong(plan, tensor.name, std::string(tensor.codec().name), std::string(back.codec().name));
  }
  for (const PlanItem& item : plan.items) {
    if (item.tensor < 0) continue;
    const auto extent = by_name.at(item.name)->value->extent();
    if (extent && extent->offset != item.offset)
      wrong(plan, item.name, offset_where(item.offset), offset_where(extent->offset));
  }
}

std::vector<Pair> pairs_by_role(const Plan& plan, const Checkpoint& written) {
  std::vector<Finding> ignored;
  const Architecture& arch = *plan.target.arch;
  const auto facts = [&](const Checkpoint& side) {
    if (side.convention == Convention::hf)
      return facts_from_config(arch, plan.target.config, side.config_file, ignored);
    return facts_from_gguf(arch, side, plan.target.config, ignored);
  };
  Pairing pairing =
      pair_by_role(held_by(to_canonical(*plan.source, facts(*plan.source), ignored),
                           written.convention),
                   to_canonical(written, facts(written), ignored));
  if (!pairing.only_source.empty()) {
    const Pairing::Single& first = pairing.only_source.front();
    wrong(plan, first.name, to_string(*first.role), "nothing of this role");
  }
  return std::move(pairing.pairs);
}

// What rounding to a type may do, relative to the size of the values.
double tolerance(const Codec& codec) {
  // Reported; a wrong row is near 1.4. One or two bits a weight keep little more than signs, and
  // those with the largest value for a scale make most values zero.
  const double bits = 8.0 * static_cast<double>(codec.block_bytes) /
                      static_cast<double>(codec.block_elements);
  if (codec.kind == CodecKind::block) return bits < 2.3 ? 1.2 : 0.5;
  if (&codec == &codec::f16) return 5e-3;
  if (&codec == &codec::bf16) return 3e-2;
  return codec.block_bytes >= 4 ? 1e-4 : 0.25;
}

class Comparison {
 public:
  Comparison(const Plan& plan, const std::vector<Pair>& pairs, bool all_rows)
      : plan_(plan),
        pairs_(pairs),
        all_rows_(all_rows),
        entries_(pairs.size()),
        sums_(pairs.size()) {}

  void compare(size_t i) {
    const Pair& pair = pairs_[i];
    const Codec &from = pair.source->codec(), &to = pair.target->codec();
    if (!from.decode || !to.decode || pair.source->elements() == 0) return;
    if (pair.source->elements() != pair.target->elements())
      wrong(plan_, pair.name, to_string(pair.source->shape()), to_string(pair.target->shape()));
    const int64_t row = std::max<int64_t>(1, row_length(pair.source->shape()));
    const int64_t rows = pair.source->elements() / row;
    const std::vector<int64_t> chosen = rows_of(rows);
    Difference sum;
    std::vector<float> a, b;
    // What rounds to zero is told by its count, and is no wrong value.
    const double negligible = to.kind == CodecKind::floating ? to.min_positive / 2.0 : 0;
    for (const int64_t r : chosen) {
      decode_elements(*pair.source, r * row, (r + 1) * row, a);
      decode_elements(*pair.target, r * row, (r + 1) * row, b);
      add_pairs(a.data(), b.data(), nullptr, row, negligible, sum);
    }
    const auto compared = static_cast<int64_t>(chosen.size());
    const double relative = sum.relative_rmse().value_or(std::sqrt(sum.error));
    const bool coarse = judge(pair, sum.lost > 0 ? NAN : relative, chosen);
    const double rows_a_read = static_cast<double>(rows) / static_cast<double>(compared);
    sums_[i] = {rows_a_read * sum.error, rows_a_read * sum.size};
    entries_[i] = Verification::Entry{.name = pair.name,
                                      .place = role_place(pair.role, pair.name),
                                      .from = &from,
                                      .to = &to,
                                      .weights = pair.source->elements(),
                                      .rows = compared,
                                      .relative_rmse = relative,
                                      .sampled = compared < rows,
                                      .coarse = coarse};
  }

  Verification result() {
    Verification out;
    Difference total;
    for (const auto& [error, size] : sums_) {
      total.error += error;
      total.size += size;
    }
    out.relative_rmse = total.relative_rmse().value_or(0);
    for (std::optional<Verification::Entry>& entry : entries_) {
      if (!entry) continue;
      out.rows += entry->rows;
      out.max_error = std::max(out.max_error, entry->relative_rmse);
      out.entries.push_back(std::move(*entry));
    }
    out.tensors = static_cast<int64_t>(out.entries.size());
    return out;
  }

 private:
  std::vector<int64_t> rows_of(int64_t rows) const {
    std::vector<int64_t> chosen;
    if (all_rows_) {
      for (int64_t r = 0; r < rows; ++r) chosen.push_back(r);
    } else {
      // First, last and two between: wrong order, offset or part shows in any of them.
      for (const int64_t r : {int64_t{0}, rows / 3, rows * 2 / 3, rows - 1})
        if (chosen.empty() || r > 0) chosen.push_back(r);
    }
    return chosen;
  }

  // What the type itself does to these rows: tiny values under an f16 scale, one outlier among two
  // bits.
  static double own_error(const Value& source, const Codec& codec, std::span<const int64_t> rows) {
    const auto encode = codec.encode ? codec.encode : codec.encode_fast;
    const int64_t row = row_length(source.shape());
    if (!encode || !codec.fits_row(row)) return 0;
    std::vector<float> a, b(static_cast<size_t>(row));
    std::vector<std::byte> bytes(codec.bytes(row));
    Difference sum;
    for (const int64_t r : rows) {
      decode_elements(source, r * row, (r + 1) * row, a);
      encode(a.data(), bytes.data(), row);
      codec.decode(bytes.data(), b.data(), row);
      add_pairs(a.data(), b.data(), nullptr, row, 0, sum);
    }
    return sum.relative_rmse().value_or(0);
  }

  // Whether the type keeps little of the rows, by its nature. Throws sample_differs where they are
  // others.
  bool judge(const Pair& pair, double relative, std::span<const int64_t> rows) const {
    const Codec &from = pair.source->codec(), &to = pair.target->codec();
    const bool rounds = to.kind == CodecKind::block || to.block_bytes < 4 || &from != &to;
    const double limit = std::max(tolerance(to), rounds ? tolerance(from) * 1e-3 : 0.0);
    const bool clamped = !plan_.request.options.allow_overflow.empty();
    if (relative <= limit || clamped) return false;
    if (to.kind == CodecKind::block && relative <= 1.1 * own_error(*pair.source, to, rows))
      return true;
    fail(codes::sample_differs, {.where = tensor_where(pair.name),
                                   .expected = fmt::format("a relative error of at most {}", limit),
                                   .found = fmt::format("{:.3g}", relative),
                                   .file = plan_.paths.front()});
  }

  const Plan& plan_;
  const std::vector<Pair>& pairs_;
  const bool all_rows_;
  std::vector<std::optional<Verification::Entry>> entries_;  // empty: holds no numbers
  std::vector<std::pair<double, double>> sums_;              // of error and size, of whole tensors
};

}  // namespace

Verification verify(const Plan& plan, const Output& output) {
  const std::string& level = plan.request.options.verify;
  if (level == "none") return {};
  const auto staged = std::make_shared<StagedSource>(plan, output);
  const Checkpoint written = plan.request.to->read(
      staged, {.mode = ReadMode::mapped, .keep_optimizer = plan.request.read.keep_optimizer});
  compare_tables(plan, written);
  if (level == "structure" || plan.target.raw_copy || written.tensors.empty()) return {};
  // Every byte has been found to be zero; the source is no more than that.
  if (plan.request.makes_zeros())
    return {.tensors = static_cast<int64_t>(written.tensors.size())};
  const bool crosses = plan.source->convention != written.convention ||
                       plan.request.options.text_only;
  const std::vector<Pair> pairs =
      crosses ? pairs_by_role(plan, written)
              : pair_by_name(plan.source->tensors, written.tensors).pairs;
  Comparison comparison(plan, pairs, level == "tensors");
  parallel_for(static_cast<int64_t>(pairs.size()), plan.threads,
               [&](int64_t i) { comparison.compare(static_cast<size_t>(i)); });
  return comparison.result();
}

}  // namespace recast
