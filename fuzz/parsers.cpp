#include "parsers.h"

#include <cstdio>
#include <cstdlib>

#include "arch/facts.h"
#include "arch/recognise.h"
#include "formats/detect.h"
#include "formats/gguf/header.h"
#include "io/memory_file.h"
#include "memory_source.h"
#include "model_use.h"
#include "tokenizer/check_tokenizer.h"
#include "tokenizer/read_vocabulary.h"
#include "tokenizer/rebuild.h"
#include "tokenizer/sentencepiece.h"
#include "wire/imatrix_dat.h"
#include "wire/json.h"
#include "wire/pickle.h"
#include "wire/pickle_values.h"
#include "wire/protobuf.h"
#include "wire/safetensors.h"
#include "wire/safetensors_index.h"
#include "wire/torch_state_dict.h"
#include "wire/torch_tensor.h"
#include "wire/yaml.h"
#include "wire/zip.h"

namespace recast::fuzz {
namespace {

constexpr uint64_t most_read = 1 << 20;  // of what one input unpacks to

std::string text_of(Bytes input) {
  return {reinterpret_cast<const char*>(input.data()), input.size()};
}
std::shared_ptr<const File> file_of(Bytes input, std::string name = "input") {
  return std::make_shared<MemoryFile>(std::move(name),
                                      std::vector<std::byte>(input.begin(), input.end()));
}
[[noreturn]] void finding(std::string_view what) {
  std::fprintf(stderr, "finding: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

// ---- one function a parser ---------------------------------------------------------------------

void gguf_header(Bytes input) { gguf::read_header(file_of(input)); }
void safetensors_header(Bytes input) { read_safetensors_header(*file_of(input)); }
void shard_index(Bytes input) { read_shard_index(*file_of(input)); }

void imatrix_dat(Bytes input) {
  for (const ImatrixDat::Entry& entry : read_imatrix_dat(file_of(input)).entries)
    if (entry.calls < 0) finding("a negative count of calls passed");
}

void torch_file(Bytes input) {
  const TorchFile file = read_torch_file(file_of(input));
  for (const bool foreign : {false, true}) {
    const StateDict dict = find_state_dict(file, {.foreign_objects = foreign});
    for (const NamedNode& tensor : dict.tensors) rebuild_tensor(file, tensor.node, tensor.name);
  }
}

void zip(Bytes input) {
  const ZipArchive archive(file_of(input));
  uint64_t left = most_read;
  for (const ZipMember& member : archive.members()) {
    if (member.bytes > left) break;
    left -= member.bytes;
    archive.has_right_crc(member);
    const ZipContent content = archive.content(member);
    content.file->window(content.offset + content.bytes / 2, content.bytes - content.bytes / 2);
  }
}

void pickle(Bytes input) {
  ByteReader in(input, "input");
  const Pickle pickle = read_pickle(in, is_storage_id);
  size_t budget = 10'000;
  plain_value(pickle, pickle.root, budget);
  for (const PickleNode& node : pickle.nodes) {
    describe_node(pickle, node);
    is_mapping(pickle, node);
    elements_of(pickle, node);
    pickle.class_of(node);
  }
  reaching(pickle, std::vector<bool>(pickle.nodes.size(), false));
}

// What is accepted is written as it was understood.
void json(Bytes input) {
  const json::Value value = json::parse(input, {.file = "input"});
  for (const int indent : {0, 2})
    if (!(json::parse(json::write(value, indent), {.file = "copy"}) == value))
      finding("JSON that is written and read again is another value");
}

void yaml(Bytes input) {
  const std::string text = text_of(input);
  yaml::parse_front_matter(text, "input");
  yaml::parse(text, {.file = "input"});
}

// `budget`: of messages in messages, as most bytes are none and each ends in an exception.
void walk(protobuf::Message in, int& budget) {
  while (in.next()) {
    if (in.type() != protobuf::WireType::bytes) {
      if (in.type() == protobuf::WireType::varint) in.as_sint64();
      continue;
    }
    in.text();
    if (--budget < 0) continue;
    try {
      walk(in.message(), budget);
    } catch (const Error&) {
    }
  }
}
void protobuf(Bytes input) {
  int budget = 50;
  walk(protobuf::Message(input, {.file = "input", .levels_left = 20}), budget);
}

void sentencepiece(Bytes input) {
  const SentencePieceModel model = parse_sentencepiece(input, "input");
  const std::string copy = write_sentencepiece(model);
  if (parse_sentencepiece(std::as_bytes(std::span(copy)), "copy").pieces.size() !=
      model.pieces.size())
    finding("a sentencepiece model that is written and read again has other pieces");
}

void tokenizer_json(Bytes input) {
  const auto file = file_of(input);
  if (probe_tokenizer(*file)) check_tokenizer(*file);
}

void tokenizer_folder(Bytes input) {
  const auto source = unpack_source(input, "tokenizer.json");
  const auto result = read_vocabulary(
      {.find = [&](std::string_view name) { return source->find(name); }, .model_type = "llama"});
  if (!result) return;
  std::vector<Finding> warnings;
  rebuild_tokenizer_files(result->vocabulary, "llama", nullptr, warnings);
}

void config(Bytes input) {
  Checkpoint stated;
  stated.config = json::parse(input, {.file = "config.json"});
  stated.config_file = "config.json";
  const Recognition known = require_architecture(stated, "");
  std::vector<Finding> warnings;
  const ModelFacts facts = facts_from_config(*known.arch, language_config(stated.config),
                                             stated.config_file, warnings);
  gguf_metadata(facts);
  config_from_facts(facts, "bfloat16", nullptr);
  warn_of_runtime(facts, stated.config, stated.config_file, warnings);
  unmapped_config_keys(*known.arch, stated.config);
}

// Any bytes under a name that says nothing, as the program meets them.
void detect(Bytes input) {
  const auto source = unpack_source(input, "input");
  if (!source->is_folder() && probe_tokenizer(*source->file())) return;
  const Detection detection = recast::detect(*source, "");
  use_model(detection.format->read(source, {}), source, *detection.format);
}

void read_format(Bytes input, std::string_view name) {
  const Format& format = *find_format(name);
  const auto source = unpack_source(input, std::string("model").append(format.extension));
  if (format.probe(*source).empty()) return;
  use_model(format.read(source, {}), source, format);
}

constexpr Parser table[] = {
#define RECAST_PARSER(name, seeds) {#name, #seeds, name},
#define RECAST_FORMAT(name, seeds) {#name, #seeds, [](Bytes input) { read_format(input, #name); }},
#include "parsers.def"
};

}  // namespace

std::span<const Parser> all_parsers() { return table; }

const Parser* find_parser(std::string_view name) {
  for (const Parser& parser : table)
    if (parser.name == name) return &parser;
  return nullptr;
}

void run(const Parser& parser, Bytes input) {
  try {
    parser.feed(input);
  } catch (const Error& error) {
    if (error.code->kind == ErrorKind::internal) finding(std::string("internal: ") + error.what());
  } catch (const std::exception& error) {
    finding(std::string("not an Error: ") + error.what());
  }
}

}  // namespace recast::fuzz
