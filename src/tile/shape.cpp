#include "tile/shape.hpp"

#include <algorithm>

#include "fulgurite/error.hpp"
#include "tile/dtype.hpp"

namespace fulgurite::tile {

std::string_view name(DType dtype) {
  switch (dtype) {
    case DType::bf16:
      return "BF16";
    case DType::f16:
      return "FP16";
    case DType::f32:
      return "FP32";
    case DType::i8:
      return "INT8";
    case DType::i16:
      return "INT16";
    case DType::u16:
      return "UINT16";
    case DType::i32:
      return "INT32";
    case DType::u32:
      return "UINT32";
    case DType::i64:
      return "INT64";
    case DType::index:
      return "INDEX";
    case DType::boolean:
      return "BOOL";
  }
  return "?";
}

Shape::Shape(std::span<const Index> extents) : rank_(extents.size()) {
  if (extents.size() > kMaxRank) {
    throw Error(ErrorKind::unsupported,
                "shape: expected at most 4 axes, found " + std::to_string(extents.size()));
  }
  std::copy(extents.begin(), extents.end(), extents_.begin());
}

Shape Shape::filled(std::size_t rank, Index value) {
  Shape shape;
  for (std::size_t axis = 0; axis < rank; ++axis) shape.push_back(value);
  return shape;
}

Shape row_major_strides(const Shape& shape) {
  Shape strides = Shape::filled(shape.rank(), 1);
  for (std::size_t axis = shape.rank(); axis-- > 1;) {
    strides[axis - 1] = strides[axis] * shape[axis];
  }
  return strides;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (std::size_t axis = 0; axis < shape.rank(); ++axis) {
    if (axis != 0) text += ", ";
    text += std::to_string(shape[axis]);
  }
  return text + "]";
}

}  // namespace fulgurite::tile
