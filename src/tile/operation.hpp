#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "tile/recorder.hpp"

namespace fulgurite::tile::detail {

/// The recorder behind `value`; throws Error(input) if the handle is empty.
Recorder& recorder_of(const Value& value, OpCode code, std::string_view what, const Where& where);

/// One operation that is being called: it checks operands, then records itself and its result.
class Operation {
 public:
  Operation(Recorder& recorder, OpCode code, const Where& where);
  /// Of the program of `first`, whose name as a parameter is `what`.
  Operation(const Value& first, std::string_view what, OpCode code, const Where& where)
      : Operation(recorder_of(first, code, what, where), code, where) {}

  [[noreturn]] void refuse(const std::string& message, ErrorKind kind = ErrorKind::input) const {
    recorder_.fail(name(op_.code), where_, message, kind);
  }
  /// Refuses unless inside a scope.
  void require_scope() const;

  /// `value` as the next operand: a tile of this scope, or the load of a whole tensor.
  const Node& operand(const Value& value, std::string_view what);
  void expect_dtype(const Node& node, std::string_view what, DType dtype) const;
  void expect_shape(const Node& node, std::string_view what, const Shape& shape) const;
  void expect_extents(const Shape& shape) const;
  void expect_matrix(const Node& node, std::string_view what) const;
  /// `number` as an operand of tiles of type `dtype`.
  void operand(const Number& number, DType dtype);

  OpSettings& settings() { return op_.settings; }
  Op& op() { return op_; }
  [[nodiscard]] Recorder& recorder() const { return recorder_; }
  [[nodiscard]] const Where& where() const { return where_; }
  [[nodiscard]] bool computes() const { return recorder_.computes(); }
  [[nodiscard]] NodePtr operand_node(std::size_t index) const { return operands_[index]; }

  /// Records the operation and its result, a fully valid tile whose elements are to be computed.
  NodePtr finish(DType dtype, const Shape& shape) { return finish(dtype, shape, shape); }
  NodePtr finish(DType dtype, const Shape& shape, const Shape& valid, TileId replaces = {});
  /// The same for a result whose elements are those of `base`.
  NodePtr finish_view(const NodePtr& base, const Shape& shape, const Shape& valid);
  /// Records an operation without a result.
  OpId finish();
  [[nodiscard]] OpId id() const { return id_; }

 private:
  void mark_uses();

  Recorder& recorder_;
  Where where_;
  Op op_;
  OpId id_;
  std::array<NodePtr, 4> operands_;
};

}  // namespace fulgurite::tile::detail
