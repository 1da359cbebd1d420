#include <cmath>

#include "core/float_mode.hpp"
#include "fulgurite/dtype.hpp"
#include "indexer/exp.hpp"
#include "tile/flags.hpp"
#include "tile/operation.hpp"
#include "tile/ops.hpp"

// Element by element. The kernels are plain loops that the compiler vectorises.

namespace fulgurite::tile {
namespace {

using detail::Node;
using detail::NodePtr;
using detail::Operation;

/// INT32 wraps, as the chip does.
template <class Compute>
std::int32_t wrapping(std::int32_t x, std::int32_t y, Compute compute) {
  return static_cast<std::int32_t>(
      compute(static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y)));
}

constexpr auto kAdd = [](auto x, auto y) { return x + y; };
constexpr auto kSub = [](auto x, auto y) { return x - y; };
constexpr auto kMul = [](auto x, auto y) { return x * y; };
constexpr auto kDiv = [](float x, float y) { return x / y; };
constexpr auto kMaximum = [](float x, float y) { return x > y || is_nan(x) ? x : y; };

/// out[i] = compute(x[i], y[i * step]): step 0 for a number.
template <class T, class Compute>
void map(const Node& out, const Node& x, const T* y, Index step, Compute compute) {
  const core::FloatMode mode;
  T* const to = out.data<T>();
  const T* const from = x.data<T>();
  const Index count = out.elements();
  if (step == 0) {
    const T number = *y;
    for (Index i = 0; i < count; ++i) to[i] = compute(from[i], number);
  } else {
    for (Index i = 0; i < count; ++i) to[i] = compute(from[i], y[i]);
  }
}

template <class T>
void compute_binary(OpCode code, const Node& out, const Node& x, const T* y, Index step);

template <>
void compute_binary(OpCode code, const Node& out, const Node& x, const float* y, Index step) {
  const auto run = [&](auto compute) {
    map<float>(out, x, y, step, [&](float a, float b) { return canonical(compute(a, b)); });
  };
  switch (code) {
    case OpCode::add:
      return run(kAdd);
    case OpCode::sub:
      return run(kSub);
    case OpCode::mul:
      return run(kMul);
    case OpCode::div:
      return run(kDiv);
    default:
      return run(kMaximum);
  }
}

template <>
void compute_binary(OpCode code, const Node& out, const Node& x, const std::int32_t* y,
                    Index step) {
  const auto run = [&](auto compute) {
    map<std::int32_t>(out, x, y, step,
                      [&](std::int32_t a, std::int32_t b) { return wrapping(a, b, compute); });
  };
  switch (code) {
    case OpCode::add:
      return run(kAdd);
    case OpCode::sub:
      return run(kSub);
    case OpCode::mul:
      return run(kMul);
    default:
      return map<std::int32_t>(out, x, y, step,
                               [](std::int32_t a, std::int32_t b) { return a > b ? a : b; });
  }
}

void expect_arithmetic(const Operation& operation, OpCode code, const Node& x) {
  const bool takes_integers = code == OpCode::add || code == OpCode::sub || code == OpCode::mul ||
                              code == OpCode::maximum || code == OpCode::neg || code == OpCode::abs;
  if (x.dtype == DType::f32 || (x.dtype == DType::i32 && takes_integers)) return;
  operation.refuse(std::string("x: expected FP32") + (takes_integers ? " or INT32" : "") +
                       ", found " + std::string(name(x.dtype)),
                   ErrorKind::unsupported);
}

Tile binary(OpCode code, const Value& x, const Value& y, const Where& where) {
  Operation operation(x, "x", code, where);
  const Node& left = operation.operand(x, "x");
  const Node& right = operation.operand(y, "y");
  expect_arithmetic(operation, code, left);
  operation.expect_dtype(right, "y", left.dtype);
  operation.expect_shape(right, "y", left.shape);
  const NodePtr out =
      operation.finish(left.dtype, left.shape, detail::common_valid(left.valid, right.valid));
  detail::mark_undefined(*out, left);
  detail::mark_undefined(*out, right);
  if (operation.computes() && left.dtype == DType::f32) {
    compute_binary(code, *out, left, right.data<float>(), 1);
  } else if (operation.computes()) {
    compute_binary(code, *out, left, right.data<std::int32_t>(), 1);
  }
  return Tile(out);
}

Tile binary(OpCode code, const Value& x, const Number& y, const Where& where) {
  Operation operation(x, "x", code, where);
  const Node& left = operation.operand(x, "x");
  expect_arithmetic(operation, code, left);
  operation.operand(y, left.dtype);
  const NodePtr out = operation.finish(left.dtype, left.shape, left.valid);
  detail::mark_undefined(*out, left);
  if (operation.computes() && left.dtype == DType::f32) {
    const auto number = static_cast<float>(y.value());
    compute_binary(code, *out, left, &number, 0);
  } else if (operation.computes()) {
    const auto number = static_cast<std::int32_t>(y.value());
    compute_binary(code, *out, left, &number, 0);
  }
  return Tile(out);
}

template <class Compute>
void map_floats(const Node& out, const Node& x, Compute compute) {
  const float unused = 0;
  map<float>(out, x, &unused, 0, [&](float value, float) { return canonical(compute(value)); });
}

template <class Compute>
void map_integers(const Node& out, const Node& x, Compute compute) {
  const std::int32_t unused = 0;
  map<std::int32_t>(out, x, &unused, 0,
                    [&](std::int32_t value, std::int32_t) { return compute(value); });
}

void compute_unary(OpCode code, const Node& out, const Node& x) {
  if (x.dtype == DType::i32) {
    return map_integers(out, x, [&](std::int32_t value) {
      const bool keeps = code == OpCode::abs && value >= 0;
      return keeps ? value : wrapping(0, value, kSub);
    });
  }
  switch (code) {
    case OpCode::neg:
      return map_floats(out, x, [](float value) { return -value; });
    case OpCode::abs:
      return map_floats(out, x, [](float value) { return std::fabs(value); });
    case OpCode::exp:
      return map_floats(out, x, [](float value) { return reference::exp(value); });
    case OpCode::recip:
      return map_floats(out, x, [](float value) { return 1.F / value; });
    default:
      return map_floats(out, x, [](float value) { return std::sqrt(value); });
  }
}

Tile unary(OpCode code, const Value& x, const Where& where) {
  Operation operation(x, "x", code, where);
  const Node& from = operation.operand(x, "x");
  expect_arithmetic(operation, code, from);
  const NodePtr out = operation.finish(from.dtype, from.shape, from.valid);
  detail::mark_undefined(*out, from);
  if (operation.computes()) compute_unary(code, *out, from);
  return Tile(out);
}

}  // namespace

Tile add(const Value& x, const Value& y, Where where) { return binary(OpCode::add, x, y, where); }
Tile add(const Value& x, Number y, Where where) { return binary(OpCode::add, x, y, where); }
Tile sub(const Value& x, const Value& y, Where where) { return binary(OpCode::sub, x, y, where); }
Tile sub(const Value& x, Number y, Where where) { return binary(OpCode::sub, x, y, where); }
Tile mul(const Value& x, const Value& y, Where where) { return binary(OpCode::mul, x, y, where); }
Tile mul(const Value& x, Number y, Where where) { return binary(OpCode::mul, x, y, where); }
Tile div(const Value& x, const Value& y, Where where) { return binary(OpCode::div, x, y, where); }
Tile div(const Value& x, Number y, Where where) { return binary(OpCode::div, x, y, where); }
Tile maximum(const Value& x, const Value& y, Where where) {
  return binary(OpCode::maximum, x, y, where);
}
Tile maximum(const Value& x, Number y, Where where) { return binary(OpCode::maximum, x, y, where); }
Tile neg(const Value& x, Where where) { return unary(OpCode::neg, x, where); }
Tile abs(const Value& x, Where where) { return unary(OpCode::abs, x, where); }
Tile exp(const Value& x, Where where) { return unary(OpCode::exp, x, where); }
Tile recip(const Value& x, Where where) { return unary(OpCode::recip, x, where); }
Tile sqrt(const Value& x, Where where) { return unary(OpCode::sqrt, x, where); }

}  // namespace fulgurite::tile
