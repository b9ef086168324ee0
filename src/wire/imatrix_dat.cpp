// int32 entries; for each: int32 length and bytes of the name, int32 calls, int32 values, float32
// values; newer files end with int32 chunks, int32 length and bytes of the data set's name. Little
// endian. Source: the reader and the writer of llama.cpp.
#include "wire/imatrix_dat.h"

#include <fmt/format.h>

#include <cstring>

#include "io/byte_reader.h"

namespace recast {

namespace {

constexpr int32_t most_entries = 1'000'000;
constexpr int32_t longest_name = 4096;

int32_t count(ByteReader& in, int32_t least, int32_t most, std::string_view what) {
  const auto value = in.get<int32_t>(what);
  if (value < least || value > most)
    in.fail(codes::imatrix_file, {.expected = fmt::format("{} from {} to {}", what, least, most),
                                  .found = fmt::format("{}", value)});
  return value;
}

std::string name(ByteReader& in, int32_t least, std::string_view what) {
  const int32_t length = count(in, least, longest_name, what);
  return in.get_text(static_cast<uint64_t>(length), longest_name, what);
}

}  // namespace

ImatrixDat read_imatrix_dat(const std::shared_ptr<const File>& file) {
  ByteReader in(file, 0, file->size());
  ImatrixDat matrix;
  const int32_t entries = count(in, 1, most_entries, "a number of entries");
  in.require_room(static_cast<uint64_t>(entries), 16, "entries");
  for (int32_t i = 0; i < entries; ++i) {
    ImatrixDat::Entry entry;
    entry.name = name(in, 1, "the length of a name");
    entry.calls = count(in, 0, INT32_MAX, "a number of calls");
    const auto values = static_cast<uint64_t>(count(in, 1, INT32_MAX, "a number of values"));
    in.require_room(values, sizeof(float), "values");
    entry.values.resize(values);
    std::memcpy(entry.values.data(), in.take(values * sizeof(float), "values").data(),
                values * sizeof(float));
    matrix.entries.push_back(std::move(entry));
  }
  if (in.remaining() == 0) return matrix;
  matrix.chunks = count(in, 0, INT32_MAX, "a number of chunks");
  if (in.remaining() > 0) matrix.dataset = name(in, 0, "the length of the data set's name");
  return matrix;
}

}  // namespace recast
