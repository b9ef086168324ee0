// Kernel of the 32-element blocks with importance: 16 blocks side by side.
#if defined(RECAST_CODEC_WEIGHTED32_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RECAST_CODEC_WEIGHTED32_INL_H
#undef RECAST_CODEC_WEIGHTED32_INL_H
#else
#define RECAST_CODEC_WEIGHTED32_INL_H
#endif

#include <cstring>

#include "codec/search-inl.h"
#include "codec/weighted32.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

// What a search leaves for 16 blocks. Codes are clamp(rounded(inverse * (x - origin)), low, high) -
// low; all 0 where inverse is 0.
struct Fits32 {
  alignas(64) float scale[width], min[width] = {}, inverse[width], origin[width] = {};
};

HWY_INLINE void search_32(bool affine, int top, const float* x, const float* w, Fits32& fits) {
  const scalar::AffineSearch search = scalar::weighted_search_32(top);
  for (int at = 0; at < width; at += lanes) {
    if (affine) {
      const AffineFit fit = fit_affine<32, false>(search, x + at, w + at);
      store(fit.scale, fits.scale + at);
      store(fit.min, fits.min + at);
      store(fit.inverse, fits.inverse + at);
      store(fit.origin, fits.origin + at);
    } else {
      const SignedFit fit = fit_signed<32>((top + 1) / 2, x + at, w + at);
      store(fit.scale, fits.scale + at);
      store(fit.inverse, fits.inverse + at);
    }
  }
}

// Codes of one block.
HWY_INLINE void codes_32(bool affine, int top, const float* x, const Fits32& fits, int64_t b,
                         uint8_t* codes) {
  const hn::Rebind<uint8_t, LaneF> u8;
  if (fits.inverse[b] == 0) {
    std::fill_n(codes, 32, uint8_t{0});
    return;
  }
  const int low = affine ? 0 : -(top + 1) / 2;
  const VecF inverse = set(fits.inverse[b]), origin = set(fits.origin[b]);
  for (int i = 0; i < 32; i += lanes) {
    const VecF v = hn::Mul(inverse, hn::Sub(load(x + i), origin));
    const VecI code = clamped(rounded(v), low, low + top);
    hn::StoreU(hn::DemoteTo(u8, hn::Sub(code, hn::Set(LaneI(), low))), u8, codes + i);
  }
}

// Up to 16 blocks at `place` among all; sigma2 of the rows from `first_row` on.
template <class Block, class Make>
HWY_INLINE void encode_weighted_group(bool affine, int top, const float* x, const float* importance,
                                      std::byte* out, int64_t blocks, int64_t place, int64_t row,
                                      const float* sigma2, const Make& make) {
  alignas(64) float padded[512] = {}, columns[512], values[512], q[512], w[512], s2[width];
  const float* source = x;
  if (blocks < width) {
    std::copy_n(x, blocks * 32, padded);
    source = padded;
  }
  for (int s = 0; s < width; ++s) {
    const int64_t at = place + 32 * std::min<int64_t>(s, blocks - 1);
    std::copy_n(importance + at % row, 32, columns + 32 * s);
    s2[s] = sigma2[at / row];
  }
  side_by_side(source, 32, 32, values);
  side_by_side(columns, 32, 32, q);
  for (int at = 0; at < width; at += lanes)
    for (int i = at; i < 512; i += width) {
      const VecF square = hn::Mul(load(values + i), load(values + i));
      store(hn::Mul(load(q + i), hn::Sqrt(hn::Add(load(s2 + at), square))), w + i);
    }
  Fits32 fits;
  search_32(affine, top, values, w, fits);
  for (int64_t b = 0; b < blocks; ++b, x += 32, out += sizeof(Block)) {
    alignas(64) uint8_t codes[32];
    codes_32(affine, top, x, fits, b, codes);
    const Block block = make(fits.scale[b], fits.min[b], codes);
    std::memcpy(out, &block, sizeof block);
  }
}

// make(scale, min, codes) returns the block. affine: codes 0 ... top and a minimum; else the codes
// are centred.
template <class Block, class Make>
HWY_INLINE void encode_weighted_rows(bool affine, int top, const float* x, const float* importance,
                                     std::byte* out, int64_t rows, int64_t row, const Make& make) {
  constexpr int64_t together = 4;
  for (int64_t r = 0; r < rows; r += together) {
    const int64_t count = std::min(together, rows - r), n = count * row;
    float sigma2[together] = {};
    sums_of_squares(x, row, row, count, sigma2);
    for (float& s : sigma2) s /= static_cast<float>(row);
    for (int64_t i = 0; i < n; i += 32 * width)
      encode_weighted_group<Block>(affine, top, x + i, importance,
                                   out + i / 32 * static_cast<int64_t>(sizeof(Block)),
                                   std::min<int64_t>(width, (n - i) / 32), i, row, sigma2, make);
    x += n;
    out += n / 32 * static_cast<int64_t>(sizeof(Block));
  }
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // HWY_TARGET != HWY_SCALAR

#endif  // per target
