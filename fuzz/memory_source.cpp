#include "memory_source.h"

#include <algorithm>
#include <cstring>
#include <map>

#include "io/memory_file.h"

namespace recast::fuzz {
namespace {

class MemorySource : public Source {
 public:
  MemorySource(std::vector<PackedFile> files, bool is_folder)
      : is_folder_(is_folder), path_(is_folder ? "folder" : files.front().name) {
    for (PackedFile& file : files)
      files_.try_emplace(file.name, std::make_shared<MemoryFile>(file.name, file.content));
  }

  bool is_folder() const override { return is_folder_; }
  const std::string& path() const override { return path_; }
  std::string base_name() const override { return path_; }
  std::shared_ptr<const File> file() const override { return files_.at(path_); }

  std::vector<std::string> list() const override {
    std::vector<std::string> names;
    for (const auto& [name, file] : files_) {
      std::string top = name.substr(0, name.find('/'));
      if (names.empty() || names.back() != top) names.push_back(std::move(top));
    }
    std::sort(names.begin(), names.end());
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
  }
  std::vector<std::string> list(std::string_view folder) const override {
    check_relative_name(folder);
    const std::string head = std::string(folder).append("/");
    std::vector<std::string> names;
    for (const auto& [name, file] : files_)
      if (name.starts_with(head)) {
        const std::string rest = name.substr(head.size());
        names.push_back(rest.substr(0, rest.find('/')));
      }
    names.erase(std::unique(names.begin(), names.end()), names.end());
    return names;
  }
  std::shared_ptr<const File> find(std::string_view name) const override {
    check_relative_name(name);
    const auto it = files_.find(std::string(name));
    return it == files_.end() ? nullptr : it->second;
  }
  std::shared_ptr<const File> open(std::string_view name) const override {
    if (auto file = find(name)) return file;
    fail(codes::file_missing, {.file = printable(name)});
  }

 private:
  bool is_folder_;
  std::string path_;
  std::map<std::string, std::shared_ptr<const File>> files_;
};

// A name that a file system could have shown.
bool is_possible(const std::string& name) {
  try {
    check_relative_name(name);
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

bool is_packed(Bytes input) {
  return input.size() >= pack_magic.size() &&
         std::memcmp(input.data(), pack_magic.data(), pack_magic.size()) == 0;
}

std::vector<PackedFile> unpack(Bytes input) {
  std::string_view rest(reinterpret_cast<const char*>(input.data()), input.size());
  rest.remove_prefix(pack_magic.size());
  const auto take = [&](size_t n) {
    const std::string_view part = rest.substr(0, n);
    rest.remove_prefix(part.size());
    return std::string(part);
  };
  std::vector<PackedFile> files;
  while (!rest.empty()) {
    PackedFile file;
    file.name = take(static_cast<uint8_t>(take(1)[0]));
    uint32_t bytes = 0;
    const std::string raw = take(sizeof bytes);
    std::memcpy(&bytes, raw.data(), raw.size());
    file.content = take(bytes);
    files.push_back(std::move(file));
  }
  return files;
}

std::string pack(std::span<const PackedFile> files) {
  std::string out(pack_magic);
  for (const PackedFile& file : files) {
    const std::string_view name = std::string_view(file.name).substr(0, 255);
    const auto bytes = static_cast<uint32_t>(file.content.size());
    out += static_cast<char>(name.size());
    out += name;
    out.append(reinterpret_cast<const char*>(&bytes), sizeof bytes);
    out += file.content;
  }
  return out;
}

std::shared_ptr<const Source> memory_source(std::vector<PackedFile> files, bool is_folder) {
  return std::make_shared<MemorySource>(std::move(files), is_folder);
}

std::shared_ptr<const Source> unpack_source(Bytes input, std::string name) {
  if (!is_packed(input))
    return memory_source(
        {{std::move(name), {reinterpret_cast<const char*>(input.data()), input.size()}}}, false);
  std::vector<PackedFile> files = unpack(input);
  std::erase_if(files, [](const PackedFile& file) { return !is_possible(file.name); });
  return memory_source(std::move(files), true);
}

}  // namespace recast::fuzz
