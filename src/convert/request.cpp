#include "convert/request.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/checked_math.h"
#include "codec/codecs.h"
#include "convert/fake_source.h"
#include "convert/folder_form.h"
#include "convert/options.h"
#include "convert/prune.h"
#include "convert/quantize_options.h"

namespace recast {

namespace {

std::string joined(std::span<const std::string_view> names) {
  return fmt::format("{}", fmt::join(names, ", "));
}

// FORMAT[:TYPE] of --to.
std::pair<std::string, std::string> split_target(const std::string& to) {
  const size_t colon = to.find(':');
  if (colon == std::string::npos) return {to, ""};
  return {to.substr(0, colon), to.substr(colon + 1)};
}

const Format* target_format(const ConvertOptions& options, std::string& type) {
  if (!options.to.empty()) {
    auto [name, suffix] = split_target(options.to);
    type = suffix;
    return &require_format(name, "--to");
  }
  const FolderForm* form = find_folder_form(options.layout);
  if (form && !form->format.empty()) return &require_format(form->format, "--layout");
  if (!options.output.empty())
    if (const Format* format = format_by_extension(options.output)) return format;
  std::vector<std::string_view> names;
  for (const Format* format : all_formats()) names.push_back(format->name);
  fail(codes::no_target_format, {.where = "--to",
                                 .expected = "one of " + joined(names),
                                 .found = printable(options.output)});
}

bool is_none(std::string_view text) { return text.empty() || text == "none"; }

const Codec* float_codec(const std::string& name, std::string_view option) {
  if (is_none(name)) return nullptr;
  const Codec* codec = codec::find(name);
  if (!codec || codec->kind != CodecKind::floating || !codec->encode)
    fail(codes::unknown_type,
         {.where = std::string(option), .expected = "f32, f16 or bf16", .found = printable(name)});
  return codec;
}

// What each given option does for this target.
void check_effects(Request& request) {
  for (const auto& [name, value] : request.options.given)
    for (const OptionEffect& row : request.to->effects) {
      if (row.option != name) continue;
      const std::string where = fmt::format("--{} with target {}", name, request.to->name);
      if (row.effect == Effect::refused)
        fail(codes::no_effect_refused, {.where = where, .found = std::string(row.reason)});
      if (row.effect == Effect::no_effect)
        request.warnings.push_back(Error(
            codes::option_no_effect, {.where = where, .found = std::string(row.reason)}));
    }
}

// Options that say how to quantize do nothing where nothing is quantized.
void warn_without_quant(Request& request) {
  if (request.quant || request.to->type_name(codec::q8_0).empty()) return;
  for (const auto& [name, value] : request.options.given)
    if (name == "pure" || name == "leave-output" || name == "allow-requantize" ||
        name == "allow-nonfinite")
      request.warnings.push_back(
          Error(codes::option_no_effect,
                {.where = fmt::format("--{}", name), .found = "no --quant is given"}));
}

// what needs no GPU runs on the CPU, whatever was asked for.
void warn_of_device(Request& request) {
  if (request.options.device == "auto" || request.options.device == "cpu") return;
  request.warnings.push_back(
      Error(codes::option_no_effect,
            {.where = fmt::format("--device {}", request.options.device),
             .found = "conversion and quantization run on the CPU"}));
}

// Options that say what fake weights are, where there are none.
void warn_without_fakes(Request& request) {
  const ConvertOptions& o = request.options;
  const auto warn = [&](const std::string& name, std::string why) {
    request.warnings.push_back(
        Error(codes::option_no_effect,
              {.where = fmt::format("--{}", name), .found = std::move(why)}));
  };
  for (const auto& [name, value] : o.given) {
    const bool of_fakes = name == "fake-weight-mode" || name == "fake-weight-config";
    if (!o.fake_weight && (of_fakes || name == "seed"))
      warn(name, of_fakes ? "no --fake-weight is given" : "nothing here is random");
    else if (name == "seed" && o.fake_weight_mode == "zero")
      warn(name, "zeros are not random; --fake-weight-mode random is");
  }
}

bool as_flag(std::string_view text, const std::string& where) {
  if (text == "true" || text == "1" || text == "on") return true;
  if (text == "false" || text == "0" || text == "off") return false;
  fail(codes::bad_value, {.where = where, .expected = "true or false", .found = printable(text)});
}

int64_t as_count(std::string_view text, const std::string& where) {
  int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9' || value > INT32_MAX)
      fail(codes::bad_value,
           {.where = where, .expected = "a whole number", .found = printable(text)});
    value = value * 10 + (c - '0');
  }
  return value;
}

// FORMAT.KEY=VALUE: the key must be one of the format's, and the format source or target.
void take_format_option(Request& request, const std::string& text) {
  const size_t dot = text.find('.'), equals = text.find('=');
  const std::string name = text.substr(0, dot), key = text.substr(dot + 1, equals - dot - 1);
  const std::string value = text.substr(equals + 1);
  const std::string where = fmt::format("--format-option {}", printable(text));
  const Format& format = require_format(name, "--format-option");
  std::vector<std::string_view> keys;
  for (const FormatKey& row : format.keys) keys.push_back(row.key);
  if (std::find(keys.begin(), keys.end(), key) == keys.end()) {
    const std::string_view near = nearest(key, keys);
    fail(codes::bad_option,
         {.where = where,
          .expected = keys.empty() ? "no keys for this format" : "one of " + joined(keys),
          .found = printable(key),
          .fix = near.empty() ? "" : fmt::format("{}.{}=...", format.name, near)});
  }
  if (key == "enable_mmap") {
    as_flag(value, where);  // take_read_mode() has acted on it
  } else if (&format != request.to) {
    request.warnings.push_back(Error(
        codes::option_no_effect,
        {.where = where, .found = fmt::format("the target is {}", request.to->name)}));
  } else if (key == "alignment") {
    const int64_t alignment = as_count(value, where);
    if (alignment < 8 || alignment > (1 << 20) || (alignment & (alignment - 1)) != 0)
      fail(codes::bad_value, {.where = where,
                              .expected = "a power of two from 8 to 1048576",
                              .found = printable(value)});
    request.write.alignment = static_cast<uint64_t>(alignment);
  } else if (key == "context_length") {
    request.options.context_length = as_count(value, where);
    if (request.options.context_length < 1)
      fail(codes::bad_value, {.where = where, .expected = "1 or more", .found = printable(value)});
  } else if (key == "vocab_only") {
    request.vocab_only = as_flag(value, where);
  } else if (key == "use_mlock") {
    request.use_mlock = as_flag(value, where);
  } else if (key == "embedding_type") {
    request.options.embedding_type = value == "int8" ? "q8_0" : value;
  }
}

// How the source is read has to be known before it is opened.
void take_read_mode(Request& request) {
  for (const std::string& option : request.options.format_option)
    if (const size_t at = option.find(".enable_mmap="); at != std::string::npos)
      request.read.mode = as_flag(option.substr(at + 13), "--format-option " + printable(option))
                              ? ReadMode::mapped
                              : ReadMode::stream;
}

json::Value read_model_config(const std::string& path) {
  if (path.empty()) return nullptr;
  const auto file = open_file(path);
  json::Value value = json::parse_file(*file, {.file = path});
  if (!value.is_object())
    fail(codes::config_value, {.expected = "a JSON object",
                               .found = std::string(value.type_name()),
                               .file = path});
  return value;
}

}  // namespace

const Format& require_format(std::string_view name, std::string_view option) {
  if (const Format* format = find_format(name)) return *format;
  std::vector<std::string_view> names;
  for (const Format* format : all_formats()) names.push_back(format->name);
  const std::string_view near = nearest(name, names);
  fail(codes::unknown_format,
       {.where = std::string(option),
        .expected = "one of " + joined(names),
        .found = printable(name),
        .fix = near.empty() ? "" : fmt::format("{} {}", option, near)});
}

bool Request::asks_for_change() const {
  const ConvertOptions& o = options;
  return o.fake_weight || quant || precision || !pruned.empty() || embedding || output_matrix ||
         !o.model_type.empty() || o.text_only ||
         !model_config.is_null() || !o.tokenizer.empty() || o.no_tokenizer || !o.pre.empty() ||
         o.context_length > 0 || !o.rope_scaling.empty() || !o.metadata.empty() || !o.split.empty() ||
         o.split_max_size > 0 || o.tensor_sums || write.alignment > 0 || vocab_only || use_mlock || !o.preserve_metadata ||
         std::any_of(o.given.begin(), o.given.end(),
                     [](const auto& g) { return g.first == "shard-size"; });
}

Request resolve(const ConvertOptions& options) {
  Request request{.options = options};
  if (options.source.empty()) fail(codes::missing_argument, {.expected = "SOURCE"});
  take_read_mode(request);
  request.read.unsafe_pickle = options.allow_unsafe_pickle;
  request.read.keep_optimizer = options.keep_optimizer;
  request.source = open_source(options.source, request.read.mode);
  std::string type;
  request.to = target_format(options, type);
  if (!request.to->lay_out)
    fail(codes::format_not_written, {.where = fmt::format("target {}", request.to->name)});
  if (!type.empty() && !is_none(options.quant) && type != options.quant)
    fail(codes::conflicting_options,
         {.where = fmt::format("--to {} and --quant {}", options.to, options.quant)});
  std::string quant = type.empty() ? options.quant : type;
  std::string precision = options.precision;
  if (precision == "int8") {  // what int8 means for the target
    if (!is_none(quant))
      fail(codes::conflicting_options, {.where = "--precision int8 and --quant"});
    quant = "q8_0";
    precision.clear();
  }
  // A float type is what --precision names; a target without packed types takes it so.
  const bool packs = request.to->type_name(codec::q8_0) != "";
  if (!is_none(quant)) {
    const FileType& file_type_row = file_type(quant);
    if (!packs && file_type_row.codec->kind == CodecKind::block)
      fail(codes::no_effect_refused,
           {.where = fmt::format("-Q {} with target {}", quant, request.to->name),
            .expected = "f32, f16 or bf16",
            .found = "a packed type that the format does not hold"});
    if (packs)
      request.quant = &file_type_row;
    else
      request.precision = file_type_row.codec;
  }
  if (!is_none(precision)) request.precision = float_codec(precision, "--precision");
  if (packs && request.precision && !request.quant)
    request.quant = file_type_of(*request.precision);
  check_effects(request);
  warn_without_quant(request);
  warn_without_fakes(request);
  warn_of_device(request);
  for (const std::string& option : options.format_option) take_format_option(request, option);
  request.embedding = storable_codec(request.options.embedding_type, "--embedding-type");
  request.output_matrix = storable_codec(options.output_type, "--output-type");
  if (!options.prune_layers.empty()) request.pruned = layer_list(options.prune_layers);
  take_quantization(request);
  request.model_config = read_model_config(options.model_config);
  request.model_config_file = options.model_config;

  if (options.fake_weight) {
    // Nothing is detected: that would look into the weights.
    request.from = &config_format(options.from);
    request.evidence.append("its config alone");
  } else {
    Detection detection = detect(*request.source, options.from);
    request.from = detection.format;
    request.evidence = std::move(detection.evidence);
    for (Finding& warning : detection.warnings) request.warnings.push_back(std::move(warning));
  }
  if (!request.pruned.empty() && request.from->convention != Convention::gguf)
    fail(codes::no_effect_refused,
         {.where = fmt::format("--prune-layers of {}", request.from->name),
          .expected = "a GGUF",
          .found = "a format whose blocks are not counted",
          .fix = "convert to GGUF first, then leave its blocks out"});
  request.write.shard_size = options.shard_size;
  request.write.split = options.split;
  if (options.split.starts_with("size:"))
    request.write.split = fmt::format("size:{}", parse_size(options.split.substr(5)));
  if (options.split_max_size > 0)
    request.write.split = fmt::format("size:{}", options.split_max_size);
  request.write.tensor_sums = options.tensor_sums;
  return request;
}

}  // namespace recast
