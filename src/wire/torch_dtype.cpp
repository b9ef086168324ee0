#include "wire/torch_dtype.h"

#include <algorithm>
#include <iterator>

namespace recast {
namespace {

// Source: PyTorch, torch/storage.py and c10/core/ScalarType.h.
constexpr TorchDtype dtypes[] = {
    {"float64", "DoubleStorage", 8, 8, "F64"},
    {"float32", "FloatStorage", 4, 4, "F32"},
    {"float16", "HalfStorage", 2, 2, "F16"},
    {"bfloat16", "BFloat16Storage", 2, 2, "BF16"},
    {"int64", "LongStorage", 8, 8, "I64"},
    {"int32", "IntStorage", 4, 4, "I32"},
    {"int16", "ShortStorage", 2, 2, "I16"},
    {"int8", "CharStorage", 1, 1, "I8"},
    {"uint8", "ByteStorage", 1, 1, "U8"},
    {"bool", "BoolStorage", 1, 1, "BOOL"},
    {"complex64", "ComplexFloatStorage", 8, 4, "C64"},
    {"complex128", "ComplexDoubleStorage", 16, 8, ""},
    {"complex32", "", 4, 2, ""},
    {"uint64", "", 8, 8, "U64"},
    {"uint32", "", 4, 4, "U32"},
    {"uint16", "", 2, 2, "U16"},
    {"float8_e4m3fn", "", 1, 1, "F8_E4M3"},
    {"float8_e5m2", "", 1, 1, "F8_E5M2"},
    {"float8_e4m3fnuz", "", 1, 1, "F8_E4M3FNUZ"},
    {"float8_e5m2fnuz", "", 1, 1, "F8_E5M2FNUZ"},
    {"float8_e8m0fnu", "", 1, 1, "F8_E8M0"},
    {"float4_e2m1fn_x2", "", 1, 1, "F4"},
    {"bits8", "", 1, 1, "U8"},
    {"bits16", "", 2, 2, "U16"},
    {"qint8", "QInt8Storage", 1, 1, ""},
    {"quint8", "QUInt8Storage", 1, 1, ""},
    {"qint32", "QInt32Storage", 4, 4, ""},
    {"quint4x2", "QUInt4x2Storage", 1, 1, ""},
    {"quint2x4", "QUInt2x4Storage", 1, 1, ""},
};

}  // namespace

const TorchDtype* find_torch_dtype(std::string_view name) {
  if (name.starts_with("torch.")) name.remove_prefix(6);
  const auto* row = std::find_if(std::begin(dtypes), std::end(dtypes),
                                 [&](const TorchDtype& dtype) { return dtype.name == name; });
  return row == std::end(dtypes) ? nullptr : row;
}

const TorchDtype* find_torch_storage(std::string_view class_name) {
  if (!class_name.starts_with("torch.")) return nullptr;
  const std::string_view name = class_name.substr(class_name.rfind('.') + 1);
  if (name == "UntypedStorage") return find_torch_dtype("uint8");
  const auto* row =
      std::find_if(std::begin(dtypes), std::end(dtypes),
                   [&](const TorchDtype& dtype) { return !name.empty() && dtype.storage == name; });
  return row == std::end(dtypes) ? nullptr : row;
}

}  // namespace recast
