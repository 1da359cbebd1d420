#pragma once

#include <array>
#include <cstdint>
#include <set>
#include <vector>

#include "npu/chip.hpp"
#include "tile/trace.hpp"

namespace fulgurite::npu {

/// Which cores of the chip are taken, as the schedulers know it. A *place* is what a block of a
/// task needs: a core for a cube or vector task, a whole cluster for a mixed one. Each place
/// belongs to one scheduler. Cores are numbered as in Subtask.
class Cores {
 public:
  static constexpr std::int32_t kNone = -1;

  explicit Cores(const Chip& chip);

  [[nodiscard]] int schedulers() const { return static_cast<int>(idle_.size()); }
  /// How many subtasks a block of such a task has.
  [[nodiscard]] int parts(tile::TaskKind kind) const;
  [[nodiscard]] std::int32_t core(tile::TaskKind kind, std::int32_t place, int part) const;

  /// The first place without a subtask, or kNone.
  [[nodiscard]] std::int32_t idle_place(int scheduler, tile::TaskKind kind) const;
  /// The place with room behind the subtasks that it has: fewest of them, longest without a new
  /// one; or kNone.
  [[nodiscard]] std::int32_t staging_place(int scheduler, tile::TaskKind kind) const;
  [[nodiscard]] bool any_idle(tile::TaskKind kind) const { return idle_count_[index(kind)] != 0; }
  /// Since when `any_idle` holds.
  [[nodiscard]] double idle_since_us(tile::TaskKind kind) const { return since_us_[index(kind)]; }

  /// When the kernels that the core has been given will all have ended.
  [[nodiscard]] double end_us(std::int32_t core) const { return states_[at(core)].end_us; }
  void occupy(std::int32_t core, double now_us, double end_us);
  void release(std::int32_t core, double now_us);

 private:
  struct State {
    int subtasks = 0;
    double given_us = 0;  ///< when it got the last of them
    double end_us = 0;
  };
  using Places = std::array<std::set<std::int32_t>, 3>;  ///< by TaskKind

  static std::size_t index(tile::TaskKind kind) { return static_cast<std::size_t>(kind); }
  static std::size_t at(std::int32_t number) { return static_cast<std::size_t>(number); }
  [[nodiscard]] tile::TaskKind kind_of(std::int32_t core) const;
  [[nodiscard]] std::int32_t cluster_of(std::int32_t core) const;
  [[nodiscard]] bool is_idle(std::int32_t cluster) const;
  void set_idle(tile::TaskKind kind, std::int32_t place, std::int32_t cluster, double now_us);
  void set_taken(tile::TaskKind kind, std::int32_t place, std::int32_t cluster);

  std::int32_t clusters_;
  std::int32_t vectors_;  ///< of a cluster
  int most_subtasks_;     ///< on a core: the running one and those staged
  std::vector<State> states_;
  std::vector<int> owner_;              ///< by cluster: its scheduler
  std::vector<std::int32_t> first_of_;  ///< by scheduler: its first cluster; and the end
  std::vector<Places> idle_;            ///< by scheduler
  std::array<std::int64_t, 3> idle_count_{};
  std::array<double, 3> since_us_{};
};

}  // namespace fulgurite::npu
