#include "recast/inspect.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>

#include "arch/recognise.h"
#include "convert/describe.h"
#include "convert/report.h"
#include "formats/detect.h"
#include "io/hash.h"
#include "tokenizer/read_vocabulary.h"
#include "transform/fake_weights.h"

namespace recast {

namespace {

constexpr size_t shown_items = 8;
constexpr int64_t slab_elements = 128 * 1024;

json::Array files_part(const Checkpoint& model, bool checksum) {
  json::Array out;
  for (const auto& [name, file] : model.files) {
    json::Value row = object({{"name", name}, {"bytes", file->size()}});
    if (checksum) row.set("sha256", file_sha256(*file));
    out.push_back(std::move(row));
  }
  return out;
}

json::Array types_part(const Checkpoint& model) {
  struct Sum {
    int64_t tensors = 0;
    uint64_t parameters = 0, bytes = 0;
  };
  std::map<std::string_view, Sum> sums;
  for (const Tensor& tensor : model.tensors) {
    Sum& sum = sums[tensor.codec().name];
    ++sum.tensors;
    sum.parameters += static_cast<uint64_t>(tensor.elements());
    sum.bytes += tensor.bytes();
  }
  std::vector<std::pair<std::string_view, Sum>> rows(sums.begin(), sums.end());
  std::sort(rows.begin(), rows.end(),
            [](const auto& a, const auto& b) { return a.second.bytes > b.second.bytes; });
  json::Array out;
  for (const auto& [name, sum] : rows)
    out.push_back(object({{"type", name},
                          {"tensors", sum.tensors},
                          {"parameters", sum.parameters},
                          {"bytes", sum.bytes}}));
  return out;
}

json::Value vocabulary_part(const Vocabulary& vocabulary, bool full) {
  json::Value special{json::Object{}};
  for (const auto& [role, id] : vocabulary.special_ids) special.set(role, static_cast<int64_t>(id));
  json::Value out = object({{"kind", vocabulary_kind_name(vocabulary.kind)},
                            {"pre", vocabulary.pre},
                            {"tokens", static_cast<int64_t>(vocabulary.tokens.size())},
                            {"merges", static_cast<int64_t>(vocabulary.merges.size())},
                            {"special", std::move(special)}});
  if (full && vocabulary.chat_template)
    out.set("chat_template", *vocabulary.chat_template);
  else
    out.set("chat_template", vocabulary.chat_template.has_value());
  return out;
}

// Minimum, maximum, mean and deviation; reads the weights.
json::Value stats_of(const Tensor& tensor) {
  double sum = 0, squares = 0, low = INFINITY, high = -INFINITY;
  int64_t finite = 0;
  FloatCensus census;
  std::vector<float> values(static_cast<size_t>(slab_elements));
  const int64_t block = tensor.codec().block_elements;
  const int64_t step = slab_elements / block * block;
  for (int64_t at = 0; at < tensor.elements(); at += step) {
    const int64_t n = std::min(step, tensor.elements() - at);
    const Window bytes = tensor.value->fetch(at, at + n, census);
    tensor.codec().decode(bytes.bytes().data(), values.data(), n);
    for (int64_t i = 0; i < n; ++i) {
      const double v = values[static_cast<size_t>(i)];
      census.nan += std::isnan(v);
      census.infinite += std::isinf(v);
      if (!std::isfinite(v)) continue;
      ++finite;
      sum += v;
      squares += v * v;
      low = std::min(low, v);
      high = std::max(high, v);
    }
  }
  const double n = static_cast<double>(std::max<int64_t>(1, finite));
  const double mean = sum / n;
  const auto number = [&](double v) { return finite ? json::Value(v) : json::Value(nullptr); };
  return object({{"min", number(low)},
                 {"max", number(high)},
                 {"mean", number(mean)},
                 {"deviation", number(std::sqrt(std::max(0.0, squares / n - mean * mean)))},
                 {"nan", census.nan},
                 {"infinite", census.infinite}});
}

json::Value tokenizer_part(const Source& source, const Checkpoint& model,
                           const Architecture* arch, bool full, json::Array& warnings) {
  if (model.vocabulary) return vocabulary_part(*model.vocabulary, full);
  if (model.convention != Convention::hf || !source.is_folder()) return nullptr;
  try {
    const auto found = read_vocabulary(
        {.find = [&](std::string_view name) { return source.find(name); },
         .config = &model.config,
         .model_type = arch ? std::string(arch->name) : ""});
    return found ? vocabulary_part(found->vocabulary, full) : json::Value(nullptr);
  } catch (const Error& error) {  // the model can be looked at without its tokenizer
    warnings.push_back(error_document(error));
    return nullptr;
  }
}

}  // namespace

json::Value object(std::initializer_list<std::pair<std::string, json::Value>> members) {
  return json::Object(members.begin(), members.end());
}

// Stays in the second cache.
constexpr uint64_t slab = uint64_t{1} << 18;

Hash128 tensor_xxh3(const Tensor& tensor) {
  const Codec& codec = tensor.codec();
  const auto step = static_cast<int64_t>(slab / codec.block_bytes) * codec.block_elements;
  Xxh3 hash;
  FloatCensus ignored;
  for (int64_t at = 0; at < tensor.elements(); at += step)
    hash.update(tensor.value->fetch(at, std::min(tensor.elements(), at + step), ignored).bytes());
  return hash.digest();
}

std::string file_sha256(const File& file) {
  Sha256 sha;
  for (uint64_t at = 0; at < file.size(); at += slab)
    sha.update(file.window(at, std::min(slab, file.size() - at)).bytes());
  return sha.hex();
}

std::string sha256_line(std::string_view sha256, std::string_view name) {
  std::string escaped;
  for (const char c : name) {
    if (c == '\\')
      escaped += "\\\\";
    else if (c == '\n')
      escaped += "\\n";
    else if (c == '\r')
      escaped += "\\r";
    else
      escaped += c;
  }
  return fmt::format("{}{}  {}\n", escaped == name ? "" : "\\", sha256, escaped);
}

json::Value tensor_document(const Tensor& tensor) {
  json::Array shape;
  for (const int64_t extent : tensor.shape()) shape.emplace_back(extent);
  json::Value row = object({{"name", tensor.name},
                            {"type", tensor.codec().name},
                            {"shape", std::move(shape)},
                            {"bytes", tensor.bytes()}});
  if (const auto extent = tensor.value->extent()) {
    row.set("offset", extent->offset);
    row.set("file", extent->file->name());
  }
  return row;
}

namespace {

// The shortest number that rounds to this f32: 1e-05, not 9.999999747378752e-06.
double shortest(double value, MetaType type) {
  if (type != MetaType::f32 || !std::isfinite(value)) return value;
  return std::strtod(fmt::format("{}", static_cast<float>(value)).c_str(), nullptr);
}

}  // namespace

json::Value metadata_document(const MetaValue& value, bool full) {
  const MetaValue::Array* array = value.as_array();
  if (!array) {
    if (const std::string* text = value.as_string()) return *text;
    if (const auto flag = value.as_bool()) return *flag;
    if (const auto* n = std::get_if<int64_t>(&value.data)) return *n;
    if (const auto* n = std::get_if<uint64_t>(&value.data)) return *n;
    return shortest(std::get<double>(value.data), value.type);
  }
  const bool whole = full || value.array_size() <= shown_items;
  json::Array items = std::visit(
      [&](const auto& from) {
        json::Array out;
        const size_t n = whole ? from.size() : shown_items;
        for (size_t i = 0; i < n; ++i) {
          if constexpr (std::is_same_v<std::decay_t<decltype(from[i])>, double>)
            out.emplace_back(shortest(from[i], value.element));
          else
            out.emplace_back(from[i]);
        }
        return out;
      },
      *array);
  if (whole) return items;
  return object({{"type", meta_type_name(value.element)},
                 {"count", static_cast<int64_t>(value.array_size())},
                 {"first", std::move(items)}});
}

json::Value inspect(const InspectOptions& options) {
  const std::shared_ptr<const Source> source = open_source(options.path, ReadMode::mapped);
  const Detection detection = detect(*source, options.from);
  const Checkpoint model = detection.format->read(source, {});
  const Recognition known = recognise(model, "");
  json::Array warnings;
  for (const Finding& w : detection.warnings) warnings.push_back(error_document(w));
  for (const Finding& w : model.warnings) warnings.push_back(error_document(w));

  uint64_t bytes = 0, parameters = 0, weight_bytes = 0;
  for (const auto& [name, file] : model.files) bytes += file->size();
  for (const Tensor& tensor : model.tensors) {
    parameters += static_cast<uint64_t>(tensor.elements());
    weight_bytes += tensor.bytes();
  }
  json::Value metadata{json::Object{}};
  for (const auto& [key, value] : model.metadata.entries())
    metadata.as_object()->emplace_back(key, metadata_document(value, options.full));

  json::Value out = object(
      {{"path", options.path},
       {"format", detection.format->name},
       {"evidence", detection.evidence},
       {"files", files_part(model, options.checksum)},
       {"architecture", object({{"name", known.arch ? known.arch->name : ""},
                                {"model_type", known.arch ? known.arch->name : ""},
                                {"gguf", known.arch ? known.arch->gguf : ""},
                                {"evidence", known.evidence}})},
       {"parameters", parameters},
       {"fake_weights", has_fake_weights(model.metadata)},
       {"bytes", bytes},
       {"types", types_part(model)},
       {"bits_per_weight", parameters ? 8.0 * static_cast<double>(weight_bytes) /
                                            static_cast<double>(parameters)
                                      : 0.0},
       {"metadata", std::move(metadata)}});
  if (model.config.is_object()) out.set("config", model.config);
  json::Value tokenizer = tokenizer_part(*source, model, known.arch, options.full, warnings);
  if (tokenizer.is_object()) out.set("tokenizer", std::move(tokenizer));
  if (options.tensors || options.stats) {
    json::Array rows;
    for (const Tensor& tensor : model.tensors) {
      json::Value row = tensor_document(tensor);
      if (options.stats && tensor.codec().decode) row.set("stats", stats_of(tensor));
      rows.push_back(std::move(row));
    }
    out.set("tensors", std::move(rows));
  }
  out.set("warnings", std::move(warnings));
  return out;
}

}  // namespace recast
