#include "tile/operation.hpp"
#include "tile/ops.hpp"
#include "tile/window_place.hpp"

// Names for tiles, and tiles that leave their scope by name.

namespace fulgurite::tile {

using detail::Operation;

Tile named(std::string_view name, const Value& tile, Where where) {
  Operation operation(tile, "tile", OpCode::keep, where);
  const detail::Node& node = operation.operand(tile, "tile");
  operation.recorder().trace.tiles[node.tile.index()].name = name;
  return Tile(operation.operand_node(0));
}

Tensor keep(std::string_view name, const Value& tile, Where where) {
  Operation operation(tile, "tile", OpCode::keep, where);
  if (tile.is_tensor()) operation.refuse("tile: expected a tile, found a tensor");
  const detail::Node& node = operation.operand(tile, "tile");
  detail::Recorder& recorder = operation.recorder();
  recorder.trace.tiles[node.tile.index()].name = name;

  Buffer buffer;
  buffer.name = name;
  buffer.kind = BufferKind::kept;
  buffer.dtype = node.dtype;
  buffer.shape = node.shape;
  buffer.creator = OpId{static_cast<std::int32_t>(recorder.trace.ops.size())};
  const detail::NodePtr tensor = recorder.add_buffer(
      std::move(buffer),
      detail::Recorder::undefined_storage(name, node.dtype, node.shape, recorder.computes()));
  detail::store_window(operation, *tensor, detail::WindowPlace::whole(node.shape), node, true);
  return Tensor(tensor);
}

}  // namespace fulgurite::tile
