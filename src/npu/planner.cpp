#include "npu/planner.hpp"

#include <algorithm>
#include <numeric>
#include <set>
#include <tuple>

#include "core/checked.hpp"

namespace fulgurite::npu {

using namespace tile;

namespace {

class Planning {
 public:
  Planning(const KernelValues& values, Space space, Index bottom, Index align, Planner planner)
      : values_(values),
        bottom_(bottom),
        align_(align),
        is_strict_(planner == Planner::may_strict),
        excluded_(values.excluded.begin(), values.excluded.end()) {
    layout_.buffer_of.assign(values.values.size(), -1);
    layout_.end = bottom;
    for (std::int32_t row = 0; row < static_cast<std::int32_t>(values.values.size()); ++row) {
      if (value(row).space == space) rows_.push_back(row);
    }
  }

  /// In the order of definition, the earliest buffer of the same shape and type that is free.
  Layout may() {
    sort_rows([&](std::int32_t a, std::int32_t b) {
      return std::pair(value(a).first_time, a) < std::pair(value(b).first_time, b);
    });
    for (const std::int32_t row : rows_) {
      auto buffer = std::find_if(layout_.buffers.begin(), layout_.buffers.end(),
                                 [&](const BufferPlan& plan) { return suits(plan, row); });
      if (buffer == layout_.buffers.end()) buffer = add(row, layout_.end);
      occupy(*buffer, row);
    }
    return std::move(layout_);
  }

  /// The largest first, at the lowest address at which nothing lies that lives at the same time.
  Layout august() {
    sort_rows([&](std::int32_t a, std::int32_t b) {
      return std::tuple(-size(a), value(a).first_time, a) <
             std::tuple(-size(b), value(b).first_time, b);
    });
    for (const std::int32_t row : rows_) occupy(*add(row, lowest_free(row)), row);
    std::vector<std::size_t> order(rows_.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return std::pair(layout_.buffers[a].offset, a) < std::pair(layout_.buffers[b].offset, b);
    });
    std::vector<BufferPlan> sorted;
    for (const std::size_t number : order) {
      layout_.buffer_of[static_cast<std::size_t>(rows_[number])] =
          static_cast<std::int32_t>(sorted.size());
      sorted.push_back(layout_.buffers[number]);
    }
    layout_.buffers = std::move(sorted);
    return std::move(layout_);
  }

 private:
  [[nodiscard]] const KernelValue& value(std::int32_t row) const {
    return values_.values[static_cast<std::size_t>(row)];
  }
  [[nodiscard]] Index bytes(std::int32_t row) const {
    return core::round_up(value(row).bytes, align_);
  }
  [[nodiscard]] Index size(std::int32_t row) const { return bytes(row) * value(row).copies; }

  template <class Less>
  void sort_rows(Less less) {
    std::sort(rows_.begin(), rows_.end(), less);
  }

  [[nodiscard]] bool conflict(std::int32_t a, std::int32_t b) const {
    if (excluded_.contains({a, b}) || excluded_.contains({b, a})) return true;
    // Strictly, lives conflict that touch in one statement.
    const int unit = is_strict_ ? 2 : 1;
    return value(a).first_time / unit <= value(b).last_time / unit &&
           value(b).first_time / unit <= value(a).last_time / unit;
  }

  [[nodiscard]] bool suits(const BufferPlan& buffer, std::int32_t row) const {
    const auto number = static_cast<std::size_t>(&buffer - layout_.buffers.data());
    const std::vector<std::int32_t>& lodgers = lodgers_[number];
    const KernelValue& first = value(lodgers[0]);
    const KernelValue& next = value(row);
    return first.shape == next.shape && first.dtype == next.dtype && buffer.copies >= next.copies &&
           buffer.bytes >= bytes(row) &&
           std::none_of(lodgers.begin(), lodgers.end(),
                        [&](std::int32_t lodger) { return conflict(lodger, row); });
  }

  std::vector<BufferPlan>::iterator add(std::int32_t row, Index offset) {
    layout_.buffers.push_back({offset, bytes(row), value(row).copies, {}});
    lodgers_.emplace_back();
    layout_.end = std::max(layout_.end, offset + size(row));
    return std::prev(layout_.buffers.end());
  }

  void occupy(BufferPlan& buffer, std::int32_t row) {
    const auto number = static_cast<std::size_t>(&buffer - layout_.buffers.data());
    lodgers_[number].push_back(row);
    layout_.buffer_of[static_cast<std::size_t>(row)] = static_cast<std::int32_t>(number);
    const KernelValue& lodger = value(row);
    buffer.tenants.push_back(
        {row, lodger.tile, lodger.is_scratch, lodger.first_time / 2, lodger.last_time / 2});
  }

  [[nodiscard]] Index lowest_free(std::int32_t row) const {
    Index offset = bottom_;
    bool moved = true;
    while (moved) {
      moved = false;
      for (std::size_t number = 0; number < layout_.buffers.size(); ++number) {
        const BufferPlan& other = layout_.buffers[number];
        const bool apart =
            other.offset + other.size() <= offset || offset + size(row) <= other.offset;
        if (apart || !conflict(lodgers_[number][0], row)) continue;
        offset = other.offset + other.size();
        moved = true;
      }
    }
    return offset;
  }

  const KernelValues& values_;
  Index bottom_;
  Index align_;
  bool is_strict_;
  std::set<std::pair<std::int32_t, std::int32_t>> excluded_;
  std::vector<std::int32_t> rows_;
  Layout layout_;
  std::vector<std::vector<std::int32_t>> lodgers_;  ///< by buffer: rows of values
};

}  // namespace

Layout lay_out(const KernelValues& values, Space space, Index bottom, Index align,
               Planner planner) {
  Planning planning(values, space, bottom, align, planner);
  return planner == Planner::august ? planning.august() : planning.may();
}

}  // namespace fulgurite::npu
