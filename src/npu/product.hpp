#pragma once

#include "npu/chip.hpp"
#include "tile/trace.hpp"

namespace fulgurite::npu {

/// How the compiler cuts a product to fit L0A and L0B: by K only, twice buffered if there are
/// several steps.
struct Product {
  tile::Index rows = 0;     ///< M
  tile::Index depth = 0;    ///< K
  tile::Index columns = 0;  ///< N
  tile::Index element_bytes = 0;
  bool is_fp32 = false;
  tile::Index k_step = 0;
  tile::Index steps = 0;
  [[nodiscard]] tile::Index copies() const { return steps > 1 ? 2 : 1; }
  [[nodiscard]] tile::Index a_bytes() const { return rows * k_step * element_bytes; }
  [[nodiscard]] tile::Index b_bytes() const { return k_step * columns * element_bytes; }
};
/// Of a matmul or matmul_acc.
Product product(const tile::Trace& trace, const tile::Op& op, const Chip& chip);

/// On the cube.
double multiply_cycles(const Product& product, const Chip& chip);
/// From L1 to L0A and L0B.
double move_cycles(const Product& product, const Chip& chip);

}  // namespace fulgurite::npu
