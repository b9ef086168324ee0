// llama.cpp's quantizer in its shared library, with what its command line gives it. No header of
// llama.cpp is needed: the structs below are those of llama.h in v0.5.0.
// usage: llama_quantize LIBDIR IN.gguf OUT.gguf FTYPE[,FTYPE]... [WORD]...
//   FTYPE              number of llama.h; of several only the last output stays
//   dry                nothing is written; the log (stderr) says what each tensor would become
//   pure, leave, keep  options of the same meaning; keep makes OUT a prefix
//   imatrix=FILE       the older form of importance matrices, values already divided
//   tensor=REGEX=ID    type of the tensors that the regex finds, by ggml's number; may repeat
//   embedding=ID output=ID prune=N,N
//   text=KEY=VALUE number=KEY=N   keys that are set; may repeat
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <list>
#include <sstream>
#include <string>
#include <vector>

namespace {

struct Imatrix {
  const char* name;
  const float* data;
  size_t size;
};
struct Override {
  int32_t tag;  // 0: number, 3: text
  char key[128];
  union {
    int64_t number;
    char text[128];
  };
};
static_assert(sizeof(Override) == 264);
struct TensorType {
  const char* pattern;
  int32_t type;
};
struct QuantizeParams {
  int32_t threads, file_type, output_type, embedding_type;
  bool allow_requantize, quantize_output, only_copy, pure, keep_split, dry_run;
  const Imatrix* imatrix;
  const Override* overrides;
  const TensorType* tensor_types;
  const int32_t* prune;
  unsigned char rest[72];  // more than the library has behind them
};
static_assert(offsetof(QuantizeParams, imatrix) == 24 && sizeof(QuantizeParams) == 128);

struct Words {
  std::list<std::string> names;
  std::list<std::vector<float>> values;
  std::vector<Imatrix> imatrix;
  std::vector<Override> overrides;
  std::list<std::string> patterns;
  std::vector<TensorType> tensor_types;
  std::vector<int32_t> prune;
};

void* open_library(const std::filesystem::path& folder, const std::string& stem) {
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind(stem, 0) != 0) continue;
    if (void* library = dlopen(entry.path().c_str(), RTLD_NOW | RTLD_GLOBAL)) return library;
  }
  std::fprintf(stderr, "cannot load %s* from %s\n", stem.c_str(), folder.c_str());
  std::exit(3);
}

template <class Function>
Function* symbol(void* library, const char* name) {
  if (void* address = dlsym(library, name)) return reinterpret_cast<Function*>(address);
  std::fprintf(stderr, "no symbol %s\n", name);
  std::exit(3);
}

void print_log(int level, const char* text, void*) {
  if (level == 4) std::fputs("error: ", stderr);
  std::fputs(text, stderr);
}

void read_imatrix(const char* path, Words& words) {
  std::ifstream in(path, std::ios::binary);
  const auto number = [&] {
    int32_t n = 0;
    in.read(reinterpret_cast<char*>(&n), sizeof n);
    return n;
  };
  for (int32_t left = number(); left > 0 && in; --left) {
    std::string name(static_cast<size_t>(number()), 0);
    in.read(name.data(), static_cast<std::streamsize>(name.size()));
    number();
    std::vector<float> values(static_cast<size_t>(number()));
    in.read(reinterpret_cast<char*>(values.data()),
            static_cast<std::streamsize>(values.size() * sizeof(float)));
    words.names.push_back(name);
    words.values.push_back(std::move(values));
    words.imatrix.push_back(
        {words.names.back().c_str(), words.values.back().data(), words.values.back().size()});
  }
  if (!in) std::exit(3);
  words.imatrix.push_back({nullptr, nullptr, 0});
}

void take_word(const std::string& word, QuantizeParams& params, Words& words) {
  const auto value = [&](const char* name) -> const char* {
    const size_t n = std::strlen(name);
    return word.compare(0, n, name) == 0 ? word.c_str() + n : nullptr;
  };
  if (word == "dry") params.dry_run = true;
  if (word == "pure") params.pure = true;
  if (word == "keep") params.keep_split = true;
  if (word == "leave") params.quantize_output = false;
  if (const char* path = value("imatrix=")) read_imatrix(path, words);
  if (const char* id = value("embedding=")) params.embedding_type = std::atoi(id);
  if (const char* id = value("output=")) params.output_type = std::atoi(id);
  if (const char* pair = value("tensor=")) {
    const std::string text = pair;
    const size_t equals = text.rfind('=');
    words.patterns.push_back(text.substr(0, equals));
    words.tensor_types.push_back(
        {words.patterns.back().c_str(), std::atoi(text.c_str() + equals + 1)});
  }
  for (const char* kind : {"text=", "number="})
    if (const char* pair = value(kind)) {
      const std::string key(pair, std::strchr(pair, '='));
      const std::string text = pair + key.size() + 1;
      Override one = {};
      std::strncpy(one.key, key.c_str(), sizeof one.key - 1);
      if (*kind == 'n') {
        one.number = std::stoll(text);
      } else {
        one.tag = 3;
        std::strncpy(one.text, text.c_str(), sizeof one.text - 1);
      }
      words.overrides.push_back(one);
    }
  if (const char* list = value("prune=")) {
    std::stringstream numbers(list);
    for (std::string one; std::getline(numbers, one, ',');) words.prune.push_back(std::stoi(one));
    words.prune.push_back(-1);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::fprintf(stderr, "usage: llama_quantize LIBDIR IN.gguf OUT.gguf FTYPE,... [WORD]...\n");
    return 2;
  }
  void* ggml = open_library(argv[1], "libggml.v");
  void* llama = open_library(argv[1], "libllama.v");
  using Log = void(int, const char*, void*);
  symbol<void(Log*, void*)>(llama, "llama_log_set")(print_log, nullptr);
  symbol<void(const char*)>(ggml, "ggml_backend_load_all_from_path")(argv[1]);
  symbol<void()>(llama, "llama_backend_init")();
  QuantizeParams params = symbol<QuantizeParams()>(llama, "llama_model_quantize_default_params")();
  Words words;
  params.threads = 1;
  params.allow_requantize = true;
  for (int i = 5; i < argc; ++i) take_word(argv[i], params, words);
  words.tensor_types.push_back({nullptr, 0});
  words.overrides.push_back({});
  params.overrides = words.overrides.size() > 1 ? words.overrides.data() : nullptr;
  params.imatrix = words.imatrix.empty() ? nullptr : words.imatrix.data();
  params.tensor_types = words.tensor_types.size() > 1 ? words.tensor_types.data() : nullptr;
  params.prune = words.prune.empty() ? nullptr : words.prune.data();
  using Quantize = uint32_t(const char*, const char*, const QuantizeParams*);
  std::stringstream types(argv[4]);
  int failures = 0;
  for (std::string type; std::getline(types, type, ',');) {
    std::fprintf(stderr, "file type %s\n", type.c_str());
    params.file_type = std::atoi(type.c_str());
    failures += symbol<Quantize>(llama, "llama_model_quantize")(argv[2], argv[3], &params) != 0;
  }
  return failures != 0;
}
