#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "core/aligned_buffer.hpp"
#include "tile/dtype.hpp"
#include "tile/ids.hpp"
#include "tile/shape.hpp"

namespace fulgurite::tile::detail {

class Recorder;

/// One byte for each element, 1 where nothing defined it; null while all are defined.
using Undefined = std::unique_ptr<std::uint8_t[]>;

/// The elements of a tile, row-major. Shared by the tiles that are views of each other; whoever
/// writes to a shared one copies it first.
struct TileStorage {
  core::AlignedBuffer<std::byte> bytes;  ///< empty in a run without numbers
  Undefined undefined;
};

struct FreeMemory {
  void operator()(void* memory) const noexcept { std::free(memory); }
};

/// The elements of a buffer in GM.
struct BufferStorage {
  std::byte* data = nullptr;                          ///< null if there are no numbers
  std::unique_ptr<void, FreeMemory> owned;            ///< of created and kept tensors
  std::unique_ptr<std::uint8_t, FreeMemory> defined;  ///< a byte an element; null: all are
  bool is_computed = false;                           ///< a kernel has written to it
};

/// What a Value refers to: a tile if `tile` is valid, else a view of a buffer in GM.
struct Node {
  Recorder* recorder = nullptr;
  DType dtype = DType::f32;
  Shape shape;
  Shape valid;
  TileId tile;
  ViewId view;
  std::shared_ptr<TileStorage> storage;  ///< of a tile

  [[nodiscard]] bool is_tile() const { return tile.valid(); }
  [[nodiscard]] Index elements() const { return shape.elements(); }
  [[nodiscard]] Index rows() const { return shape[0]; }
  [[nodiscard]] Index cols() const { return shape[1]; }
  [[nodiscard]] bool is_fully_valid() const { return valid == shape; }

  /// The tile's elements; null in a run without numbers.
  template <class T>
  [[nodiscard]] T* data() const {
    return reinterpret_cast<T*>(storage->bytes.data());
  }
  [[nodiscard]] bool has_numbers() const { return !storage->bytes.empty(); }
  /// Null while all elements are defined.
  [[nodiscard]] const std::uint8_t* undefined() const { return storage->undefined.get(); }
  /// The same to write to, made if it is not there.
  [[nodiscard]] std::uint8_t* make_undefined() const {
    if (storage->undefined == nullptr) {
      storage->undefined = std::make_unique<std::uint8_t[]>(static_cast<std::size_t>(elements()));
    }
    return storage->undefined.get();
  }
};
using NodePtr = std::shared_ptr<Node>;

}  // namespace fulgurite::tile::detail
