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
using Codes = hn::Full128<uint8_t>;  // 16 codes, half a block, on every target

// The numbers of one batch, one entry a block. Entries past the last block are zero.
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

// ---- encoding ----------------------------------------------------------------------------------

// Smallest and largest value of each block. The sign of a zero is any of those present.
HWY_INLINE void find_extremes(const float* source, int64_t blocks, Scales& s) {
  const F32 f;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(f));
  for (int64_t b = 0; b < blocks; ++b, source += block_elements) {
    auto low = hn::LoadU(f, source);
    auto high = low;
    for (int64_t i = lanes; i < block_elements; i += lanes) {
      const auto x = hn::LoadU(f, source + i);
      low = hn::Min(low, x);
      high = hn::Max(high, x);
    }
    s.low[b] = hn::GetLane(hn::MinOfLanes(f, low));
    s.high[b] = hn::GetLane(hn::MaxOfLanes(f, high));
  }
}

// Turns extremes into the minimum the definition keeps: of several zeros the first one.
HWY_INLINE void settle_minimum(const float* source, int64_t blocks, Scales& s) {
  for (int64_t b = 0; b < blocks; ++b, source += block_elements) {
    if (s.low[b] != 0) continue;
    for (int64_t i = 0; i < block_elements; ++i)
      if (source[i] == 0) {
        if (s.high[b] == 0) s.high[b] = source[i];
        s.low[b] = source[i];
        break;
      }
  }
}

// Turns extremes into the value of largest magnitude; of two opposite ones the first.
HWY_INLINE void settle_largest(const float* source, int64_t blocks, Scales& s) {
  for (int64_t b = 0; b < blocks; ++b, source += block_elements) {
    const float low = s.low[b], high = s.high[b];
    s.low[b] = 0;
    if (-low > high) s.high[b] = low;
    if (-low != high) continue;
    s.high[b] = 0;
    for (int64_t i = 0; high > 0 && i < block_elements; ++i)
      if (source[i] == high || source[i] == low) {
        s.high[b] = source[i];
        break;
      }
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

// code = min(top, trunc((x - low) * inverse + offset)), one byte each.
HWY_INLINE void write_codes(const float* source, int64_t blocks, int32_t top, const Scales& s,
                            uint8_t* codes) {
  const F32 f;
  const I32 i32;
  const U8 u8;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(f));
  const auto highest = hn::Set(i32, top);
  for (int64_t b = 0; b < blocks; ++b) {
    const auto low = hn::Set(f, s.low[b]);
    const auto inverse = hn::Set(f, s.inverse[b]);
    const auto offset = hn::Set(f, s.offset[b]);
    for (int64_t i = 0; i < block_elements; i += lanes) {
      const auto x = hn::Sub(hn::LoadU(f, source + b * block_elements + i), low);
      const auto scaled = hn::Add(hn::Mul(x, inverse), offset);
      const auto code = hn::Min(hn::ConvertTo(i32, scaled), highest);
      hn::StoreU(hn::DemoteTo(u8, code), u8, codes + b * block_elements + i);
    }
  }
}

// 16 bytes: code j in the low nibble of byte j, code j + 16 in the high one. Fifth bits are
// dropped.
HWY_INLINE void write_nibbles(const uint8_t* codes, std::byte* destination) {
  const Codes u8;
  const auto low = hn::And(hn::LoadU(u8, codes), hn::Set(u8, uint8_t{15}));
  const auto high = hn::ShiftLeft<4>(hn::LoadU(u8, codes + 16));
  hn::StoreU(hn::Or(low, high), u8, reinterpret_cast<uint8_t*>(destination));
}

// 4 bytes: bit i is the fifth bit of code i.
HWY_INLINE void write_fifth_bits(const uint8_t* codes, std::byte* destination) {
  const Codes u8;
  const auto fifth = hn::Set(u8, uint8_t{16});
  uint8_t bits[8];
  hn::StoreMaskBits(u8, hn::TestBit(hn::LoadU(u8, codes), fifth), bits);
  hn::StoreMaskBits(u8, hn::TestBit(hn::LoadU(u8, codes + 16), fifth), bits + 2);
  std::memcpy(destination, bits, 4);
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
