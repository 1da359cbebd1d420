#pragma once

#include <cstdint>
#include <span>

#include "indexer/stages.hpp"

// The bytes of a key row in each format; see KeyPages.

namespace fulgurite::cpu {

/// Of the codes of one row.
std::int64_t code_bytes(RowFormat format);

/// `scale`: 4 bytes; null in format fp32.
void pack_row(RowFormat format, const reference::EncodedRow& row, std::int8_t* codes, float* scale);

/// The values: code * scale.
void unpack_row(RowFormat format, const std::int8_t* codes, const float* scale,
                std::span<float, kHeadDim> values);

}  // namespace fulgurite::cpu
