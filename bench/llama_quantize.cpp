// The peer of quantize.sh: llama.cpp's own quantizer, called in its shared library with one thread.
// No header of llama.cpp is needed; the fields below are those at the front of its
// llama_model_quantize_params in v0.5.0.
// usage: llama_quantize LIBDIR IN.gguf OUT.gguf FTYPE    FTYPE: 2 is Q4_0, 7 is Q8_0
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>

namespace {

struct QuantizeParams {
  int32_t threads, file_type, output_type, embedding_type;
  bool allow_requantize, quantize_output, only_copy, pure;
  unsigned char rest[108];  // more than the library has behind them
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

void print_errors(int level, const char* text, void*) {
  if (level == 4) std::fputs(text, stderr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: llama_quantize LIBDIR IN.gguf OUT.gguf FTYPE\n");
    return 2;
  }
  void* ggml = open_library(argv[1], "libggml.v");
  void* llama = open_library(argv[1], "libllama.v");
  symbol<void(void (*)(int, const char*, void*), void*)>(llama, "llama_log_set")(print_errors, nullptr);
  symbol<void(const char*)>(ggml, "ggml_backend_load_all_from_path")(argv[1]);
  symbol<void()>(llama, "llama_backend_init")();
  QuantizeParams params = symbol<QuantizeParams()>(llama, "llama_model_quantize_default_params")();
  params.threads = 1;
  params.file_type = std::atoi(argv[4]);
  params.pure = true;
  using Quantize = uint32_t(const char*, const char*, const QuantizeParams*);
  return symbol<Quantize>(llama, "llama_model_quantize")(argv[2], argv[3], &params) == 0 ? 0 : 1;
}
