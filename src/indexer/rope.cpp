#include <cstddef>

#include "indexer/arithmetic.hpp"
#include "indexer/stages.hpp"

namespace fulgurite::reference {

void rotate(Row& row, const RopeAngle& angle, Rounding rounding) {
  for (std::size_t i = 0; i < kRopePairs; ++i) {
    float& even = row[kHeadDim - kRopeDim + 2 * i];
    float& odd = row[kHeadDim - kRopeDim + 2 * i + 1];
    const float turned_even = even * angle.cos[i] - odd * angle.sin[i];
    const float turned_odd = even * angle.sin[i] + odd * angle.cos[i];
    even = round(rounding, turned_even);
    odd = round(rounding, turned_odd);
  }
}

}  // namespace fulgurite::reference
