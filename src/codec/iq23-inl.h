// Kernel of the types of iq23.h: 16 sub-blocks side by side; groups that are not on the grid look
// for their neighbour one after the other.
#if defined(RECAST_CODEC_IQ23_INL_H) == defined(HWY_TARGET_TOGGLE)
#ifdef RECAST_CODEC_IQ23_INL_H
#undef RECAST_CODEC_IQ23_INL_H
#else
#define RECAST_CODEC_IQ23_INL_H
#endif

#include <bit>
#include <cstring>

#include "codec/iq23.h"
#include "codec/iq_nearest-inl.h"
#include "codec/search-inl.h"

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {
#if HWY_TARGET == HWY_SCALAR

template <class T>
void encode_iq23(const float* x, const float* importance, std::byte* out, int64_t n, int64_t row) {
  iq::scalar::encode<T>(x, importance, out, n, row);
}

#else

alignas(64) inline constexpr float odd_twice[16] = {1, 3, 5, 7, 9, 11, 13, 15,
                                                    1, 3, 5, 7, 9, 11, 13, 15};
alignas(64) inline constexpr float odd_four_times[16] = {1, 3, 5, 7, 1, 3, 5, 7,
                                                         1, 3, 5, 7, 1, 3, 5, 7};

// 16 sub-blocks under search.
template <class T>
struct IqLanes {
  static constexpr int groups = T::sub / T::group;
  const iq::Grid& grid;
  alignas(64) float y[T::sub * width], w[T::sub * width], v[T::sub * width];
  alignas(64) int32_t keys[groups * width], on_grid[groups * width];  // of the best; -1 is true
  alignas(64) float scale[width];

  // Rounds group g of the lanes from `at` on, those of the mask only; each with its own scale.
  HWY_INLINE VecI round_group(int at, int g, VecF inverse, VecF scales, MaskF mask,
                              VecI& is_on_grid) const {
    const LaneI i32;
    const VecF one = set(1), half = set(0.5f);
    VecI key = hn::Zero(i32);
    for (int i = 0; i < T::group; ++i) {
      const VecF value = load(y + (g * T::group + i) * width + at);
      const VecF place = hn::Mul(half, hn::Sub(hn::Mul(inverse, value), one));
      key = hn::Or(key, hn::Shl(clamped(rounded(place), 0, T::top),
                                hn::Set(i32, T::bits * i)));
    }
    const auto found = hn::Gt(hn::GatherIndex(i32, grid.ids(), key), hn::Set(i32, -1));
    is_on_grid = hn::VecFromMask(i32, found);
    uint32_t moved = bits_of(hn::AndNot(hn::RebindMask(LaneF(), found), mask));
    if (moved == 0) return key;
    alignas(64) int32_t lane_keys[lanes];
    alignas(64) float lane_scales[lanes];
    hn::Store(key, i32, lane_keys);
    store(scales, lane_scales);
    const float* coordinates = T::bits == 2 ? odd_four_times : odd_twice;
    for (; moved; moved &= moved - 1) {
      const int l = std::countr_zero(moved);
      const int64_t first = g * T::group * width + at + l;
      lane_keys[l] = static_cast<int32_t>(nearest_neighbour<T::group, T::bits>(
          grid, static_cast<uint32_t>(lane_keys[l]), lane_scales[l], y + first, v + first, width,
          coordinates));
    }
    return hn::Load(i32, lane_keys);
  }

  // Adds group g to the sums w * y * q and w * q * q.
  HWY_INLINE void add_sums(int at, int g, VecI key, VecF& qx, VecF& q2) const {
    const LaneI i32;
    for (int i = 0; i < T::group; ++i) {
      const VecI level = hn::And(hn::Shr(key, hn::Set(i32, T::bits * i)),
                                 hn::Set(i32, (1 << T::bits) - 1));
      const VecF q = hn::ConvertTo(LaneF(), hn::Add(hn::Add(level, level), hn::Set(i32, 1)));
      const int64_t k = (g * T::group + i) * width + at;
      const VecF weight = load(w + k);
      qx = hn::Add(qx, hn::Mul(hn::Mul(weight, load(y + k)), q));
      q2 = hn::Add(q2, hn::Mul(hn::Mul(weight, q), q));
    }
  }

  // scalar::Search::try_scales; `largest` is 1 in lanes that are not live.
  HWY_INLINE VecF try_scales(int at, VecF first_scale, VecF largest, MaskF live) {
    const LaneF f;
    const LaneI i32;
    VecF scales = first_scale, best = hn::Zero(f);
    const VecI unset = hn::Set(i32, T::redo == iq::Redo::unless_all_on_grid ? 0 : -1);
    for (int g = 0; g < groups; ++g) {
      hn::Store(hn::Zero(i32), i32, keys + g * width + at);
      hn::Store(unset, i32, on_grid + g * width + at);
    }
    for (int t = -T::tries; t <= T::tries; ++t) {
      const VecF id = hn::Div(set(T::base + static_cast<float>(t) * T::step), largest);
      const VecF tried_scale = hn::Div(set(1), id);
      alignas(64) int32_t tried[groups * lanes], tried_on_grid[groups * lanes];
      VecF qx = hn::Zero(f), q2 = hn::Zero(f);
      for (int g = 0; g < groups; ++g) {
        VecI is_on_grid;
        const VecI key = round_group(at, g, id, tried_scale, live, is_on_grid);
        hn::Store(key, i32, tried + g * lanes);
        hn::Store(is_on_grid, i32, tried_on_grid + g * lanes);
        add_sums(at, g, key, qx, q2);
      }
      const MaskF better = hn::And(hn::Gt(q2, hn::Zero(f)),
                                   hn::Gt(hn::Mul(qx, qx), hn::Mul(best, q2)));
      const VecF quotient = hn::Div(qx, q2);
      scales = hn::IfThenElse(better, quotient, scales);
      best = hn::IfThenElse(better, hn::Mul(quotient, qx), best);
      const auto mask = hn::RebindMask(i32, better);
      for (int g = 0; g < groups; ++g) {
        hn::BlendedStore(hn::Load(i32, tried + g * lanes), mask, i32, keys + g * width + at);
        hn::BlendedStore(hn::Load(i32, tried_on_grid + g * lanes), mask, i32,
                         on_grid + g * width + at);
      }
    }
    return scales;
  }

  // scalar::Search::second_pass.
  HWY_INLINE VecF second_pass(int at, VecF scales, MaskF live) {
    const LaneF f;
    const LaneI i32;
    VecI all = hn::Set(i32, -1);
    for (int g = 0; g < groups; ++g) all = hn::And(all, hn::Load(i32, on_grid + g * width + at));
    MaskF redo = hn::And(live, hn::Gt(scales, hn::Zero(f)));
    const auto off = hn::RebindMask(f, hn::Eq(all, hn::Zero(i32)));
    if (T::redo != iq::Redo::always) redo = hn::And(redo, off);
    if (hn::AllFalse(f, redo)) return scales;
    const VecF id = hn::Div(set(1), scales);
    VecF qx = hn::Zero(f), q2 = hn::Zero(f);
    for (int g = 0; g < groups; ++g) {
      MaskF mask = redo;
      if (T::redo == iq::Redo::off_grid) {
        const VecI on = hn::Load(i32, on_grid + g * width + at);
        mask = hn::And(mask, hn::RebindMask(f, hn::Eq(on, hn::Zero(i32))));
      }
      VecI ignored;
      const VecI key = round_group(at, g, id, scales, mask, ignored);
      hn::BlendedStore(key, hn::RebindMask(i32, mask), i32, keys + g * width + at);
      add_sums(at, g, hn::Load(i32, keys + g * width + at), qx, q2);
    }
    const MaskF fitted = hn::And(redo, hn::Gt(q2, hn::Zero(f)));
    return hn::IfThenElse(fitted, hn::Div(qx, q2), scales);
  }

  // The search of all lanes; leaves keys and scale, negative where signs are to be flipped.
  HWY_INLINE void search() {
    const LaneF f;
    for (int at = 0; at < width; at += lanes) {
      VecF largest = load(y + at);
      for (int64_t i = at; i < T::sub * width; i += width) {
        store(hn::Sqrt(load(w + i)), v + i);
        largest = hn::IfThenElse(hn::Lt(largest, load(y + i)), load(y + i), largest);
      }
      const VecF zero = hn::Zero(f);
      MaskF skipped = T::skip == 0 ? hn::Eq(largest, zero) : hn::Lt(largest, set(T::skip));
      VecF first = hn::Div(largest, set(T::base));
      if (T::fit_first) {
        alignas(64) int32_t codes[T::sub * width];
        first = fit_positive<T::sub>(4, y + at, w + at, codes + at);
        largest = hn::Mul(first, set(3));
        skipped = hn::Or(skipped, hn::Le(largest, zero));
      }
      largest = hn::IfThenElse(skipped, set(1), largest);
      const MaskF live = hn::Not(skipped);
      VecF found = try_scales(at, first, largest, live);
      found = second_pass(at, found, live);
      store(hn::IfThenZeroElse(skipped, found), scale + at);
      for (int g = 0; g < groups; ++g)
        hn::BlendedStore(hn::Zero(LaneI()), hn::RebindMask(LaneI(), skipped), LaneI(),
                         keys + g * width + at);
      store(hn::IfThenElseZero(live, set(1)), v + at);  // no longer needed: says who is live
    }
  }
  bool is_live(int s) const { return v[s] != 0; }
};

// Weights of one sub-block, in order.
template <class T>
HWY_INLINE void weigh_iq23(const float* x, const float* importance, float sigma2, float* w) {
  for (int i = 0; i < T::sub; i += lanes) {
    const VecF square = hn::Mul(load(x + i), load(x + i));
    if (importance)
      store(hn::Mul(load(importance + i), hn::Sqrt(hn::Add(set(sigma2), square))), w + i);
    else
      store(T::plain_sigma > 0 ? hn::Add(set(T::plain_sigma * sigma2), square) : square, w + i);
  }
}

// As many blocks as 16 sub-blocks make, or fewer at the end.
template <class T>
HWY_INLINE void encode_iq23_lanes(const iq::Grid& grid, const float* x, const float* importance,
                                  std::byte* out, int64_t blocks, int64_t offset, int64_t row) {
  constexpr int count = 256 / T::sub;
  float sigma2[width] = {};
  sums_of_squares(x, 256, 256, blocks, sigma2);
  alignas(64) float y[width * T::sub] = {}, w[width * T::sub] = {};
  uint8_t signs[width * T::sub / 8] = {};
  for (int s = 0; s < blocks * count; ++s) {
    const int at = s * T::sub;
    weigh_iq23<T>(x + at, importance ? importance + (offset + at) % row : nullptr,
                  T::sigma_factor * sigma2[s / count] / 256, w + at);
    for (int k = 0; k < T::sub; k += 8)
      signs[(at + k) / 8] =
          iq::scalar::split_signs(x + at + k, w + at + k, T::parity, y + at + k);
  }
  IqLanes<T> search = {.grid = grid};
  side_by_side(y, T::sub, T::sub, search.y);
  side_by_side(w, T::sub, T::sub, search.w);
  search.search();
  for (int64_t b = 0; b < blocks; ++b, out += sizeof(typename T::Block)) {
    iq::Levels levels;
    for (int j = 0; j < count; ++j) {
      const int s = static_cast<int>(b) * count + j;
      const bool flip = search.scale[s] < 0;
      levels.scales[j] = flip ? -search.scale[s] : search.scale[s];
      for (int g = 0; g < search.groups; ++g)
        levels.keys[j * search.groups + g] = static_cast<uint16_t>(search.keys[g * width + s]);
      if (!search.is_live(s)) continue;
      for (int k = 0; k < T::sub / 8; ++k) {
        const int stored = signs[s * (T::sub / 8) + k], mask = T::parity ? 127 : 255;
        levels.signs[j * (T::sub / 8) + k] =
            static_cast<uint8_t>(flip ? ~stored & mask : stored);
      }
    }
    iq::store<T>(levels, out);
  }
}

// importance: `row` values, or null.
template <class T>
HWY_INLINE void encode_iq23(const float* x, const float* importance, std::byte* out, int64_t n,
                            int64_t row) {
  constexpr int64_t together = width * T::sub / 256;
  const iq::Grid& grid = T::grid();
  for (int64_t i = 0; i < n; i += together * 256, out += together * sizeof(typename T::Block))
    encode_iq23_lanes<T>(grid, x + i, importance, out, std::min(together, (n - i) / 256), i, row);
}

#endif  // HWY_TARGET == HWY_SCALAR
}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif  // per target
