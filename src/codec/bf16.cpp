// BF16: the upper half of an f32, little endian.  w = value
#include <cstring>

#include "codec/codecs.h"
#include "codec/nonfinite.h"
#include "codec/scalar.h"
#include "tensor/float16.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "codec/bf16.cpp"
// foreach_target.h has to come first.
// clang-format off
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
// clang-format on

HWY_BEFORE_NAMESPACE();
namespace recast::codec::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR
void decode_bf16(const std::byte* source, float* destination, int64_t n) {
  scalar::decode_bf16(source, destination, n);
}
void encode_bf16(const float* source, std::byte* destination, int64_t n) {
  scalar::encode_bf16(source, destination, n);
}
#else
void decode_bf16(const std::byte* source, float* destination, int64_t n) {
  const hn::ScalableTag<float> f;
  const hn::RebindToUnsigned<decltype(f)> u32;
  const hn::Rebind<uint16_t, decltype(f)> u16;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(f));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto brains = hn::LoadU(u16, reinterpret_cast<const uint16_t*>(source + 2 * i));
    const auto bits = hn::ShiftLeft<16>(hn::PromoteTo(u32, brains));
    hn::StoreU(hn::BitCast(f, bits), f, destination + i);
  }
  scalar::decode_bf16(source + 2 * i, destination + i, n - i);
}

void encode_bf16(const float* source, std::byte* destination, int64_t n) {
  const hn::ScalableTag<float> f;
  const hn::RebindToUnsigned<decltype(f)> u32;
  const hn::RebindToSigned<decltype(f)> i32;
  const hn::Rebind<uint16_t, decltype(f)> u16;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(f));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const auto values = hn::LoadU(f, source + i);
    const auto bits = hn::BitCast(u32, values);
    const auto upper = hn::ShiftRight<16>(bits);
    const auto odd = hn::And(upper, hn::Set(u32, 1));
    const auto rounded = hn::ShiftRight<16>(hn::Add(hn::Add(bits, hn::Set(u32, 0x7fff)), odd));
    const auto nan = hn::RebindMask(u32, hn::IsNaN(values));
    const auto brains = hn::IfThenElse(nan, hn::Or(upper, hn::Set(u32, 0x40)), rounded);
    hn::StoreU(hn::DemoteTo(u16, hn::BitCast(i32, brains)), u16,
               reinterpret_cast<uint16_t*>(destination + 2 * i));
  }
  scalar::encode_bf16(source + i, destination + 2 * i, n - i);
}
#endif

}  // namespace recast::codec::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace recast::codec {

namespace scalar {

void decode_bf16(const std::byte* source, float* destination, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    uint16_t brain;
    std::memcpy(&brain, source + 2 * i, sizeof brain);
    destination[i] = f32_from_bf16(brain);
  }
}

void encode_bf16(const float* source, std::byte* destination, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const uint16_t brain = bf16_from_f32(source[i]);
    std::memcpy(destination + 2 * i, &brain, sizeof brain);
  }
}

}  // namespace scalar

namespace {

HWY_EXPORT(decode_bf16);
HWY_EXPORT(encode_bf16);

void decode(const std::byte* source, float* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(decode_bf16);
  kernel(source, destination, n);
}

void encode(const float* source, std::byte* destination, int64_t n) {
  const auto kernel = HWY_DYNAMIC_DISPATCH(encode_bf16);
  kernel(source, destination, n);
}

}  // namespace

constinit const Codec bf16 = {
    .name = "BF16",
    .block_bytes = 2,
    .max_finite = 0x1.fep127f,
    .min_positive = 0x1p-133f,
    .decode = decode,
    .encode = encode,
    .census = count_nonfinite<uint16_t, 0x7f80, 0x007f>,
};

}  // namespace recast::codec
#endif
