// Feeds every seed and every past finding to its parser, without libFuzzer; then each of them cut
// at many places and changed at random, always in the same way. replay FUZZ_FOLDER [CHANGES]
#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <unistd.h>

#include "formats/format.h"
#include "mutate.h"
#include "parsers.h"

namespace recast::fuzz {
namespace {

namespace fs = std::filesystem;

char at_work[512];  // to name when the process ends by a signal

void name_and_die(int signal) {
  (void)!::write(2, at_work, std::char_traits<char>::length(at_work));
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

std::vector<fs::path> files_of(const fs::path& folder) {
  std::vector<fs::path> files;
  if (fs::exists(folder))
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file()) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void feed(const Parser& parser, std::string_view input) {
  run(parser, std::as_bytes(std::span(input)));
}

size_t replay(const Parser& parser, const fs::path& path, size_t changes) {
  const std::string good = bytes_of(path);
  size_t runs = 0;
  const auto name = [&](std::string_view what, size_t n) {
    std::snprintf(at_work, sizeof at_work, "while %.*s read %s, %.*s %zu\n",
                  static_cast<int>(parser.name.size()), parser.name.data(), path.c_str(),
                  static_cast<int>(what.size()), what.data(), n);
  };
  name("as it is", 0);
  feed(parser, good);
  for (size_t i = 0; i < changes; ++i, ++runs) {
    const size_t cut = good.size() * i / changes;
    name("cut at", cut);
    feed(parser, std::string_view(good).substr(0, cut));
  }
  for (size_t i = 0; i < changes; ++i, ++runs) {
    Random random(static_cast<unsigned>(i + 1));
    name("change", i);
    feed(parser, mutate(good, good.size() + 512, random, havoc));
  }
  return runs + 1;
}

int main(const fs::path& folder, size_t changes) {
  for (const int signal : {SIGABRT, SIGSEGV, SIGFPE, SIGBUS}) ::signal(signal, name_and_die);
  bool complete = true;
  for (const Format* format : all_formats())
    if (!find_parser(format->name)) {
      std::fprintf(stderr, "no line in parsers.def for the format %s\n",
                   std::string(format->name).c_str());
      complete = false;
    }
  for (const Parser& parser : all_parsers()) {
    const std::vector<fs::path> seeds = files_of(folder / "seeds" / parser.seeds);
    const std::vector<fs::path> findings = files_of(folder / "findings" / parser.name);
    size_t runs = 0;
    for (const fs::path& path : seeds) runs += replay(parser, path, changes);
    for (const fs::path& path : findings) runs += replay(parser, path, 0);
    std::printf("%-20.*s %3zu seeds, %3zu findings, %6zu runs\n",
                static_cast<int>(parser.name.size()), parser.name.data(), seeds.size(),
                findings.size(), runs);
    if (seeds.empty()) std::fprintf(stderr, "no seeds for it\n");
    complete &= !seeds.empty();
  }
  return complete ? 0 : 1;
}

}  // namespace
}  // namespace recast::fuzz

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  return recast::fuzz::main(argv[1], argc > 2 ? std::strtoul(argv[2], nullptr, 10) : 20);
}
