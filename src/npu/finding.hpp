#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tile/trace.hpp"

namespace fulgurite::npu {

enum class FindingKind : std::uint8_t {
  // The program does not work.
  race,              ///< iterations of a `parallel` touch one window, one of them writing
  raw_race,          ///< a read that nothing orders behind the write before it
  waw_race,          ///< two writes that nothing orders
  war_race,          ///< a write that nothing orders behind the read before it
  undefined_read,    ///< a window that nothing has written
  undefined_output,  ///< such elements reach a parameter
  overflow,          ///< a scope needs more of a memory than there is
  tile_too_large,    ///< one tile alone does
  ring_deadlock,     ///< the two sides of a mixed kernel wait for each other
  task_ring,         ///< more tasks than the runtime's window holds
  short_row,         ///< rows of less than 32 bytes in the vector memory
  // It compiles, and the result is wrong.
  split_odd,        ///< the split axis cannot be halved
  split_reduction,  ///< a reduction over the split axis
  split_reshape,    ///< a reshape after which halved and whole shapes disagree
  split_window,     ///< a window of a split tile that cuts it across the split
  straight_and_transposed,
  // It is slow, or means nothing.
  serial_parallel,  ///< an edge that makes the iterations of a `parallel` wait for each other
  ignored_option,
  short_dma,    ///< rows below 512 bytes
  padded_cube,  ///< a product whose rows or columns are no multiple of 16
  conversion,
  negative_dividend,
  undefined_scalar,
};

enum class Severity : std::uint8_t {
  error,  ///< does not fit, or races: exit code 5
  wrong,  ///< the real tools accept it and the result is wrong
  warning,
  hint,
};

std::string_view name(FindingKind kind);
std::string_view name(Severity severity);
Severity severity(FindingKind kind);

/// One thing that a user should know, said once for all tasks of a scope.
struct Finding {
  FindingKind kind = FindingKind::race;
  std::string tensor;               ///< empty where none is meant
  std::vector<std::string> scopes;  ///< full names, the earlier first
  std::int64_t count = 1;           ///< how many tasks, pairs of tasks or windows
  double cost_us = 0;               ///< what the schedule loses by it, where that is known
  tile::LocationId location;
  std::string message;  ///< one paragraph: what, where, and what would help
};

}  // namespace fulgurite::npu
