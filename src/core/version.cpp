#include "fulgurite/version.hpp"

namespace fulgurite {

const char* version() noexcept { return FULGURITE_VERSION; }

}  // namespace fulgurite
