#include "tensor/lazy_ops.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <cstring>

#include "tensor/read_watch.h"
#include "tensor/replace_nonfinite.h"

namespace recast {

Value::Value(Shape shape, const Codec& codec)
    : shape_(std::move(shape)), codec_(&codec), elements_(element_count(shape_).value()) {}

int64_t Value::piece_elements(int64_t unit) const {
  const int64_t held =
      static_cast<int64_t>(copy_piece_bytes / codec().block_bytes) * codec().block_elements;
  return std::max(held / unit, (good_read() + unit - 1) / unit) * unit + (held < unit ? unit : 0);
}

Window Value::fetch(int64_t begin, int64_t end, FloatCensus& losses) const {
  const uint64_t bytes = codec().bytes(end - begin);
  auto buffer = std::make_unique_for_overwrite<std::byte[]>(bytes);
  read(begin, end, {buffer.get(), bytes}, losses);
  return Window::own(std::move(buffer), bytes);
}

namespace {

// Elements of f32 that a tile of a computed value holds: stays in the first-level cache.
constexpr int64_t tile_elements = 4096;

class Stored final : public Value {
 public:
  Stored(Extent extent, Shape shape, const Codec& codec)
      : Value(std::move(shape), codec), extent_(std::move(extent)) {}

  void read(int64_t begin, int64_t, std::span<std::byte> destination,
            FloatCensus&) const override {
    const uint64_t offset = extent_.offset + codec().bytes(begin);
    extent_.file->read_at(offset, destination);
    ReadWatch::saw(*extent_.file, offset, destination);
  }
  Window fetch(int64_t begin, int64_t end, FloatCensus&) const override {
    const uint64_t offset = extent_.offset + codec().bytes(begin);
    Window window = extent_.file->window(offset, codec().bytes(end - begin));
    ReadWatch::saw(*extent_.file, offset, window.bytes());
    return window;
  }
  std::optional<Extent> extent() const override { return extent_; }
  uint64_t scratch_bytes(int64_t n) const override { return codec().bytes(n); }

 private:
  Extent extent_;
};

class Constant final : public Value {
 public:
  Constant(std::vector<std::byte> bytes, Shape shape, const Codec& codec)
      : Value(std::move(shape), codec), bytes_(std::move(bytes)) {}
  void read(int64_t begin, int64_t end, std::span<std::byte> destination,
            FloatCensus&) const override {
    if (begin == end) return;  // an empty span has no address to copy to
    std::memcpy(destination.data(), bytes_.data() + codec().bytes(begin),
                codec().bytes(end - begin));
  }
  uint64_t scratch_bytes(int64_t) const override { return 0; }

 private:
  std::vector<std::byte> bytes_;
};

class Reshape final : public Value {
 public:
  Reshape(ValuePtr input, Shape shape)
      : Value(std::move(shape), input->codec()), input_(std::move(input)) {}
  void read(int64_t begin, int64_t end, std::span<std::byte> destination,
            FloatCensus& losses) const override {
    input_->read(begin, end, destination, losses);
  }
  Window fetch(int64_t begin, int64_t end, FloatCensus& losses) const override {
    return input_->fetch(begin, end, losses);
  }
  std::optional<Extent> extent() const override { return input_->extent(); }
  int64_t good_read() const override { return input_->good_read(); }
  uint64_t scratch_bytes(int64_t n) const override { return input_->scratch_bytes(n); }
  const ValuePtr& input() const { return input_; }

 private:
  ValuePtr input_;
};

class Slice final : public Value {
 public:
  Slice(ValuePtr input, int64_t first, Shape shape)
      : Value(std::move(shape), input->codec()), input_(std::move(input)), first_(first) {}
  void read(int64_t begin, int64_t end, std::span<std::byte> destination,
            FloatCensus& losses) const override {
    input_->read(first_ + begin, first_ + end, destination, losses);
  }
  Window fetch(int64_t begin, int64_t end, FloatCensus& losses) const override {
    return input_->fetch(first_ + begin, first_ + end, losses);
  }
  int64_t good_read() const override { return input_->good_read(); }
  uint64_t scratch_bytes(int64_t n) const override { return input_->scratch_bytes(n); }
  const ValuePtr& input() const { return input_; }
  int64_t first() const { return first_; }

 private:
  ValuePtr input_;
  int64_t first_;  // element of the input
};

class Concat final : public Value {
 public:
  Concat(std::vector<ValuePtr> parts, Shape shape)
      : Value(std::move(shape), parts.front()->codec()), parts_(std::move(parts)) {
    ends_.reserve(parts_.size());
    int64_t end = 0;
    for (const ValuePtr& part : parts_) ends_.push_back(end += part->elements());
  }

  void read(int64_t begin, int64_t end, std::span<std::byte> destination,
            FloatCensus& losses) const override {
    for (size_t i = part_at(begin); begin < end; ++i) {
      const int64_t start = start_of(i);
      const int64_t stop = std::min(end, ends_[i]);
      const uint64_t bytes = codec().bytes(stop - begin);
      parts_[i]->read(begin - start, stop - start, destination.first(bytes), losses);
      destination = destination.subspan(bytes);
      begin = stop;
    }
  }
  Window fetch(int64_t begin, int64_t end, FloatCensus& losses) const override {
    const size_t i = part_at(begin);
    if (i == parts_.size() || end > ends_[i]) return Value::fetch(begin, end, losses);
    return parts_[i]->fetch(begin - start_of(i), end - start_of(i), losses);
  }
  uint64_t scratch_bytes(int64_t n) const override {
    uint64_t most = 0;
    for (const ValuePtr& part : parts_)
      most = std::max(most, part->scratch_bytes(std::min(n, part->elements())));
    return most + codec().bytes(n);
  }
  const std::vector<ValuePtr>& parts() const { return parts_; }
  int64_t start_of(size_t i) const { return i == 0 ? 0 : ends_[i - 1]; }
  size_t part_at(int64_t element) const {
    return static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), element) -
                               ends_.begin());
  }

 private:
  std::vector<ValuePtr> parts_;
  std::vector<int64_t> ends_;  // cumulative elements
};

class SwapRowAxes final : public Value {
 public:
  SwapRowAxes(ValuePtr input, int64_t outer, int64_t a, int64_t b, int64_t inner)
      : Value(input->shape(), input->codec()),
        input_(std::move(input)),
        outer_(outer),
        a_(a),
        b_(b),
        inner_(inner),
        length_(elements() / std::max<int64_t>(1, outer * a * b * inner)) {}

  void read(int64_t begin, int64_t end, std::span<std::byte> destination,
            FloatCensus& losses) const override {
    // One run of `inner_` rows is contiguous on both sides.
    const int64_t run = inner_ * length_;
    while (begin < end) {
      const int64_t index = begin / run;
      const int64_t within = begin % run;
      const int64_t n = std::min(end - begin, run - within);
      const int64_t from = source_run(index) * run + within;
      const uint64_t bytes = codec().bytes(n);
      input_->read(from, from + n, destination.first(bytes), losses);
      destination = destination.subspan(bytes);
      begin += n;
    }
  }
  uint64_t scratch_bytes(int64_t n) const override {
    return input_->scratch_bytes(std::min(n, inner_ * length_));
  }
  bool undoes(int64_t outer, int64_t a, int64_t b, int64_t inner) const {
    return outer == outer_ && a == b_ && b == a_ && inner == inner_;
  }
  const ValuePtr& input() const { return input_; }

 private:
  // Output runs are [outer, b, a]; the input has them as [outer, a, b].
  int64_t source_run(int64_t index) const {
    const int64_t i = index % a_;
    const int64_t j = index / a_ % b_;
    const int64_t o = index / (a_ * b_);
    return (o * a_ + i) * b_ + j;
  }
  ValuePtr input_;
  int64_t outer_, a_, b_, inner_;
  int64_t length_;  // elements of one row
};

// A stack of matrices, each with its axes exchanged.
class Transpose final : public Value {
 public:
  Transpose(ValuePtr input, Shape shape)
      : Value(std::move(shape), input->codec()),
        input_(std::move(input)),
        row_(input_->shape()[input_->shape().size() - 2]),
        rows_(input_->shape().back()) {}

  void read(int64_t begin, int64_t end, std::span<std::byte> destination,
            FloatCensus& losses) const override {
    const int64_t matrix = row_ * rows_;
    while (begin < end) {
      const int64_t index = begin / matrix;
      const int64_t stop = std::min(end, (index + 1) * matrix);
      const uint64_t bytes = codec().bytes(stop - begin);
      read_matrix(index * matrix, begin - index * matrix, stop - index * matrix,
                  destination.first(bytes), losses);
      destination = destination.subspan(bytes);
      begin = stop;
    }
  }
  uint64_t scratch_bytes(int64_t n) const override {
    const int64_t width = n / std::max<int64_t>(1, row_) + 2;
    return codec().bytes(width) + input_->scratch_bytes(width);
  }
  const ValuePtr& input() const { return input_; }

 private:
  // Output rows [first, last) of the matrix that starts at `base` need columns [first, last) of
  // every input row: a run of the input each. Whole rows are read even when only a part of one is
  // wanted.
  void read_matrix(int64_t base, int64_t begin, int64_t end, std::span<std::byte> destination,
                   FloatCensus& losses) const {
    const size_t item = codec().block_bytes;
    const int64_t first = begin / row_;
    const int64_t last = (end + row_ - 1) / row_;
    const int64_t width = last - first;
    std::vector<std::byte> columns(static_cast<size_t>(width) * item);
    for (int64_t j = 0; j < row_; ++j) {
      const int64_t at = base + j * rows_ + first;
      input_->read(at, at + width, columns, losses);
      for (int64_t i = 0; i < width; ++i) {
        const int64_t target = (first + i) * row_ + j;
        if (target < begin || target >= end) continue;
        std::memcpy(destination.data() + static_cast<size_t>(target - begin) * item,
                    columns.data() + static_cast<size_t>(i) * item, item);
      }
    }
  }
  ValuePtr input_;
  int64_t row_, rows_;  // length and number of an output matrix's rows
};

class Cast final : public Value {
 public:
  Cast(ValuePtr input, const Codec& codec, CastOptions options)
      : Value(input->shape(), codec),
        input_(std::move(input)),
        options_(options),
        encode_(options.effort == Effort::fast && codec.encode_fast ? codec.encode_fast
                                                                    : codec.encode) {
    const int64_t step = std::max(input_->codec().block_elements, codec.block_elements);
    tile_ = tile_elements / step * step;
    if (options_.replace_nonfinite) {  // the rule speaks of rows: a tile is one row then
      const int64_t row = row_length(shape());
      tile_ = std::max(step, row / step * step);
    }
  }

  void read(int64_t begin, int64_t end, std::span<std::byte> destination,
            FloatCensus& losses) const override {
    std::vector<float> tile(static_cast<size_t>(std::min(tile_, end - begin)));
    const int64_t piece = input_->piece_elements(tile_);
    for (int64_t at = begin; at < end; at += piece) {
      const int64_t until = std::min(end, at + piece);
      pack(at, until, tile, destination.data() + codec().bytes(at - begin), losses);
    }
  }
  int64_t good_read() const override { return input_->good_read(); }
  uint64_t scratch_bytes(int64_t n) const override {
    return static_cast<uint64_t>(tile_) * sizeof(float) +
           input_->scratch_bytes(std::min(n, input_->piece_elements(tile_)));
  }

 private:
  void pack(int64_t begin, int64_t end, std::vector<float>& tile, std::byte* out,
            FloatCensus& losses) const {
    const Codec& from = input_->codec();
    const Window source = input_->fetch(begin, end, losses);
    const std::byte* in = source.bytes().data();
    for (int64_t at = begin; at < end; at += tile_) {
      const int64_t n = std::min(tile_, end - at);
      from.decode(in, tile.data(), n);
      count_losses(tile.data(), n, at, codec(), losses);
      if (from.block_bytes > sizeof(float) && from.kind == CodecKind::floating)
        settle_beyond_float(in, tile.data(), n, at, losses);
      if (options_.replace_nonfinite) replace_nonfinite(tile.data(), n);
      if (options_.clamp_overflow && codec().max_finite > 0) clamp(tile.data(), n);
      if (codec().mended && options_.effort == Effort::balanced)
        losses.mended += static_cast<uint64_t>(codec().mended(tile.data(), n));
      encode_(tile.data(), out, n);
      in += from.bytes(n);
      out += codec().bytes(n);
    }
  }
  // Finite doubles that f32 cannot hold came out infinite: they are an overflow of the target.
  void settle_beyond_float(const std::byte* in, float* values, int64_t n, int64_t first_index,
                           FloatCensus& losses) const {
    for (int64_t i = 0; i < n; ++i) {
      if (!std::isinf(values[i])) continue;
      double stored;
      std::memcpy(&stored, in + 8 * i, sizeof stored);
      if (!std::isfinite(stored)) continue;
      --losses.infinite;
      ++losses.overflow;
      if (losses.first_overflow < 0) {
        losses.first_overflow = first_index + i;
        losses.first_overflow_value = values[i];
      }
      if (options_.clamp_overflow && codec().max_finite > 0)
        values[i] = std::copysign(codec().max_finite, values[i]);
    }
  }
  void clamp(float* values, int64_t n) const {
    const float limit = codec().max_finite;
    for (int64_t i = 0; i < n; ++i)
      if (std::isfinite(values[i])) values[i] = std::clamp(values[i], -limit, limit);
  }
  ValuePtr input_;
  CastOptions options_;
  void (*encode_)(const float*, std::byte*, int64_t);
  int64_t tile_;
};

class Map final : public Value {
 public:
  Map(ValuePtr input, void (*function)(float*, int64_t), const Codec& f32)
      : Value(input->shape(), f32), input_(std::move(input)), function_(function) {}
  void read(int64_t begin, int64_t end, std::span<std::byte> destination,
            FloatCensus& losses) const override {
    if (begin == end) return;
    const Window source = input_->fetch(begin, end, losses);
    std::vector<float> tile(static_cast<size_t>(end - begin));
    input_->codec().decode(source.bytes().data(), tile.data(), end - begin);
    function_(tile.data(), end - begin);
    std::memcpy(destination.data(), tile.data(), destination.size());
  }
  int64_t good_read() const override { return input_->good_read(); }
  uint64_t scratch_bytes(int64_t n) const override {
    return static_cast<uint64_t>(n) * sizeof(float) + input_->scratch_bytes(n);
  }

 private:
  ValuePtr input_;
  void (*function_)(float*, int64_t);
};

template <class T>
const T* as(const ValuePtr& value) {
  return dynamic_cast<const T*>(value.get());
}

// Part of `value`: elements [first, first + count of shape), cancelling what lies below.
ValuePtr part_of(const ValuePtr& value, int64_t first, Shape shape) {
  const int64_t n = element_count(shape).value();
  if (first == 0 && n == value->elements()) return reshape(value, std::move(shape));
  if (const auto* s = as<Stored>(value)) {
    const Extent e = *s->extent();
    return stored(e.file, e.offset + value->codec().bytes(first), std::move(shape), value->codec());
  }
  if (const auto* r = as<Reshape>(value)) return part_of(r->input(), first, std::move(shape));
  if (const auto* s = as<Slice>(value))
    return part_of(s->input(), s->first() + first, std::move(shape));
  if (const auto* c = as<Concat>(value); c && n > 0) {
    const size_t i = c->part_at(first);
    const int64_t start = c->start_of(i);
    if (first + n <= start + c->parts()[i]->elements())
      return part_of(c->parts()[i], first - start, std::move(shape));
  }
  return std::make_shared<Slice>(value, first, std::move(shape));
}

// The value and first element that `value` is a part of.
std::pair<ValuePtr, int64_t> origin(ValuePtr value) {
  int64_t first = 0;
  for (;;) {
    if (const auto* r = as<Reshape>(value)) {
      value = r->input();
    } else if (const auto* s = as<Slice>(value)) {
      first += s->first();
      value = s->input();
    } else {
      return {value, first};
    }
  }
}

// Two extents of one file, the second right behind the first: one extent.
std::optional<Extent> joined(const std::optional<Extent>& a, const std::optional<Extent>& b) {
  if (!a || !b || a->file != b->file || a->offset + a->bytes != b->offset) return std::nullopt;
  return Extent{a->file, a->offset, a->bytes + b->bytes};
}

}  // namespace

ValuePtr stored(std::shared_ptr<const File> file, uint64_t offset, Shape shape,
                const Codec& codec) {
  const uint64_t bytes = codec.bytes(element_count(shape).value());
  return std::make_shared<Stored>(Extent{std::move(file), offset, bytes}, std::move(shape), codec);
}

ValuePtr constant(std::vector<std::byte> bytes, Shape shape, const Codec& codec) {
  return std::make_shared<Constant>(std::move(bytes), std::move(shape), codec);
}

ValuePtr constant_f32(std::span<const float> values, Shape shape, const Codec& f32) {
  const auto bytes = std::as_bytes(values);
  return constant({bytes.begin(), bytes.end()}, std::move(shape), f32);
}

ValuePtr cast(ValuePtr value, const Codec& codec, CastOptions options) {
  if (&value->codec() == &codec) return value;
  assert(value->codec().decode &&
         (codec.encode || codec.encode_fast || value->elements() == 0) && codec.fits_row(row_length(value->shape())));
  return std::make_shared<Cast>(std::move(value), codec, options);
}

ValuePtr reshape(ValuePtr value, Shape shape) {
  assert(element_count(shape) == value->elements());
  if (const auto* r = as<Reshape>(value)) return reshape(r->input(), std::move(shape));
  if (shape == value->shape()) return value;
  return std::make_shared<Reshape>(std::move(value), std::move(shape));
}

ValuePtr slice(ValuePtr value, int64_t begin, int64_t end) {
  assert(!value->shape().empty() && 0 <= begin && begin <= end && end <= value->shape()[0]);
  Shape shape = value->shape();
  const int64_t entry = shape[0] == 0 ? 0 : value->elements() / shape[0];
  shape[0] = end - begin;
  return part_of(value, begin * entry, std::move(shape));
}

ValuePtr concat(std::vector<ValuePtr> parts, Shape shape) {
  assert(std::all_of(parts.begin(), parts.end(), [&](const ValuePtr& part) {
    return &part->codec() == &parts.front()->codec();
  }));
  // Parts that continue each other in one value or one file become one part.
  std::vector<ValuePtr> merged;
  for (ValuePtr& part : parts) {
    if (part->elements() == 0 && parts.size() > 1) continue;
    if (!merged.empty()) {
      const ValuePtr last = merged.back();
      const int64_t n = last->elements() + part->elements();
      const auto [value, first] = origin(last);
      const auto [next, next_first] = origin(part);
      if (value == next && first + last->elements() == next_first) {
        merged.back() = part_of(value, first, {n});
        continue;
      }
      if (const auto both = joined(last->extent(), part->extent())) {
        merged.back() = stored(both->file, both->offset, {n}, part->codec());
        continue;
      }
    }
    merged.push_back(part);
  }
  if (merged.empty()) merged.push_back(parts.front());
  if (merged.size() == 1) return reshape(merged.front(), std::move(shape));
  return std::make_shared<Concat>(std::move(merged), std::move(shape));
}

ValuePtr swap_row_axes(ValuePtr value, int64_t outer, int64_t a, int64_t b, int64_t inner) {
  if (a == 1 || b == 1) return value;
  const auto* r = as<Reshape>(value);
  const auto* s = as<SwapRowAxes>(r ? r->input() : value);
  if (s && s->undoes(outer, a, b, inner)) return reshape(s->input(), value->shape());
  return std::make_shared<SwapRowAxes>(std::move(value), outer, a, b, inner);
}

ValuePtr transpose(ValuePtr value) {
  Shape shape = value->shape();
  const size_t axes = shape.size();
  assert((axes == 2 || axes == 3) && value->codec().block_elements == 1);
  std::swap(shape[axes - 1], shape[axes - 2]);
  const auto* r = as<Reshape>(value);
  const auto* t = as<Transpose>(r ? r->input() : value);
  // Rows and columns of one matrix: the stack then has equal height, too.
  if (t && std::equal(t->shape().end() - 2, t->shape().end(), value->shape().end() - 2))
    return reshape(t->input(), std::move(shape));
  return std::make_shared<Transpose>(std::move(value), std::move(shape));
}

ValuePtr map(ValuePtr value, void (*function)(float* values, int64_t n), const Codec& f32) {
  assert(value->codec().decode);
  return std::make_shared<Map>(std::move(value), function, f32);
}

}  // namespace recast
