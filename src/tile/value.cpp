#include "tile/value.hpp"

#include <cmath>

#include "fulgurite/error.hpp"
#include "tile/recorder.hpp"

namespace fulgurite::tile {
namespace {

detail::Node& checked(const std::shared_ptr<detail::Node>& node) {
  if (node == nullptr) {
    throw Error(ErrorKind::input, "value: expected a tensor or a tile, found an empty handle");
  }
  return *node;
}

std::shared_ptr<detail::Node> expect_kind(const Value& value, bool is_tensor) {
  if (!value.empty() && value.is_tensor() != is_tensor) {
    throw Error(ErrorKind::input, is_tensor ? "value: expected a tensor, found a tile"
                                            : "value: expected a tile, found a tensor");
  }
  return value.node();
}

}  // namespace

Value::Value(Window&& window) : Value(window.read()) {}
Tensor::Tensor(const Value& value) : Value(expect_kind(value, true)) {}
Tensor::Tensor(Window&& window) : Tensor(window.read()) {}
Tile::Tile(const Value& value) : Value(expect_kind(value, false)) {}
Tile::Tile(Window&& window) : Tile(window.read()) {}

bool Value::is_tensor() const { return !checked(node_).is_tile(); }
DType Value::dtype() const { return checked(node_).dtype; }
const Shape& Value::shape() const { return checked(node_).shape; }
const Shape& Value::valid_shape() const { return checked(node_).valid; }
ViewId Tensor::view() const { return checked(node_).view; }
BufferId Tensor::buffer() const {
  const detail::Node& node = checked(node_);
  return node.recorder->trace[node.view].buffer;
}
TileId Tile::id() const { return checked(node_).tile; }

Window Value::operator()(Slice rows, Where where) const { return {*this, nullptr, {rows}, where}; }
Window Value::operator()(Slice rows, Slice cols, Where where) const {
  return {*this, nullptr, {rows, cols}, where};
}
Window Value::operator()(Slice a, Slice b, Slice c, Where where) const {
  return {*this, nullptr, {a, b, c}, where};
}
Window Value::operator()(Slice rows, Where where) { return {*this, this, {rows}, where}; }
Window Value::operator()(Slice rows, Slice cols, Where where) {
  return {*this, this, {rows, cols}, where};
}
Window Value::operator()(Slice a, Slice b, Slice c, Where where) {
  return {*this, this, {a, b, c}, where};
}
Window Value::window(std::vector<Slice> slices, Where where) const {
  return {*this, nullptr, std::move(slices), where};
}
Window Value::window(std::vector<Slice> slices, Where where) {
  return {*this, this, std::move(slices), where};
}

Scalar Scalar::integer(DType dtype, Index value) {
  Scalar scalar;
  scalar.dtype_ = dtype;
  scalar.integer_ = value;
  scalar.number_ = static_cast<double>(value);
  return scalar;
}

Scalar Scalar::real(DType dtype, double value) {
  Scalar scalar;
  scalar.dtype_ = dtype;
  scalar.number_ = value;
  return scalar;
}

Scalar Scalar::read_by(OpId op, Scalar value, bool is_known) {
  value.origin_ = op;
  value.is_known_ = is_known;
  return value;
}

Scalar::operator Index() const {
  if (!is_integer()) {
    throw Error(ErrorKind::input,
                "scalar: expected an integer, found " + std::string(name(dtype_)));
  }
  if (!is_known_) {
    throw Error(ErrorKind::unsupported,
                "scalar: a run without numbers cannot follow a value that a kernel computes");
  }
  return integer_;
}

Number::Number(const Scalar& scalar)
    : value_(scalar.number()),
      has_dtype_(true),
      is_known_(scalar.is_known()),
      dtype_(scalar.dtype()),
      origin_(scalar.origin()) {}

}  // namespace fulgurite::tile
