#include "npu/regions.hpp"

#include <algorithm>

namespace fulgurite::npu {
namespace {

using tile::Index;
using tile::Region;
using tile::Shape;

struct Boxes {
  Shape a;
  Shape b;
};
std::optional<Boxes> same_boxes(const Region& a, const Region& b) {
  if (a.strides != b.strides) return std::nullopt;
  const std::optional<Shape> start_a = box_start(a);
  const std::optional<Shape> start_b = box_start(b);
  if (!start_a || !start_b) return std::nullopt;
  return Boxes{*start_a, *start_b};
}

Overlap compare_boxes(const Boxes& start, const Region& newer, const Region& older) {
  bool is_covered = true;
  for (std::size_t axis = 0; axis < newer.strides.rank(); ++axis) {
    const Index newer_last = start.a[axis] + newer.extent[axis];
    const Index older_last = start.b[axis] + older.extent[axis];
    if (newer_last <= start.b[axis] || older_last <= start.a[axis]) return Overlap::none;
    is_covered &= start.a[axis] <= start.b[axis] && newer_last >= older_last;
  }
  return is_covered ? Overlap::covered : Overlap::some;
}

bool byte_ranges_meet(const Region& a, const Region& b) {
  if (a.buffer != b.buffer || a.empty() || b.empty()) return false;
  const auto range_a = a.bytes(tile::DType::i8);
  const auto range_b = b.bytes(tile::DType::i8);
  return range_a[0] < range_b[1] && range_b[0] < range_a[1];
}

}  // namespace

std::optional<Shape> box_start(const Region& region) {
  const std::size_t rank = region.strides.rank();
  if (rank == 0 || region.strides.back() != 1) return std::nullopt;
  Shape start = Shape::filled(rank, 0);
  Index rest = region.offset;
  for (std::size_t axis = 0; axis < rank; ++axis) {
    start[axis] = rest / region.strides[axis];
    rest %= region.strides[axis];
    if (axis == 0) continue;
    const Index outer = region.strides[axis - 1];
    if (outer % region.strides[axis] != 0) return std::nullopt;
    if (start[axis] + region.extent[axis] > outer / region.strides[axis]) return std::nullopt;
  }
  return start;
}

Overlap runtime_overlap(const Region& newer, const Region& older) {
  if (!byte_ranges_meet(newer, older)) return Overlap::none;
  const std::optional<Boxes> start = same_boxes(newer, older);
  return start ? compare_boxes(*start, newer, older) : Overlap::some;
}

std::vector<Stretch> stretches(const Region& region) {
  std::vector<Stretch> result;
  if (region.empty()) return result;
  for_each_row(region,
               [&](Index first, Index length) { result.push_back({first, first + length}); });
  std::sort(result.begin(), result.end(), [](Stretch a, Stretch b) { return a.first < b.first; });
  std::size_t kept = 0;
  for (std::size_t i = 1; i < result.size(); ++i) {
    if (result[i].first <= result[kept].last) {
      result[kept].last = std::max(result[kept].last, result[i].last);
    } else {
      result[++kept] = result[i];
    }
  }
  result.resize(kept + 1);
  return result;
}

bool share_elements(const Region& a, const Region& b) {
  if (!byte_ranges_meet(a, b)) return false;
  if (const std::optional<Boxes> start = same_boxes(a, b)) {
    return compare_boxes(*start, a, b) != Overlap::none;
  }
  const std::vector<Stretch> stretches_a = stretches(a);
  const std::vector<Stretch> stretches_b = stretches(b);
  for (std::size_t i = 0, j = 0; i < stretches_a.size() && j < stretches_b.size();) {
    if (stretches_a[i].last <= stretches_b[j].first) {
      ++i;
    } else if (stretches_b[j].last <= stretches_a[i].first) {
      ++j;
    } else {
      return true;
    }
  }
  return false;
}

Index contiguous_elements(const Region& region) {
  Index run = 1;
  for (std::size_t axis = region.extent.rank(); axis-- > 0;) {
    if (region.extent[axis] == 1) continue;
    if (region.strides[axis] != run) break;
    run *= region.extent[axis];
  }
  return run;
}

std::string describe(const tile::Trace& trace, const Region& region) {
  const tile::Buffer& buffer = trace[region.buffer];
  if (region.offset == 0 && region.extent.elements() == buffer.shape.elements()) {
    return buffer.name;
  }
  const std::optional<Shape> start = box_start(region);
  std::string text = buffer.name;
  if (!start) {
    return text + "[" + std::to_string(region.offset) + " + " + to_string(region.extent) +
           " by strides " + to_string(region.strides) + "]";
  }
  for (std::size_t axis = 0; axis < start->rank(); ++axis) {
    const Index first = (*start)[axis];
    text += (axis == 0 ? "[" : ", ") + std::to_string(first) + ":" +
            std::to_string(first + region.extent[axis]);
  }
  return text + "]";
}

}  // namespace fulgurite::npu
