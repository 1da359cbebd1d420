#include <limits>

#include "tile/element.hpp"
#include "tile/ops.hpp"
#include "tile/program.hpp"
#include "tile/strided.hpp"
#include "tile/window_place.hpp"

// Numbers that the orchestrator or a kernel has in hand, and single elements.

namespace fulgurite::tile {
namespace {

using detail::BufferStorage;
using detail::Node;
using detail::Operation;
using detail::WindowPlace;

WindowPlace place_element(const Operation& operation, const Shape& shape, const Shape& at) {
  if (at.rank() != shape.rank()) {
    operation.refuse("index: expected one for each axis of " + to_string(shape) + ", found " +
                     to_string(at));
  }
  for (std::size_t axis = 0; axis < at.rank(); ++axis) {
    if (at[axis] < 0 || at[axis] >= shape[axis]) {
      operation.refuse("index: expected one within " + to_string(shape) + ", found " +
                       to_string(at));
    }
  }
  const Shape one = Shape::filled(shape.rank(), 1);
  return {at, one, one, {}};
}

Scalar element(DType dtype, const std::byte* data, Index offset) {
  Scalar scalar = Scalar::integer(dtype, 0);
  detail::visit_type(dtype, [&]<class T>(T) {
    const T value = reinterpret_cast<const T*>(data)[offset];
    if constexpr (std::is_integral_v<T>) {
      scalar = Scalar::integer(dtype, static_cast<Index>(value));
    } else {
      scalar = Scalar::real(dtype, detail::to_double(value));
    }
  });
  return scalar;
}

Scalar finish_read(Operation& operation, Scalar value, bool is_known, bool is_undefined,
                   BufferId buffer) {
  operation.finish();
  if (is_undefined) {
    operation.recorder().find(FindingKind::undefined_scalar, operation.id(), buffer, 1,
                              "an element that nothing defined is read");
  }
  return Scalar::read_by(operation.id(), value, is_known);
}

Scalar read_tensor(Operation& operation, const Node& tensor, const Shape& at) {
  detail::Recorder& recorder = operation.recorder();
  const View view = recorder.trace[tensor.view];
  const WindowPlace place = place_element(operation, tensor.shape, at);
  const OpId id{static_cast<std::int32_t>(recorder.trace.ops.size())};
  operation.op().access =
      recorder.add_access({tensor.view, id, false, false, place.start, place.extent});
  const BufferStorage& buffer = recorder.storage(view.buffer);
  const Index offset = view.offset + detail::offset_of(at, view.strides);
  const bool is_known = buffer.data != nullptr && (recorder.computes() || !buffer.is_computed);
  const bool is_undefined = buffer.defined != nullptr && buffer.defined.get()[offset] == 0;
  const Scalar value =
      is_known ? element(tensor.dtype, buffer.data, offset) : Scalar::integer(tensor.dtype, 0);
  return finish_read(operation, value, is_known, is_undefined, view.buffer);
}

/// A tile of one element that only this operation sees.
Node single(const Operation& operation, DType dtype, const Shape& shape, const Number& number) {
  if (!detail::fits(dtype, number.value())) {
    operation.refuse("value: expected one of " + std::string(name(dtype)) + ", found " +
                     std::to_string(number.value()));
  }
  Node node;
  node.dtype = dtype;
  node.shape = shape;
  node.valid = shape;
  node.storage = std::make_shared<detail::TileStorage>();
  if (operation.computes()) {
    node.storage->bytes = core::AlignedBuffer<std::byte>("element", element_bytes(dtype));
    detail::visit_type(
        dtype, [&]<class T>(T) { *node.data<T>() = detail::from_double<T>(number.value()); });
  }
  return node;
}

Index finish_integer(Operation& operation, Index result) {
  operation.settings().parameter = result;
  operation.finish();
  return result;
}

Index divide(detail::Recorder& recorder, OpCode code, Index a, Index b, const Where& where) {
  Operation operation(recorder, code, where);
  if (b == 0) operation.refuse("b: expected a divisor other than 0");
  finish_integer(operation, code == OpCode::mod ? a % b : a / b);
  if (a < 0) {
    recorder.find(
        FindingKind::negative_dividend, operation.id(), {}, 1,
        "the dividend is " + std::to_string(a) + ": written as floor, computed as truncation");
  }
  return operation.settings().parameter;
}

}  // namespace

Scalar read(const Value& x, const Shape& at, Where where) {
  Operation operation(x, "x", OpCode::read, where);
  if (x.is_tensor()) return read_tensor(operation, *x.node(), at);
  const Node& tile = operation.operand(x, "x");
  const WindowPlace place = place_element(operation, tile.shape, at);
  operation.op().window = operation.recorder().add_window(place.start, place.extent);
  const Index offset = detail::offset_of(at, row_major_strides(tile.shape));
  const bool is_undefined = tile.undefined() != nullptr && tile.undefined()[offset] != 0;
  const Scalar value = tile.has_numbers() ? element(tile.dtype, tile.data<std::byte>(), offset)
                                          : Scalar::integer(tile.dtype, 0);
  return finish_read(operation, value, tile.has_numbers(), is_undefined, {});
}

void write(const Tensor& x, const Shape& at, Number value, Where where) {
  Operation operation(x, "x", OpCode::write, where);
  operation.require_scope();
  detail::expect_writable(operation, *x.node());
  const WindowPlace place = place_element(operation, x.shape(), at);
  operation.operand(value, x.dtype());
  detail::store_window(operation, *x.node(), place,
                       single(operation, x.dtype(), place.shape, value), false);
}

void write(Tile& x, const Shape& at, Number value, Where where) {
  Operation operation(x, "x", OpCode::write, where);
  operation.operand(x, "x");
  const WindowPlace place = place_element(operation, x.shape(), at);
  operation.operand(value, x.dtype());
  x = Tile(detail::insert_tile(operation, x.node(), place,
                               single(operation, x.dtype(), place.shape, value)));
}

Scalar cast(const Scalar& x, DType target, Where where) {
  static_cast<void>(where);
  if (is_float(x.dtype()) || is_float(target)) {
    throw Error(ErrorKind::unsupported, "cast: a scalar is converted between integers only");
  }
  if (!x.is_known()) return Scalar::read_by(x.origin(), Scalar::integer(target, 0), false);
  return Scalar::read_by(x.origin(), Scalar::integer(target, static_cast<Index>(x)), true);
}

Index Program::min(Index a, Index b, Where where) {
  Operation operation(*recorder_, OpCode::min, where);
  return finish_integer(operation, a < b ? a : b);
}

Index Program::floor_div(Index a, Index b, Where where) {
  return divide(*recorder_, OpCode::floor_div, a, b, where);
}

Index Program::mod(Index a, Index b, Where where) {
  return divide(*recorder_, OpCode::mod, a, b, where);
}

Scalar Program::cast(Index value, DType dtype, Where where) {
  Operation operation(*recorder_, OpCode::scalar_cast, where);
  if (is_float(dtype)) {
    operation.refuse("type: expected an integer type, found " + std::string(tile::name(dtype)));
  }
  if (dtype == DType::boolean ? value != 0 && value != 1
                              : !detail::fits(dtype, static_cast<double>(value))) {
    operation.refuse("value: expected one of " + std::string(tile::name(dtype)) + ", found " +
                     std::to_string(value));
  }
  return Scalar::integer(dtype, finish_integer(operation, value));
}

Index Program::get_block_idx(Where where) {
  Operation operation(*recorder_, OpCode::get_block_idx, where);
  if (!recorder_->in_spmd()) operation.refuse("expected to stand inside an spmd");
  return finish_integer(operation, recorder_->block());
}

}  // namespace fulgurite::tile
