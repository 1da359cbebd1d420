#include "programs/rows.hpp"

namespace fulgurite::programs {

using namespace tile;

Value rows_of(const Value& x, Index first, Index count, Where where) {
  if (count == x.shape()[0]) return x;
  return x({first, count}, all, where);
}

Tile codes_of_rows(const Tile& x, const Tile& scale) {
  const Tile scaled = row_expand_mul(x, scale);
  const Tile whole = cast(scaled, DType::i32, Round::rint);
  return cast(cast(whole, DType::f16, Round::round), DType::i8, Round::trunc);
}

}  // namespace fulgurite::programs
