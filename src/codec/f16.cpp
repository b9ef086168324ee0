// F16: IEEE 754 binary16, little endian.  w = value
#include <cstring>

#include "codec/codecs.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"
#include "tensor/float16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/f16.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "codec/float16-inl.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {

#if HWY_TARGET == HWY_SCALAR
void decode_f16(const std::byte* source, float* destination, int64_t n) {
  scalar::decode_f16(source, destination, n);
}
void encode_f16(const float* source, std::byte* destination, int64_t n) {
  scalar::encode_f16(source, destination, n);
}
#else
void decode_f16(const std::byte* source, float* destination, int64_t n) {
  const hn::ScalableTag<float> f;
  const hn::Rebind<uint16_t, decltype(f)> u16;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(f));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto* halves = reinterpret_cast<const uint16_t*>(source + 2 * i);
    hn::StoreU(f32_from_f16(f, hn::LoadU(u16, halves)), f, destination + i);
  }
  scalar::decode_f16(source + 2 * i, destination + i, n - i);
}

void encode_f16(const float* source, std::byte* destination, int64_t n) {
  const hn::ScalableTag<float> f;
  const hn::Rebind<uint16_t, decltype(f)> u16;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(f));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    auto* halves = reinterpret_cast<uint16_t*>(destination + 2 * i);
    hn::StoreU(f16_from_f32(f, hn::LoadU(f, source + i)), u16, halves);
  }
  scalar::encode_f16(source + i, destination + 2 * i, n - i);
}
#endif

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {

void decode_f16(const std::byte* source, float* destination, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    uint16_t half;
    std::memcpy(&half, source + 2 * i, sizeof half);
    destination[i] = f32_from_f16(half);
  }
}

void encode_f16(const float* source, std::byte* destination, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const uint16_t half = f16_from_f32(source[i]);
    std::memcpy(destination + 2 * i, &half, sizeof half);
  }
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_f16);
HWY_EXPORT(encode_f16);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_f16);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_f16);
  kernel(source, destination, n);
}

}  // namespace

constinit const Codec f16 = {
    .name = "F16",
    .block_bytes = 2,
    .max_finite = 65504,
    .min_positive = 0x1p-24f,
    .decode = decode,
    .encode = encode,
    .census = count_nonfinite<uint16_t, 0x7c00, 0x03ff>,
};

}  // namespace recast::codec
#endif
