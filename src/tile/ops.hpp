#pragma once

#include <initializer_list>
#include <optional>
#include <source_location>
#include <span>
#include <string_view>

#include "tile/options.hpp"
#include "tile/value.hpp"
#include "tile/where.hpp"

// The operations of the tile language. Each computes its result at once, rounds as stated, and
// records itself. They work inside a scope only, but for reshape, slice and read. Tiles are
// [rows, cols] unless said otherwise; a tensor as an operand is loaded whole. Every NaN that an
// operation makes is the canonical one.
//
// All throw Error(input) for wrong shapes, types, options and places, and Error(unsupported) for
// what the language knows but this project does not compute. The message names the operation, the
// scope and the line.

namespace fulgurite::tile {

// ---- Names

/// The same tile with a name for reports.
Tile named(std::string_view name, const Value& tile, Where where = std::source_location::current());
/// Lets a tile leave its scope: a tensor in GM that is stored here, and loaded by the scopes that
/// use it. Its invalid part is undefined.
Tensor keep(std::string_view name, const Value& tile,
            Where where = std::source_location::current());

// ---- Windows. The common forms are x(rows, cols) and x(rows, cols) = tile; see Value.

/// The same elements in row-major order. Outside scopes a view, inside a value.
Value reshape(const Value& x, const Shape& shape, Where where = std::source_location::current());
/// x with the window at `offset` replaced by `tile`: a tensor is written in place.
Tensor assemble(const Tensor& x, const Value& tile, const Shape& offset,
                Where where = std::source_location::current());
Tile assemble(const Tile& x, const Value& tile, const Shape& offset,
              Where where = std::source_location::current());
/// A window that may reach past x. Only `valid_shape` of it is read; the rest is undefined and
/// not valid.
Value slice(const Value& x, const Shape& shape, const Shape& offset,
            std::optional<Shape> valid_shape = std::nullopt,
            Where where = std::source_location::current());

// ---- Matrix products (cube)

/// [M,K] x [K,N] -> [M,N]; with b_trans b is [N,K], with a_trans a is [K,M]. INT8 -> INT32, exact;
/// BF16 -> FP32 by the Dot of the definition, K even.
Tile matmul(const Value& a, const Value& b, const MatmulOptions& options,
            Where where = std::source_location::current());
/// acc + a x b: continues the Dot where acc has left it, so that cutting K changes no bit.
Tile matmul_acc(const Value& acc, const Value& a, const Value& b,
                const MatmulAccOptions& options = {},
                Where where = std::source_location::current());

// ---- Element by element (vector): FP32; add, sub, mul, maximum, neg, abs also INT32 (wrapping)

Tile add(const Value& x, const Value& y, Where where = std::source_location::current());
Tile add(const Value& x, Number y, Where where = std::source_location::current());
Tile sub(const Value& x, const Value& y, Where where = std::source_location::current());
Tile sub(const Value& x, Number y, Where where = std::source_location::current());
Tile mul(const Value& x, const Value& y, Where where = std::source_location::current());
Tile mul(const Value& x, Number y, Where where = std::source_location::current());
Tile div(const Value& x, const Value& y, Where where = std::source_location::current());
Tile div(const Value& x, Number y, Where where = std::source_location::current());
/// NaN if either is NaN.
Tile maximum(const Value& x, const Value& y, Where where = std::source_location::current());
Tile maximum(const Value& x, Number y, Where where = std::source_location::current());
Tile neg(const Value& x, Where where = std::source_location::current());
Tile abs(const Value& x, Where where = std::source_location::current());
/// The project's own e^x (indexer/exp.hpp).
Tile exp(const Value& x, Where where = std::source_location::current());
/// 1 / x
Tile recip(const Value& x, Where where = std::source_location::current());
Tile sqrt(const Value& x, Where where = std::source_location::current());
/// Another element type. A narrowing float conversion takes Round::rint only.
Tile cast(const Value& x, DType target, Round mode = Round::round,
          Where where = std::source_location::current());
Scalar cast(const Scalar& x, DType target, Where where = std::source_location::current());

// ---- Rows and columns (vector, FP32)

/// Over the valid columns: [M,N] -> [M,1]. The sum starts at +0 and ascends.
Tile row_max(const Value& x, Where where = std::source_location::current());
Tile row_sum(const Value& x, Where where = std::source_location::current());
/// x[i,j] * v[i,0], v is [M,1].
Tile row_expand_mul(const Value& x, const Value& v, Where where = std::source_location::current());
/// x[i,j] * v[0,j], v is [1,N].
Tile col_expand_mul(const Value& x, const Value& v, Where where = std::source_location::current());
/// v [1,N] once for each row of base [M,N], whose values do not matter.
Tile col_expand(const Value& base, const Value& v, Where where = std::source_location::current());

// ---- Valid region (vector)

/// The same elements, of which only the first rows x cols count.
Tile set_validshape(const Value& x, Index rows, Index cols,
                    Where where = std::source_location::current());
/// The elements outside of the valid region become the pad value; the result is fully valid.
Tile fillpad(const Value& x, PadValue pad_value = PadValue::zero,
             Where where = std::source_location::current());

// ---- Sorting and picking (vector)

/// Sorts each block of 32 columns, descending, ties by the smaller idx, NaN last. src [R,N] FP32,
/// idx [R,N] UINT32. Result [R,2N]: value at 2k, the 32 bits of its idx at 2k+1. Elements that are
/// not valid come last and are undefined.
Tile sort32(const Value& src, const Value& idx, Where where = std::source_location::current());
/// x [1,W] holds sorted runs of block_len elements; every four become one. Ties: the earlier run.
Tile mrgsort(const Value& x, Index block_len, Where where = std::source_location::current());
/// Merges two to four sorted pair lists [1,W_i] into one [1, sum]. Ties: the earlier list.
Tile mrgsort(std::initializer_list<Value> lists, Where where = std::source_location::current());
Tile mrgsort(std::span<const Value> lists, Where where);
/// Keeps some columns. `output_dtype`, of the same width, reinterprets the bits.
Tile gather(const Value& x, MaskPattern mask_pattern,
            std::optional<DType> output_dtype = std::nullopt,
            Where where = std::source_location::current());
/// out[r,k] = x[r, index[r,k]]; index is INT32.
struct GatherIndex {
  Index dim = -1;
  Value index;
};
Tile gather(const Value& x, const GatherIndex& by, Where where = std::source_location::current());
/// dst [R,2N] with the pattern's columns replaced by x [R,N].
Tile scatter(const Value& x, MaskPattern mask_pattern, const Value& dst,
             Where where = std::source_location::current());

// ---- One element (scalar)

/// One index for each axis. Also outside scopes, of a tensor.
Scalar read(const Value& x, const Shape& at, Where where = std::source_location::current());
void write(const Tensor& x, const Shape& at, Number value,
           Where where = std::source_location::current());
void write(Tile& x, const Shape& at, Number value, Where where = std::source_location::current());

}  // namespace fulgurite::tile
