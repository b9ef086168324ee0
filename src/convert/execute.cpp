#include "convert/execute.h"

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <unordered_map>

#include "base/parallel.h"
#include "tensor/read_watch.h"

namespace recast {

namespace {

using Clock = std::chrono::steady_clock;

void add_census(FloatCensus& sum, const FloatCensus& part) {
  sum.nan += part.nan;
  sum.infinite += part.infinite;
  sum.overflow += part.overflow;
  sum.underflow += part.underflow;
  sum.mended += part.mended;
  const auto first = [](int64_t& a, int64_t b) {
    if (b >= 0 && (a < 0 || b < a)) a = b;
  };
  if (part.first_overflow >= 0 && (sum.first_overflow < 0 || part.first_overflow < sum.first_overflow))
    sum.first_overflow_value = part.first_overflow_value;
  first(sum.first_nonfinite, part.first_nonfinite);
  first(sum.first_overflow, part.first_overflow);
}

// "[301, 77]" of a flat index.
std::string place_in(const Shape& shape, int64_t index) {
  std::string text;
  for (size_t i = shape.size(); i-- > 0;) {
    text = fmt::format("{}{}{}", index % std::max<int64_t>(1, shape[i]), text.empty() ? "" : ", ",
                       text);
    index /= std::max<int64_t>(1, shape[i]);
  }
  return "[" + text + "]";
}

// Values that are packed here, not copied packed.
bool quantizes(const PlanItem& item) {
  return item.value->codec().kind == CodecKind::block && !item.value->extent();
}

class Executor {
 public:
  Executor(const Plan& plan, Output& output, Progress& progress)
      : plan_(plan), output_(output), progress_(progress) {
    result_.step_hashes.resize(plan.steps.size());
    result_.losses.resize(plan.items.size());
    result_.source_hashes.resize(plan.items.size());
    done_.resize(plan.steps.size(), false);
    for (const Tensor& tensor : plan.source->tensors) sources_.emplace(tensor.name, &tensor);
  }

  Execution run(std::stop_token stop) {
    take_over_journal();
    for (const LayoutPiece& piece : plan_.layout.pieces)
      output_.write_at(piece.file, piece.offset, std::as_bytes(std::span(piece.bytes)));
    uint64_t todo[2] = {0, 0};  // bytes of steps that convert, that quantize
    for (size_t i = 0; i < plan_.steps.size(); ++i)
      if (!done_[i]) todo[quantizes(plan_.items[plan_.steps[i].item])] += plan_.steps[i].bytes;
    progress_.begin(Stage::quantize, todo[1]);
    progress_.begin(Stage::convert, todo[0]);
    progress_.begin(Stage::save, 0);
    MemoryBudget budget(plan_.memory_limit);
    const auto count = static_cast<int64_t>(plan_.steps.size());
    const int64_t ran = parallel_admit(
        count, plan_.threads, budget, stop,
        [&](int64_t i) { return done_[static_cast<size_t>(i)] ? 0 : plan_.steps[static_cast<size_t>(i)].peak_bytes; },
        [&](int64_t i) {
          if (!done_[static_cast<size_t>(i)]) run_step(static_cast<size_t>(i));
        });
    if (ran < count) {
      output_.keep_for_resume();
      fail(codes::stopped, {.found = fmt::format("{} of {} steps are done", ran, count)});
    }
    progress_.end(Stage::quantize);
    progress_.end(Stage::convert);
    result_.quantize_s = quantize_ns_ * 1e-9;
    result_.convert_s = convert_ns_ * 1e-9;
    result_.save_s = save_ns_ * 1e-9;
    return std::move(result_);
  }

 private:
  // Steps that an earlier run finished are read again: what is not as recorded is redone.
  void take_over_journal() {
    for (const Output::DoneStep& done : output_.resumed()) {
      const auto i = static_cast<size_t>(done.step);
      if (done.step < 0 || i >= plan_.steps.size()) continue;
      const Step& step = plan_.steps[i];
      const auto file = output_.reopen(step.file);
      if (xxh3_128(file->window(step.offset, step.bytes).bytes()) != done.hash) {
        progress_.warn(Error(codes::resumed_step_damaged,
                             {.where = tensor_where(plan_.items[step.item].name)}));
        continue;
      }
      done_[i] = true;
      result_.step_hashes[i] = done.hash;
      ++result_.resumed_steps;
    }
  }

  void run_step(size_t index) {
    const Step& step = plan_.steps[index];
    const PlanItem& item = plan_.items[step.item];
    const bool copies = item.value->extent().has_value();
    const Stage stage = quantizes(item) ? Stage::quantize : Stage::convert;
    Xxh3 hash;
    FloatCensus census;
    if (copies)
      copy_step(step, stage, hash, census);
    else
      compute_step(step, stage, hash, census);
    judge(item, census);
    result_.step_hashes[index] = hash.digest();
    {
      std::lock_guard lock(mutex_);
      add_census(result_.losses[step.item], census);
    }
    output_.step_done(static_cast<int64_t>(index), result_.step_hashes[index], step.bytes);
  }

  // Bytes that stay as they are.
  void copy_step(const Step& step, Stage stage, Xxh3& hash, FloatCensus& census) {
    const PlanItem& item = plan_.items[step.item];
    const Codec& codec = item.value->codec();
    const int64_t piece = item.value->piece_elements(codec.block_elements);
    for (int64_t at = step.begin; at < step.end; at += piece) {
      const int64_t end = std::min(step.end, at + piece);
      const auto start = Clock::now();
      const Window window = item.value->fetch(at, end, census);
      // Copied values are looked at too: a NaN in the source is told, not passed on unseen.
      if (codec.census) codec.census(window.bytes().data(), end - at, at, census);
      put(step, at, window.bytes(), stage, start, hash);
    }
  }

  void compute_step(const Step& step, Stage stage, Xxh3& hash, FloatCensus& census) {
    const PlanItem& item = plan_.items[step.item];
    const Codec& codec = item.value->codec();
    const int64_t slab = slab_elements(item, step);
    std::vector<std::byte> buffer(codec.bytes(std::min(slab, step.end - step.begin)));
    const Tensor* source = only_source(item);
    const auto extent = source ? source->value->extent() : std::nullopt;
    // Only a step that is the whole item can read all of its source, and no two threads write the sum.
    const bool watched = extent && plan_.manifest_file >= 0 && step.begin == 0 &&
                         step.end == item.value->elements();
    std::optional<ReadWatch> watch;
    if (watched) watch.emplace();
    for (int64_t at = step.begin; at < step.end; at += slab) {
      const int64_t end = std::min(step.end, at + slab);
      const auto start = Clock::now();
      const auto bytes = std::span(buffer).first(codec.bytes(end - at));
      const auto counted = [&] {
        return census.nan + census.infinite + census.overflow + census.underflow;
      };
      const uint64_t before = counted();
      item.value->read(at, end, bytes, census);
      // A cast counts what it meets; what was only moved is looked at here.
      if (codec.census && counted() == before) look_at(item, bytes, at, end, census);
      put(step, at, bytes, stage, start, hash);
    }
    if (watch) result_.source_hashes[step.item] = watch->of(*extent);
  }

  // Finite values that a packed type cannot scale count as an overflow of it.
  void look_at(const PlanItem& item, std::span<const std::byte> bytes, int64_t at, int64_t end,
               FloatCensus& census) const {
    FloatCensus found;
    item.value->codec().census(bytes.data(), end - at, at, found);
    if (item.tensor >= 0 && plan_.target.origins[static_cast<size_t>(item.tensor)].kind ==
                                Origin::Kind::quantized) {
      found.overflow = found.nan + found.infinite;
      found.first_overflow = found.first_nonfinite;
      found.nan = found.infinite = 0;
      found.first_nonfinite = -1;
    }
    add_census(census, found);
  }

  // The source tensor that an item is made of, when it is one.
  const Tensor* only_source(const PlanItem& item) const {
    if (item.tensor < 0) return nullptr;
    const Origin& origin = plan_.target.origins[static_cast<size_t>(item.tensor)];
    if (origin.sources.size() != 1) return nullptr;
    const auto it = sources_.find(origin.sources.front());
    return it == sources_.end() ? nullptr : it->second;
  }

  // Hashes and writes what was made since `start`.
  void put(const Step& step, int64_t at, std::span<const std::byte> bytes, Stage stage,
           Clock::time_point start, Xxh3& hash) {
    const PlanItem& item = plan_.items[step.item];
    hash.update(bytes);
    (stage == Stage::quantize ? quantize_ns_ : convert_ns_) += nanoseconds_since(start);
    const auto written = Clock::now();
    output_.write_at(step.file, step.offset + item.value->codec().bytes(at - step.begin), bytes);
    save_ns_ += nanoseconds_since(written);
    progress_.advance(stage, bytes.size(), item.name);
  }

  static int64_t slab_elements(const PlanItem& item, const Step& step) {
    const Codec& codec = item.value->codec();
    const int64_t slab =
        std::max(static_cast<int64_t>(slab_bytes / codec.block_bytes) * codec.block_elements,
                 item.value->good_read() / codec.block_elements * codec.block_elements);
    const int64_t row = row_length(item.value->shape());
    // Whole rows, so that a value which works by rows never sees half of one.
    if (row > 0 && row <= slab) return slab / row * row;
    if (row > 0 && row <= step.end - step.begin && !item.value->extent() &&
        item.value->shape().size() > 1)
      return row;
    return slab;
  }

  static uint64_t nanoseconds_since(Clock::time_point start) {
    return static_cast<uint64_t>(
        std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - start).count());
  }

  // Losses that the user has to allow end the run at once.
  void judge(const PlanItem& item, const FloatCensus& census) const {
    const ConvertOptions& o = plan_.request.options;
    const Codec& codec = item.value->codec();
    const Shape& shape = item.value->shape();
    if (census.overflow > 0 && codec.kind == CodecKind::floating && o.allow_overflow.empty())
      fail(codes::overflow,
           {.where = fmt::format("{}{}", tensor_where(item.name),
                                 place_in(shape, census.first_overflow)),
            .expected = fmt::format("at most {} in {}", codec.max_finite, codec.name),
            .found = fmt::format("{}; {} such values in this step",
                                census.first_overflow_value, census.overflow)});
    if (census.overflow > 0 && codec.kind == CodecKind::block && quantizes(item))
      fail(codes::overflow,
           {.where = fmt::format("{}{}", tensor_where(item.name),
                                 place_in(shape, census.first_overflow)),
            .expected = fmt::format("values that {} can scale", codec.name),
            .found = fmt::format("finite ones beyond it, {} in this step", census.overflow),
            .fix = fmt::format("--tensor-type {}=f32 keeps the tensor", item.name)});
    if (quantizes(item) && census.nan + census.infinite > 0 && !o.allow_nonfinite)
      fail(codes::nonfinite,
           {.where = fmt::format("{}{}", tensor_where(item.name),
                                 place_in(shape, census.first_nonfinite)),
            .expected = "finite values",
            .found = fmt::format("{} NaN, {} infinite", census.nan, census.infinite)});
  }

  const Plan& plan_;
  Output& output_;
  Progress& progress_;
  Execution result_;
  std::vector<char> done_;
  std::unordered_map<std::string_view, const Tensor*> sources_;
  std::mutex mutex_;
  std::atomic<uint64_t> quantize_ns_{0}, convert_ns_{0}, save_ns_{0};
};

}  // namespace

Execution execute(const Plan& plan, Output& output, Progress& progress, std::stop_token stop) {
  return Executor(plan, output, progress).run(stop);
}

namespace {

// Reads what stands in the files, piece by piece, and compares every step with what was written.
class ReadBack {
 public:
  ReadBack(const Plan& plan, const Execution& execution, const Output& output, Progress& progress)
      : plan_(plan), execution_(execution), progress_(progress) {
    for (size_t f = 0; f < plan.layout.files.size(); ++f) files_.push_back(output.reopen(f));
    // Steps of one item stand in a row: [first_[i], first_[i + 1]).
    first_.assign(plan.items.size() + 1, plan.steps.size());
    for (size_t s = plan.steps.size(); s-- > 0;) first_[plan.steps[s].item] = s;
    for (size_t i = plan.items.size(); i-- > 0;) first_[i] = std::min(first_[i], first_[i + 1]);
  }

  std::vector<Hash128> run() {
    uint64_t total = 0;
    for (const Step& step : plan_.steps) total += step.bytes;
    progress_.begin(Stage::validate, total);
    hashes_.resize(plan_.items.size());
    parallel_for(static_cast<int64_t>(plan_.items.size()), plan_.threads,
                 [&](int64_t i) { read_item(static_cast<size_t>(i)); });
    return std::move(hashes_);
  }

 private:
  // What nobody wrote is zeros; where the file system says that it is a hole, it need not be read.
  void check_zeros(const PlanItem& item) const {
    const File& file = *files_[item.file];
    const uint64_t end = item.offset + item.value->bytes();
    for (uint64_t at = file.next_data(item.offset, end); at < end;) {
      const uint64_t stop = std::min(file.next_hole(at, end), at + copy_piece_bytes);
      const Window window = file.window(at, stop - at);
      const auto bytes = window.bytes();
      if (std::any_of(bytes.begin(), bytes.end(), [](std::byte b) { return b != std::byte{0}; }))
        fail(codes::read_back,
             {.where = fmt::format("{}, {}", tensor_where(item.name), offset_where(at)),
              .expected = "zeros",
              .file = plan_.path_of(item.file)});
      at = file.next_data(stop, end);
    }
  }

  // The hash of an item of one step is the step's; a longer one is hashed as a whole beside.
  void read_item(size_t i) {
    if (plan_.items[i].value->is_zero()) {
      check_zeros(plan_.items[i]);
      hashes_[i] = zero_sums_.of(plan_.items[i].value->bytes());
      return;
    }
    const bool single = first_[i + 1] - first_[i] == 1;
    Xxh3 whole;
    for (size_t s = first_[i]; s < first_[i + 1]; ++s) {
      const Hash128 part = read_step(plan_.steps[s], single ? nullptr : &whole);
      if (part != execution_.step_hashes[s])
        fail(codes::read_back,
             {.where = fmt::format("{}, {}", tensor_where(plan_.items[i].name),
                                   offset_where(plan_.steps[s].offset)),
              .file = plan_.path_of(plan_.steps[s].file)});
      if (single) hashes_[i] = part;
      progress_.advance(Stage::validate, plan_.steps[s].bytes, plan_.items[i].name);
    }
    if (!single) hashes_[i] = whole.digest();
  }

  Hash128 read_step(const Step& step, Xxh3* whole) const {
    Xxh3 part;
    for (uint64_t at = 0; at < step.bytes; at += copy_piece_bytes) {
      const uint64_t n = std::min(copy_piece_bytes, step.bytes - at);
      const Window window = files_[step.file]->window(step.offset + at, n);
      part.update(window.bytes());
      if (whole) whole->update(window.bytes());
    }
    return part.digest();
  }

  const Plan& plan_;
  const Execution& execution_;
  Progress& progress_;
  std::vector<std::shared_ptr<const File>> files_;
  std::vector<size_t> first_;
  std::vector<Hash128> hashes_;
  ZeroSums zero_sums_;
};

}  // namespace

std::vector<Hash128> read_back(const Plan& plan, const Execution& execution, const Output& output,
                               Progress& progress) {
  return ReadBack(plan, execution, output, progress).run();
}

}  // namespace recast
