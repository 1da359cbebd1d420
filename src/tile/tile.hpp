#pragma once

// The tile language: everything that a program includes.

#include "tile/ops.hpp"      // IWYU pragma: export
#include "tile/program.hpp"  // IWYU pragma: export
