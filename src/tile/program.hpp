#pragma once

#include <concepts>
#include <initializer_list>
#include <memory>
#include <source_location>
#include <string_view>
#include <type_traits>
#include <utility>

#include "tile/loop.hpp"
#include "tile/options.hpp"
#include "tile/trace.hpp"
#include "tile/value.hpp"
#include "tile/where.hpp"

namespace fulgurite::tile {

namespace detail {
class Recorder;
}

enum class Mode : std::uint8_t {
  compute,     ///< every operation computes its numbers
  shape_only,  ///< operations are only recorded; parameters are still read by `read`
};

/// One run of a tile program: what the kernels of the field call `pl`. Creation, loops and scopes
/// are its members; operations on tiles are free functions (ops.hpp).
///
/// Tensors, tiles and loops must not outlive it. One thread at a time. After an error the program
/// is at its end: only `trace` may still be asked.
class Program {
 public:
  explicit Program(Mode mode = Mode::compute);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  [[nodiscard]] Mode mode() const;
  /// The record so far. It stays valid as long as the program.
  [[nodiscard]] const Trace& trace() const;
  /// The record, taken out; the program is at its end. Throws Error(input) inside a scope or loop.
  [[nodiscard]] Trace finish();

  // ---- Parameters. `data` is the caller's row-major array, written in place; shape_only takes a
  // null pointer for a tensor that no `read` asks for.

  Tensor input(std::string_view name, DType dtype, const Shape& shape, const void* data);
  /// `mark` is unmarked, out or inout; each may be read and written.
  Tensor parameter(std::string_view name, Mark mark, DType dtype, const Shape& shape, void* data);

  // ---- Tensors and tiles that are made.

  /// Undefined contents. Outside scopes a tensor in GM, inside a tile.
  Value create_tensor(std::string_view name, const Shape& shape, DType dtype,
                      Where where = std::source_location::current());
  /// Every element is `value`.
  Tile full(const Shape& shape, DType dtype, Number value,
            Where where = std::source_location::current());
  /// start, start + 1, ...; shape is [1, n], n > 1; INT16, INT32, UINT16 or UINT32.
  Tile arange(Index start, const Shape& shape, DType dtype,
              Where where = std::source_location::current());

  // ---- Loops: for (const Index i : pl.range(0, n, 16)) { ... }

  Iterations range(Index stop, Where where = std::source_location::current());
  Iterations range(Index start, Index stop, Where where = std::source_location::current());
  Iterations range(Index start, Index stop, Index step,
                   Where where = std::source_location::current());
  /// The author asserts that the iterations are independent. Outside scopes only.
  Iterations parallel(Index stop, Where where = std::source_location::current());
  Iterations parallel(Index start, Index stop, Where where = std::source_location::current());
  Iterations parallel(Index start, Index stop, Index step,
                      Where where = std::source_location::current());
  /// `options.stage` iterations may be in flight. Inside scopes only.
  Iterations pipeline(Index stop, PipelineOptions options,
                      Where where = std::source_location::current());
  Iterations pipeline(Index start, Index stop, PipelineOptions options,
                      Where where = std::source_location::current());
  Iterations pipeline(Index start, Index stop, Index step, PipelineOptions options,
                      Where where = std::source_location::current());
  /// As range(n), unfolded. Inside scopes only.
  Iterations unroll(Index n, Where where = std::source_location::current());

  // ---- Scopes: one scope is one kernel, and each execution of it one task.

  /// Runs `body` as a kernel. Returns what it returns (kept values), or else the task.
  template <std::invocable Body>
  auto at(std::string_view name_hint, const ScopeOptions& options, Body&& body,
          Where where = std::source_location::current()) {
    return run_scope(begin_scope(name_hint, options, where), std::forward<Body>(body), where);
  }
  template <std::invocable Body>
  auto at(std::string_view name_hint, Body&& body, Where where = std::source_location::current()) {
    return at(name_hint, ScopeOptions{}, std::forward<Body>(body), where);
  }
  /// One task of n blocks. `body` is run n times; it takes the block's number, or asks
  /// get_block_idx for it.
  template <class Body>
    requires std::invocable<Body, Index> || std::invocable<Body>
  TaskId spmd(std::string_view name_hint, Index n, const SpmdOptions& options, Body&& body,
              Where where = std::source_location::current()) {
    Iterations blocks = begin_spmd(name_hint, n, options, where);
    ScopeGuard guard{*this};
    for (const Index block : blocks) {
      if constexpr (std::invocable<Body, Index>) {
        body(block);
      } else {
        body();
      }
    }
    guard.is_open = false;
    return end_scope(where);
  }
  Index get_block_idx(Where where = std::source_location::current());

  // The same without a callable, for other front ends. A scope is ended by end_scope, or given up
  // by abandon_scope if an error passes through it.
  TaskId begin_scope(std::string_view name_hint, const ScopeOptions& options, Where where);
  Iterations begin_spmd(std::string_view name_hint, Index n, const SpmdOptions& options,
                        Where where);
  TaskId end_scope(Where where);
  void abandon_scope() noexcept;

  // ---- Inline functions. Only names in reports depend on them.

  /// Runs `body` as the inline function `name` and returns what it returns.
  template <std::invocable Body>
  auto call(std::string_view name, Body&& body) {
    begin_call(name);
    const CallGuard guard{*this};
    return std::forward<Body>(body)();
  }
  void begin_call(std::string_view name);
  void end_call() noexcept;

  // ---- Scalars. Loop variables and bounds are plain integers.

  Index min(Index a, Index b, Where where = std::source_location::current());
  /// a // b and a % b as the chip does them, truncating; a negative a is a finding.
  Index floor_div(Index a, Index b, Where where = std::source_location::current());
  Index mod(Index a, Index b, Where where = std::source_location::current());
  /// An integer of that type; throws Error(input) if it does not fit.
  Scalar cast(Index value, DType dtype, Where where = std::source_location::current());

  /// A copy of the text that lives as long as the program, for Where::line.
  const char* intern(std::string_view text);

 private:
  struct CallGuard {
    Program& program;
    ~CallGuard() { program.end_call(); }
  };
  struct ScopeGuard {
    Program& program;
    bool is_open = true;
    ~ScopeGuard() {
      if (is_open) program.abandon_scope();
    }
  };

  template <class Body>
  auto run_scope(TaskId task, Body&& body, Where where) {
    ScopeGuard guard{*this};
    if constexpr (std::is_void_v<std::invoke_result_t<Body>>) {
      std::forward<Body>(body)();
      guard.is_open = false;
      end_scope(where);
      return task;
    } else {
      auto kept = std::forward<Body>(body)();
      guard.is_open = false;
      end_scope(where);
      return kept;
    }
  }

  std::unique_ptr<detail::Recorder> recorder_;
};

}  // namespace fulgurite::tile
