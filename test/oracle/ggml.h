#pragma once

#include <dlfcn.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

// The functions of llama.cpp's shared library that tests and benchmarks compare with, loaded at run
// time from an installation of the npm package @node-llama-cpp/linux-x64. Declared by hand from the
// library's documentation; no header of it is needed.
namespace recast::oracle {

struct Ggml {
  size_t (*quantize_chunk)(int type, const float* source, void* destination, int64_t start,
                           int64_t rows, int64_t row_length, const float* importance);
  void (*f32_to_f16)(const float* source, uint16_t* destination, int64_t n);
  void (*f32_to_bf16)(const float* source, uint16_t* destination, int64_t n);
  void (*f16_to_f32)(const uint16_t* source, float* destination, int64_t n);
  void (*bf16_to_f32)(const uint16_t* source, float* destination, int64_t n);
  void* library;

  // dequantize_row_NAME, null when the library has none.
  auto dequantizer(const std::string& name) const {
    return reinterpret_cast<void (*)(const void*, float*, int64_t)>(
        dlsym(library, ("dequantize_row_" + name).c_str()));
  }
};

// The folder of the library below $RECAST_ORACLES, or below the usual place of the oracles.
inline std::filesystem::path ggml_folder() {
  const char* root = std::getenv("RECAST_ORACLES");
  const char* home = std::getenv("HOME");
  const std::filesystem::path base =
      root ? std::filesystem::path(root)
           : std::filesystem::path(home ? home : ".") / ".cache/recast/oracles";
  return base / "node_modules/@node-llama-cpp/linux-x64/bins/linux-x64";
}

// Empty when the library or one of the functions is not there.
inline std::optional<Ggml> open_ggml(const std::filesystem::path& folder) {
  void* library = dlopen((folder / "libggml-base.so").c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) return std::nullopt;
  Ggml ggml = {.library = library};
  const auto load = [library](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(library, name));
    return function != nullptr;
  };
  // Creating a context fills the library's conversion tables.
  struct Parameters {
    size_t size;
    void* buffer;
    bool no_alloc;
  };
  void* (*init)(Parameters) = nullptr;
  void (*free_context)(void*) = nullptr;
  const bool complete = load(ggml.quantize_chunk, "ggml_quantize_chunk") &&
                        load(ggml.f32_to_f16, "ggml_fp32_to_fp16_row") &&
                        load(ggml.f32_to_bf16, "ggml_fp32_to_bf16_row") &&
                        load(ggml.f16_to_f32, "ggml_fp16_to_fp32_row") &&
                        load(ggml.bf16_to_f32, "ggml_bf16_to_fp32_row") &&
                        load(init, "ggml_init") && load(free_context, "ggml_free");
  if (!complete) return std::nullopt;
  free_context(init({.size = 1 << 16}));
  return ggml;
}

// Numbers of the types in the library and in GGUF files.
struct GgmlType {
  std::string_view codec;   // our name
  const char* dequantizer;  // the library's, null for the 16-bit floats
  int type;

  // The library stops the program where the error of a group of IQ2 or IQ3 is not finite.
  bool aborts_on_overflow() const { return codec.starts_with("IQ2") || codec.starts_with("IQ3"); }
};
inline constexpr GgmlType ggml_types[] = {
    {"F16", nullptr, 1},         {"BF16", nullptr, 30},       {"Q4_0", "q4_0", 2},
    {"Q4_1", "q4_1", 3},         {"Q5_0", "q5_0", 6},         {"Q5_1", "q5_1", 7},
    {"Q8_0", "q8_0", 8},         {"Q2_K", "q2_K", 10},        {"Q3_K", "q3_K", 11},
    {"Q4_K", "q4_K", 12},        {"Q5_K", "q5_K", 13},        {"Q6_K", "q6_K", 14},
    {"IQ4_NL", "iq4_nl", 20},    {"IQ4_XS", "iq4_xs", 23},    {"TQ1_0", "tq1_0", 34},
    {"TQ2_0", "tq2_0", 35},      {"MXFP4", "mxfp4", 39},      {"NVFP4", "nvfp4", 40},
    {"Q1_0", "q1_0", 41},        {"Q2_0", "q2_0", 42},        {"IQ3_XXS", "iq3_xxs", 18},
    {"IQ3_S", "iq3_s", 21},      {"IQ2_XXS", "iq2_xxs", 16},  {"IQ2_XS", "iq2_xs", 17},
    {"IQ2_S", "iq2_s", 22},      {"IQ1_S", "iq1_s", 19},      {"IQ1_M", "iq1_m", 29},
};

}  // namespace recast::oracle
