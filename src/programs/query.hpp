#pragma once

#include "programs/forms.hpp"
#include "programs/rope.hpp"

namespace fulgurite::programs {

struct QueryTensors {
  tile::Tensor qr;          ///< [T, Q] INT8
  tile::Tensor qr_scale;    ///< [T, 1] FP32
  tile::Tensor wq_b;        ///< [Q, H*128] INT8
  tile::Tensor wq_b_scale;  ///< [H*128] FP32
  RopeTables rope;
  tile::Tensor hadamard;  ///< [128, 128] BF16
};

/// Query rows as codes: row t*H + head.
struct QuantizedQuery {
  tile::Tensor codes;  ///< [T*H, 128] INT8
  tile::Tensor scale;  ///< [T*H, 1] FP32
};

/// Stages `query`, `rope`, `hadamard` and `quantize`.
QuantizedQuery query(tile::Program& pl, const ProgramShape& shape, const ProgramOptions& options,
                     const QueryTensors& tensors);

}  // namespace fulgurite::programs
