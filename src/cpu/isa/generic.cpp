// Kernels for any machine.
#include "cpu/simd/generic.hpp"

#include "cpu/table-inl.hpp"

namespace fulgurite::cpu {

const Kernels kGenericKernels = make_kernels();

}  // namespace fulgurite::cpu
