// What the kernels of Q3_K and Q6_K share: 16 sub-blocks of 16 make one block, so a block lies side
// by side in one array.
#if defined(RECAST_CODEC_SIGNED_K_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RECAST_CODEC_SIGNED_K_INL_H
#undef RECAST_CODEC_SIGNED_K_INL_H
#else
#define RECAST_CODEC_SIGNED_K_INL_H
#endif

#include <cstring>

#include "codec/search-inl.h"
#include "tensor/float16.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

// Scales of the 16 sub-blocks of a block, and what gives the codes of a search.
struct SignedBlock {
  alignas(64) float scale[width], inverse[width];
};

// Searches the sub-blocks of one block with these weights, both side by side.
HWY_INLINE void search_signed_block(int half, const float* x, const float* w, SignedBlock& result) {
  for (int at = 0; at < width; at += lanes) {
    const SignedFit fit = fit_signed<16>(half, x + at, w + at);
    store(fit.scale, result.scale + at);
    store(fit.inverse, result.inverse + at);
  }
}

// Codes clamp(rounded(inverse * x)) + half of 16 values.
HWY_INLINE void spread_codes(float inverse, const float* x, int half, uint8_t* codes) {
  const hn::Rebind<uint8_t, LaneF> u8;
  for (int i = 0; i < 16; i += lanes) {
    const VecI code = rounded_from(hn::Mul(set(inverse), load(x + i)), -half, half - 1);
    hn::StoreU(hn::DemoteTo(u8, code), u8, codes + i);
  }
}

// The codes of a search, of 16 values; 0 where it found nothing.
HWY_INLINE void signed_codes(float inverse, const float* x, int half, uint8_t* codes) {
  if (inverse == 0)
    std::memset(codes, 0, 16);
  else
    spread_codes(inverse, x, half, codes);
}

// Codes of a block at the scales that are stored. Where one is 0, search_codes(j, codes) writes the
// 16 codes of sub-block j.
template <class SearchCodes>
HWY_INLINE void round_signed_block(const float* x, const float* scales, int half, uint8_t* codes,
                                   const SearchCodes& search_codes) {
  const hn::Rebind<uint8_t, LaneF> u8;
  bool searched = false;
  for (int j = 0; j < 16; ++j) {
    searched |= scales[j] == 0;
    const VecF scale = set(scales[j]);
    for (int i = 16 * j; i < 16 * (j + 1); i += lanes) {
      const VecI code = rounded_from(hn::Div(load(x + i), scale), -half, half - 1);
      hn::StoreU(hn::DemoteTo(u8, code), u8, codes + i);
    }
  }
  if (!searched) return;
  for (int j = 0; j < 16; ++j)
    if (scales[j] == 0) search_codes(j, codes + 16 * j);
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // HWY_TARGET != HWY_SCALAR

#endif  // per target
