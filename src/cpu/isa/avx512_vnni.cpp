// Kernels for AVX-512 with VNNI.
#include "cpu/simd/avx512.hpp"
#include "cpu/table-inl.hpp"

namespace fulgurite::cpu {

const Kernels kAvx512VnniKernels = make_kernels();

}  // namespace fulgurite::cpu
