#pragma once

#include <string_view>

#include "tensor/tensor.h"

// Values that no file holds: made where they are read, at any place and in any order alike.
namespace recast {

// Every value 0. Where zero bytes mean 0 in the codec, which holds for all but exotic ones, these
// are the stored form (Value::is_zero), also where the quantizer would write other bytes for a
// block of zeros (Q4_0 stores a scale of -0 and codes of 8).
ValuePtr zeros(Shape shape, const Codec& codec);

// Noise in f32 (`f32` names that codec), bell-shaped within 3.5 deviations. A value depends on
// seed, name and its place in the tensor only: neither on threads, nor on the run of elements that is
// read, nor on the CPU. No value but 0 is below 2^-16 of the deviation, so that a deviation of
// 2e-3 or more survives f16.
struct Noise {
  uint64_t seed = 0;
  std::string_view name;
  float mean = 0, deviation = 1;
};
ValuePtr noise(const Noise& noise, Shape shape, const Codec& f32);

}  // namespace recast
