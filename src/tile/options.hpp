#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tile/dtype.hpp"
#include "tile/ids.hpp"
#include "tile/shape.hpp"

namespace fulgurite::tile {

/// How the vector part of a mixed kernel is shared by the two vector cores of a cluster.
enum class SplitMode : std::uint8_t { none, up_down, left_right };

/// One entry of `optimizations`.
struct Optimization {
  enum class Kind : std::uint8_t { split, auto_chunk };
  Kind kind;
  SplitMode mode = SplitMode::none;
};
constexpr Optimization split(SplitMode mode) { return {Optimization::Kind::split, mode}; }
inline constexpr Optimization auto_chunk{Optimization::Kind::auto_chunk};

/// Options of `at`.
struct ScopeOptions {
  std::vector<Optimization> optimizations = {};
  std::vector<TaskId> deps = {};  ///< tasks that this one waits for, besides the automatic edges
};

/// Options of `spmd`: of the optimizations, only split.
struct SpmdOptions {
  std::vector<Optimization> optimizations = {};
  std::vector<TaskId> deps = {};
};

/// Options of `pipeline`; `stage`, how many iterations may be in flight, is required.
struct PipelineOptions {
  Index stage = 0;
};

struct MatmulOptions {
  std::optional<DType> out_dtype =
      std::nullopt;  ///< required: FP32 for BF16 operands, INT32 for INT8
  bool a_trans = false;
  bool b_trans = false;
  bool c_matrix_nz = false;
};

struct MatmulAccOptions {
  bool a_trans = false;
  bool b_trans = false;
};

/// How a cast rounds. `none` asks for no rounding; `round`, the default, takes ties away from zero,
/// `rint` to even. `odd` exists on the chip and is refused.
enum class Round : std::uint8_t { none, rint, round, floor, ceil, trunc, odd };

/// What fillpad writes outside of the valid region. For floating types `min` is minus infinity.
enum class PadValue : std::uint8_t { null, zero, max, min };

/// Columns that gather by mask keeps, the pattern read from right to left.
enum class MaskPattern : std::uint8_t {
  P0101 = 1,  ///< columns 0, 2, 4, ...
  P1010,      ///< columns 1, 3, 5, ...
  P0001,      ///< columns 0, 4, 8, ...
  P0010,      ///< columns 1, 5, 9, ...
  P0100,      ///< columns 2, 6, 10, ...
  P1000,      ///< columns 3, 7, 11, ...
  P1111,      ///< all columns
};

std::string_view name(SplitMode mode);
std::string_view name(Round mode);
std::string_view name(PadValue value);
std::string_view name(MaskPattern pattern);

}  // namespace fulgurite::tile
