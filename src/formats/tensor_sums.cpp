#include "formats/tensor_sums.h"

#include <fmt/format.h>

#include <algorithm>

namespace recast {

void check_tensor_sums(const Checkpoint& checkpoint, const std::string& file) {
  const MetaValue* value = checkpoint.metadata.find(tensor_sums_key);
  if (!value) return;
  const auto* sums = value->as_strings();
  const bool sound = sums && sums->size() == checkpoint.tensors.size() &&
                     std::all_of(sums->begin(), sums->end(), [](const std::string& sum) {
                       return sum.size() == tensor_sum_digits &&
                              sum.find_first_not_of("0123456789abcdef") == std::string::npos;
                     });
  if (!sound)
    fail(codes::tensor_sums_malformed,
         {.where = key_where(tensor_sums_key),
          .expected = fmt::format("{} sums of {} hexadecimal digits", checkpoint.tensors.size(),
                                  tensor_sum_digits),
          .found = fmt::format("{} items", value->array_size()),
          .file = file});
}

}  // namespace recast
