#pragma once
#include "base/error.h"  // IWYU pragma: export
