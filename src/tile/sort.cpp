#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <vector>

#include "fulgurite/dtype.hpp"
#include "tile/flags.hpp"
#include "tile/operation.hpp"
#include "tile/ops.hpp"

// Pairs of a value and the 32 bits of its index, sorted by value, descending.

namespace fulgurite::tile {
namespace {

using detail::Node;
using detail::NodePtr;
using detail::Operation;

constexpr Index kBlock = 32;

/// a stands before b; NaN comes last. Equal values are not before each other.
bool is_before(float a, float b) { return is_nan(b) ? !is_nan(a) : a > b; }

/// A pair on its way, with its flags.
struct Pair {
  std::uint32_t value = 0;
  std::uint32_t index = 0;
  std::uint8_t value_undefined = 0;
  std::uint8_t index_undefined = 0;
  bool is_valid = true;
};

bool sorts_before(const Pair& a, const Pair& b) {
  if (a.is_valid != b.is_valid) return a.is_valid;
  const auto x = std::bit_cast<float>(a.value);
  const auto y = std::bit_cast<float>(b.value);
  if (is_before(x, y)) return true;
  if (is_before(y, x)) return false;
  return a.index < b.index;
}

/// Without numbers nobody knows where an element goes: all of a span is undefined if one of it is.
void smear(std::uint8_t* flags, Index count) {
  if (std::find(flags, flags + count, 1) != flags + count) std::fill_n(flags, count, 1);
}

void put(const Node& out, Index at, const Pair& pair) {
  if (out.has_numbers()) {
    out.data<std::uint32_t>()[2 * at] = pair.value;
    out.data<std::uint32_t>()[2 * at + 1] = pair.index;
  }
  if (pair.value_undefined != 0) out.make_undefined()[2 * at] = 1;
  if (pair.index_undefined != 0) out.make_undefined()[2 * at + 1] = 1;
}

void sort_block(const Node& out, const Node& src, const Node& idx, Index row, Index first) {
  std::array<Pair, kBlock> pairs;
  for (Index i = 0; i < kBlock; ++i) {
    const Index at = row * src.cols() + first + i;
    Pair& pair = pairs[static_cast<std::size_t>(i)];
    pair.is_valid = row < src.valid[0] && first + i < src.valid[1];
    if (src.has_numbers()) {
      pair.value = src.data<std::uint32_t>()[at];
      pair.index = idx.data<std::uint32_t>()[at];
    }
    const bool is_value_lost =
        !pair.is_valid || (src.undefined() != nullptr && src.undefined()[at] != 0);
    const bool is_index_lost =
        !pair.is_valid || (idx.undefined() != nullptr && idx.undefined()[at] != 0);
    pair.value_undefined = is_value_lost ? 1 : 0;
    pair.index_undefined = is_index_lost ? 1 : 0;
  }
  if (src.has_numbers()) {
    std::sort(pairs.begin(), pairs.end(), sorts_before);
  } else {
    std::stable_sort(pairs.begin(), pairs.end(),
                     [](const Pair& a, const Pair& b) { return a.is_valid && !b.is_valid; });
  }
  for (Index i = 0; i < kBlock; ++i) {
    put(out, row * src.cols() + first + i, pairs[static_cast<std::size_t>(i)]);
  }
}

/// A sorted list of pairs.
struct Run {
  const Node* node;
  Index at;  ///< the next pair
  Index end;

  [[nodiscard]] Pair front() const {
    Pair pair;
    pair.value = node->data<std::uint32_t>()[2 * at];
    pair.index = node->data<std::uint32_t>()[2 * at + 1];
    if (node->undefined() != nullptr) {
      pair.value_undefined = node->undefined()[2 * at];
      pair.index_undefined = node->undefined()[2 * at + 1];
    }
    return pair;
  }
  [[nodiscard]] float value() const { return node->data<float>()[2 * at]; }
};

void merge(const Node& out, Index first, std::span<Run> runs) {
  for (Index to = first;; ++to) {
    Run* best = nullptr;
    for (Run& run : runs) {
      if (run.at == run.end) continue;
      if (best == nullptr || is_before(run.value(), best->value())) best = &run;
    }
    if (best == nullptr) return;
    put(out, to, best->front());
    ++best->at;
  }
}

void expect_pair_list(const Operation& operation, const Node& x, std::string_view what) {
  operation.expect_matrix(x, what);
  operation.expect_dtype(x, what, DType::f32);
  if (x.rows() != 1) {
    operation.refuse(std::string(what) + ": expected one row, found " + to_string(x.shape));
  }
}

}  // namespace

Tile sort32(const Value& src, const Value& idx, Where where) {
  Operation operation(src, "src", OpCode::sort32, where);
  const Node& values = operation.operand(src, "src");
  const Node& indices = operation.operand(idx, "idx");
  operation.expect_matrix(values, "src");
  operation.expect_dtype(values, "src", DType::f32);
  if (values.cols() % kBlock != 0) {
    operation.refuse("src: expected a multiple of 32 columns, found " + to_string(values.shape));
  }
  operation.expect_dtype(indices, "idx", DType::u32);
  operation.expect_shape(indices, "idx", values.shape);
  const NodePtr out = operation.finish(DType::f32, {values.rows(), 2 * values.cols()});
  const bool has_flags =
      values.undefined() != nullptr || indices.undefined() != nullptr || !values.is_fully_valid();
  if (!operation.computes() && !has_flags) return Tile(out);
  for (Index row = 0; row < values.rows(); ++row) {
    for (Index first = 0; first < values.cols(); first += kBlock) {
      sort_block(*out, values, indices, row, first);
    }
  }
  if (!operation.computes() && (values.undefined() != nullptr || indices.undefined() != nullptr)) {
    for (Index at = 0; at < out->elements(); at += 2 * kBlock) {
      smear(out->make_undefined() + at, 2 * kBlock);
    }
  }
  return Tile(out);
}

Tile mrgsort(const Value& x, Index block_len, Where where) {
  Operation operation(x, "x", OpCode::mrgsort, where);
  const Node& list = operation.operand(x, "x");
  expect_pair_list(operation, list, "x");
  if (block_len <= 0 || block_len % 64 != 0) {
    operation.refuse("block_len: expected a positive multiple of 64, found " +
                     std::to_string(block_len));
  }
  if (list.cols() % (4 * block_len) != 0) {
    operation.refuse("x: expected a multiple of four runs of " + std::to_string(block_len) +
                     " columns, found " + to_string(list.shape));
  }
  operation.settings().parameter = block_len;
  const NodePtr out = operation.finish(DType::f32, list.shape);
  if (!operation.computes()) {
    detail::mark_undefined(*out, list);
    for (Index at = 0; list.undefined() != nullptr && at < list.cols(); at += 4 * block_len) {
      smear(out->make_undefined() + at, 4 * block_len);
    }
    return Tile(out);
  }
  const Index pairs = block_len / 2;
  for (Index first = 0; first < list.cols() / 2; first += 4 * pairs) {
    std::array<Run, 4> runs;
    for (std::size_t i = 0; i < 4; ++i) {
      const Index at = first + static_cast<Index>(i) * pairs;
      runs[i] = {&list, at, at + pairs};
    }
    merge(*out, first, runs);
  }
  return Tile(out);
}

Tile mrgsort(std::initializer_list<Value> lists, Where where) {
  return mrgsort(std::span(lists.begin(), lists.size()), where);
}

Tile mrgsort(std::span<const Value> lists, Where where) {
  Operation operation(lists.empty() ? Value() : lists[0], "lists", OpCode::mrgsort_lists, where);
  if (lists.size() < 2 || lists.size() > 4) {
    operation.refuse("lists: expected two to four, found " + std::to_string(lists.size()));
  }
  std::vector<Run> runs;
  Index cols = 0;
  for (const Value& value : lists) {
    const Node& list = operation.operand(value, "list");
    expect_pair_list(operation, list, "list");
    if (list.cols() % 2 != 0) {
      operation.refuse("list: expected pairs, found " + to_string(list.shape));
    }
    runs.push_back({&list, 0, list.cols() / 2});
    cols += list.cols();
  }
  const NodePtr out = operation.finish(DType::f32, {1, cols});
  if (operation.computes()) {
    merge(*out, 0, runs);
    return Tile(out);
  }
  const bool has_flags = std::any_of(
      runs.begin(), runs.end(), [](const Run& run) { return run.node->undefined() != nullptr; });
  if (has_flags) std::fill_n(out->make_undefined(), cols, 1);
  return Tile(out);
}

}  // namespace fulgurite::tile
