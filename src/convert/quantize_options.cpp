#include "convert/quantize_options.h"

#include <fmt/format.h>

#include <algorithm>

#include "codec/codecs.h"
#include "convert/prune.h"
#include "wire/imatrix_dat.h"

namespace recast {

namespace {

constexpr uint64_t most_pattern_bytes = 1 << 20;

// What each option needs to mean anything.
constexpr std::string_view of_packing[] = {"tensor-type", "imatrix", "target-bpw", "target-size",
                                           "max-rmse"};
constexpr std::string_view of_level[] = {"optimization"};
constexpr std::string_view of_choice[] = {"target-bpw", "target-size", "max-rmse"};
constexpr std::string_view of_imatrix[] = {"include-weights", "exclude-weights"};

void warn_idle(Request& request, std::span<const std::string_view> names, std::string_view why) {
  for (const std::string_view name : names)
    if (std::any_of(request.options.given.begin(), request.options.given.end(),
                    [&](const auto& given) { return given.first == name; }))
      request.warnings.push_back(
          Error(codes::option_no_effect,
                {.where = fmt::format("--{}", name), .found = std::string(why)}));
}

TypePattern type_pattern(std::string_view text, const std::string& where) {
  const size_t equals = text.rfind('=');
  if (equals == 0 || equals == std::string_view::npos || equals + 1 == text.size())
    fail(codes::bad_value, {.where = where,
                            .expected = "REGEX=TYPE, such as ffn_down=q8_0",
                            .found = fmt::format("\"{}\"", printable(text))});
  const std::string type(text.substr(equals + 1));
  const Codec* codec = storable_codec(type, where);
  if (!codec) fail(codes::unknown_type, {.where = where, .found = printable(type)});
  return {NamePattern(std::string(text.substr(0, equals)), where), codec};
}

// One pattern a line; blank lines and those that begin with # say nothing.
void patterns_of_file(const std::string& path, std::vector<TypePattern>& patterns) {
  const auto file = open_file(path);
  if (file->size() > most_pattern_bytes)
    fail(codes::bad_value, {.where = "--tensor-type",
                            .expected = fmt::format("at most {} bytes", most_pattern_bytes),
                            .found = fmt::format("{}", file->size()),
                            .file = path});
  const Window window = file->window(0, file->size());
  const std::string_view text(reinterpret_cast<const char*>(window.bytes().data()), file->size());
  int line = 0;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    std::string_view one = text.substr(start, end - start);
    start = end + 1;
    ++line;
    while (!one.empty() && (one.back() == '\r' || one.back() == ' ' || one.back() == '\t'))
      one.remove_suffix(1);
    if (one.empty() || one.front() == '#') continue;
    patterns.push_back(
        type_pattern(one, fmt::format("--tensor-type @{}, line {}", printable(path), line)));
  }
}

std::vector<NamePattern> name_patterns(const std::vector<std::string>& texts,
                                       std::string_view option) {
  std::vector<NamePattern> patterns;
  for (const std::string& text : texts) patterns.emplace_back(text, std::string(option));
  return patterns;
}

Importance importance_from(const ImatrixDat& matrix) {
  Importance importance;
  importance.dataset = matrix.dataset;
  importance.chunks = matrix.chunks;
  for (const ImatrixDat::Entry& entry : matrix.entries) {
    std::vector<float> values = entry.values;
    if (entry.calls > 0)
      for (float& value : values) value /= static_cast<float>(entry.calls);
    importance.entries[entry.name] = std::make_shared<const std::vector<float>>(std::move(values));
  }
  return importance;
}

void take_importance(Request& request) {
  const std::string& path = request.options.imatrix;
  const auto source = open_source(path, request.read.mode);
  Importance importance = read_importance(source, path, request.read);
  request.imatrix_file = source->file();
  if (!request.pruned.empty()) prune_layers(importance, request.pruned);
  choose_entries(importance, name_patterns(request.options.include_weights, "--include-weights"),
                 name_patterns(request.options.exclude_weights, "--exclude-weights"));
  request.imatrix = std::make_shared<const Importance>(std::move(importance));
}

// what -Q auto aims at, and that nothing else aims at it.
void check_targets(Request& request) {
  const ConvertOptions& o = request.options;
  if (!request.chooses_types())
    return warn_idle(request, of_choice, "-Q names a type; -Q auto chooses");
  if (o.target_bpw <= 0 && o.target_size == 0 && o.max_rmse <= 0)
    fail(codes::target_missing, {.where = "-Q auto"});
  if (o.target_bpw > 0 && o.target_size > 0)
    fail(codes::conflicting_options, {.where = "--target-bpw and --target-size"});
  if (o.pure) fail(codes::conflicting_options, {.where = "-Q auto and --pure"});
}

}  // namespace

const Codec* storable_codec(const std::string& name, std::string_view option) {
  if (name.empty() || name == "none") return nullptr;
  const Codec* codec = codec::find(name);
  if (!codec || codec->kind == CodecKind::integer || (!codec->encode && !codec->encode_weighted))
    fail(codes::unknown_type, {.where = std::string(option), .found = printable(name)});
  return codec;
}

Importance read_importance(const std::shared_ptr<const Source>& source, const std::string& path,
                           const ReadOptions& read) {
  if (source->is_folder())
    fail(codes::imatrix_file, {.where = "--imatrix", .found = "a folder", .file = path});
  const auto& formats = all_formats();
  const auto gguf = std::find_if(formats.begin(), formats.end(), [&](const Format* format) {
    return format->convention == Convention::gguf && !format->probe(*source).empty();
  });
  Importance importance = gguf == formats.end()
                              ? importance_from(read_imatrix_dat(source->file()))
                              : importance_from((*gguf)->read(source, read));
  importance.file = source->base_name();
  check_importance(importance, path);
  return importance;
}

Effort effort_of(const ConvertOptions& options) {
  if (options.optimization == "fast") return Effort::fast;
  return options.optimization == "aggressive" ? Effort::aggressive : Effort::balanced;
}

void take_quantization(Request& request) {
  const ConvertOptions& o = request.options;
  if (o.imatrix.empty()) warn_idle(request, of_imatrix, "no --imatrix is given");
  constexpr std::string_view why = "no matrix is packed: -Q names no packed type";
  const bool packs = request.quant && request.quant->codec->kind == CodecKind::block;
  // The default may be named anywhere.
  if (!packs && effort_of(o) != Effort::balanced) warn_idle(request, of_level, why);
  if (request.to->type_name(codec::q8_0).empty()) return;  // its effects have told
  if (!packs) return warn_idle(request, of_packing, why);
  check_targets(request);
  for (const std::string& text : o.tensor_type)
    if (text.starts_with('@'))
      patterns_of_file(text.substr(1), request.patterns);
    else
      request.patterns.push_back(
          type_pattern(text, fmt::format("--tensor-type {}", printable(text))));
  if (!o.imatrix.empty()) take_importance(request);
}

}  // namespace recast
