#include <algorithm>
#include <cstring>
#include <vector>

#include "tile/strided.hpp"
#include "tile/window_place.hpp"

// Between GM and tiles, and between tiles.

namespace fulgurite::tile::detail {
namespace {

/// Drops flags of which none is set.
void tidy(const Node& tile) {
  const std::uint8_t* flags = tile.undefined();
  if (flags == nullptr) return;
  if (std::memchr(flags, 1, static_cast<std::size_t>(tile.elements())) == nullptr) {
    tile.storage->undefined.reset();
  }
}

struct Source {
  const std::byte* data;  ///< null if there are no numbers
  Shape strides;
};

/// Fills a new tile from the window of an array. `flags` go with the array (null: all are defined);
/// `meaning` is what they hold where an element is defined.
void fill_from(const Node& tile, const WindowPlace& place, const Source& source,
               const std::uint8_t* flags, std::uint8_t meaning) {
  const Index size = element_bytes(tile.dtype);
  const Shape strides = place.spread(row_major_strides(tile.shape), 0);
  const bool is_padded = tile.shape != place.shape;
  if (tile.has_numbers()) {
    auto* const bytes = tile.data<std::byte>();
    if (is_padded) std::memset(bytes, 0, static_cast<std::size_t>(tile.elements() * size));
    if (source.data != nullptr) {
      copy_strided(bytes, strides, source.data, source.strides, place.extent, size);
    }
  }
  if (flags == nullptr && !is_padded) return;
  std::uint8_t* const undefined = tile.make_undefined();
  const auto count = static_cast<std::size_t>(tile.elements());
  std::memset(undefined, 1, count);
  if (flags == nullptr) {
    fill_strided(undefined, strides, place.extent, 0);
  } else {
    if (is_padded && meaning == 1) std::memset(undefined, 0, count);
    copy_strided(undefined, strides, flags, source.strides, place.extent, 1);
    if (meaning == 1) {
      for (std::size_t i = 0; i < count; ++i) undefined[i] = undefined[i] == 0 ? 1 : 0;
    }
  }
  tidy(tile);
}

std::vector<std::uint8_t> inverted(const std::uint8_t* flags, Index count) {
  std::vector<std::uint8_t> result(flags, flags + count);
  for (std::uint8_t& flag : result) flag = flag == 0 ? 1 : 0;
  return result;
}

}  // namespace

NodePtr load_window(Recorder& recorder, const Node& tensor, const WindowPlace& place,
                    const Shape& shape, bool is_whole, const Where& where) {
  Operation operation(recorder, OpCode::load, where);
  const View view = recorder.trace[tensor.view];
  const OpId id{static_cast<std::int32_t>(recorder.trace.ops.size())};
  operation.op().access =
      recorder.add_access({tensor.view, id, false, is_whole, place.start, place.extent});
  NodePtr tile = operation.finish(tensor.dtype, shape, place.shape);

  const BufferStorage& buffer = recorder.storage(view.buffer);
  const Index offset = view.offset + offset_of(place.start, view.strides);
  const Index size = element_bytes(tensor.dtype);
  const std::byte* data = buffer.data == nullptr ? nullptr : buffer.data + offset * size;
  const std::uint8_t* defined = buffer.defined == nullptr ? nullptr : buffer.defined.get() + offset;
  fill_from(*tile, place, {data, view.strides}, defined, 1);
  return tile;
}

void store_window(Operation& operation, const Node& tensor, const WindowPlace& place,
                  const Node& tile, bool is_whole) {
  Recorder& recorder = operation.recorder();
  const View view = recorder.trace[tensor.view];
  const Shape valid = place.spread(tile.valid, 1);
  const Shape tile_strides = place.spread(row_major_strides(tile.shape), 0);
  const OpId id{static_cast<std::int32_t>(recorder.trace.ops.size())};
  operation.op().access =
      recorder.add_access({tensor.view, id, true, is_whole, place.start, valid});
  operation.finish();

  BufferStorage& buffer = recorder.storage(view.buffer);
  const Index offset = view.offset + offset_of(place.start, view.strides);
  buffer.is_computed = true;
  recorder.forget_loads(view.buffer);
  if (tile.has_numbers() && buffer.data != nullptr) {
    const Index size = element_bytes(tensor.dtype);
    copy_strided(buffer.data + offset * size, view.strides, tile.data<std::byte>(), tile_strides,
                 valid, size);
  }
  const std::uint8_t* undefined = tile.undefined();
  std::uint8_t* defined = buffer.defined.get();
  if (defined != nullptr && undefined == nullptr) {
    fill_strided(defined + offset, view.strides, valid, 1);
  } else if (defined != nullptr) {
    const std::vector<std::uint8_t> flags = inverted(undefined, tile.elements());
    copy_strided(defined + offset, view.strides, flags.data(), tile_strides, valid, 1);
  } else if (undefined != nullptr) {
    std::vector<std::uint8_t> flags(static_cast<std::size_t>(valid.elements()));
    copy_strided(flags.data(), row_major_strides(valid), undefined, tile_strides, valid, 1);
    const auto count = std::count(flags.begin(), flags.end(), 1);
    if (count > 0) {
      recorder.find(FindingKind::undefined_output, id, view.buffer, count,
                    "undefined elements are written to " + recorder.trace[view.buffer].name);
    }
  }
}

NodePtr slice_tile(Operation& operation, const WindowPlace& place, const Shape& shape) {
  const NodePtr tile = operation.operand_node(0);
  Shape valid;
  for (std::size_t axis = 0; axis < place.extent.rank(); ++axis) {
    if (place.is_dropped[axis]) continue;
    valid.push_back(
        std::clamp<Index>(tile->valid[axis] - place.start[axis], 0, place.extent[axis]));
  }
  operation.op().window = operation.recorder().add_window(place.start, place.extent);
  // Recorded as a view of the tile, which costs the chip nothing, but copied here.
  NodePtr result = operation.finish_view(tile, shape, valid);
  result->storage = std::make_shared<TileStorage>();
  const Index size = element_bytes(tile->dtype);
  if (tile->has_numbers()) {
    result->storage->bytes = core::AlignedBuffer<std::byte>("tile", result->elements() * size);
  }
  const Shape strides = row_major_strides(tile->shape);
  const Index offset = offset_of(place.start, strides);
  const std::byte* data = tile->has_numbers() ? tile->data<std::byte>() + offset * size : nullptr;
  const std::uint8_t* undefined =
      tile->undefined() == nullptr ? nullptr : tile->undefined() + offset;
  fill_from(*result, place, {data, strides}, undefined, 0);
  return result;
}

NodePtr insert_tile(Operation& operation, const NodePtr& base, const WindowPlace& place,
                    const Node& tile) {
  operation.op().window = operation.recorder().add_window(place.start, place.extent);
  NodePtr result = operation.finish(base->dtype, base->shape, base->valid, base->tile);
  const Index size = element_bytes(base->dtype);
  const Shape strides = row_major_strides(base->shape);
  const Shape written = place.spread(tile.valid, 1);
  const Shape tile_strides = place.spread(row_major_strides(tile.shape), 0);
  const Index offset = offset_of(place.start, strides);
  if (base->has_numbers()) {
    std::memcpy(result->data<std::byte>(), base->data<std::byte>(),
                static_cast<std::size_t>(base->elements() * size));
    copy_strided(result->data<std::byte>() + offset * size, strides, tile.data<std::byte>(),
                 tile_strides, written, size);
  }
  if (base->undefined() != nullptr || tile.undefined() != nullptr) {
    std::uint8_t* flags = result->make_undefined();
    if (base->undefined() != nullptr) {
      std::memcpy(flags, base->undefined(), static_cast<std::size_t>(base->elements()));
    }
    if (tile.undefined() != nullptr) {
      copy_strided(flags + offset, strides, tile.undefined(), tile_strides, written, 1);
    } else {
      fill_strided(flags + offset, strides, written, 0);
    }
    tidy(*result);
  }
  return result;
}

}  // namespace fulgurite::tile::detail
