#pragma once

#include <initializer_list>
#include <memory>
#include <source_location>
#include <span>
#include <vector>

#include "tile/dtype.hpp"
#include "tile/ids.hpp"
#include "tile/shape.hpp"
#include "tile/where.hpp"

namespace fulgurite::tile {

namespace detail {
struct Node;
}
class Window;

/// One axis of a window: {start, extent}, a single index (which drops the axis), or `all`.
struct Slice {
  Slice(Index index) : start(index), is_index(true) {}  // NOLINT(google-explicit-constructor)
  Slice(Index first, Index count) : start(first), extent(count) {}

  static constexpr Index kToEdge = -1;  ///< extent of a slice whose end is missing

  Index start = 0;
  Index extent = 1;
  Index step = 1;  ///< other front ends can ask for another, and are refused
  bool is_index = false;
};
inline const Slice all{0, Slice::kToEdge};
inline Slice from(Index start) { return {start, Slice::kToEdge}; }

/// A tensor or a tile: what operations take. A handle, copied at no cost.
///
/// A name is a value: assigning to a window of a tile gives this handle a new value, and other
/// handles keep the old one. A tensor in GM is written in place.
class Value {
 public:
  Value() = default;
  Value(Window&& window);  // NOLINT(google-explicit-constructor): reads it
  explicit Value(std::shared_ptr<detail::Node> node) : node_(std::move(node)) {}

  [[nodiscard]] bool empty() const { return node_ == nullptr; }
  [[nodiscard]] bool is_tensor() const;
  [[nodiscard]] DType dtype() const;
  [[nodiscard]] const Shape& shape() const;
  /// Of a tile, the extents that count; of a tensor, its shape.
  [[nodiscard]] const Shape& valid_shape() const;

  /// A window, one slice or index for each axis, missing trailing axes whole. Read where it is
  /// converted to a value: inside a scope a copy, outside a view. Assigning to it writes.
  [[nodiscard]] Window operator()(Slice rows, Where where = std::source_location::current()) const;
  [[nodiscard]] Window operator()(Slice rows, Slice cols,
                                  Where where = std::source_location::current()) const;
  [[nodiscard]] Window operator()(Slice a, Slice b, Slice c,
                                  Where where = std::source_location::current()) const;
  [[nodiscard]] Window operator()(Slice rows, Where where = std::source_location::current());
  [[nodiscard]] Window operator()(Slice rows, Slice cols,
                                  Where where = std::source_location::current());
  [[nodiscard]] Window operator()(Slice a, Slice b, Slice c,
                                  Where where = std::source_location::current());
  /// The same for any number of slices.
  [[nodiscard]] Window window(std::vector<Slice> slices, Where where) const;
  [[nodiscard]] Window window(std::vector<Slice> slices, Where where);

  [[nodiscard]] const std::shared_ptr<detail::Node>& node() const { return node_; }

 protected:
  std::shared_ptr<detail::Node> node_;
};

/// A value in GM: a parameter, a tensor made outside scopes, a view of one, or a kept value.
/// As an operand inside a scope it stands for a load of all of it, once per scope.
class Tensor : public Value {
 public:
  Tensor() = default;
  /// Throws Error(input) if it is a tile.
  Tensor(const Value& value);  // NOLINT(google-explicit-constructor)
  Tensor(Window&& window);     // NOLINT(google-explicit-constructor)
  explicit Tensor(std::shared_ptr<detail::Node> node) : Value(std::move(node)) {}

  [[nodiscard]] BufferId buffer() const;
  [[nodiscard]] ViewId view() const;
};

/// The value of an operation inside a scope; it lives as long as the scope.
class Tile : public Value {
 public:
  Tile() = default;
  /// Throws Error(input) if it is a tensor.
  Tile(const Value& value);  // NOLINT(google-explicit-constructor)
  Tile(Window&& window);     // NOLINT(google-explicit-constructor)
  explicit Tile(std::shared_ptr<detail::Node> node) : Value(std::move(node)) {}

  [[nodiscard]] TileId id() const;
};

/// x(rows, cols), not yet read nor written. It is used up where it stands: name the tile instead.
class [[nodiscard]] Window {
 public:
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;
  ~Window() = default;

  /// Writes the valid part of `value`, whose shape and type are those of the window.
  void operator=(const Value& value) &&;
  /// From one array to another: no move, and it may throw.
  void operator=(Window&& other) &&;          // NOLINT(performance-noexcept-move-constructor)
  void operator=(double number) && = delete;  // one element is written by `write`

 private:
  friend class Value;
  friend class Tensor;
  friend class Tile;
  Window(const Value& base, Value* name, std::vector<Slice> slices, Where where)
      : base_(base), name_(name), slices_(std::move(slices)), where_(where) {}

  Value read();

  Value base_;
  Value* name_;  ///< what a write to a tile gives its new value; null if it is const
  std::vector<Slice> slices_;
  Where where_;
};

/// One number that a kernel or the orchestrator has in hand. Integers are 64 bits wide.
class Scalar {
 public:
  static Scalar integer(DType dtype, Index value);
  static Scalar real(DType dtype, double value);
  /// The result of a `read`. A run without numbers does not know those that kernels computed.
  static Scalar read_by(OpId op, Scalar value, bool is_known);

  [[nodiscard]] DType dtype() const { return dtype_; }
  [[nodiscard]] bool is_known() const { return is_known_; }
  [[nodiscard]] OpId origin() const { return origin_; }
  [[nodiscard]] bool is_integer() const { return !is_float(dtype_); }
  /// For bounds, indices and branches. Throws Error(input) if it is no integer, and
  /// Error(unsupported) if it is not known.
  operator Index() const;  // NOLINT(google-explicit-constructor)
  [[nodiscard]] double number() const { return number_; }

 private:
  DType dtype_ = DType::index;
  bool is_known_ = true;
  Index integer_ = 0;
  double number_ = 0;
  OpId origin_;
};

/// A number as an operand: it takes the tile's type. A Scalar must have it already, but for INDEX.
class Number {
 public:
  Number(double value) : value_(value) {}  // NOLINT(google-explicit-constructor)
  Number(float value)
      : value_(static_cast<double>(value)) {}  // NOLINT(google-explicit-constructor)
  Number(int value) : value_(value) {}         // NOLINT(google-explicit-constructor)
  Number(Index value) : value_(static_cast<double>(value)) {}  // NOLINT
  Number(const Scalar& scalar);  // NOLINT(google-explicit-constructor)

  [[nodiscard]] double value() const { return value_; }
  [[nodiscard]] bool has_dtype() const { return has_dtype_; }
  [[nodiscard]] DType dtype() const { return dtype_; }
  [[nodiscard]] OpId origin() const { return origin_; }
  [[nodiscard]] bool is_known() const { return is_known_; }

 private:
  double value_ = 0;
  bool has_dtype_ = false;
  bool is_known_ = true;
  DType dtype_ = DType::index;
  OpId origin_;
};

}  // namespace fulgurite::tile
