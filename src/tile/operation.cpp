#include "tile/operation.hpp"

#include <cmath>
#include <limits>

#include "tile/window_place.hpp"

namespace fulgurite::tile::detail {

Recorder& recorder_of(const Value& value, OpCode code, std::string_view what, const Where& where) {
  if (value.empty()) {
    Recorder(Mode::shape_only)
        .fail(name(code), where, std::string(what) + ": expected a value, found an empty handle");
  }
  return *value.node()->recorder;
}

Operation::Operation(Recorder& recorder, OpCode code, const Where& where)
    : recorder_(recorder), where_(where) {
  op_.code = code;
}

void Operation::require_scope() const {
  if (!recorder_.in_scope()) {
    refuse("expected to stand inside a scope: nothing is computed or stored outside of them");
  }
}

const Node& Operation::operand(const Value& value, std::string_view what) {
  const std::string label(what);
  if (value.empty()) refuse(label + ": expected a value, found an empty handle");
  NodePtr node = value.node();
  if (node->recorder != &recorder_) refuse(label + ": belongs to another program");
  require_scope();
  Trace& trace = recorder_.trace;
  if (!node->is_tile()) {
    const ViewId view = node->view;
    const auto cached = recorder_.whole_loads.find(view);
    if (cached != recorder_.whole_loads.end()) {
      node = cached->second;
    } else {
      node =
          load_window(recorder_, *node, WindowPlace::whole(node->shape), node->shape, true, where_);
      recorder_.whole_loads.emplace(view, node);
    }
  } else if (trace[node->tile].task != recorder_.task()) {
    const TileRecord& tile = trace[node->tile];
    const std::string tile_name =
        tile.name.empty() ? "a tile of " + std::string(name(trace[tile.producer].code)) : tile.name;
    refuse(label + ": " + tile_name + " belongs to scope " +
           full_name(trace, trace[tile.task].scope) + " (made at " +
           to_string(trace[trace[tile.producer].location]) + "); keep() it at that scope's end");
  }
  const auto slot = static_cast<std::size_t>(op_.operand_count++);
  op_.operands[slot] = node->tile;
  operands_[slot] = node;
  return *operands_[slot];
}

void Operation::expect_dtype(const Node& node, std::string_view what, DType dtype) const {
  if (node.dtype == dtype) return;
  refuse(std::string(what) + ": expected " + std::string(name(dtype)) + ", found " +
         std::string(name(node.dtype)));
}

void Operation::expect_shape(const Node& node, std::string_view what, const Shape& shape) const {
  if (node.shape == shape) return;
  refuse(std::string(what) + ": expected " + to_string(shape) + ", found " + to_string(node.shape));
}

void Operation::expect_matrix(const Node& node, std::string_view what) const {
  if (node.shape.rank() == 2) return;
  refuse(std::string(what) + ": expected [rows, cols], found " + to_string(node.shape));
}

void Operation::expect_extents(const Shape& shape) const {
  if (shape.rank() == 0) refuse("shape: expected at least one axis");
  for (const Index extent : shape) {
    if (extent <= 0) {
      refuse("shape: expected positive extents, found " + to_string(shape));
    }
  }
}

void Operation::operand(const Number& number, DType dtype) {
  if (number.has_dtype() && number.dtype() != dtype && number.dtype() != DType::index) {
    refuse("number: expected " + std::string(name(dtype)) + ", found a scalar of " +
           std::string(name(number.dtype())));
  }
  const bool fits = number.value() == std::floor(number.value()) &&
                    number.value() >= std::numeric_limits<std::int32_t>::min() &&
                    number.value() <= std::numeric_limits<std::int32_t>::max();
  if (!is_float(dtype) && !fits) {
    refuse("number: expected one of " + std::string(name(dtype)) + ", found " +
           std::to_string(number.value()));
  }
  op_.settings.has_number = true;
  op_.settings.number = number.origin().valid() ? 0 : number.value();
  op_.settings.number_from = number.origin();
}

void Operation::mark_uses() {
  const Unit kind = unit(op_.code);
  const bool is_insert = op_.code == OpCode::insert;
  if (kind == Unit::cube) op_.side = Side::cube;
  if (kind == Unit::vector || is_insert) op_.side = Side::vector;
  const bool reads_tile = op_.code == OpCode::read || op_.code == OpCode::write;
  for (std::int32_t slot = 0; slot < op_.operand_count; ++slot) {
    const TileId tile = op_.operands[static_cast<std::size_t>(slot)];
    TileRecord& record = recorder_.trace.tiles[tile.index()];
    record.used_by_cube |= op_.side == Side::cube;
    record.used_by_vector |= op_.side == Side::vector || reads_tile;
  }
}

NodePtr Operation::finish(DType dtype, const Shape& shape, const Shape& valid, TileId replaces) {
  mark_uses();
  op_.location = recorder_.locate(where_);
  op_.result = TileId{static_cast<std::int32_t>(recorder_.trace.tiles.size())};
  id_ = recorder_.add(op_);
  TileRecord record;
  record.dtype = dtype;
  record.shape = shape;
  record.valid = valid;
  record.producer = id_;
  record.replaces = replaces;
  record.side = op_.side;
  return recorder_.add_tile(std::move(record));
}

NodePtr Operation::finish_view(const NodePtr& base, const Shape& shape, const Shape& valid) {
  op_.location = recorder_.locate(where_);
  op_.result = TileId{static_cast<std::int32_t>(recorder_.trace.tiles.size())};
  id_ = recorder_.add(op_);
  TileRecord record;
  record.dtype = base->dtype;
  record.shape = shape;
  record.valid = valid;
  record.task = recorder_.task();
  record.producer = id_;
  record.view_of = base->tile;
  record.side = recorder_.trace[base->tile].side;
  recorder_.trace.tiles.push_back(std::move(record));
  auto node = std::make_shared<Node>(*base);
  node->shape = shape;
  node->valid = valid;
  node->tile = op_.result;
  return node;
}

OpId Operation::finish() {
  mark_uses();
  op_.location = recorder_.locate(where_);
  id_ = recorder_.add(op_);
  return id_;
}

}  // namespace fulgurite::tile::detail
