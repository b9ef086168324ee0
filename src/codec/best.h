#pragma once

#include <cstddef>
#include <cstdint>

#include "codec/iq_grid.h"
#include "tensor/codec.h"

// Effort::fast and Effort::aggressive of the block types. A type describes its blocks in one of the
// structs below; fast<> and best<> make the functions of its Codec from the description.
//
// fast gives the extreme values of each sub-block the extreme levels and rounds the others.
//
// aggressive lowers the sum of importance * (x - decoded)^2 of each block: it looks for other
// scales and codes than balanced, decodes both and stores the block whose error is less. These
// errors are summed in f64 over decoded values, so that no rounding in a search can make a block
// worse. The searches run one sub-block a lane in f32, every sum in the order of the values: the
// same bytes on every CPU.
namespace recast::codec {

// What a search leaves of one block: x = d * scale * level, minus dmin * min where it has minima.
struct FittedBlock {
  uint16_t d, dmin;    // bits of f16
  int16_t scales[16];  // one a sub-block
  uint8_t mins[16];
  int8_t levels[256];
};

// The values that a level can have: whole numbers, those of iq4.h, or -1 and 1.
enum class LevelSet { whole, iq4, sign };

// x = d * scale * level.
struct ScaledType {
  int sub, count;  // elements of a sub-block; sub-blocks of a block: 1, 8 or 16
  uint64_t block_bytes;
  LevelSet set;
  int low, high;              // least and largest level
  int scale_low, scale_high;  // of the whole scale of a sub-block; 1, 1 where there is none
  // Scales tried put the value of largest magnitude at `tries` levels from `first` to `last`, at
  // `wide` levels from half of `first` on, and twice `close` ones about the best.
  float first, last;
  int tries, wide, close;
  void (*pack)(const FittedBlock&, std::byte*);

  constexpr int64_t elements() const { return int64_t{sub} * count; }
  constexpr int64_t together() const { return 16 / count; }
};

// Packs `blocks` blocks, at most together(), of values x that weigh w. Of a block without a value
// and a weight nothing is written.
void fit(const ScaledType& type, const float* x, const float* w, int64_t blocks, std::byte* out);
void encode_fast(const ScaledType& type, const float* source, std::byte* destination, int64_t n);

// x = d * scale * level - dmin * min, levels 0 ... top.
struct AffineType {
  int sub, count;
  uint64_t block_bytes;
  int top;
  int scale_top;  // largest whole scale and minimum; 1 where there are none: dmin may be negative
  // Ranges tried: each end moves in by -cut, 0, cut, 2 cut ..., `cuts` of them, at most 8.
  float cut;
  int cuts, rounds;  // rounds: of the refinement
  void (*pack)(const FittedBlock&, std::byte*);

  constexpr int64_t elements() const { return int64_t{sub} * count; }
  constexpr int64_t together() const { return 16 / count; }
};
void fit(const AffineType& type, const float* x, const float* w, int64_t blocks, std::byte* out);
void encode_fast(const AffineType& type, const float* source, std::byte* destination, int64_t n);

// x = scale * fp4_doubled[code], a sub-block's scale being value(0 ... last), rising; more than
// `above` codes further a scale is at least twice as large.
struct Fp4Type {
  int sub, count;
  uint64_t block_bytes;
  int last, above;
  float (*value)(uint8_t);
  void (*pack)(const FittedBlock&, std::byte*);  // scales: those codes

  constexpr int64_t elements() const { return int64_t{sub} * count; }
  constexpr int64_t together() const { return 16 / count; }
};
void fit(const Fp4Type& type, const float* x, const float* w, int64_t blocks, std::byte* out);

// x = d * (2 * code + 1) * sign * coordinate of the level, blocks of 256; levels are kept as keys
// of groups. See iq_grid.h.
enum class GridSigns { none, free, even };  // even: the number of minus signs of 8 values
struct FittedGrid {
  uint16_t d;
  uint8_t codes[16];            // of the scales of sub-blocks
  uint16_t keys[64];            // one a group
  uint8_t signs[32], down[32];  // of 8 values: bit i negates value i; 1 for the second table
};
struct GridType {
  int sub, group, codes;  // elements of a sub-block, of a group, codes of a scale
  uint64_t block_bytes;
  GridSigns signs;
  const iq::Grid& (*grid)();
  const float* tables[2];  // coordinates of the levels, repeated to 16; the second may be null
  bool table_of_group;     // else one table for a whole sub-block
  bool whole_grid;         // search all of it at the end
  // Scales tried put the largest magnitude at `tries` coordinates from `first` to `last`.
  float first, last;
  int tries;
  void (*pack)(const FittedGrid&, std::byte*);

  constexpr int64_t elements() const { return 256; }
  constexpr int64_t together() const { return 1; }
};
void fit(const GridType& type, const float* x, const float* w, int64_t blocks, std::byte* out);
void encode_fast(const GridType& type, const float* source, std::byte* destination, int64_t n);

using Fit = void (*)(const float* x, const float* w, int64_t blocks, std::byte* out);

// Codec::encode_best with the search of a type, `together` blocks at once.
void encode_best(const Codec& codec, Fit fit, int64_t together, const float* source,
                 const float* importance, std::byte* destination, int64_t rows, int64_t row);

template <const Codec& codec, const auto& type>
void best(const float* source, const float* importance, std::byte* destination, int64_t rows,
          int64_t row) {
  const Fit fit_type = [](const float* x, const float* w, int64_t blocks, std::byte* out) {
    fit(type, x, w, blocks, out);
  };
  encode_best(codec, fit_type, type.together(), source, importance, destination, rows, row);
}
template <const auto& type>
void fast(const float* source, std::byte* destination, int64_t n) {
  encode_fast(type, source, destination, n);
}

// ---- what searches share -----------------------------------------------------------------------

// Up to 16 sub-blocks side by side: value i of sub-block s at [16 * i + s]. Values of a block are
// divided by `unit` of its lanes, a power of two, so that the largest that has a weight is in
// [1, 2); weights alike. unit is 0 in lanes of no block and of blocks without a value and a weight.
struct LaneBlocks {
  alignas(64) float x[16 * 256], w[16 * 256];
  double unit[16];
};
void lay_side_by_side(const float* x, const float* w, int sub, int count, int64_t blocks,
                      LaneBlocks& lanes);

// fit() of a type whose kernel searches blocks side by side.
template <class Type, class Kernel>
void fit_side_by_side(const Type& type, Kernel kernel, const float* x, const float* w,
                      int64_t blocks, std::byte* out) {
  LaneBlocks lanes;
  FittedBlock fitted[16];
  lay_side_by_side(x, w, type.sub, type.count, blocks, lanes);
  kernel(type, lanes, fitted);
  for (int64_t b = 0; b < blocks; ++b, out += type.block_bytes)
    if (lanes.unit[b * type.count] > 0) type.pack(fitted[b], out);
}

// The f16 `steps` away in magnitude, kept finite and on its side of 0.
uint16_t near_f16(uint16_t half, int steps);

// The largest one that is not above a positive value.
double power_of_two_below(double value);

}  // namespace recast::codec
