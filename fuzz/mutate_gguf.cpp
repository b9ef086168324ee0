// Takes a little-endian GGUF apart as formats/gguf/header.cpp draws it, without its checks.
#include <cstring>
#include <vector>

#include "base/checked_math.h"
#include "formats/gguf/header.h"
#include "mutate_parts.h"
#include "tensor/codec.h"

namespace recast::fuzz {
namespace {

constexpr uint32_t string_type = 8, array_type = 9;
constexpr size_t scalar_bytes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

struct Key {
  std::string name;
  uint32_t type = 0, element = 0;
  std::string scalar;               // raw
  std::vector<std::string> items;   // of an array: raw numbers, or texts
};
struct Entry {
  std::string name;
  std::vector<uint64_t> extents;
  uint32_t type = 0;
  uint64_t offset = 0;
};
struct File {
  uint32_t version = 3;
  std::vector<Key> keys;
  std::vector<Entry> tensors;
  std::string data;
};

// A cursor that turns to `ok = false` at the end.
struct Cursor {
  std::string_view rest;
  bool ok = true;

  std::string take(uint64_t n) {
    if (n > rest.size()) ok = false;
    const std::string_view part = rest.substr(0, ok ? n : 0);
    rest.remove_prefix(part.size());
    return std::string(part);
  }
  template <class T>
  T get() {
    T value{};
    const std::string raw = take(sizeof value);
    std::memcpy(&value, raw.data(), raw.size());
    return value;
  }
  std::string text() { return take(get<uint64_t>()); }
};

bool read_key(Cursor& in, Key& key) {
  key.name = in.text();
  key.type = in.get<uint32_t>();
  if (key.type == string_type) {
    key.scalar = in.text();
  } else if (key.type == array_type) {
    key.element = in.get<uint32_t>();
    const auto count = in.get<uint64_t>();
    if (key.element > 12 || key.element == array_type || count > in.rest.size()) return false;
    for (uint64_t i = 0; i < count && in.ok; ++i)
      key.items.push_back(key.element == string_type ? in.text()
                                                     : in.take(scalar_bytes[key.element]));
  } else if (key.type <= 12) {
    key.scalar = in.take(scalar_bytes[key.type]);
  } else {
    return false;
  }
  return in.ok;
}

std::optional<File> read(std::string_view input) {
  Cursor in{input};
  if (in.take(4) != "GGUF") return std::nullopt;
  File file;
  file.version = in.get<uint32_t>();
  const auto tensors = in.get<uint64_t>(), keys = in.get<uint64_t>();
  for (uint64_t i = 0; i < keys && in.ok; ++i)
    if (!read_key(in, file.keys.emplace_back())) return std::nullopt;
  for (uint64_t i = 0; i < tensors && in.ok; ++i) {
    Entry& entry = file.tensors.emplace_back();
    entry.name = in.text();
    for (uint32_t rank = in.get<uint32_t>() % 16; rank > 0; --rank)
      entry.extents.push_back(in.get<uint64_t>());
    entry.type = in.get<uint32_t>();
    entry.offset = in.get<uint64_t>();
  }
  if (!in.ok) return std::nullopt;
  const size_t at = input.size() - in.rest.size(), start = align_up(at, 32);
  if (start < input.size()) file.data = input.substr(start);
  return file;
}

void put(std::string& out, auto value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void put_text(std::string& out, std::string_view text, const Mutation& m) {
  put(out, m.random.one_in(2000) ? m.random.number() : uint64_t{text.size()});
  out += text;
}

// Offsets as the running padded sum, as far as sizes are known.
void place(File& file, const Mutation& m) {
  uint64_t offset = 0;
  for (Entry& entry : file.tensors) {
    entry.offset = offset;
    const gguf::Type* type = gguf::find_type(entry.type);
    if (!type || !type->codec) continue;
    uint64_t elements = 1;
    for (const uint64_t extent : entry.extents) elements *= extent;
    const uint64_t bytes =
        elements / static_cast<uint64_t>(type->codec->block_elements) * type->codec->block_bytes;
    offset = align_up(offset + bytes, 32);
  }
  if (offset > file.data.size() && offset < file.data.size() + m.most)
    file.data.resize(offset, 'w');
}

std::string write(const File& file, const Mutation& m) {
  std::string out = "GGUF";
  put(out, file.version);
  const auto count = [&](size_t n) {
    return m.random.one_in(200) ? m.random.number() : uint64_t{n};
  };
  put(out, count(file.tensors.size()));
  put(out, count(file.keys.size()));
  for (const Key& key : file.keys) {
    put_text(out, key.name, m);
    put(out, key.type);
    if (key.type == array_type) {
      put(out, key.element);
      put(out, count(key.items.size()));
      for (const std::string& item : key.items) {
        if (key.element == string_type)
          put_text(out, item, m);
        else
          out += item;
      }
    } else if (key.type == string_type) {
      put_text(out, key.scalar, m);
    } else {
      out += key.scalar;
    }
  }
  for (const Entry& entry : file.tensors) {
    put_text(out, entry.name, m);
    put(out, static_cast<uint32_t>(entry.extents.size()));
    for (const uint64_t extent : entry.extents) put(out, extent);
    put(out, entry.type);
    put(out, entry.offset);
  }
  out.resize(align_up(out.size(), 32));
  return out + file.data;
}

std::string raw_number(uint32_t type, const Mutation& m) {
  std::string out;
  put(out, m.random.number());
  out.resize(type <= 12 ? scalar_bytes[type] : 8);
  return out;
}

void change_array(Key& key, const Mutation& m) {
  const auto at = static_cast<ptrdiff_t>(m.random.below(key.items.size()));
  const bool text = key.element == string_type;
  switch (m.random.below(key.items.empty() ? 1 : 5)) {
    case 0:
      key.items.push_back(text ? std::string(m.word()) : raw_number(key.element, m));
      break;
    case 1:
      key.items.erase(key.items.begin() + at);
      break;
    case 2:
      key.items.push_back(key.items[static_cast<size_t>(at)]);
      break;
    default:
      key.items[static_cast<size_t>(at)] =
          text ? m.changed(key.items[static_cast<size_t>(at)]) : raw_number(key.element, m);
  }
}

void change_key(Key& key, const Mutation& m) {
  switch (m.random.below(5)) {
    case 0:
      key.name = m.random.one_in(2) ? m.changed(key.name) : std::string(m.word());
      return;
    case 1:  // another type, with a value of its size
      key.type = static_cast<uint32_t>(m.random.below(14));
      key.items.clear();
      key.element = static_cast<uint32_t>(m.random.below(13));
      key.scalar = key.type == string_type ? std::string(m.word()) : raw_number(key.type, m);
      return;
    default:
      if (key.type == array_type)
        change_array(key, m);
      else
        key.scalar = key.type != string_type ? raw_number(key.type, m)
                     : m.random.one_in(3)    ? std::string(m.word())
                                             : m.changed(key.scalar);
  }
}

void change_tensor(Entry& entry, const Mutation& m) {
  switch (m.random.below(6)) {
    case 0:
      entry.name = m.random.one_in(3) ? std::string(m.word()) : m.changed(entry.name);
      break;
    case 1:
      entry.type = static_cast<uint32_t>(m.random.below(48));
      break;
    case 2:
      entry.extents.push_back(m.random.number());
      break;
    case 3:
      if (!entry.extents.empty()) entry.extents.pop_back();
      break;
    case 4:
      if (entry.extents.size() > 1) std::swap(entry.extents.front(), entry.extents.back());
      break;
    default:
      if (!entry.extents.empty())
        entry.extents[m.random.below(entry.extents.size())] = m.random.number();
  }
}

template <class T>
void reorder(std::vector<T>& rows, const Mutation& m) {
  if (rows.empty()) return;
  const size_t a = m.random.below(rows.size()), b = m.random.below(rows.size());
  switch (m.random.below(3)) {
    case 0:
      rows.erase(rows.begin() + static_cast<ptrdiff_t>(a));
      break;
    case 1:
      rows.push_back(T(rows[a]));
      break;
    default:
      std::swap(rows[a], rows[b]);
  }
}

}  // namespace

std::optional<std::string> mutate_gguf(std::string_view input, const Mutation& m) {
  std::optional<File> file = read(input);
  if (!file) return std::nullopt;
  bool placed = !m.random.one_in(8);
  switch (m.random.below(10)) {
    case 0:
      reorder(file->keys, m);
      break;
    case 1:
      reorder(file->tensors, m);
      break;
    case 2:
      if (!file->tensors.empty())
        file->tensors[m.random.below(file->tensors.size())].offset = m.random.number();
      placed = false;
      break;
    case 3:
      file->data.resize(m.random.below(file->data.size() + 64), 'w');
      placed = false;
      break;
    case 4:
    case 5:
    case 6:
      if (!file->tensors.empty())
        change_tensor(file->tensors[m.random.below(file->tensors.size())], m);
      break;
    default:
      if (!file->keys.empty()) change_key(file->keys[m.random.below(file->keys.size())], m);
  }
  if (placed) place(*file, m);
  return write(*file, m);
}

}  // namespace recast::fuzz
