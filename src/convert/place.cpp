#include "convert/place.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <set>

#include "convert/folder_form.h"
#include "io/system.h"

namespace recast {

namespace {

// Of a destination. What cannot be looked at must not be taken for absent: the output would go
// elsewhere.
bool is_folder(const std::string& path) {
  struct stat s;
  if (persistently([&] { return system_calls().stat(AT_FDCWD, path.c_str(), &s, 0); }) == 0)
    return S_ISDIR(s.st_mode);
  if (errno != ENOENT && errno != ENOTDIR && errno != ELOOP && errno != ENAMETOOLONG)
    fail_read("look at", path, errno, Side::output);
  return false;
}

// A folder that may be replaced as a whole: a model, or empty.
bool is_replaceable_folder(const std::string& path) {
  if (!is_folder(path)) return false;
  const Descriptor fd(open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) fail_read("open the folder", path, errno, Side::output);
  const std::vector<std::string> names = list_folder(fd.get(), path, Side::output);
  return names.empty() || std::any_of(names.begin(), names.end(), [](const std::string& name) {
           return name == "config.json" || name == "recast.json";
         });
}

std::string with_extension(const Plan& plan) {
  return plan.target.stem + std::string(plan.request.to->extension);
}

// Folder and name of the output by one path.
void place_at(Plan& plan, const std::string& path) {
  const size_t at = path.rfind('/');
  plan.folder = at == std::string::npos ? std::string(1, '.')
                                        : path.substr(0, std::max<size_t>(at, 1));
  plan.name = at == std::string::npos ? path : path.substr(at + 1);
}

void check_name(const Plan& plan, const std::string& path) {
  if (plan.name.empty() || plan.name == "." || plan.name == "..")
    fail(codes::no_output_name, {.where = "--output", .found = printable(path)});
}

// A folder destination gets the derived name; the path of a folder format is the folder itself,
// unless it is one that holds other things.
void place_files(Plan& plan) {
  const bool folder_format = plan.request.to->extension.empty();
  std::string output = plan.request.options.output;
  if (output.empty()) {
    plan.folder.assign(1, '.');
    plan.name = with_extension(plan);
    return;
  }
  const bool slash = output.ends_with('/');
  while (output.size() > 1 && output.ends_with('/')) output.pop_back();
  const bool inside = folder_format ? is_folder(output) && !is_replaceable_folder(output)
                                    : slash || is_folder(output);
  if (inside) {
    plan.folder = output;
    plan.name = with_extension(plan);
  } else {
    place_at(plan, output);
  }
  check_name(plan, output);
}

// Whether an earlier run wrote all that the folder holds: its manifest lists every file. A store
// that some program has added to is none of ours.
bool is_own_folder(const std::string& path) {
  namespace fs = std::filesystem;
  std::set<std::string> known{"recast.json", "SHA256SUMS"};
  try {
    const auto file = open_file(fmt::format("{}/recast.json", path));
    const json::Value document = json::parse_file(*file);
    const json::Value* target = document.find("target");
    const json::Value* files = target ? target->find("files") : nullptr;
    for (const json::Value& one : files && files->as_array() ? *files->as_array() : json::Array{})
      if (const json::Value* name = one.find("name"); name && name->as_string())
        known.insert(*name->as_string());
  } catch (const Error&) {  // no manifest that says so: not ours
    return false;
  }
  std::error_code error;
  for (auto it = fs::recursive_directory_iterator(path, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error))
    if (std::error_code e; it->is_symlink(e) ||
                           (!it->is_directory(e) &&
                            !known.contains(it->path().lexically_relative(path).string())))
      return false;
  return !error;
}

// Where the folder of a form goes: DEST itself, or the form's own folders beneath it.
void place_form(Plan& plan) {
  std::string dest = plan.request.options.output;
  while (dest.size() > 1 && dest.ends_with('/')) dest.pop_back();
  if (plan.form->folder) {
    plan.folder = fmt::format("{}/{}", dest.empty() ? "." : dest, plan.form->folder(plan));
    plan.name = with_extension(plan);
    const std::string parent = std::filesystem::path(dest).parent_path().string();
    plan.makes_folders = dest.empty() || is_folder(dest) || is_folder(parent.empty() ? "." : parent);
    return;
  }
  if (dest.empty()) dest = plan.target.stem;
  place_at(plan, dest);
  check_name(plan, dest);
  std::error_code ignored;
  if (is_folder(dest) && !std::filesystem::is_empty(dest, ignored) && !is_own_folder(dest))
    fail(codes::folder_not_ours,
         {.where = fmt::format("--layout {}", plan.form->name), .file = dest});
}

}  // namespace

void place(Plan& plan) {
  if (plan.request.options.output == "-")
    fail(codes::bad_value,
         {.where = "--output", .expected = "a path", .found = "-, a stream: the output needs a file"});
  if (plan.form)
    place_form(plan);
  else
    place_files(plan);
  plan.request.write.name = plan.form ? with_extension(plan) : plan.name;
}

}  // namespace recast
