#include "formats/gguf/gguf.h"

#include "formats/gguf/big_endian.h"
#include "formats/gguf/check.h"
#include "formats/gguf/split.h"
#include "formats/gguf/tokenizer_keys.h"
#include "formats/part_name.h"
#include "formats/tensor_sums.h"
#include "tensor/lazy_ops.h"

namespace recast::gguf {
namespace {

std::string probe(const Source& source) {
  return source.is_folder() ? std::string() : describe_start(*source.file());
}

std::string_view type_name(const Codec& codec) {
  const Type* type = type_of(codec);
  return type && type->stored ? type->name : std::string_view();
}

void add_tensors(Checkpoint& checkpoint, const Part& part) {
  for (const TensorEntry& entry : part.header.tensors) {
    ValuePtr value = part.header.big_endian
                         ? big_endian_stored(part.file, entry.offset, entry.shape, *entry.type)
                         : stored(part.file, entry.offset, entry.shape, *entry.type->codec);
    checkpoint.tensors.push_back({entry.name, std::move(value)});
  }
}

constexpr FormatKey keys[] = {
    {"alignment", "power of two up to 1048576", "alignment of tensor data, 32 unless given"},
    {"context_length", "N", "same as --context-length"},
    {"embedding_type", "TYPE", "same as --embedding-type"},
    {"enable_mmap", "true false", "map the source (true) or read it in pieces; same result"},
    {"use_mlock", "true false", "kept as a hint for programs that run the model"},
    {"vocab_only", "true false", "write the keys and no tensors"},
};

constexpr OptionEffect effects[] = {
    {"shard-size", Effect::no_effect, "a GGUF is split by --split or --split-max-size"},
    {"keep-optimizer", Effect::refused, "programs that run a GGUF refuse tensors they do not know"},
};

}  // namespace

Checkpoint read(std::shared_ptr<const Source> source, const ReadOptions&) {
  std::vector<Part> parts = read_parts(*source);
  const std::string& file = parts.front().file->name();
  Checkpoint checkpoint;
  checkpoint.convention = Convention::gguf;
  checkpoint.name = stem_of(source->base_name(), ".gguf");
  checkpoint.metadata = std::move(parts.front().header.metadata);
  for (const std::string_view key : {"split.no", "split.count", "split.tensors.count"})
    checkpoint.metadata.erase(key);
  for (Part& part : parts) {
    add_tensors(checkpoint, part);
    for (Finding& warning : part.header.warnings)
      add_warning(checkpoint.warnings, std::move(warning));
    checkpoint.trailing_bytes += part.header.trailing_bytes;
    checkpoint.files.emplace_back(part.name, part.file);
  }
  check_metadata(checkpoint, file);
  check_tensor_sums(checkpoint, file);
  checkpoint.vocabulary = read_tokenizer_keys(checkpoint.metadata, file, &checkpoint.warnings);
  check_vocabulary_rows(checkpoint, file);
  return checkpoint;
}

}  // namespace recast::gguf

namespace recast::formats {

const Format gguf = {
    .name = "gguf",
    .aliases = "",
    .on_disk = "one .gguf file, or a split set PREFIX-00001-of-0000N.gguf",
    .extension = ".gguf",
    .convention = Convention::gguf,
    .holds_tokenizer = true,
    .holds_config = true,
    .keys = recast::gguf::keys,
    .effects = recast::gguf::effects,
    .probe = recast::gguf::probe,
    .read = recast::gguf::read,
    .type_name = recast::gguf::type_name,
    .lay_out = recast::gguf::lay_out,
};

}  // namespace recast::formats
