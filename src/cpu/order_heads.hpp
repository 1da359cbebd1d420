#pragma once

#include <cstdint>

namespace fulgurite::cpu {

/// The order of numerics: weights that are >= 0 or NaN first, in order; then the negative ones,
/// most negative first. The same as reference::head_order, without its memory.
void order_heads(const float* folded, std::int64_t heads, std::int32_t* order);

}  // namespace fulgurite::cpu
