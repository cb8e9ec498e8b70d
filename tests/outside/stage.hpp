#pragma once
// Moved: include "support/stage.hpp" and write support:: instead.
#include "support/stage.hpp"

namespace cardvoid {
namespace outside = support;
}  // namespace cardvoid
