#include "convert/float_types.h"

#include <algorithm>

#include "codec/codecs.h"
#include "quantize/file_types.h"
#include "tensor/lazy_ops.h"

namespace recast {

namespace {

// A wide matrix in f32 is no leftover of the format: it is not read to find that out.
constexpr int64_t limit_narrowed = int64_t{1} << 22;

bool same_values(const Value& a, const Value& b) {
  if (a.elements() != b.elements()) return false;
  FloatCensus census;
  std::vector<float> left(static_cast<size_t>(a.elements())), right(left.size());
  const Window x = a.fetch(0, a.elements(), census), y = b.fetch(0, b.elements(), census);
  a.codec().decode(x.bytes().data(), left.data(), a.elements());
  b.codec().decode(y.bytes().data(), right.data(), b.elements());
  return left == right;
}

}  // namespace

std::vector<const Codec*> float_types(const std::vector<Tensor>& tensors, const Codec* precision,
                                      const Format& target) {
  std::vector<const Codec*> out;
  for (const Tensor& tensor : tensors) {
    const Codec& own = tensor.codec();
    const Codec* type = &own;
    if (own.kind == CodecKind::floating && precision && own.decode) {
      type = precision;
    } else if (own.kind == CodecKind::block && target.type_name(own).empty()) {
      if (!own.decode)
        fail(codes::type_not_decodable,
             {.where = tensor_where(tensor.name), .found = std::string(own.name)});
      type = precision ? precision : &codec::f32;
    }
    out.push_back(type);
  }
  return out;
}

const Codec* stated_float(const Checkpoint& source) {
  const MetaValue* number = source.metadata.find("general.file_type");
  const auto value = number ? number->as_int() : std::nullopt;
  const FileType* type = value ? file_type_by_number(static_cast<uint32_t>(*value)) : nullptr;
  return type && type->codec->kind == CodecKind::floating ? type->codec : nullptr;
}

Canonical narrow_exact(Canonical canonical, const Checkpoint& source, const Codec& type) {
  Canonical narrowed = canonical;
  for (auto& [key, tensor] : narrowed.tensors)
    if (&tensor.value->codec() == &codec::f32 && tensor.value->elements() <= limit_narrowed)
      tensor.value = cast(cast(tensor.value, type), codec::f32);
  for (const NativeTensor& native : from_canonical(narrowed, source.convention)) {
    const Tensor* original = source.find(native.tensor.name);
    if (!original || &original->codec() != &codec::f32 ||
        original->elements() > limit_narrowed)
      continue;
    if (!same_values(*native.tensor.value, *original->value)) continue;
    for (const RoleKey& key : native.roles) {
      const auto it = canonical.tensors.find(key);
      if (it == canonical.tensors.end()) continue;  // made from the config: rope factors
      ValuePtr& value = it->second.value;
      if (&value->codec() == &codec::f32) value = cast(value, type);
    }
  }
  return canonical;
}

}  // namespace recast
