#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "npu/chip.hpp"
#include "npu/finding.hpp"
#include "npu/rules.hpp"
#include "tile/trace.hpp"

namespace fulgurite::npu {

/// The memories of a core. L1 to L0C are the cube core's, Vec is a vector core's.
enum class Space : std::uint8_t { l1, l0a, l0b, l0c, vec };
inline constexpr std::size_t kSpaces = 5;
std::string_view name(Space space);  ///< "L1", "L0A", "L0B", "L0C", "Vec"
/// In bytes.
tile::Index limit(const Chip& chip, Space space);

/// A value that lives in a buffer, from its first to its last statement. Statements are numbered
/// as the kernel's text has them: a loop's body counts once.
struct Tenant {
  std::int32_t value = 0;  ///< its number in the kernel
  tile::TileId tile;  ///< the first time that the kernel runs; of scratch: the operation's result
  bool is_scratch = false;
  std::int32_t first = 0;
  std::int32_t last = 0;
};

/// A piece of a memory and the values that take turns in it.
struct BufferPlan {
  tile::Index offset = 0;
  tile::Index bytes = 0;   ///< of one copy, as aligned
  tile::Index copies = 1;  ///< of a tile that a pipelined loop loads
  std::vector<Tenant> tenants;
  [[nodiscard]] tile::Index size() const { return bytes * copies; }
};

struct SpacePlan {
  Space space = Space::vec;
  tile::Index limit_bytes = 0;
  tile::Index ring_bytes = 0;  ///< at the bottom
  tile::Index used_bytes = 0;  ///< the ring and all buffers
  std::vector<BufferPlan> buffers;
  [[nodiscard]] bool fits() const { return used_bytes <= limit_bytes; }
};

/// What crosses between the cube and the vector side of a mixed kernel.
struct Ring {
  tile::Index slot_bytes = 0;  ///< the largest tile that crosses, whole; 0: there is no ring
  tile::Index slots = 0;       ///< of each direction
  bool to_vector = false;
  bool to_cube = false;
};

/// One statement of a kernel's text, for a listing of who lives where from when to when.
struct Statement {
  tile::OpId op;        ///< the first time that it runs
  int depth = 0;        ///< how many loops of the kernel stand around it
  bool is_pop = false;  ///< not the operation: the move of its result to the other side
};

/// Where the values of one kernel live.
struct KernelMemory {
  tile::TaskId task;                     ///< the example that was planned
  std::optional<tile::SplitMode> split;  ///< of its vector side
  Ring ring;
  std::vector<Statement> statements;  ///< by the numbers of Tenant
  std::vector<SpacePlan> spaces;      ///< those that the kernel uses
  [[nodiscard]] const SpacePlan* space(Space space) const;
};

/// A kernel's memory with something changed, to find what would fit.
struct MemoryChange {
  std::optional<tile::Index> slots;
  std::optional<tile::SplitMode> split;  ///< of a mixed kernel
};

/// Plans the memory of a task's kernel as the tool of `rules.planner` does; see docs/npu-model.md.
/// Of an spmd, one block.
KernelMemory plan_memory(const tile::Trace& trace, tile::TaskId task, const Chip& chip,
                         const Rules& rules, const MemoryChange& change = {});

/// overflow and tile_too_large, one for each space that does not fit, in their order: names it, its
/// biggest tenants, and, for Vec, how many slots and which split mode would fit.
std::vector<Finding> memory_findings(const tile::Trace& trace, const KernelMemory& memory,
                                     const Chip& chip, const Rules& rules);

}  // namespace fulgurite::npu
