#include "formats/gguf/big_endian.h"

#include <algorithm>
#include <utility>

#include "tensor/lazy_ops.h"

namespace recast::gguf {
namespace {

void swap_values(std::span<std::byte> bytes, size_t width) {
  for (size_t i = 0; i < bytes.size(); i += width)
    std::reverse(bytes.begin() + static_cast<ptrdiff_t>(i),
                 bytes.begin() + static_cast<ptrdiff_t>(i + width));
}

void swap_half_fields(std::span<std::byte> bytes, const Type& type) {
  for (size_t block = 0; block < bytes.size(); block += type.codec->block_bytes)
    for (const int field : type.half_fields)
      if (field >= 0) {
        const size_t at = block + static_cast<size_t>(field);
        std::swap(bytes[at], bytes[at + 1]);
      }
}

bool is_single_bytes(const Type& type) {
  return type.codec->kind == CodecKind::block ? type.half_fields[0] < 0
                                              : type.codec->block_bytes == 1;
}

class BigEndianStored final : public Value {
 public:
  BigEndianStored(std::shared_ptr<const File> file, uint64_t offset, Shape shape, const Type& type)
      : Value(std::move(shape), *type.codec), file_(std::move(file)), offset_(offset), type_(type) {}

  void read(int64_t begin, int64_t, std::span<std::byte> destination,
            FloatCensus&) const override {
    file_->read_at(offset_ + codec().bytes(begin), destination);
    if (codec().kind == CodecKind::block)
      swap_half_fields(destination, type_);
    else
      swap_values(destination, codec().block_bytes);
  }
  uint64_t scratch_bytes(int64_t n) const override { return codec().bytes(n); }

 private:
  std::shared_ptr<const File> file_;
  uint64_t offset_;
  const Type& type_;
};

}  // namespace

ValuePtr big_endian_stored(std::shared_ptr<const File> file, uint64_t offset, Shape shape,
                           const Type& type) {
  if (is_single_bytes(type)) return stored(std::move(file), offset, std::move(shape), *type.codec);
  return std::make_shared<BigEndianStored>(std::move(file), offset, std::move(shape), type);
}

}  // namespace recast::gguf
