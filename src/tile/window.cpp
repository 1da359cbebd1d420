#include <optional>

#include "tile/ops.hpp"
#include "tile/strided.hpp"
#include "tile/window_place.hpp"

// x(rows, cols), x(rows, cols) = tile, assemble, slice and reshape.

namespace fulgurite::tile {
namespace detail {

WindowPlace place_window(const Operation& operation, const Shape& shape,
                         const std::vector<Slice>& slices) {
  if (slices.size() > shape.rank()) {
    operation.refuse("window: expected at most " + std::to_string(shape.rank()) + " indices for " +
                     to_string(shape) + ", found " + std::to_string(slices.size()));
  }
  WindowPlace place;
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    const Slice slice = axis < slices.size() ? slices[axis] : all;
    const Index extent = slice.is_index                   ? 1
                         : slice.extent == Slice::kToEdge ? shape[axis] - slice.start
                                                          : slice.extent;
    if (slice.step != 1) {
      operation.refuse("window: expected step 1, found " + std::to_string(slice.step));
    }
    if (slice.start < 0 || extent <= 0 || slice.start + extent > shape[axis]) {
      operation.refuse("window: axis " + std::to_string(axis) + " has extent " +
                       std::to_string(shape[axis]) + ", found " + std::to_string(slice.start) +
                       " +" + std::to_string(extent));
    }
    place.start.push_back(slice.start);
    place.extent.push_back(extent);
    place.is_dropped[axis] = slice.is_index;
    if (!slice.is_index) place.shape.push_back(extent);
  }
  return place;
}

void expect_writable(const Operation& operation, const Node& tensor) {
  const Trace& trace = operation.recorder().trace;
  const Buffer& buffer = trace[trace[tensor.view].buffer];
  if (buffer.kind == BufferKind::parameter && buffer.mark == Mark::input) {
    operation.refuse("x: " + buffer.name + " is an input, which is not written");
  }
}

namespace {

void expect_axes(const Operation& operation, const WindowPlace& place) {
  if (place.shape.rank() == 0) {
    operation.refuse(
        "window: found an index for every axis; one element is taken by read and "
        "stored by write");
  }
}

NodePtr view_of(Operation& operation, const NodePtr& tensor, const WindowPlace& place) {
  Recorder& recorder = operation.recorder();
  View view = recorder.trace[tensor->view];
  view.offset += offset_of(place.start, view.strides);
  Shape strides;
  for (std::size_t axis = 0; axis < view.strides.rank(); ++axis) {
    if (!place.is_dropped[axis]) strides.push_back(view.strides[axis]);
  }
  view.shape = place.shape;
  view.strides = strides;
  NodePtr result = recorder.add_view(view.buffer, tensor->dtype, view);
  operation.op().view = result->view;
  operation.finish();
  return result;
}

NodePtr read_window(const Value& base, const std::vector<Slice>& slices, const Where& where) {
  Recorder& recorder = recorder_of(base, OpCode::slice, "x", where);
  const OpCode code = base.node()->is_tile() ? OpCode::slice
                      : recorder.in_scope()  ? OpCode::load
                                             : OpCode::view;
  Operation operation(recorder, code, where);
  const WindowPlace place = place_window(operation, base.shape(), slices);
  expect_axes(operation, place);
  if (code == OpCode::load)
    return load_window(recorder, *base.node(), place, place.shape, false, where);
  if (code == OpCode::view) return view_of(operation, base.node(), place);
  operation.operand(base, "x");
  return slice_tile(operation, place, place.shape);
}

/// What a write has to agree with.
void expect_fit(const Operation& operation, const Node& base, const Node& tile,
                const Shape& shape) {
  operation.expect_dtype(tile, "tile", base.dtype);
  operation.expect_shape(tile, "tile", shape);
}

NodePtr write_window(const Value& base, const std::vector<Slice>& slices, const Value& tile,
                     const Where& where) {
  const bool to_tile = !base.empty() && base.node()->is_tile();
  Operation operation(base, "x", to_tile ? OpCode::insert : OpCode::store, where);
  operation.require_scope();
  const WindowPlace place = place_window(operation, base.shape(), slices);
  expect_axes(operation, place);
  if (to_tile) operation.operand(base, "x");
  const Node& source = operation.operand(tile, "tile");
  expect_fit(operation, *base.node(), source, place.shape);
  if (to_tile) return insert_tile(operation, base.node(), place, source);
  expect_writable(operation, *base.node());
  store_window(operation, *base.node(), place, source, false);
  return base.node();
}

/// A window that reaches past x, of which `valid` is read.
NodePtr padded_window(const Value& x, const Shape& shape, const Shape& offset, const Shape& valid,
                      const Where& where) {
  Recorder& recorder = *x.node()->recorder;
  Operation operation(recorder, OpCode::slice, where);
  operation.require_scope();
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (offset[axis] < 0 || offset[axis] + valid[axis] > x.shape()[axis]) {
      operation.refuse("valid_shape: " + to_string(valid) + " at " + to_string(offset) +
                       " reaches past " + to_string(x.shape()));
    }
  }
  const WindowPlace place{offset, valid, valid, {}};
  if (x.is_tensor()) return load_window(recorder, *x.node(), place, shape, false, where);
  operation.operand(x, "x");
  return slice_tile(operation, place, shape);
}

std::vector<Slice> slices_at(const Shape& offset, const Shape& extent) {
  std::vector<Slice> slices;
  for (std::size_t axis = 0; axis < extent.rank(); ++axis) {
    slices.emplace_back(axis < offset.rank() ? offset[axis] : 0, extent[axis]);
  }
  return slices;
}

}  // namespace
}  // namespace detail

Value Window::read() { return Value(detail::read_window(base_, slices_, where_)); }

void Window::operator=(const Value& value) && {
  const bool to_tile = !base_.empty() && !base_.is_tensor();
  if (to_tile && name_ == nullptr) {
    detail::Operation(base_, "x", OpCode::insert, where_)
        .refuse("x: a const handle of a tile cannot be given a new value");
  }
  Value written(detail::write_window(base_, slices_, value, where_));
  if (to_tile) *name_ = std::move(written);
}

void Window::operator=(Window&& other) && {  // NOLINT(performance-noexcept-move-constructor)
  std::move(*this) = other.read();
}

Tensor assemble(const Tensor& x, const Value& tile, const Shape& offset, Where where) {
  if (tile.empty()) detail::recorder_of(tile, OpCode::store, "tile", where);
  return Tensor(detail::write_window(x, detail::slices_at(offset, tile.shape()), tile, where));
}

Tile assemble(const Tile& x, const Value& tile, const Shape& offset, Where where) {
  if (tile.empty()) detail::recorder_of(tile, OpCode::insert, "tile", where);
  return Tile(detail::write_window(x, detail::slices_at(offset, tile.shape()), tile, where));
}

Value reshape(const Value& x, const Shape& shape, Where where) {
  detail::Operation operation(x, "x", OpCode::reshape, where);
  detail::Recorder& recorder = operation.recorder();
  if (shape.elements() != x.shape().elements() || shape.rank() == 0) {
    operation.refuse("x: " + to_string(x.shape()) + " and " + to_string(shape) +
                     " differ in their number of elements");
  }
  if (x.is_tensor() && !recorder.in_scope()) {
    View view = recorder.trace[x.node()->view];
    if (view.strides != row_major_strides(view.shape)) {
      operation.refuse("x: a slice with gaps cannot be reshaped", ErrorKind::unsupported);
    }
    view.shape = shape;
    view.strides = row_major_strides(shape);
    const auto node = recorder.add_view(view.buffer, x.dtype(), view);
    operation.op().view = node->view;
    operation.finish();
    return Value(node);
  }
  const detail::Node& tile = operation.operand(x, "x");
  Shape valid = shape;
  if (!tile.is_fully_valid()) {
    // Of a vector the valid part is as long in the other orientation.
    const bool is_vector = tile.shape.rank() == 2 && shape.rank() == 2 &&
                           tile.shape == Shape{shape[1], shape[0]} &&
                           (shape[0] == 1 || shape[1] == 1);
    if (!is_vector && tile.shape != shape) {
      operation.refuse("x: only " + to_string(tile.valid) + " of " + to_string(tile.shape) +
                           " is valid, which has no shape in " + to_string(shape),
                       ErrorKind::unsupported);
    }
    valid = is_vector ? Shape{tile.valid[1], tile.valid[0]} : tile.valid;
  }
  return Value(operation.finish_view(operation.operand_node(0), shape, valid));
}

Value slice(const Value& x, const Shape& shape, const Shape& offset,
            std::optional<Shape> valid_shape, Where where) {
  const detail::Recorder& recorder = detail::recorder_of(x, OpCode::slice, "x", where);
  const Shape valid = valid_shape.value_or(shape);
  detail::Operation check(x, "x", OpCode::slice, where);
  if (shape.rank() != x.shape().rank() || offset.rank() != shape.rank() ||
      valid.rank() != shape.rank()) {
    check.refuse("shape, offset and valid_shape: expected " + std::to_string(x.shape().rank()) +
                 " axes each");
  }
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (valid[axis] < 0 || valid[axis] > shape[axis]) {
      check.refuse("valid_shape: " + to_string(valid) + " does not lie in " + to_string(shape));
    }
  }
  if (valid == shape) return Value(detail::read_window(x, detail::slices_at(offset, shape), where));
  if (!recorder.in_scope()) check.refuse("valid_shape: expected to stand inside a scope");
  return Value(detail::padded_window(x, shape, offset, valid, where));
}

}  // namespace fulgurite::tile
