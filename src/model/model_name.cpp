// Source: facts on general.* keys, sections 2 to 5, checked against the gguf package.
#include "model/model_name.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <vector>

namespace recast {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_small(char c) { return c >= 'a' && c <= 'z'; }
bool is_capital(char c) { return c >= 'A' && c <= 'Z'; }
// Beyond ASCII everything counts as a letter without case.
bool is_letter(char c) {
  return is_small(c) || is_capital(c) || static_cast<unsigned char>(c) >= 0x80;
}
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
char small(char c) { return is_capital(c) ? static_cast<char>(c + 32) : c; }
char capital(char c) { return is_small(c) ? static_cast<char>(c - 32) : c; }

std::string to_small(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), small);
  return out;
}
std::string to_capitals(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), capital);
  return out;
}

// Eats a pattern from the front of a part; each call says whether it was there.
struct Eater {
  std::string_view rest;

  bool done() const { return rest.empty(); }
  bool text(std::string_view t) {
    if (!rest.starts_with(t)) return false;
    rest.remove_prefix(t.size());
    return true;
  }
  bool one_of(std::string_view letters) {
    if (rest.empty() || letters.find(rest[0]) == std::string_view::npos) return false;
    rest.remove_prefix(1);
    return true;
  }
  bool digit() { return one_of("0123456789"); }
  bool digits() {
    if (!digit()) return false;
    while (digit()) {
    }
    return true;
  }
};

// All take the part in small letters.
bool is_version(std::string_view part) {
  Eater in{part};
  if (!in.text("v")) in.text("iter");
  if (!in.digits()) return false;
  while (in.text("."))
    if (!in.digits()) return false;
  return in.done();
}

bool is_float_type(std::string_view part) {
  Eater in{part};
  in.text("b");
  if (!in.text("f")) return false;
  in.text("p");
  return (in.text("16") || in.text("32")) && in.done();
}

bool is_quant_type(std::string_view part) {
  Eater in{part};
  in.text("i");
  if (!in.text("q") || !in.digit()) return false;
  while (in.text("_"))
    if (!in.one_of("abcdefghijklmnopqrstuvwxyz0123456789_")) return false;
  return in.done();
}

bool is_type(std::string_view part) { return is_float_type(part) || is_quant_type(part); }

bool is_number_size(std::string_view part) {
  Eater in{part};
  if (!in.text("a")) {
    Eater experts = in;  // "8x" only counts when an x follows the digits
    if (experts.digits() && experts.text("x")) in = experts;
  }
  if (!in.digits()) return false;
  if (in.one_of("._") && !in.digits()) return false;
  if (!in.one_of("kmbt")) return false;
  in.digit();
  return in.done();
}

bool is_word_size(std::string_view part) {
  static constexpr std::string_view words[] = {"small", "mini", "medium", "large", "xl", "xxl"};
  return std::find(std::begin(words), std::end(words), part) != std::end(words);
}

bool is_known_finetune(std::string_view part) {
  return part == "chat" || part == "instruct" || part == "vision" || part == "lora";
}

// "7b1" (bloom) -> "7.1B", "1_5m" -> "1.5M".
std::string spell_size(std::string part) {
  std::replace(part.begin(), part.end(), '_', '.');
  if (is_digit(part.back())) {
    const size_t n = part.size();
    part = part.substr(0, n - 2) + "." + part[n - 1] + part[n - 2];
  }
  part.back() = capital(part.back());
  return part;
}

// Parameters that a label like "7.1B" claims; empty for "8x7B" and "A14B", which claim no total.
std::optional<double> claimed_parameters(std::string_view label) {
  const std::string_view number = label.substr(0, label.size() - 1);
  double value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), value);
  if (error != std::errc() || end != number.data() + number.size()) return std::nullopt;
  static constexpr double units[] = {1e3, 1e6, 1e9, 1e12};
  return value * units[std::string_view("KMBT").find(label.back())];
}

// Sizes far from the real one are context lengths or training tokens.
bool fits(std::string_view label, int64_t parameters) {
  const auto claimed = claimed_parameters(label);
  if (!claimed || parameters == 0) return true;
  const auto total = static_cast<double>(std::abs(parameters));
  const double eighth = std::floor(total / 8);
  if (parameters < 0) return *claimed >= eighth;
  return std::abs(*claimed - total) <= std::floor(7 * total / 8);
}

struct NamePart {
  std::string text;
  bool basename = false, size = false, finetune = false, version = false, other = false;
  bool marked() const { return size || finetune || version || other; }
};

void mark_size(NamePart& part, const SplitOptions& options) {
  part.text = spell_size(part.text);
  if (fits(part.text, options.parameters)) {
    part.size = true;
    return;
  }
  part.text.back() = small(part.text.back());
  (options.misfit_is_finetune ? part.finetune : part.other) = true;
}

void mark(NamePart& part, bool first, const SplitOptions& options) {
  const std::string low = to_small(part.text);
  if (is_version(low)) {
    part.version = true;
  } else if (is_type(low)) {
    part.other = true;
    part.text = to_capitals(part.text);
  } else if (!first && is_number_size(low)) {
    mark_size(part, options);
  } else if (!first && is_word_size(low)) {
    part.size = true;
  } else if (!first && is_known_finetune(low)) {
    (options.parameters < 0 && low == "lora" ? part.other : part.finetune) = true;
  }
}

bool has_digit(std::string_view text) { return std::any_of(text.begin(), text.end(), is_digit); }

// The basename is the run of versions and words at the front, less the versions at its end.
void mark_basename(std::vector<NamePart>& parts) {
  bool front = true;
  for (NamePart& part : parts) {
    front = front && (part.version || (!part.marked() && is_letter(part.text[0])));
    if (front)
      part.basename = true;
    else if (!part.marked())
      part.finetune = true;
  }
  for (auto part = parts.rbegin(); part != parts.rend() && part->basename && part->marked(); ++part)
    part->basename = false;
}

std::string join(const std::vector<NamePart>& parts, bool (*wanted)(const NamePart&)) {
  std::string out;
  for (const NamePart& part : parts)
    if (wanted(part)) out += (out.empty() ? "" : "-") + part.text;
  return out;
}

std::string join_sizes(std::vector<NamePart> parts) {
  std::vector<std::string> seen;
  for (NamePart& part : parts) {
    if (!part.size) continue;
    part.size = std::find(seen.begin(), seen.end(), part.text) == seen.end();
    seen.push_back(part.text);
  }
  return join(parts, [](const NamePart& p) { return p.size; });
}

std::vector<NamePart> cut(std::string_view name) {
  std::vector<NamePart> parts;
  while (!name.empty()) {
    const size_t n = std::min(name.find('-'), name.size());
    if (n > 0) parts.push_back({std::string(name.substr(0, n))});
    name.remove_prefix(std::min(n + 1, name.size()));
  }
  return parts;
}

void sort_parts(ModelName& name, const SplitOptions& options) {
  std::vector<NamePart> parts = cut(name.full_name);
  for (size_t i = 0; i < parts.size(); ++i) mark(parts[i], i == 0, options);
  const auto numeric = [](const NamePart& p) { return p.size && has_digit(p.text); };
  if (std::any_of(parts.begin(), parts.end(), numeric))
    for (NamePart& part : parts) part.size = part.size && has_digit(part.text);
  mark_basename(parts);
  name.basename = join(parts, [](const NamePart& p) { return p.basename; });
  name.size_label = join_sizes(parts);
  name.finetune = join(parts, [](const NamePart& p) { return p.finetune; });
  if (options.versions)
    name.version = join(parts, [](const NamePart& p) { return p.version && !p.basename; });
  const bool misfit = std::any_of(parts.begin(), parts.end(), [](const NamePart& p) {
    return p.other && is_number_size(p.text);
  });
  if (name.size_label.empty() && name.finetune.empty() && name.version.empty() && !misfit)
    name.basename.clear();  // a single word proves nothing
}

}  // namespace

ModelName split_model_id(std::string_view id, const SplitOptions& options) {
  ModelName name;
  name.full_name = id;
  if (id.find(' ') != std::string_view::npos) return name;
  if (const size_t slash = id.find('/'); slash != std::string_view::npos) {
    name.full_name = id.substr(slash + 1);
    if (!id.starts_with('.')) name.organization = id.substr(0, slash);
  }
  sort_parts(name, options);
  return name;
}

namespace {

std::string title_word(std::string_view word) {
  std::string out(word);
  const bool has_small = std::any_of(word.begin(), word.end(), is_small);
  const bool has_capital = std::any_of(word.begin(), word.end(), is_capital);
  if (!has_small || has_capital || is_digit(word[0])) return out;
  if (word[0] == 'v' && is_version(word)) return out;
  for (size_t i = 0; i < out.size(); ++i)
    if (i == 0 || !is_letter(word[i - 1])) out[i] = capital(out[i]);
  return out;
}

}  // namespace

std::string title_case(std::string_view id) {
  std::string out;
  const auto breaks = [](char c) { return c == '-' || is_space(c); };
  while (!id.empty()) {
    const auto n = static_cast<size_t>(std::find_if(id.begin(), id.end(), breaks) - id.begin());
    if (n > 0) out += (out.empty() ? "" : " ") + title_word(id.substr(0, n));
    id.remove_prefix(std::min(n + 1, id.size()));
  }
  return out;
}

// ---- counts ------------------------------------------------------------------------------------

void ParameterCounter::add(std::string_view gguf_name, std::span<const int64_t> shape) {
  const auto elements = static_cast<uint64_t>(element_count(shape).value_or(0));
  counts_.total += elements;
  // Biases of experts have two extents and count as shared, as the reference converter counts them.
  if (gguf_name.find("_exps.") == std::string_view::npos || shape.size() < 3 || elements == 0) {
    counts_.shared += elements;
    return;
  }
  const size_t inner = gguf_name.find(".bias") == std::string_view::npos ? 2 : 1;
  const auto experts = static_cast<uint64_t>(shape[shape.size() - 1 - inner]);
  counts_.expert += elements / experts;
  stacked_experts_ += experts;
  ++stacked_tensors_;
}

ParameterCounts ParameterCounter::counts() const {
  ParameterCounts counts = counts_;
  if (stacked_tensors_ > 0) counts.experts = stacked_experts_ / stacked_tensors_;
  return counts;
}

ParameterCounts count_parameters(std::span<const Tensor> tensors) {
  ParameterCounter counter;
  for (const Tensor& tensor : tensors) counter.add(tensor.name, tensor.shape());
  return counter.counts();
}

std::string rounded_count(uint64_t n) {
  struct Unit {
    uint64_t above;
    double factor;  // multiplied, not divided: the ties of the reference converter
    char letter;
  };
  static constexpr Unit units[] = {
      {1'000'000'000'000, 1e-12, 'T'}, {1'000'000'000, 1e-9, 'B'}, {1'000'000, 1e-6, 'M'}};
  Unit unit{0, 1e-3, 'K'};
  for (const Unit& u : units)
    if (n > u.above) {
      unit = u;
      break;
    }
  const double x = static_cast<double>(n) * unit.factor;
  const double whole = std::nearbyint(x);
  const size_t digits = whole == 0 ? 0 : fmt::formatted_size("{:.0f}", whole);
  return fmt::format("{:.{}f}{}", x, digits < 2 ? 2 - digits : 0, unit.letter);
}

std::string size_label(const ParameterCounts& counts) {
  if (counts.total == 0) return "";
  if (counts.experts == 0) return rounded_count(counts.total);
  return fmt::format("{}x{}", counts.experts, rounded_count(counts.shared + counts.expert));
}

// ---- file names --------------------------------------------------------------------------------

namespace {

// Text as a part of a file name on any system: what may not stand there becomes '-'.
std::string file_name_part(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  std::string out(text);
  const auto unsafe = [](char c) {
    return static_cast<unsigned char>(c) <= ' ' || c == 0x7f ||
           std::string_view("/\\:*?\"<>|").find(c) != std::string_view::npos;
  };
  std::replace_if(out.begin(), out.end(), unsafe, '-');
  return out;
}

// Hubs read the type from the name, so no other type may stand in it.
std::string without_types(std::string_view text) {
  std::vector<NamePart> parts = cut(text);
  const auto type = [](const NamePart& p) { return is_type(to_small(p.text)); };
  if (std::none_of(parts.begin(), parts.end(), type)) return std::string(text);
  for (NamePart& part : parts) part.other = type(part);
  return join(parts, [](const NamePart& p) { return !p.other; });
}

void cut_utf8(std::string& text, size_t limit) {
  if (text.size() <= limit) return;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0) == 0x80) --limit;
  text.resize(limit);
}

}  // namespace

std::string gguf_file_stem(const GgufFileName& parts) {
  std::string core = without_types(file_name_part(parts.basename));
  if (core.empty()) core = without_types(file_name_part(parts.name));
  core.erase(0, core.find_first_not_of(".-"));
  if (core.empty()) core = "ggml-model";
  std::string stem = parts.sidecar.empty() ? core : parts.sidecar + "-" + core;
  for (const std::string* part : {&parts.size_label, &parts.finetune, &parts.version})
    if (const std::string text = file_name_part(*part); !text.empty()) stem += "-" + text;
  std::string tail;
  if (!parts.encoding.empty()) tail += "-" + to_capitals(parts.encoding);
  if (!parts.kind.empty()) tail += "-" + parts.kind;
  cut_utf8(stem, 200 - tail.size());
  return stem + tail;
}

}  // namespace recast
