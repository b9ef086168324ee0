#include "tensor/weighted_cast.h"

#include <algorithm>
#include <cassert>

#include "tensor/replace_nonfinite.h"

namespace recast {

namespace {

// Values decoded at once: they stay in the cache while they are packed.
constexpr int64_t tile_elements = 1 << 14;

// Values for each matrix of a stack; one for all where there is no importance.
int64_t matrices(const ImportanceValues& importance, int64_t row) {
  return importance ? static_cast<int64_t>(importance->size()) / row : 1;
}

class WeightedCast final : public Value {
 public:
  WeightedCast(ValuePtr input, const Codec& codec, ImportanceValues importance, CastOptions options)
      : Value(input->shape(), codec),
        input_(std::move(input)),
        importance_(std::move(importance)),
        options_(options),
        encode_(options.effort == Effort::aggressive && codec.encode_best ? codec.encode_best
                                                                          : codec.encode_weighted),
        row_(row_length(shape())),
        matrix_(elements() / matrices(importance_, row_)),
        tile_rows_(std::max<int64_t>(1, tile_elements / row_)) {}

  void read(int64_t begin, int64_t end, std::span<std::byte> destination,
            FloatCensus& losses) const override {
    assert(begin % row_ == 0 && end % row_ == 0);
    std::vector<float> tile(static_cast<size_t>(std::min(tile_rows_ * row_, end - begin)));
    const int64_t piece = input_->piece_elements(tile_rows_ * row_);
    for (int64_t at = begin; at < end; at += piece) {
      const int64_t until = std::min(end, at + piece);
      pack(at, until, tile, destination.data() + codec().bytes(at - begin), losses);
    }
  }
  bool whole_rows() const override { return true; }
  int64_t good_read() const override { return input_->good_read(); }
  uint64_t scratch_bytes(int64_t n) const override {
    const int64_t unit = tile_rows_ * row_;
    return static_cast<uint64_t>(unit) * sizeof(float) +
           input_->scratch_bytes(std::min(n, input_->piece_elements(unit)));
  }

 private:
  void pack(int64_t begin, int64_t end, std::vector<float>& tile, std::byte* out,
            FloatCensus& losses) const {
    const Codec& from = input_->codec();
    const Window source = input_->fetch(begin, end, losses);
    const std::byte* in = source.bytes().data();
    for (int64_t at = begin; at < end;) {
      const int64_t index = at / matrix_;
      const int64_t n = std::min({tile_rows_ * row_, end - at, (index + 1) * matrix_ - at});
      from.decode(in, tile.data(), n);
      count_losses(tile.data(), n, at, codec(), losses);
      if (options_.replace_nonfinite)
        for (int64_t r = 0; r < n; r += row_) replace_nonfinite(tile.data() + r, row_);
      if (codec().mended && options_.effort == Effort::balanced)
        losses.mended += static_cast<uint64_t>(codec().mended(tile.data(), n));
      encode_(tile.data(), importance_ ? importance_->data() + index * row_ : nullptr, out, n / row_,
              row_);
      in += from.bytes(n);
      out += codec().bytes(n);
      at += n;
    }
  }
  ValuePtr input_;
  ImportanceValues importance_;
  CastOptions options_;
  void (*encode_)(const float*, const float*, std::byte*, int64_t, int64_t);
  int64_t row_, matrix_, tile_rows_;
};

}  // namespace

ValuePtr cast_weighted(ValuePtr value, const Codec& codec, ImportanceValues importance,
                       CastOptions options) {
  if (&value->codec() == &codec) return value;
  if (value->elements() == 0) return cast(std::move(value), codec, options);
  const bool best = options.effort == Effort::aggressive && codec.encode_best;
  const bool fast = options.effort == Effort::fast && codec.encode_fast;
  if (!best && (fast || !importance || !codec.encode_weighted))
    return cast(std::move(value), codec, options);
  assert(value->codec().decode && codec.fits_row(row_length(value->shape())));
  assert(!importance ||
         (!importance->empty() &&
          value->elements() % static_cast<int64_t>(importance->size()) == 0 &&
          static_cast<int64_t>(importance->size()) % row_length(value->shape()) == 0));
  return std::make_shared<WeightedCast>(std::move(value), codec, std::move(importance), options);
}

}  // namespace recast
