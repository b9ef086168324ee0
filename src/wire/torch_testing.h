#pragma once

#include <zlib.h>

#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// What tests of PyTorch files are made of: pickles opcode by opcode, zip archives byte by byte.
namespace recast::torch_testing {

template <class T>
std::string raw(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

inline std::string joined(const std::vector<std::string>& parts) {
  std::string all;
  for (const std::string& part : parts) all += part;
  return all;
}

// ---- pickles of protocol 2
inline std::string text(std::string_view value) {
  std::string bytes = "X";
  bytes += raw(static_cast<uint32_t>(value.size()));
  return bytes.append(value);
}
inline std::string number(int32_t value) { return std::string("J").append(raw(value)); }
inline std::string global(std::string_view module, std::string_view name) {
  return std::string("c").append(module).append("\n").append(name).append("\n");
}
inline std::string tuple(const std::vector<std::string>& parts) {
  return std::string("(").append(joined(parts)).append("t");
}
inline std::string call(const std::string& callee, const std::vector<std::string>& parts) {
  return std::string(callee).append(tuple(parts)).append("R");
}
inline std::string dict(const std::vector<std::pair<std::string, std::string>>& items) {
  std::string bytes = "}(";
  for (const auto& [key, value] : items) bytes.append(text(key)).append(value);
  return bytes.append("u");
}
// An object of the class with the attributes.
inline std::string object(const std::string& type,
                          const std::vector<std::pair<std::string, std::string>>& attributes) {
  return std::string(type).append(")\x81").append(dict(attributes)).append("b");
}
inline std::string pickle(const std::string& value) {
  return std::string("\x80\x02").append(value).append(".");
}

struct TensorText {
  std::string key = "0";
  std::string type = "FloatStorage";
  int32_t count = 4;  // of the storage
  int32_t offset = 0;
  std::vector<int32_t> size = {2, 2}, stride = {2, 1};
};
inline std::string numbers(const std::vector<int32_t>& values) {
  std::vector<std::string> parts;
  for (const int32_t value : values) parts.push_back(number(value));
  return tuple(parts);
}
inline std::string tensor(const TensorText& t = {}) {
  const std::string id =
      tuple({text("storage"), global("torch", t.type), text(t.key), text("cpu"), number(t.count)});
  return call(global("torch._utils", "_rebuild_tensor_v2"),
              {id + "Q", number(t.offset), numbers(t.size), numbers(t.stride), "\x89", "N"});
}

// ---- zip archives
struct ZipEntry {
  std::string name, content;
  bool deflated = false;
};

inline std::string deflated(const std::string& content) {
  z_stream z{};
  deflateInit2(&z, 6, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
  std::string out(deflateBound(&z, content.size()), '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(content.data()));
  z.avail_in = static_cast<uInt>(content.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  deflate(&z, Z_FINISH);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

struct ZipForm {
  bool zip64 = false;
  std::string comment;
};

inline std::string zip(const std::vector<ZipEntry>& entries, const ZipForm& form = {}) {
  std::string out, directory;
  for (const ZipEntry& entry : entries) {
    const std::string stored = entry.deflated ? deflated(entry.content) : entry.content;
    const auto crc =
        static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(entry.content.data()),
                                    static_cast<uInt>(entry.content.size())));
    const std::string extra =
        !form.zip64 ? std::string()
                    : raw(uint16_t{1}) + raw(uint16_t{24}) + raw(uint64_t{entry.content.size()}) +
                          raw(uint64_t{stored.size()}) + raw(uint64_t{out.size()});
    const auto small = [&](size_t n) { return form.zip64 ? UINT32_MAX : static_cast<uint32_t>(n); };
    const std::string sizes = raw(crc) + raw(small(stored.size())) +
                              raw(small(entry.content.size())) +
                              raw(static_cast<uint16_t>(entry.name.size()));
    const std::string method =
        raw(uint16_t{0}) + raw(static_cast<uint16_t>(entry.deflated ? 8 : 0)) + raw(uint32_t{0});
    directory += raw(0x02014b50u) + raw(uint16_t{20}) + raw(uint16_t{20}) + method + sizes +
                 raw(static_cast<uint16_t>(extra.size())) + raw(uint16_t{0}) + raw(uint16_t{0}) +
                 raw(uint16_t{0}) + raw(uint32_t{0}) + raw(small(out.size())) + entry.name + extra;
    out += raw(0x04034b50u) + raw(uint16_t{20}) + method + sizes + raw(uint16_t{0}) + entry.name +
           stored;
  }
  const uint64_t begin = out.size();
  const auto count = static_cast<uint16_t>(form.zip64 ? 0xffff : entries.size());
  out += directory;
  if (form.zip64) {
    const uint64_t end = out.size();
    out += raw(0x06064b50u) + raw(uint64_t{44}) + raw(uint16_t{45}) + raw(uint16_t{45}) +
           raw(uint32_t{0}) + raw(uint32_t{0}) + raw(uint64_t{entries.size()}) +
           raw(uint64_t{entries.size()}) + raw(uint64_t{directory.size()}) + raw(begin);
    out += raw(0x07064b50u) + raw(uint32_t{0}) + raw(end) + raw(uint32_t{1});
  }
  out += raw(0x06054b50u) + raw(uint32_t{0}) + raw(count) + raw(count) +
         raw(form.zip64 ? UINT32_MAX : static_cast<uint32_t>(directory.size())) +
         raw(form.zip64 ? UINT32_MAX : static_cast<uint32_t>(begin)) +
         raw(static_cast<uint16_t>(form.comment.size())) + form.comment;
  return out;
}

// ---- files of torch.save
using Storages = std::vector<std::pair<std::string, std::string>>;

// The bytes of storage "0" that tensor() speaks of: 0, 1, 2, 3 as f32.
inline std::string four_floats() { return raw(0.f) + raw(1.f) + raw(2.f) + raw(3.f); }

inline std::string torch_zip(const std::string& value,
                             const Storages& storages = {{"0", four_floats()}},
                             std::string_view byteorder = "little") {
  std::vector<ZipEntry> entries = {{"m/data.pkl", pickle(value)},
                                   {"m/byteorder", std::string(byteorder)}};
  for (const auto& [key, bytes] : storages) entries.push_back({"m/data/" + key, bytes});
  entries.push_back({"m/version", "3\n"});
  return zip(entries);
}

inline std::string torch_stream(const std::string& value,
                                const Storages& storages = {{"0", four_floats()}},
                                uint64_t item = 4) {
  std::string keys = "](", bytes;
  for (const auto& [key, content] : storages) {
    keys += text(key);
    bytes += raw(uint64_t{content.size() / item}) + content;
  }
  return pickle("\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19") + pickle(number(1001)) +
         pickle(dict({{"little_endian", "\x88"}})) + pickle(value) + pickle(keys + "e") + bytes;
}

}  // namespace recast::torch_testing
