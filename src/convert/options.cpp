#include "convert/options.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>

#include "base/limits.h"
#include "convert/keep_split.h"

namespace recast {
namespace {

[[noreturn]] void bad_value(std::string expected, std::string_view found) {
  fail(codes::bad_value,
       {.expected = std::move(expected), .found = fmt::format("\"{}\"", printable(found))});
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// Spelling of values: case, '-' and '_' do not matter.
std::string folded(std::string_view text) {
  std::string out;
  for (char c : text) out += c == '-' ? '_' : lower(c);
  return out;
}

// The choice that `text` spells; throws bad_value with all of them.
std::string_view choice(std::string_view text, std::string_view choices) {
  for (size_t start = 0; start < choices.size();) {
    const size_t end = std::min(choices.find(' ', start), choices.size());
    const std::string_view one = choices.substr(start, end - start);
    if (folded(one) == folded(text)) return one;
    start = end + 1;
  }
  bad_value(fmt::format("one of: {}", choices), text);
}

int64_t count_from(std::string_view text, int64_t least, int64_t most) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < least || value > most)
    bad_value(fmt::format("a whole number from {} to {}", least, most), text);
  return value;
}

uint64_t positive_size(std::string_view text) {
  const uint64_t bytes = parse_size(text);
  if (bytes == 0) bad_value("a size above 0", text);
  return bytes;
}

std::string not_empty(std::string_view text) {
  if (text.empty()) bad_value("a value that is not empty", text);
  return std::string(text);
}

std::string key_value(std::string_view text, std::string_view form) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos) bad_value(std::string(form), text);
  return std::string(text);
}

std::string tensor_type(std::string_view text) {
  const size_t equals = text.rfind('=');
  const bool file = text.size() > 1 && text.front() == '@';
  if (!file && (equals == 0 || equals == std::string_view::npos || equals + 1 == text.size()))
    bad_value("REGEX=TYPE, such as ffn_down=q8_0, or @FILE", text);
  return std::string(text);
}

std::string format_key_value(std::string_view text) {
  const size_t dot = text.find('.');
  const size_t equals = text.find('=');
  if (dot == 0 || equals == std::string_view::npos || dot == std::string_view::npos ||
      dot + 1 >= equals)
    bad_value("FORMAT.KEY=VALUE, such as gguf.alignment=64", text);
  return std::string(text);
}

constexpr std::string_view precision_choices = "f32 f16 bf16 int8";

// Stored under the codec's own name, so that the synonyms end here.
std::string precision(std::string_view text) {
  static constexpr std::pair<std::string_view, std::string_view> synonyms[] = {
      {"fp32", "f32"},    {"float32", "f32"}, {"float", "f32"},     {"fp16", "f16"},
      {"float16", "f16"}, {"half", "f16"},    {"bfloat16", "bf16"}, {"i8", "int8"}};
  const std::string name = folded(text);
  for (const auto& [synonym, meant] : synonyms)
    if (name == synonym) return std::string(meant);
  return std::string(choice(text, precision_choices));
}

constexpr std::string_view optimization_levels = "fast balanced aggressive";

// R-125, with the names that levels once had.
std::string optimization(std::string_view text) {
  static constexpr std::pair<std::string_view, std::string_view> synonyms[] = {
      {"none", "fast"}, {"basic", "fast"}, {"maximum", "aggressive"}};
  const std::string name = folded(text);
  for (const auto& [synonym, meant] : synonyms)
    if (name == synonym) return std::string(meant);
  return std::string(choice(text, optimization_levels));
}

double number_from(std::string_view text, double least, double most) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= least) ||
      !(value <= most))
    bad_value(fmt::format("a number from {} to {}", least, most), text);
  return value;
}

// METHOD:N. What a format can split by is its own affair; the numbers are checked here.
std::string split_method(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == std::string_view::npos)
    bad_value("METHOD:N, such as tensors:128 or size:2G", text);
  const std::string_view rest = text.substr(colon + 1);
  const std::string method(choice(text.substr(0, colon), "tensors size"));
  if (method == "size") positive_size(rest);
  if (method == "tensors") count_from(rest, 1, INT32_MAX);
  return fmt::format("{}:{}", method, rest);
}

constexpr std::string_view fake_modes = "zero random";
constexpr std::string_view layout_forms = "lmstudio ollama oci";
constexpr std::string_view device_choices = "auto cpu cuda mps";
constexpr std::string_view verify_levels = "none structure sample tensors";

using Options = ConvertOptions;
using Text = std::string_view;

// name, short, aliases, value, default, group, help, values, repeats, acts on bytes, set
constexpr OptionRow rows[] = {
    {"output", 'o', "output-path", "PATH", "BASE-TYPE in this folder", "Source and target",
     "file to write, or a folder (exists or ends in /)", "", false, false,
     [](Options& o, Text v) { o.output = not_empty(v); }},
    {"to", 't', "format target", "FORMAT[:TYPE]", "from the extension", "Source and target",
     "target format, with the type of its matrices", "", false, true,
     [](Options& o, Text v) { o.to = not_empty(v); }},
    {"from", 'f', "source-format", "FORMAT", "detected", "Source and target",
     "source format, when detection is wrong", "", false, true,
     [](Options& o, Text v) { o.from = not_empty(v); }},

    {"quant", 'Q', "quantization", "TYPE", "none", "Types",
     "type of the matrices (recast list types)", "", false, true,
     [](Options& o, Text v) { o.quant = not_empty(v); }},
    {"precision", 0, "dtype", "P", "the source's", "Types",
     "type of the other floats, of all without --quant", precision_choices, false, true,
     [](Options& o, Text v) { o.precision = precision(v); }},
    {"optimization", 0, "", "LEVEL", "balanced", "Types",
     "how hard the codes of a block are searched for", optimization_levels, false, true,
     [](Options& o, Text v) { o.optimization = optimization(v); }},
    {"target-bpw", 0, "", "X", "none", "Types",
     "with -Q auto: most bits a weight of the whole file", "", false, true,
     [](Options& o, Text v) { o.target_bpw = number_from(v, 1, 32); }},
    {"target-size", 0, "", "SIZE", "none", "Types", "with -Q auto: most bytes of the file", "",
     false, true, [](Options& o, Text v) { o.target_size = positive_size(v); }},
    {"max-rmse", 0, "", "X", "none", "Types",
     "with -Q auto: most relative RMSE of a packed tensor", "", false, true,
     [](Options& o, Text v) { o.max_rmse = number_from(v, 0.00001, 1); }},
    {"pure", 0, "", "", "off", "Types", "one type for every matrix, no recipe", "", false, true,
     [](Options& o, Text) { o.pure = true; }},
    {"tensor-type", 0, "", "RE=TYPE", "by the recipe", "Types",
     "type of what a regex finds, or @FILE of such", "", true, true,
     [](Options& o, Text v) { o.tensor_type.push_back(tensor_type(v)); }},
    {"imatrix", 0, "", "FILE", "none", "Types", "importance of the columns (GGUF or .dat)", "",
     false, true, [](Options& o, Text v) { o.imatrix = not_empty(v); }},
    {"include-weights", 0, "", "RE", "all", "Types",
     "use the importance matrix for these tensors only; may be repeated", "", true, true,
     [](Options& o, Text v) { o.include_weights.push_back(not_empty(v)); }},
    {"exclude-weights", 0, "", "RE", "none", "Types",
     "use no importance matrix for these tensors; may be repeated", "", true, true,
     [](Options& o, Text v) { o.exclude_weights.push_back(not_empty(v)); }},
    {"embedding-type", 0, "token-embedding-type", "TYPE", "by the recipe", "Types",
     "type of the token embedding", "", false, true,
     [](Options& o, Text v) { o.embedding_type = not_empty(v); }},
    {"output-type", 0, "output-tensor-type", "TYPE", "by the recipe", "Types",
     "type of the output matrix", "", false, true,
     [](Options& o, Text v) { o.output_type = not_empty(v); }},
    {"leave-output", 0, "leave-output-tensor", "", "off", "Types",
     "keep the output matrix as it is", "", false, true,
     [](Options& o, Text) { o.leave_output = true; }},
    {"prune-layers", 0, "", "LIST", "none", "Types",
     "blocks of a GGUF to leave out, such as 3,7 or 20-22", "", false, true,
     [](Options& o, Text v) { o.prune_layers = not_empty(v); }},
    {"allow-requantize", 0, "", "", "off", "Types", "pack a packed source again, losing quality",
     "", false, true, [](Options& o, Text) { o.allow_requantize = true; }},
    {"allow-overflow", 0, "", "MODE", "refused", "Types",
     "values beyond f16 become its largest or infinity", "clamp inf", false, true,
     [](Options& o, Text v) { o.allow_overflow = choice(v, "clamp inf"); }},
    {"allow-nonfinite", 0, "", "", "off", "Types", "quantize tensors that hold NaN or infinity", "",
     false, true, [](Options& o, Text) { o.allow_nonfinite = true; }},

    {"allow-unsafe-pickle", 0, "", "", "refused", "Model",
     "take weights out of objects of foreign classes (nothing is run)", "", false, true,
     [](Options& o, Text) { o.allow_unsafe_pickle = true; }},
    {"model-type", 0, "as", "NAME", "detected", "Model", "architecture (recast list archs)", "",
     false, true, [](Options& o, Text v) { o.model_type = not_empty(v); }},
    {"model-config", 0, "", "FILE", "the source's", "Model",
     "JSON laid over the configuration of the source", "", false, true,
     [](Options& o, Text v) { o.model_config = not_empty(v); }},
    {"text-only", 0, "", "", "off", "Model",
     "leave the parts for images and sound out", "", false, true,
     [](Options& o, Text) { o.text_only = true; }},
    {"tokenizer", 0, "", "PATH", "the source's", "Model", "tokenizer file or folder", "", false,
     true, [](Options& o, Text v) { o.tokenizer = not_empty(v); }},
    {"no-tokenizer", 0, "", "", "off", "Model", "write no tokenizer", "", false, true,
     [](Options& o, Text) { o.no_tokenizer = true; }},
    {"pre", 0, "", "NAME", "recognised", "Model", "pre-tokenizer name of GGUF", "", false, true,
     [](Options& o, Text v) { o.pre = not_empty(v); }},
    {"context-length", 0, "", "N", "the source's", "Model", "context length to record", "", false,
     true, [](Options& o, Text v) { o.context_length = count_from(v, 1, INT32_MAX); }},
    {"rope-scaling", 0, "", "TYPE:FACTOR", "the source's", "Model",
     "linear, dynamic or yarn, for a longer context", "", false, true,
     [](Options& o, Text v) { o.rope_scaling = not_empty(v); }},

    {"fake-weight", 0, "", "", "off", "Fake weights",
     "make every tensor from config.json alone, as zeros", "", false, true,
     [](Options& o, Text) { o.fake_weight = true; }},
    {"fake-weight-mode", 0, "", "MODE", "zero", "Fake weights",
     "zeros in sparse files, or noise that runs", fake_modes, false, true,
     [](Options& o, Text v) { o.fake_weight_mode = choice(v, fake_modes); }},
    {"fake-weight-config", 0, "", "FILE", "none", "Fake weights",
     "JSON or YAML: tensor name to list of extents", "", false, true,
     [](Options& o, Text v) { o.fake_weight_config = not_empty(v); }},
    {"seed", 0, "", "N", "0", "Fake weights", "seed of every random choice", "", false, true,
     [](Options& o, Text v) { o.seed = static_cast<uint64_t>(count_from(v, 0, INT64_MAX)); }},

    {"preserve-metadata", 0, "", "", "on", "Metadata", "carry over metadata and side files", "",
     false, true, [](Options& o, Text) { o.preserve_metadata = true; }},
    {"no-preserve-metadata", 0, "", "", "off", "Metadata", "leave out what is not needed to load",
     "", false, true, [](Options& o, Text) { o.preserve_metadata = false; }},
    {"keep-optimizer", 0, "", "", "off", "Metadata", "carry the tensors of optimizers too", "",
     false, true, [](Options& o, Text) { o.keep_optimizer = true; }},
    {"metadata", 0, "", "KEY=VALUE", "none", "Metadata", "set a key; may be repeated", "", true,
     true,
     [](Options& o, Text v) {
       o.metadata.push_back(key_value(v, "KEY=VALUE, such as general.author=Ada"));
     }},
    {"format-option", 0, "set", "FORMAT.KEY=VALUE", "per format", "Metadata",
     "option of one format (recast list formats)", "", true, true,
     [](Options& o, Text v) { o.format_option.push_back(format_key_value(v)); }},
    {"no-provenance", 0, "", "", "off", "Metadata", "no recast.* keys inside the output", "", false,
     true, [](Options& o, Text) { o.provenance = false; }},
    {"no-manifest", 0, "", "", "off", "Metadata", "no NAME.recast.json beside the output", "",
     false, false, [](Options& o, Text) { o.manifest = false; }},
    {"tensor-sums", 0, "", "", "off", "Metadata", "XXH3-128 of each tensor inside the output", "",
     false, true, [](Options& o, Text) { o.tensor_sums = true; }},
    {"checksum", 0, "", "", "off", "Metadata", "SHA-256 of each file in the manifest", "", false,
     false, [](Options& o, Text) { o.checksum = true; }},

    {"split", 0, "", "METHOD:N", "none", "Splitting", "tensors:N or size:SIZE per file", "",
     false, true, [](Options& o, Text v) { o.split = split_method(v); }},
    {"split-max-size", 0, "", "SIZE", "none", "Splitting", "same as --split size:SIZE", "", false,
     true, [](Options& o, Text v) { o.split_max_size = positive_size(v); }},
    {"keep-split", 0, "", "", "off", "Splitting", "a GGUF in several files stays in as many", "",
     false, true, [](Options& o, Text) { o.split = kept_split; }},
    {"shard-size", 0, "", "SIZE", "5GB", "Splitting", "most bytes of a safetensors shard", "",
     false, true, [](Options& o, Text v) { o.shard_size = positive_size(v); }},

    {"layout", 0, "", "FORM", "plain files", "Publishing",
     "the output is a folder as LM Studio, Ollama or a registry keeps it", layout_forms, false,
     false, [](Options& o, Text v) { o.layout = choice(v, layout_forms); }},
    {"modelfile", 0, "", "", "off", "Publishing", "write an Ollama Modelfile beside the GGUF", "",
     false, false, [](Options& o, Text) { o.modelfile = true; }},

    {"threads", 'j', "", "N", "all cores", "Limits", "worker threads; the bytes stay the same", "",
     false, false,
     [](Options& o, Text v) { o.threads = static_cast<int>(count_from(v, 1, 4096)); }},
    {"memory", 0, "max-memory", "SIZE", "a quarter of RAM", "Limits",
     "bytes of memory to stay within", "", false, false,
     [](Options& o, Text v) { o.memory = positive_size(v); }},
    {"device", 0, "", "D", "auto", "Limits", "where methods that compute run; conversions: cpu",
     device_choices, false, false, [](Options& o, Text v) { o.device = choice(v, device_choices); }},
    {"max-retries", 0, "", "N", "3", "Limits",
     "how often a file system that answers EAGAIN or ESTALE is asked again", "", false, false,
     [](Options& o, Text v) { o.max_retries = static_cast<int>(count_from(v, 0, 20)); }},
    {"limit", 0, "", "NAME=N", "recast list limits", "Limits",
     "what a file may claim; may be repeated", "", true, false,
     [](Options&, Text v) { set_limit_option(v); }},
    {"skip-disk-check", 0, "", "", "off", "Limits", "start although the disk looks too small", "",
     false, false, [](Options& o, Text) { o.skip_disk_check = true; }},

    {"dry-run", 'n', "", "", "off", "Planning", "print the plan and write nothing", "", false,
     false, [](Options& o, Text) { o.dry_run = true; }},
    {"plan", 0, "", "FILE", "none", "Planning", "store the plan and convert nothing", "", false,
     false, [](Options& o, Text v) { o.plan = not_empty(v); }},
    {"apply", 0, "", "FILE", "none", "Planning", "run a stored plan if its inputs are unchanged",
     "", false, false, [](Options& o, Text v) { o.apply = not_empty(v); }},
    {"journal", 0, "", "[BATCH]", "above 1 GiB", "Planning",
     "keep a journal, synced every BATCH (256MB)", "", false, false,
     [](Options& o, Text v) { o.journal = v.empty() ? 256'000'000 : positive_size(v); }},
    {"restart", 0, "", "", "off", "Planning", "throw the journal of an earlier run away", "", false,
     false, [](Options& o, Text) { o.restart = true; }},
    {"resume", 0, "", "", "off", "Planning", "continue only if there is a journal", "", false,
     false, [](Options& o, Text) { o.resume = true; }},

    {"force", 0, "overwrite", "", "off", "Writing", "replace an existing output", "", false, false,
     [](Options& o, Text) { o.force = true; }},
    {"mkdir", 0, "", "", "off", "Writing", "make missing folders of the output", "", false, false,
     [](Options& o, Text) { o.mkdir = true; }},
    {"follow", 0, "", "", "off", "Writing", "write through a symbolic link", "", false, false,
     [](Options& o, Text) { o.follow = true; }},
    {"report", 0, "", "FILE", "none", "Writing", "store the report: .json, .html, else text", "",
     false, false, [](Options& o, Text v) { o.report = not_empty(v); }},

    {"verify", 0, "", "LEVEL", "sample", "Verification", "how much is compared with the source",
     verify_levels, false, false, [](Options& o, Text v) { o.verify = choice(v, verify_levels); }},
    {"validate", 0, "", "", "off", "Verification", "same as --verify structure", "", false, false,
     [](Options& o, Text) { o.verify = "structure"; }},
    {"no-verify", 0, "", "", "off", "Verification", "check the hashes only", "", false, false,
     [](Options& o, Text) { o.verify = "none"; }},
};

// Optimal string alignment: insert, delete, replace, swap of neighbours.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before, last(b.size() + 1), now(b.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
        now[j] = std::min(now[j], before[j - 2] + 1);
    }
    before = last;
    last = now;
  }
  return last[b.size()];
}

bool is_alias(std::string_view aliases, std::string_view name) {
  for (size_t start = 0; start < aliases.size();) {
    const size_t end = std::min(aliases.find(' ', start), aliases.size());
    if (aliases.substr(start, end - start) == name) return true;
    start = end + 1;
  }
  return false;
}

}  // namespace

std::span<const OptionRow> convert_options() { return rows; }

void set_option(ConvertOptions& options, const OptionRow& row, std::string_view value) {
  row.set(options, value);
  options.given.emplace_back(row.name, value);
}

void set_stored_option(ConvertOptions& options, const OptionRow& row, const json::Value& stored) {
  const json::Array* several = stored.as_array();
  for (const json::Value& one : several ? *several : json::Array{stored})
    if (const std::string* text = one.as_string()) set_option(options, row, *text);
}

json::Value given_options(const ConvertOptions& options) {
  json::Value out{json::Object{}};
  for (const auto& [name, value] : options.given) {
    const OptionRow* row = find_option(name);
    json::Value* before = row && row->repeats ? out.find(name) : nullptr;
    if (!before) {
      out.set(name, value);
    } else if (json::Array* list = before->as_array()) {
      list->emplace_back(value);
    } else {
      *before = json::Array{*before, json::Value(value)};
    }
  }
  return out;
}

const OptionRow* find_option(std::string_view name) {
  std::string dashed(name);
  std::replace(dashed.begin(), dashed.end(), '_', '-');
  for (const OptionRow& row : rows)
    if (row.name == dashed || is_alias(row.aliases, dashed)) return &row;
  return nullptr;
}

void set_limit_option(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == 0 || equals == std::string_view::npos)
    bad_value("NAME=N, such as json-depth=100", text);
  const std::string_view name = text.substr(0, equals);
  if (!find_limit(name)) {
    std::vector<std::string_view> names;
    for (const LimitRow& row : all_limits()) names.push_back(row.name);
    const std::string_view near = nearest(name, names);
    fail(codes::bad_value,
         {.expected = "the name of a limit",
          .found = fmt::format("\"{}\"", printable(name)),
          .fix = near.empty() ? std::string("recast list limits")
                              : fmt::format("did you mean --limit {}=...? recast list limits",
                                            near)});
  }
  set_limit(name, parse_size(text.substr(equals + 1)));
}

uint64_t parse_size(std::string_view text) {
  constexpr std::string_view expected = "a size such as 512MiB, 4G or 5GB";
  const size_t digits = std::min(text.find_first_not_of("0123456789."), text.size());
  const size_t dot = std::min(text.substr(0, digits).find('.'), digits);
  const std::string_view whole = text.substr(0, dot);
  const std::string_view part =
      text.substr(std::min(dot + 1, digits), digits - std::min(dot + 1, digits));
  if (whole.empty() || (dot < digits && part.empty()) || part.size() > 9 ||
      part.find('.') != std::string_view::npos)
    bad_value(std::string(expected), text);

  const std::string unit = folded(text.substr(digits));
  const bool plain = unit.empty() || unit == "b";
  const size_t prefix = plain ? 0 : std::string_view("kmgt").find(unit[0]);
  const size_t power = plain ? 0 : std::min<size_t>(prefix, 4) + 1;
  if (power > 4 ||
      (power > 0 && unit.size() > 1 && unit.substr(1) != "b" && unit.substr(1) != "ib"))
    bad_value(std::string(expected), text);
  const bool decimal = power > 0 && unit.substr(1) == "b";
  // 128 bits hold every product below: 10^20 digits would overflow from_chars first.
  unsigned __int128 scale = 1;
  for (size_t i = 0; i < power; ++i) scale *= decimal ? 1000 : 1024;

  uint64_t integer = 0;
  const auto [end, error] = std::from_chars(whole.data(), whole.data() + whole.size(), integer);
  unsigned __int128 bytes = scale * integer;
  unsigned __int128 weight = scale * 1'000'000'000;
  for (char c : part) bytes += (weight /= 10) * static_cast<unsigned>(c - '0') / 1'000'000'000;
  if (error != std::errc() || bytes > UINT64_MAX) bad_value("a size below 16 EiB", text);
  return static_cast<uint64_t>(bytes);
}

std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates) {
  const std::string wanted = folded(word);
  std::string_view best;
  // Near: about one edit in three letters, and the beginning of a name counts as one edit.
  size_t least = (wanted.size() < 5 ? 1 : (wanted.size() + 1) / 3) + 1;
  for (std::string_view candidate : candidates) {
    const std::string name = folded(candidate);
    const bool begins = wanted.size() >= 2 && name.starts_with(wanted);
    const size_t distance = begins ? 1 : edit_distance(wanted, name);
    if (distance < least && distance < std::max(wanted.size(), name.size())) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

}  // namespace recast
