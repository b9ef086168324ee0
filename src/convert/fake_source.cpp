#include "convert/fake_source.h"

#include <fmt/format.h>

#include "arch/recognise.h"
#include "base/limits.h"
#include "codec/codecs.h"
#include "convert/tokenizer_source.h"
#include "transform/fake_weights.h"
#include "wire/yaml.h"

namespace recast {

namespace {

// The float type that the config states under torch's name; f32 where it states none.
const Codec& stated_dtype(const Checkpoint& model) {
  static constexpr std::pair<std::string_view, const Codec*> names[] = {
      {"float32", &codec::f32}, {"float", &codec::f32},      {"float16", &codec::f16},
      {"half", &codec::f16},    {"bfloat16", &codec::bf16},  {"float64", &codec::f64},
      {"double", &codec::f64},  {"auto", &codec::f32}};
  for (const std::string_view key : {"dtype", "torch_dtype"}) {
    const json::Value* value = model.config.find(key);
    if (!value || value->is_null()) continue;
    const std::string* text = value->as_string();
    std::string_view name = text ? *text : std::string_view();
    if (name.starts_with("torch.")) name.remove_prefix(6);
    for (const auto& [known, codec] : names)
      if (name == known) return *codec;
    fail(codes::config_value, {.where = key_where(key),
                               .expected = "float32, float16, bfloat16 or float64",
                               .found = printable(json::write(*value)),
                               .file = model.config_file});
  }
  return codec::f32;
}

Shape shape_of(const std::string& name, const json::Value& value, const std::string& file) {
  const auto refuse = [&](std::string expected) {
    fail(codes::fake_shape_bad, {.where = tensor_where(name),
                                 .expected = std::move(expected),
                                 .found = printable(json::write(value)),
                                 .file = file});
  };
  Shape shape;
  const json::Array* extents = value.as_array();
  if (!extents || extents->empty()) refuse("a list of positive integers");
  for (const json::Value& extent : *extents) {
    const auto n = extent.is_number() ? extent.as_int() : std::nullopt;
    if (!n || *n < 1) refuse("positive integers");
    shape.push_back(*n);
  }
  if (!element_count(shape)) refuse("fewer than 2^63 values");
  return shape;
}

// JSON or YAML, by the first character: a YAML map in braces is as good as always JSON.
std::vector<FakeShape> read_shapes(const std::string& path) {
  if (path.empty()) return {};
  const auto file = open_file(path);
  const uint64_t most = limit(Limit::shapes_bytes);
  const Window window = file->window(0, std::min(file->size(), most));
  const std::string text(reinterpret_cast<const char*>(window.bytes().data()),
                         window.bytes().size());
  const size_t start = text.find_first_not_of(" \t\r\n");
  const bool is_json = start != std::string::npos && (text[start] == '{' || text[start] == '[');
  if (!is_json && file->size() > most)
    fail_limit(codes::yaml_limit, Limit::shapes_bytes, {.file = path}, file->size());
  const json::Value document =
      is_json ? json::parse_file(*file, {.file = path})
              : yaml::parse(text, {.file = path, .size_limit = Limit::shapes_bytes});
  if (!document.is_object())
    fail(codes::fake_shape_bad, {.expected = "an object of tensor names and shapes",
                                 .found = std::string(document.type_name()),
                                 .file = path});
  std::vector<FakeShape> shapes;
  for (const auto& [name, value] : *document.as_object())
    shapes.push_back({name, shape_of(name, value, path)});
  return shapes;
}

// A vocabulary with fewer rows than the tokenizer has tokens. Real weights with such a tokenizer
// are corrupt; here the shape is to blame. What else is wrong with it, the conversion says.
void check_rows(const Request& request, const Checkpoint& model, const Architecture& arch,
                const FakeChange& change, const std::string& file) {
  try {
    read_tokenizer(request, model, model.config, std::string(arch.name), change.value);
  } catch (const Error& error) {
    if (error.code != &codes::vocab_rows) return;
    fail(codes::fake_shape_breaks, {.where = tensor_where(change.by.tensor),
                                    .expected = "as many rows as there are tokens: " + error.found,
                                    .found = to_string(change.by.shape),
                                    .file = file});
  }
}

}  // namespace

const Format& config_format(const std::string& from) {
  if (!from.empty()) {
    const Format& format = require_format(from, "--from");
    if (format.read_config) return format;
    fail(codes::fake_needs_config, {.where = "--from", .found = std::string(format.name)});
  }
  for (const Format* format : all_formats())
    if (format->read_config) return *format;
  fail(codes::fake_needs_config);
}

Checkpoint read_fake_source(Request& request) {
  Checkpoint model = request.from->read_config(request.source);
  if (const json::Object* members = request.model_config.as_object())
    for (const auto& [key, value] : *members) model.config.set(key, value);
  request.model_config = nullptr;
  const ConvertOptions& options = request.options;
  const Recognition known = require_architecture(model, options.model_type);
  const std::vector<FakeChange> changes =
      add_fake_weights(model, *known.arch,
                       {.f32 = &codec::f32,
                        .dtype = &stated_dtype(model),
                        .random = options.fake_weight_mode == "random",
                        .seed = options.seed,
                        .shapes = read_shapes(options.fake_weight_config),
                        .shapes_file = options.fake_weight_config});
  request.notes.push_back(options.fake_weight_mode == "random"
                              ? fmt::format("fake weights: noise of seed {}", options.seed)
                              : std::string("fake weights: every value is zero"));
  for (const FakeChange& change : changes) {
    request.notes.push_back(fmt::format("{} {}, by the shape of {}", change.key, change.value,
                                        printable(change.by.tensor)));
    if (change.fact == Fact::vocab)
      check_rows(request, model, *known.arch, change, options.fake_weight_config);
  }
  return model;
}

}  // namespace recast
