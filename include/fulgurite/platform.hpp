#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "fulgurite/export.hpp"

namespace fulgurite {

/// The instruction sets that platform cpu has kernels for, worst first.
enum class Isa { generic, avx2, avx_vnni, avx512_vnni };

/// "generic", "avx2", "avx_vnni" or "avx512_vnni".
FULGURITE_API std::string_view name(Isa isa);

struct IsaStatus {
  Isa isa;
  bool available;
  std::string reason;  ///< why it is not available, or which of its parts run another way
};

/// Every ISA, best first, and whether this machine can run it.
FULGURITE_API std::vector<IsaStatus> isa_statuses();

/// The ISA of a name. "auto" is the best one that is available, or what the environment's
/// FULGURITE_ISA names. Throws Error(usage) for an unknown name or one this machine lacks.
FULGURITE_API Isa resolve_isa(std::string_view name = "auto");

}  // namespace fulgurite
