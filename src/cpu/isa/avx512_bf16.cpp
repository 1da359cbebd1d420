// Kernels for AVX-512 with VNNI and BF16.
#include "cpu/simd/avx512.hpp"
#include "cpu/table-inl.hpp"

namespace fulgurite::cpu {

const Kernels kAvx512Bf16Kernels = make_kernels();

}  // namespace fulgurite::cpu
