// Vectors of scalar::decode_runs and scalar::decode_eights. Included once for each Highway target.
#if defined(RECAST_CODEC_DECODE_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RECAST_CODEC_DECODE_INL_H
#undef RECAST_CODEC_DECODE_INL_H
#else
#define RECAST_CODEC_DECODE_INL_H
#endif

#include <algorithm>
#include <cstring>

#include "codec/eights.h"
#include "codec/lanes-inl.h"
#include "codec/runs.h"

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {
#if HWY_TARGET == HWY_SCALAR

template <class T>
void decode_runs(const std::byte* source, float* destination, int64_t n) {
  scalar::decode_runs<T>(source, destination, n);
}
template <class T>
void decode_eights(const std::byte* source, float* destination, int64_t n) {
  scalar::decode_eights<T>(source, destination, n);
}

#else

// scalar::look_up_levels, straight from the block: a copy of it would be read before it is written.
template <class T>
HWY_INLINE void look_up_levels(const std::byte* block, int8_t* levels) {
  const hn::Full128<int8_t> i8;
  const hn::Full128<uint8_t> u8;
  const hn::Full128<uint64_t> u64;
  const auto table = hn::LoadU(u8, reinterpret_cast<const uint8_t*>(T::table));
  for (int i = 0; i < T::elements; i += 32, levels += 32) {
    const auto pairs =
        hn::LoadU(u8, reinterpret_cast<const uint8_t*>(block) + T::nibbles + i / 2);
    auto first = hn::TableLookupBytes(table, hn::And(pairs, hn::Set(u8, 15)));
    auto second = hn::TableLookupBytes(table, hn::ShiftRight<4>(pairs));
    if constexpr (T::half == 8) {
      const auto low = hn::BitCast(u64, first), high = hn::BitCast(u64, second);
      first = hn::BitCast(u8, hn::InterleaveLower(u64, low, high));
      second = hn::BitCast(u8, hn::InterleaveUpper(u64, low, high));
    }
    hn::StoreU(hn::BitCast(i8, first), i8, levels);
    hn::StoreU(hn::BitCast(i8, second), i8, levels + 16);
  }
}

// Calls body(block, its place in the source) for each block, from copies, since blocks lie at any
// address. `together` are copied before the first is read: a load that spans two stores waits for
// all stores before them.
template <class T, int64_t together, class Body>
HWY_INLINE void for_blocks(const std::byte* source, int64_t n, const Body& body) {
  typename T::Block blocks[together];
  for (int64_t left = n / T::elements; left > 0; left -= together) {
    const int64_t count = std::min(together, left);
    std::memcpy(blocks, source, static_cast<size_t>(count) * sizeof blocks[0]);
    for (int64_t b = 0; b < count; ++b, source += sizeof blocks[0]) body(blocks[b], source);
  }
}

template <class T>
HWY_INLINE void decode_runs(const std::byte* source, float* destination, int64_t n) {
  const LaneF f;
  const LaneI i32;
  const hn::Rebind<int8_t, LaneF> i8;
  Runs<T::elements, T::run> r;
  constexpr int64_t together = has_table<T> ? 1 : 16;  // of those with a table, little is read here
  const auto decode = [&](const typename T::Block& block, const std::byte* place) HWY_ATTR {
    T::read(block, r);
    if constexpr (has_table<T>) look_up_levels<T>(place, r.levels);
    for (int k = 0; k < T::elements / T::run; ++k) {
      const VecF scale = set(r.scales[k]);
      for (int i = 0; i < T::run; i += lanes, destination += lanes) {
        const VecI level = hn::PromoteTo(i32, hn::LoadU(i8, r.levels + k * T::run + i));
        VecF value = hn::Mul(scale, hn::ConvertTo(f, level));
        if constexpr (T::affine) value = hn::Sub(value, set(r.mins[k]));
        store(value, destination);
      }
    }
  };
  for_blocks<T, together>(source, n, decode);
}

// 8 values.
template <class T>
HWY_INLINE void write_eight(const Eight& eight, float* destination) {
  const hn::CappedTag<float, 8> f;
  const hn::RebindToSigned<decltype(f)> i32;
  constexpr int step = static_cast<int>(hn::MaxLanes(f));
  using Word = std::conditional_t<step == 8, uint64_t, uint32_t>;
  const hn::Simd<Word, 1, 0> word;
  for (int i = 0; i < 8; i += step) {
    const auto bytes = hn::Set(word, static_cast<Word>(eight.levels >> (8 * i)));
    const auto level = hn::PromoteTo(i32, hn::BitCast(hn::Rebind<int8_t, decltype(f)>(), bytes));
    auto value = hn::ConvertTo(f, level);
    if constexpr (T::shifted) value = hn::Add(value, hn::Set(f, eight.shift));
    value = hn::Mul(hn::Set(f, eight.scale), value);
    if constexpr (T::has_signs) {
      const auto place = hn::Sub(hn::Set(i32, 31 - i), hn::Iota(i32, 0));
      const auto bits = hn::Shl(hn::Set(i32, static_cast<int32_t>(eight.signs)), place);
      const auto sign = hn::And(hn::BitCast(f, bits), hn::Set(f, -0.0f));
      value = hn::Xor(value, sign);
    }
    hn::StoreU(value, f, destination + i);
  }
}

template <class T>
HWY_INLINE void decode_eights(const std::byte* source, float* destination, int64_t n) {
  const uint64_t* const levels = T::levels();
  for_blocks<T, 16>(source, n, [&](const typename T::Block& block, const std::byte*) HWY_ATTR {
    const float d = T::step(block);
    for (int h = 0; h < T::elements / 8; ++h, destination += 8)
      write_eight<T>(T::eight(block, d, h, levels), destination);
  });
}

#endif  // HWY_TARGET == HWY_SCALAR
}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target
