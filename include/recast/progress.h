#pragma once
#include "base/progress.h"  // IWYU pragma: export
