#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace fulgurite::tile {

/// A row number in one of the trace's tables; -1 is none.
template <class Tag>
struct Id {
  std::int32_t value = -1;

  [[nodiscard]] constexpr bool valid() const { return value >= 0; }
  [[nodiscard]] constexpr std::size_t index() const { return static_cast<std::size_t>(value); }
  friend constexpr bool operator==(Id, Id) = default;
  friend constexpr auto operator<=>(Id, Id) = default;
};

using LocationId = Id<struct LocationTag>;
using CallId = Id<struct CallTag>;
using ScopeId = Id<struct ScopeTag>;
using TaskId = Id<struct TaskTag>;
using LoopId = Id<struct LoopTag>;
using IterationId = Id<struct IterationTag>;
using BufferId = Id<struct BufferTag>;
using ViewId = Id<struct ViewTag>;
using AccessId = Id<struct AccessTag>;
using WindowId = Id<struct WindowTag>;
using TileId = Id<struct TileTag>;
using OpId = Id<struct OpTag>;

}  // namespace fulgurite::tile
