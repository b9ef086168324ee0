#include <cstring>

#include "base/error.h"
#include "mutate_parts.h"
#include "wire/safetensors.h"

namespace recast::fuzz {
namespace {

std::string joined(std::string_view header, std::string_view data, uint64_t length) {
  std::string out(reinterpret_cast<const char*>(&length), sizeof length);
  out += header;
  out += data;
  return out;
}

// Offsets that follow from dtype and shape, in order of the text; the bytes that they end at.
uint64_t place(json::Value& header) {
  uint64_t at = 0;
  for (auto& [name, entry] : *header.as_object()) {
    const json::Value *dtype = entry.find("dtype"), *shape = entry.find("shape");
    if (!dtype || !dtype->as_string() || !shape || !shape->as_array()) continue;
    const SafetensorsDtype* row = find_safetensors_dtype(*dtype->as_string());
    uint64_t bits = row ? static_cast<uint64_t>(row->bits) : 8;
    for (const json::Value& extent : *shape->as_array()) bits *= extent.as_uint().value_or(1);
    entry.set("data_offsets", json::Array{at, at + bits / 8});
    at += bits / 8;
  }
  return at;
}

// One row of the table, where a fuzzer that picks any value would rarely be.
void change_entry(json::Value& header, const Mutation& m) {
  json::Object& entries = *header.as_object();
  if (entries.empty()) return;
  auto& [name, entry] = entries[m.random.below(entries.size())];
  if (!entry.is_object()) return;
  json::Value* shape = entry.find("shape");
  switch (m.random.below(4)) {
    case 0:
      entry.set("dtype", safetensors_dtypes[m.random.below(std::size(safetensors_dtypes))].name);
      break;
    case 1:
      name = m.random.one_in(3) ? std::string(m.word()) : m.changed(name);
      break;
    case 2:
      if (shape && shape->as_array()) shape->as_array()->push_back(m.random.number());
      break;
    default:
      if (shape && shape->as_array() && !shape->as_array()->empty())
        (*shape->as_array())[m.random.below(shape->as_array()->size())] = m.random.number();
  }
}

}  // namespace

std::optional<std::string> mutate_safetensors(std::string_view input, const Mutation& m) {
  uint64_t length = 0;
  if (input.size() < 10) return std::nullopt;
  std::memcpy(&length, input.data(), sizeof length);
  if (length > input.size() - 8 || input[8] != '{') return std::nullopt;
  const std::string_view text = input.substr(8, length);
  std::string data(input.substr(8 + length));
  if (m.random.one_in(10)) {  // any text, of the right length
    const std::string changed = m.changed(text);
    return joined(changed, data, m.random.one_in(20) ? m.random.number() : changed.size());
  }
  try {
    json::Value header = json::parse(text, {.file = "input"});
    if (m.random.one_in(2))
      change_entry(header, m);
    else
      mutate_value(header, m);
    if (header.is_object() && !m.random.one_in(6)) {
      const uint64_t end = place(header);
      if (end < data.size() + m.most) data.resize(end, 'w');
    }
    std::string out = json::write(header);
    out.resize((out.size() + 7) / 8 * 8, ' ');
    return joined(out, data, m.random.one_in(50) ? m.random.number() : out.size());
  } catch (const Error&) {
    return std::nullopt;
  }
}

}  // namespace recast::fuzz
