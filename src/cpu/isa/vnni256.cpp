// The kernels of avx_vnni with the same instruction as AVX-512 encodes it.
#include "cpu/simd/avx2.hpp"
#include "cpu/table-inl.hpp"

namespace fulgurite::cpu {

const Kernels kVnni256Kernels = make_kernels();

}  // namespace fulgurite::cpu
