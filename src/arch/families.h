#pragma once

#include "arch/architecture.h"

// The families, one file of data each; architectures.cpp lists them.
namespace recast {

extern const Architecture llama, mistral, qwen2, phi3, gpt2, gemma;

}  // namespace recast
