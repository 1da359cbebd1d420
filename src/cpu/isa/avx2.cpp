// Kernels for AVX2 and FMA.
#include "cpu/simd/avx2.hpp"

#include "cpu/table-inl.hpp"

namespace fulgurite::cpu {

const Kernels kAvx2Kernels = make_kernels();

}  // namespace fulgurite::cpu
