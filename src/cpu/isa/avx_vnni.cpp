// Kernels for AVX2, FMA and AVX-VNNI.
#include "cpu/simd/avx2.hpp"
#include "cpu/table-inl.hpp"

namespace fulgurite::cpu {

const Kernels kAvxVnniKernels = make_kernels();

}  // namespace fulgurite::cpu
