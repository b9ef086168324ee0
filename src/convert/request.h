#pragma once

#include <memory>
#include <string>
#include <vector>

#include "formats/detect.h"
#include "formats/format.h"
#include "quantize/file_types.h"
#include "quantize/importance.h"
#include "recast/convert.h"

namespace recast {

// Says in a GGUF that a program should keep the model from being paged out.
inline constexpr std::string_view use_mlock_key = "recast.run.use_mlock";

struct TypeChoice;

// The options of one conversion, resolved against what the source is and what the target can do.
struct Request {
  ConvertOptions options;
  std::shared_ptr<const Source> source;
  const Format* from = nullptr;
  std::string evidence;                  // what the source's format was recognised by
  const Format* to = nullptr;
  const FileType* quant = nullptr;       // of the matrices; null: not asked for
  std::shared_ptr<const TypeChoice> choice;  // of -Q auto, once it is made
  const Codec* precision = nullptr;      // of floats; null: the source's
  const Codec* embedding = nullptr;
  const Codec* output_matrix = nullptr;
  std::vector<TypePattern> patterns;     // --tensor-type; empty where nothing is packed
  std::shared_ptr<const Importance> imatrix;    // null: not given, or nothing is packed
  std::shared_ptr<const File> imatrix_file;     // that it came from
  std::vector<int64_t> pruned;           // blocks to leave out, rising
  json::Value model_config;              // --model-config; null when not given
  std::string model_config_file;
  bool use_mlock = false;                // gguf.use_mlock: a hint for programs that run the model
  bool vocab_only = false;               // gguf.vocab_only: metadata and tokenizer, no tensors
  ReadOptions read;
  WriteOptions write;                    // name is filled in when the destination is known
  std::vector<Finding> warnings;
  std::vector<std::string> notes;        // for the report: how the source was read

  // Whether the tensors of the output are to be zeros, whatever lies between source and target.
  bool makes_zeros() const { return options.fake_weight && options.fake_weight_mode == "zero"; }

  // -Q auto.
  bool chooses_types() const { return quant == &automatic_file_type(); }

  // True when some option asks for other bytes than the source's: without one, a conversion to the
  // same format is a copy.
  bool asks_for_change() const;
};

// Opens and recognises the source, finds the target, checks every option against it. Throws
// unknown_format, no_target_format, unknown_type, no_effect_refused and what opening throws.
Request resolve(const ConvertOptions& options);

// A format name as the user writes it, or unknown_format with the nearest.
const Format& require_format(std::string_view name, std::string_view option);

}  // namespace recast
