#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "io/output.h"
#include "io/source.h"
#include "model/checkpoint.h"

namespace recast {

struct ReadOptions {
  ReadMode mode = ReadMode::mapped;
  bool unsafe_pickle = false;  // weights inside objects of foreign classes, by attribute path
  bool keep_optimizer = false;  // tensors of optimizers too, behind those of the model
};

struct WriteOptions {
  std::string name;                 // main file, or the folder
  uint64_t shard_size = 5'000'000'000;
  std::string split;                // "tensors:N", "size:BYTES"; empty: one file
  uint64_t alignment = 0;           // of tensor data, 0: the format's own
  bool tensor_sums = false;
};

// Bytes that a writer knows before any weight is read: headers, indices, config.
struct LayoutPiece {
  size_t file;
  uint64_t offset;
  std::string bytes;
};
struct LayoutPlace {
  size_t tensor;  // index into Checkpoint::tensors
  size_t file;
  uint64_t offset;
};
struct LayoutCopy {
  size_t file;
  std::shared_ptr<const File> source;  // copied whole
};
// Where 32 hexadecimal digits of a tensor's XXH3-128 go once it is known.
struct LayoutSum {
  size_t tensor;
  size_t file;
  uint64_t offset;
};

// A whole output, every byte placed, before the first weight is read: steps may then run in any
// order. Gaps are zero bytes.
struct Layout {
  OutputKind kind = OutputKind::files;
  std::vector<OutputFileSpec> files;  // files[0] is the main one
  std::vector<LayoutPiece> pieces;
  std::vector<LayoutPlace> places;
  std::vector<LayoutCopy> copies;
  std::vector<LayoutSum> sums;
};

// What an option of `convert` does for a target.
enum class Effect { acts, no_effect, refused };
struct OptionEffect {
  std::string_view option;
  Effect effect;
  std::string_view reason;
};
// A key of --format-option FORMAT.KEY=VALUE.
struct FormatKey {
  std::string_view key;
  std::string_view values;  // what it takes, for help and errors
  std::string_view help;
};

// A file format: a row of functions. Nothing outside formats/ names one.
struct Format {
  std::string_view name;
  std::string_view aliases;    // blank separated
  std::string_view on_disk;    // one line for `list formats`
  std::string_view extension;  // ".gguf"; empty for folders; several, blank separated, if only read
  Convention convention;
  bool holds_tokenizer;        // the container itself needs one
  bool holds_config;           // ... or the model's config
  std::span<const FormatKey> keys;
  std::span<const OptionEffect> effects;  // options not listed act

  // Looks at content, never at the extension alone. The evidence in a few words; empty: not this
  // format.
  std::string (*probe)(const Source&);
  // Headers only. Throws the errors of facts of the format.
  Checkpoint (*read)(std::shared_ptr<const Source>, const ReadOptions&) = nullptr;
  // All of a model but its weights, of which no file is opened: config, tokenizer and other side
  // files; from a folder, or from its config alone. Null where a format keeps no config apart.
  // Throws fake_needs_config, config_missing.
  Checkpoint (*read_config)(std::shared_ptr<const Source>) = nullptr;
  // Whether values of this codec can be written; the format's own name for it, empty when not.
  std::string_view (*type_name)(const Codec&) = nullptr;
  // Places every byte; null: the format is not written. Requires: the checkpoint is in
  // `convention`, all codecs storable.
  Layout (*lay_out)(const Checkpoint&, const WriteOptions&) = nullptr;
};

// The registry: one line a format, in the order of detection.
std::span<const Format* const> all_formats();
// By name or alias, any letter case, '-' and '_' alike; null when unknown.
const Format* find_format(std::string_view name);
// By the extension of a destination; null when none fits.
const Format* format_by_extension(std::string_view path);

}  // namespace recast
