#include "tensor/blocks.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <limits>
#include <numeric>

#include "tensor/lazy_ops.h"

namespace recast {
namespace {

constexpr uint64_t window_bytes = uint64_t{1} << 20;

bool is_empty(const Box& box) {
  return std::find(box.extent.begin(), box.extent.end(), 0) != box.extent.end();
}

// Axes along which some box is less than the whole.
std::vector<size_t> split_axes(const Shape& shape, const std::vector<Box>& boxes) {
  std::vector<size_t> axes;
  for (size_t i = 0; i < shape.size(); ++i)
    if (std::any_of(boxes.begin(), boxes.end(),
                    [&](const Box& box) { return !is_empty(box) && box.extent[i] != shape[i]; }))
      axes.push_back(i);
  return axes;
}

// The corners of boxes with the signs that the mixed derivative of "how often is this element
// covered" has there. Two coverings are the same exactly when these agree.
class Corners {
 public:
  explicit Corners(std::vector<size_t> axes) : axes_(std::move(axes)) {}

  void add(const Box& box, int sign) {
    for (uint64_t corner = 0; corner < uint64_t{1} << axes_.size(); ++corner) {
      int side = sign;
      for (size_t k = 0; k < axes_.size(); ++k) {
        const bool far = (corner >> k & 1) != 0;
        places_.push_back(box.start[axes_[k]] + (far ? box.extent[axes_[k]] : 0));
        if (far) side = -side;
      }
      signs_.push_back(side);
    }
  }

  // The first place at which the signs do not cancel, and what is left of them there.
  std::optional<std::pair<Shape, int64_t>> first_left() const {
    std::vector<uint32_t> order(signs_.size());
    std::iota(order.begin(), order.end(), 0u);
    const auto place = [&](uint32_t i) { return places_.data() + i * axes_.size(); };
    const auto less = [&](uint32_t a, uint32_t b) {
      return std::lexicographical_compare(place(a), place(a) + axes_.size(), place(b),
                                          place(b) + axes_.size());
    };
    std::sort(order.begin(), order.end(), less);
    for (size_t i = 0; i < order.size();) {
      int64_t sum = 0;
      const uint32_t first = order[i];
      for (; i < order.size() && !less(first, order[i]); ++i) sum += signs_[order[i]];
      if (sum != 0) return std::pair(Shape(place(first), place(first) + axes_.size()), sum);
    }
    return std::nullopt;
  }

 private:
  std::vector<size_t> axes_;
  std::vector<int64_t> places_;  // of all corners, one after another
  std::vector<int> signs_;
};

class Blocks final : public Value {
 public:
  Blocks(std::vector<Block> parts, Shape shape)
      : Value(std::move(shape), parts.front().value->codec()),
        parts_(std::move(parts)),
        steps_(this->shape().size()),
        item_(codec().block_bytes) {
    int64_t step = 1;
    for (size_t i = steps_.size(); i-- > 0; step *= this->shape()[i]) steps_[i] = step;
  }

  // A run of elements is a few boxes; what a block has of such a box is one run of its own.
  void read(int64_t begin, int64_t end, std::span<std::byte> destination,
            FloatCensus& losses) const override {
    for (int64_t at = begin; at < end;) {
      const Box box = box_at(at, end);
      std::byte* out = destination.data() + static_cast<size_t>(at - begin) * item_;
      for (const Block& part : parts_) read_part(part, box, out, losses);
      at += *element_count(box.extent);
    }
  }
  int64_t good_read() const override {
    int64_t most = 0;
    for (const Block& part : parts_) most = std::max(most, part.value->good_read());
    return most;
  }
  uint64_t scratch_bytes(int64_t) const override {
    const auto n = static_cast<int64_t>(window_bytes / item_);
    uint64_t most = 0;
    for (const Block& part : parts_)
      most = std::max(most, part.value->scratch_bytes(std::min(n, part.value->elements())));
    return window_bytes + most;
  }

 private:
  // The largest box that is one run from `at` on and ends before `end`: one entry of the outer
  // axes, some of the next one, all of those behind it.
  Box box_at(int64_t at, int64_t end) const {
    Box box{Shape(steps_.size()), Shape(steps_.size(), 1)};
    int64_t rest = at;
    for (size_t i = 0; i < steps_.size(); ++i) {
      box.start[i] = rest / steps_[i];
      rest %= steps_[i];
    }
    for (size_t i = steps_.size(); i-- > 0;) {
      const int64_t room = std::min(shape()[i] - box.start[i], (end - at) / steps_[i]);
      box.extent[i] = std::max<int64_t>(1, room);
      // The next axis can only be widened over whole rows of this one.
      if (box.extent[i] != shape()[i]) break;
    }
    return box;
  }

  void read_part(const Block& part, const Box& box, std::byte* out, FloatCensus& losses) const {
    const Shape& extent = part.value->shape();
    int64_t first = 0, run = 1, target = 0;
    for (size_t i = 0; i < extent.size(); ++i) {
      const int64_t low = std::max(box.start[i], part.start[i]);
      const int64_t high = std::min(box.start[i] + box.extent[i], part.start[i] + extent[i]);
      if (low >= high) return;
      first = first * extent[i] + (low - part.start[i]);
      run *= high - low;
      target += (low - box.start[i]) * steps_[i];
    }
    const auto most = static_cast<int64_t>(window_bytes / item_);
    for (int64_t done = 0; done < run;) {
      const int64_t n = std::min(most, run - done);
      const Window window = part.value->fetch(first + done, first + done + n, losses);
      const int64_t shift = target - place_of(first, extent);
      scatter(extent, first + done, n, shift, window.bytes().data(), out);
      done += n;
    }
  }

  // Puts elements [begin, begin + n) of a block where they belong: `shift` behind where they stand
  // counted from the block's first one.
  void scatter(const Shape& extent, int64_t begin, int64_t n, int64_t shift, const std::byte* from,
               std::byte* out) const {
    int64_t run = extent.back();  // elements that are neighbours on both sides
    for (size_t i = extent.size() - 1; i > 0 && extent[i] == shape()[i]; --i) run *= extent[i - 1];
    for (int64_t at = begin; at < begin + n;) {
      const int64_t length = std::min(begin + n - at, run - at % run);
      const auto place = static_cast<size_t>(place_of(at, extent) + shift);
      std::memcpy(out + place * item_, from + static_cast<size_t>(at - begin) * item_,
                  static_cast<size_t>(length) * item_);
      at += length;
    }
  }

  // Where a block's element stands in the whole, counted from the block's first one.
  int64_t place_of(int64_t element, const Shape& extent) const {
    int64_t place = 0;
    for (size_t i = extent.size(); i-- > 0; element /= extent[i])
      place += element % extent[i] * steps_[i];
    return place;
  }

  std::vector<Block> parts_;
  std::vector<int64_t> steps_;  // elements of the whole between two entries of an axis
  size_t item_;                 // bytes of an element
};

}  // namespace

uint64_t cover_corners(const Shape& shape, const std::vector<Box>& boxes) {
  const size_t axes = split_axes(shape, boxes).size();
  const uint64_t each = axes < 32 ? uint64_t{1} << axes : std::numeric_limits<uint32_t>::max();
  return each * (boxes.size() + 1);
}

std::optional<CoverFault> find_cover_fault(const Shape& shape, const std::vector<Box>& boxes) {
  const Box whole{Shape(shape.size(), 0), shape};
  std::vector<size_t> axes = split_axes(shape, boxes);
  Corners corners(axes);
  if (!is_empty(whole)) corners.add(whole, -1);
  for (const Box& box : boxes)
    if (!is_empty(box)) corners.add(box, 1);
  const auto left = corners.first_left();
  if (!left) return std::nullopt;
  CoverFault fault{left->second > 0, Shape(shape.size(), 0)};
  for (size_t k = 0; k < axes.size(); ++k) fault.at[axes[k]] = left->first[k];
  return fault;
}

ValuePtr blocks(std::vector<Block> parts, Shape shape) {
  assert(!parts.empty() && parts.front().value->codec().block_elements == 1);
  const bool empty = element_count(shape) == 0;
  if (empty) parts.resize(1);
  if (!empty) std::erase_if(parts, [](const Block& part) { return part.value->elements() == 0; });
  if (parts.size() == 1) return reshape(parts.front().value, std::move(shape));
  std::sort(parts.begin(), parts.end(),
            [](const Block& a, const Block& b) { return a.start < b.start; });
  const bool whole_rows = std::all_of(parts.begin(), parts.end(), [&](const Block& part) {
    return std::equal(shape.begin() + 1, shape.end(), part.value->shape().begin() + 1);
  });
  if (!whole_rows) return std::make_shared<Blocks>(std::move(parts), std::move(shape));
  std::vector<ValuePtr> rows;
  for (Block& part : parts) rows.push_back(std::move(part.value));
  return concat(std::move(rows), std::move(shape));
}

}  // namespace recast
