#include "model_use.h"

#include <cstdio>
#include <cstdlib>
#include <optional>

#include "codec/codecs.h"
#include "convert/assemble.h"
#include "io/hash.h"
#include "memory_source.h"

namespace recast::fuzz {
namespace {

constexpr uint64_t most_bytes = 256 << 10;  // of a target that is made in memory

std::string stored_bytes(const Tensor& tensor) {
  std::string bytes(tensor.bytes(), '\0');
  FloatCensus losses;
  tensor.value->read(0, tensor.elements(), std::as_writable_bytes(std::span(bytes)), losses);
  return bytes;
}

// The first and the last values of a tensor, as a step of a conversion reads them.
void read_ends(const Tensor& tensor) {
  const int64_t block = tensor.codec().block_elements;
  const int64_t n = tensor.elements() / block * block;
  const int64_t step = std::min<int64_t>(n, 8 * block);
  if (step == 0) return;
  FloatCensus losses;
  tensor.value->fetch(0, step, losses);
  tensor.value->fetch(n - step, n, losses);
  tensor.value->scratch_bytes(step);
}

[[noreturn]] void finding(const Format& format, std::string_view what, std::string_view detail) {
  std::fprintf(stderr, "finding: a target of %.*s %.*s: %.*s\n", int(format.name.size()),
               format.name.data(), int(what.size()), what.data(), int(detail.size()),
               detail.data());
  std::abort();
}

// The files of a layout. Values that cannot be had (a damaged member) throw.
std::vector<PackedFile> written(const Checkpoint& target, const Layout& layout) {
  std::vector<PackedFile> files;
  for (const OutputFileSpec& spec : layout.files)
    files.push_back({spec.name, std::string(spec.bytes, '\0')});
  const auto put = [&](size_t file, uint64_t offset, std::string_view bytes) {
    files[file].content.replace(offset, bytes.size(), bytes);
  };
  for (const LayoutPiece& piece : layout.pieces) put(piece.file, piece.offset, piece.bytes);
  for (const LayoutPlace& place : layout.places)
    put(place.file, place.offset, stored_bytes(target.tensors[place.tensor]));
  for (const LayoutCopy& copy : layout.copies) {
    std::string bytes(copy.source->size(), '\0');
    copy.source->read_at(0, std::as_writable_bytes(std::span(bytes)));
    put(copy.file, 0, bytes);
  }
  for (const LayoutSum& sum : layout.sums) {
    const std::string bytes = stored_bytes(target.tensors[sum.tensor]);
    put(sum.file, sum.offset, xxh3_128(std::as_bytes(std::span(bytes))).hex());
  }
  return files;
}

void expect_same(const Format& format, const Checkpoint& target, const Checkpoint& again) {
  if (again.tensors.size() != target.tensors.size())
    finding(format, "has another number of tensors when it is read again", "");
  for (const Tensor& tensor : target.tensors) {
    const Tensor* other = again.find(tensor.name);
    if (!other) finding(format, "lost a tensor", tensor.name);
    if (other->shape() != tensor.shape() || &other->codec() != &tensor.codec())
      finding(format, "has a tensor of another shape or type", tensor.name);
    if (stored_bytes(*other) != stored_bytes(tensor))
      finding(format, "has a tensor with other bytes", tensor.name);
  }
}

struct Wanted {
  const Format* format;
  const FileType* quant = nullptr;
  const Codec* precision = nullptr;
};

void convert(const Checkpoint& model, const std::shared_ptr<const Source>& source,
             const Format& from, const Wanted& to) {
  Request request;
  request.options.source = source->path();
  request.source = source;
  request.from = &from;
  request.to = to.format;
  request.quant = to.quant;
  request.precision = to.precision;
  request.write.name = "target";
  request.write.tensor_sums = to.quant != nullptr;
  const Target target = assemble(request, model);
  if (target.raw_copy) return;
  const Layout layout = to.format->lay_out(target.checkpoint, request.write);
  uint64_t bytes = 0;
  for (const OutputFileSpec& file : layout.files) bytes += file.bytes;
  if (bytes > most_bytes) return;
  std::vector<PackedFile> files = written(target.checkpoint, layout);
  std::optional<Checkpoint> again;
  try {
    again = to.format->read(memory_source(std::move(files), layout.kind == OutputKind::folder), {});
  } catch (const Error& error) {
    finding(*to.format, "is refused by its own reader", error.what());
  }
  expect_same(*to.format, target.checkpoint, *again);
}

}  // namespace

void use_model(const Checkpoint& model, const std::shared_ptr<const Source>& source,
               const Format& format) {
  for (const Tensor& tensor : model.tensors) read_ends(tensor);
  std::optional<Error> refusal;
  const auto attempt = [&](const Wanted& to) {
    try {
      convert(model, source, format, to);
    } catch (const Error& error) {
      if (!refusal || error.code->kind == ErrorKind::internal) refusal = error;
    }
  };
  for (const Format* to : all_formats()) {
    if (!to->lay_out) continue;
    attempt({to});
    if (!to->type_name(codec::q8_0).empty())
      attempt({to, &file_type("q8_0")});
    else
      attempt({to, nullptr, &codec::f16});
  }
  if (refusal) throw *refusal;
}

}  // namespace recast::fuzz
