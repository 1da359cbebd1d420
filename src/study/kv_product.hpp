#pragma once

#include <array>

#include "npu/analysis.hpp"

// The product inside the score kernel, alone: the example of hw-native-sys/pypto-lib PR #741.

namespace fulgurite::study {

/// One cube task: a query tile [64, 128] INT8 is loaded once, then 16 times keys [128, 128] INT8
/// are loaded, multiplied by it, and the product [128, 64] INT32 is stored. Stage 1 is a plain
/// loop, above a pipelined one.
tile::Trace kv_product(tile::Index stage);

struct KvProductTime {
  tile::Index stage;
  double us;            ///< of the kernel
  double published_us;  ///< on the device
};
/// For the three stages of the pull request.
std::array<KvProductTime, 3> kv_product_times(const npu::Chip& chip, const npu::Rules& rules);

}  // namespace fulgurite::study
