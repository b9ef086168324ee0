#include "tensor/strided.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <numeric>

namespace recast {
namespace {

constexpr uint64_t window_bytes = uint64_t{1} << 20;
// So much of a view whose last axis is not its narrowest: runs of its input grow with it.
constexpr uint64_t good_bytes = uint64_t{4} << 20;

// A block of the output: from `start` on, `extent` entries along each axis.
struct Box {
  Shape start, extent;
};

class Strided final : public Value {
 public:
  Strided(ValuePtr input, Shape shape, std::vector<int64_t> stride)
      : Value(std::move(shape), input->codec()),
        input_(std::move(input)),
        stride_(std::move(stride)),
        order_(stride_.size()),
        item_(codec().block_bytes) {
    std::iota(order_.begin(), order_.end(), size_t{0});
    std::stable_sort(order_.begin(), order_.end(),
                     [&](size_t a, size_t b) { return stride_[a] > stride_[b]; });
    steps_.resize(stride_.size());
    int64_t step = 1;
    for (size_t i = steps_.size(); i-- > 0; step *= this->shape()[i]) steps_[i] = step;
  }

  // A run of the output is a few blocks: the rest of the first rows, whole rows, the first part of
  // the last ones, for each axis.
  void read(int64_t begin, int64_t end, std::span<std::byte> destination,
            FloatCensus& losses) const override {
    for (int64_t at = begin; at < end;) {
      Box box = box_at(at);
      const int64_t n = grow(box, at, end);
      read_box(box, destination.subspan(static_cast<size_t>(at - begin) * item_), losses);
      at += n;
    }
  }
  int64_t good_read() const override {
    const bool in_order = order_.empty() || order_.back() + 1 == order_.size();
    return in_order ? 0 : static_cast<int64_t>(good_bytes / item_);
  }
  uint64_t scratch_bytes(int64_t) const override {
    const auto n = static_cast<int64_t>(window_bytes / item_);
    return window_bytes + input_->scratch_bytes(n);
  }

 private:
  Box box_at(int64_t element) const {
    Box box{Shape(stride_.size()), Shape(stride_.size(), 1)};
    for (size_t i = 0; i < stride_.size(); ++i) {
      box.start[i] = element / steps_[i];
      element %= steps_[i];
    }
    return box;
  }

  // Widens the box as far as it stays one run of the output before `end`; its elements.
  int64_t grow(Box& box, int64_t at, int64_t end) const {
    int64_t n = 1;
    for (size_t i = stride_.size(); i-- > 0;) {
      const int64_t room = std::min(shape()[i] - box.start[i], (end - at) / steps_[i]);
      box.extent[i] = std::max<int64_t>(1, room);
      n = box.extent[i] * steps_[i];
      // The next axis can only be widened over whole rows of this one.
      if (box.extent[i] != shape()[i]) break;
    }
    return n;
  }

  void read_box(const Box& box, std::span<std::byte> destination, FloatCensus& losses) const {
    int64_t first = 0;
    for (size_t i = 0; i < stride_.size(); ++i) first += box.start[i] * stride_[i];
    read_axes(box, 0, first, destination.data(), losses);
  }

  // Axes order_[k], order_[k + 1] ... of the box, whose first element is `first` of the input.
  void read_axes(const Box& box, size_t k, int64_t first, std::byte* out,
                 FloatCensus& losses) const {
    int64_t span = 1;
    for (size_t i = k; i < order_.size(); ++i)
      span += (box.extent[order_[i]] - 1) * stride_[order_[i]];
    const auto most = static_cast<int64_t>(window_bytes / item_);
    if (span <= most) {
      const Window window = input_->fetch(first, first + span, losses);
      return gather(box, k, window.bytes().data(), out);
    }
    // The widest axis goes by pieces that fit a window, one entry at least.
    const size_t axis = order_[k];
    const int64_t inner = span - (box.extent[axis] - 1) * stride_[axis];
    const int64_t piece =
        inner > most ? 1 : std::max<int64_t>(1, (most - inner) / stride_[axis] + 1);
    for (int64_t i = 0; i < box.extent[axis]; i += piece) {
      Box part = box;
      part.extent[axis] = std::min(piece, box.extent[axis] - i);
      const size_t next = part.extent[axis] == 1 ? k + 1 : k;
      read_axes(part, next, first + i * stride_[axis],
                out + static_cast<size_t>(i * steps_[axis]) * item_, losses);
    }
  }

  void gather(const Box& box, size_t k, const std::byte* from, std::byte* out) const {
    if (k == order_.size()) return void(std::memcpy(out, from, item_));
    const size_t axis = order_[k];
    const size_t in_step = static_cast<size_t>(stride_[axis]) * item_;
    const size_t out_step = static_cast<size_t>(steps_[axis]) * item_;
    const int64_t n = box.extent[axis];
    if (k + 1 < order_.size()) {
      for (int64_t i = 0; i < n; ++i)
        gather(box, k + 1, from + static_cast<size_t>(i) * in_step,
               out + static_cast<size_t>(i) * out_step);
      return;
    }
    if (in_step == item_ && out_step == item_)
      return void(std::memcpy(out, from, static_cast<size_t>(n) * item_));
    for (int64_t i = 0; i < n; ++i)
      std::memcpy(out + static_cast<size_t>(i) * out_step, from + static_cast<size_t>(i) * in_step,
                  item_);
  }

  ValuePtr input_;
  std::vector<int64_t> stride_;
  std::vector<size_t> order_;   // axes by stride, the widest first
  std::vector<int64_t> steps_;  // elements of the output between two entries of an axis
  size_t item_;                 // bytes of an element
};

class ByteSwapped final : public Value {
 public:
  ByteSwapped(ValuePtr input, uint64_t unit)
      : Value(input->shape(), input->codec()), input_(std::move(input)), unit_(unit) {}
  void read(int64_t begin, int64_t end, std::span<std::byte> destination,
            FloatCensus& losses) const override {
    input_->read(begin, end, destination, losses);
    for (size_t at = 0; at < destination.size(); at += unit_)
      std::reverse(destination.data() + at, destination.data() + at + unit_);
  }
  int64_t good_read() const override { return input_->good_read(); }
  uint64_t scratch_bytes(int64_t n) const override { return input_->scratch_bytes(n); }

 private:
  ValuePtr input_;
  uint64_t unit_;
};

}  // namespace

ValuePtr strided(ValuePtr value, Shape shape, std::vector<int64_t> stride) {
  assert(shape.size() == stride.size() && value->codec().block_elements == 1);
  return std::make_shared<Strided>(std::move(value), std::move(shape), std::move(stride));
}

ValuePtr byte_swapped(ValuePtr value, uint64_t unit) {
  if (unit == 1) return value;
  assert(value->codec().block_bytes % unit == 0);
  return std::make_shared<ByteSwapped>(std::move(value), unit);
}

}  // namespace recast
