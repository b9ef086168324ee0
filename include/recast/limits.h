#pragma once
#include "base/limits.h"  // IWYU pragma: export
