// What the kernels of the 32-element blocks share. Work goes in batches of 16 blocks: find the
// extremes of each, turn all 16 into scales at once, then write codes; a batch stays in the first
// cache. No sum is formed anywhere, so the width of a vector cannot change a bit. Included once for
// each Highway target; nothing is defined for the target without vectors.
#if defined(RECAST_CODEC_BLOCK32_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RECAST_CODEC_BLOCK32_INL_H
#undef RECAST_CODEC_BLOCK32_INL_H
#else
#define RECAST_CODEC_BLOCK32_INL_H
#endif

#include <algorithm>
#include <cstring>
#include <limits>

#include "codec/float16-inl.h"

#if HWY_TARGET != HWY_SCALAR
HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

inline constexpr int64_t block_elements = 32;
inline constexpr int64_t batch_blocks = 16;

using F32 = hn::CappedTag<float, 16>;  // never wider than half a block
using I32 = hn::RebindToSigned<F32>;
using U16 = hn::Rebind<uint16_t, F32>;
using U8 = hn::Rebind<uint8_t, F32>;

// The numbers of one batch, one entry a block. A last, shorter batch leaves stale entries behind
// its blocks; they are computed with and never used.
struct Scales {
  alignas(64) float low[batch_blocks] = {};      // smallest value; 0 for types without minimum
  alignas(64) float high[batch_blocks] = {};     // largest value, or the one of largest magnitude
  alignas(64) float inverse[batch_blocks] = {};  // 1 / scale; 0 when every code is 0
  alignas(64) float offset[batch_blocks] = {};   // added before truncation
  alignas(64) uint16_t d[batch_blocks] = {};     // the scale as f16
  alignas(64) uint16_t m[batch_blocks] = {};     // `low` as f16
};

// Calls body(first block, blocks) over n elements.
template <class Body>
HWY_INLINE void for_batches(int64_t n, Body&& body) {
  const int64_t blocks = n / block_elements;
  for (int64_t b = 0; b < blocks; b += batch_blocks) body(b, std::min(batch_blocks, blocks - b));
}

// Truncates values that fit; ConvertTo would spend three more instructions on those that do not.
HWY_INLINE hn::Vec<I32> truncate(hn::Vec<F32> v) {
#if HWY_TARGET <= HWY_AVX3
  return hn::Vec<I32>{_mm512_cvttps_epi32(v.raw)};
#elif HWY_TARGET <= HWY_AVX2
  return hn::Vec<I32>{_mm256_cvttps_epi32(v.raw)};
#elif HWY_ARCH_X86 && HWY_TARGET != HWY_EMU128
  return hn::Vec<I32>{_mm_cvttps_epi32(v.raw)};
#else
  return hn::ConvertTo(I32(), v);
#endif
}

// The low bytes of values that fit the 8-bit type of `d`.
template <class D>
HWY_INLINE hn::Vec<D> narrow(D d, hn::Vec<I32> v) {
#if HWY_TARGET <= HWY_AVX3
  (void)d;
  return hn::Vec<D>{_mm512_cvtepi32_epi8(v.raw)};
#else
  return hn::DemoteTo(d, v);
#endif
}

// ---- encoding ----------------------------------------------------------------------------------

struct Smallest {
  template <class V>
  HWY_INLINE V operator()(V a, V b) const {
    return hn::Min(a, b);
  }
};
struct Largest {
  template <class V>
  HWY_INLINE V operator()(V a, V b) const {
    return hn::Max(a, b);
  }
};

// Folds the 128-bit blocks of a vector into one.
template <class D, class Choose>
HWY_INLINE hn::Vec<hn::Full128<float>> fold(D, hn::Vec<D> v, Choose choose) {
  if constexpr (hn::MaxLanes(D()) == 4) {
    return v;
  } else {
    const hn::Half<D> half;
    return fold(half, choose(hn::LowerHalf(half, v), hn::UpperHalf(half, v)), choose);
  }
}

// The chosen lane of each of four vectors, stored as four floats. Two thirds fewer shuffles than
// four reductions of their own.
template <class Choose>
HWY_INLINE void reduce_four(hn::Vec<F32> a, hn::Vec<F32> b, hn::Vec<F32> c, hn::Vec<F32> d,
                            Choose choose, float* destination) {
  const F32 f;
  const hn::Repartition<double, F32> f64;
  const auto ab =
      hn::BitCast(f64, choose(hn::InterleaveLower(f, a, b), hn::InterleaveUpper(f, a, b)));
  const auto cd =
      hn::BitCast(f64, choose(hn::InterleaveLower(f, c, d), hn::InterleaveUpper(f, c, d)));
  const auto abcd = choose(hn::BitCast(f, hn::InterleaveLower(f64, ab, cd)),
                           hn::BitCast(f, hn::InterleaveUpper(f64, ab, cd)));
  hn::StoreU(fold(f, abcd, choose), hn::Full128<float>(), destination);
}

// Smallest and largest of the values of one block, lane by lane.
struct Extremes {
  hn::Vec<F32> low, high;
};
HWY_INLINE Extremes lane_extremes(const float* block) {
  const F32 f;
  Extremes e = {hn::LoadU(f, block), hn::LoadU(f, block)};
  for (int64_t i = static_cast<int64_t>(hn::Lanes(f)); i < block_elements;
       i += static_cast<int64_t>(hn::Lanes(f))) {
    const auto x = hn::LoadU(f, block + i);
    e.low = hn::Min(e.low, x);
    e.high = hn::Max(e.high, x);
  }
  return e;
}

// Smallest and largest value of each block. The sign of a zero is any of those present.
HWY_INLINE void find_extremes(const float* source, int64_t blocks, Scales& s) {
  const F32 f;
  int64_t b = 0;
  for (; b + 4 <= blocks; b += 4, source += 4 * block_elements) {
    const Extremes e0 = lane_extremes(source);
    const Extremes e1 = lane_extremes(source + block_elements);
    const Extremes e2 = lane_extremes(source + 2 * block_elements);
    const Extremes e3 = lane_extremes(source + 3 * block_elements);
    reduce_four(e0.low, e1.low, e2.low, e3.low, Smallest(), s.low + b);
    reduce_four(e0.high, e1.high, e2.high, e3.high, Largest(), s.high + b);
  }
  for (; b < blocks; ++b, source += block_elements) {
    const Extremes e = lane_extremes(source);
    s.low[b] = hn::GetLane(hn::MinOfLanes(f, e.low));
    s.high[b] = hn::GetLane(hn::MaxOfLanes(f, e.high));
  }
}

// The first value of the block that equals a or b; 0 when there is none, as with NaN.
HWY_INLINE float first_equal(const float* block, float a, float b) {
  for (int64_t i = 0; i < block_elements; ++i)
    if (block[i] == a || block[i] == b) return block[i];
  return 0;
}

// Makes `low` the minimum that the definition keeps: of several zeros the first one. With `high` 0
// too, both are the first value.
HWY_INLINE void settle_minimum(const float* source, int64_t blocks, Scales& s) {
  const F32 f;
  const auto zero = hn::Zero(f);
  for (int64_t b = 0; b < blocks; b += static_cast<int64_t>(hn::Lanes(f)))
    if (!hn::AllFalse(f, hn::Eq(hn::Load(f, s.low + b), zero)))
      for (int64_t i = b; i < std::min(blocks, b + static_cast<int64_t>(hn::Lanes(f))); ++i) {
        if (s.low[i] != 0) continue;
        s.low[i] = first_equal(source + i * block_elements, 0, 0);
        if (s.high[i] == 0) s.high[i] = s.low[i];
      }
}

// Makes `high` the value of largest magnitude: of two opposite ones the first, +0 if all are 0.
// `low` becomes 0.
HWY_INLINE void settle_largest(const float* source, int64_t blocks, Scales& s) {
  const F32 f;
  for (int64_t b = 0; b < blocks; b += static_cast<int64_t>(hn::Lanes(f))) {
    const auto low = hn::Load(f, s.low + b);
    const auto high = hn::Load(f, s.high + b);
    hn::Store(hn::IfThenElse(hn::Gt(hn::Neg(low), high), low, high), f, s.high + b);
    if (!hn::AllFalse(f, hn::Eq(hn::Neg(low), high)))
      for (int64_t i = b; i < std::min(blocks, b + static_cast<int64_t>(hn::Lanes(f))); ++i) {
        if (-s.low[i] != s.high[i]) continue;
        const float* block = source + i * block_elements;
        s.high[i] = s.high[i] > 0 ? first_equal(block, s.low[i], s.high[i]) : 0.0f;
      }
    hn::Store(hn::Zero(f), f, s.low + b);
  }
}

// From `high`: d = high / divisor, codes around `offset`. Where 1 / d overflows, all codes are 0.
HWY_INLINE void signed_scales(float divisor, float offset, Scales& s) {
  const F32 f;
  const U16 u16;
  const auto zero = hn::Zero(f);
  const auto one = hn::Set(f, 1.0f);
  const auto limit = hn::Set(f, std::numeric_limits<float>::max());
  for (int64_t b = 0; b < batch_blocks; b += static_cast<int64_t>(hn::Lanes(f))) {
    const auto d = hn::Div(hn::Load(f, s.high + b), hn::Set(f, divisor));
    const auto inverse = hn::IfThenElseZero(hn::Ne(d, zero), hn::Div(one, d));
    const auto usable = hn::Le(hn::Abs(inverse), limit);
    hn::Store(hn::IfThenElseZero(usable, inverse), f, s.inverse + b);
    hn::Store(hn::IfThenElseZero(usable, hn::Set(f, offset)), f, s.offset + b);
    hn::Store(f16_from_f32(f, d), u16, s.d + b);
  }
}

// From `low` and `high`: d = (high - low) / steps, m = low. Where d or 1 / d overflows, all codes
// are 0; `low` becomes 0 there so that x - low stays finite.
HWY_INLINE void affine_scales(float steps, Scales& s) {
  const F32 f;
  const U16 u16;
  const auto zero = hn::Zero(f);
  const auto one = hn::Set(f, 1.0f);
  const auto limit = hn::Set(f, std::numeric_limits<float>::max());
  for (int64_t b = 0; b < batch_blocks; b += static_cast<int64_t>(hn::Lanes(f))) {
    const auto low = hn::Load(f, s.low + b);
    const auto d = hn::Div(hn::Sub(hn::Load(f, s.high + b), low), hn::Set(f, steps));
    const auto inverse = hn::IfThenElseZero(hn::Ne(d, zero), hn::Div(one, d));
    const auto usable = hn::And(hn::Le(hn::Abs(inverse), limit), hn::Le(hn::Abs(d), limit));
    hn::Store(f16_from_f32(f, low), u16, s.m + b);
    hn::Store(f16_from_f32(f, d), u16, s.d + b);
    hn::Store(hn::IfThenElseZero(usable, inverse), f, s.inverse + b);
    hn::Store(hn::IfThenElseZero(usable, low), f, s.low + b);
    hn::Store(hn::Set(f, 0.5f), f, s.offset + b);
  }
}

// The bits of a mask of I32 lanes, lane 0 in bit 0.
HWY_INLINE uint32_t mask_bits(hn::Mask<I32> mask) {
  uint8_t bytes[8] = {};
  hn::StoreMaskBits(I32(), mask, bytes);
  return static_cast<uint32_t>(bytes[0] | bytes[1] << 8);
}

// Writes the codes of block b, code = min(top, trunc((x - low) * inverse + offset)): 16 bytes at
// `nibbles`, code j in the low nibble of byte j and code j + 16 in the high one, and where
// `fifth_bits` is not null 4 bytes there, bit i the fifth bit of code i.
HWY_INLINE void write_codes(const float* block, int64_t b, const Scales& s, int32_t top,
                            std::byte* nibbles, std::byte* fifth_bits) {
  const F32 f;
  const I32 i32;
  const U8 u8;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(f));
  const auto highest = hn::Set(i32, top);
  const auto low = hn::Set(f, s.low[b]);
  const auto inverse = hn::Set(f, s.inverse[b]);
  const auto offset = hn::Set(f, s.offset[b]);
  const auto code_at = [&](int64_t i) HWY_ATTR {
    const auto x = hn::Sub(hn::LoadU(f, block + i), low);
    return hn::Min(truncate(hn::Add(hn::Mul(x, inverse), offset)), highest);
  };
  uint32_t upper = 0;
  for (int64_t i = 0; i < 16; i += lanes) {
    auto first = code_at(i), second = hn::ShiftLeft<4>(code_at(i + 16));
    if (fifth_bits) {
      upper |= mask_bits(hn::TestBit(first, hn::Set(i32, 16))) << i;
      upper |= mask_bits(hn::TestBit(second, hn::Set(i32, 256))) << (i + 16);
      first = hn::And(first, hn::Set(i32, 15));
      second = hn::And(second, hn::Set(i32, 240));
    }
    hn::StoreU(narrow(u8, hn::Or(first, second)), u8, reinterpret_cast<uint8_t*>(nibbles) + i);
  }
  if (fifth_bits) std::memcpy(fifth_bits, &upper, sizeof upper);
}

// ---- decoding ----------------------------------------------------------------------------------

// The f16 at the start of each block's `offset`, as f32.
HWY_INLINE void read_scales(const std::byte* source, int64_t blocks, uint64_t block_bytes,
                            float* scales) {
  const F32 f;
  const U16 u16;
  alignas(64) uint16_t halves[batch_blocks] = {};
  for (int64_t b = 0; b < blocks; ++b)
    std::memcpy(&halves[b], source + static_cast<uint64_t>(b) * block_bytes, 2);
  for (int64_t b = 0; b < batch_blocks; b += static_cast<int64_t>(hn::Lanes(f)))
    hn::Store(f32_from_f16(f, hn::Load(u16, halves + b)), f, scales + b);
}

// 32 codes from 16 bytes of nibbles and, where `fifth_bits` is not null, 4 bytes of upper bits;
// calls write(i, code as i32 vector) for i = 0, Lanes ... 31 in some order.
template <class Write>
HWY_INLINE void for_codes(const std::byte* nibbles, const std::byte* fifth_bits, Write&& write) {
  const F32 f;
  const I32 i32;
  const U8 u8;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(f));
  const auto mask = hn::Set(i32, 15);
  const auto lane_bit = hn::Shl(hn::Set(i32, 1), hn::Iota(i32, 0));
  uint32_t upper = 0;
  if (fifth_bits) std::memcpy(&upper, fifth_bits, sizeof upper);
  const auto with_upper = [&](hn::Vec<I32> code, int64_t i) HWY_ATTR {
    if (!fifth_bits) return code;
    const auto set = hn::TestBit(hn::Set(i32, static_cast<int32_t>(upper >> i)), lane_bit);
    return hn::Or(code, hn::IfThenElseZero(set, hn::Set(i32, 16)));
  };
  for (int64_t i = 0; i < 16; i += lanes) {
    const auto bytes = hn::LoadU(u8, reinterpret_cast<const uint8_t*>(nibbles) + i);
    const auto pair = hn::PromoteTo(i32, bytes);
    write(i, with_upper(hn::And(pair, mask), i));
    write(i + 16, with_upper(hn::ShiftRight<4>(pair), i + 16));
  }
}

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();
#endif  // HWY_TARGET != HWY_SCALAR

#endif  // per target
