#pragma once

#include "fulgurite/export.hpp"

namespace fulgurite {

/// "major.minor.patch" of the library that is linked.
FULGURITE_API const char* version() noexcept;

}  // namespace fulgurite
