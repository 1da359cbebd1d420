// Prints what one core of this machine can do, which every other benchmark divides by.

#include "cpu/ceilings.hpp"

#include <cstdio>

#include "timing.hpp"

int main() {
  using namespace fulgurite;
  bench::pin_to_this_cpu();
  std::printf("%-12s  %12s  %12s\n", "one core", "int8 GMAC/s", "bf16 GMAC/s");
  for (const IsaStatus& status : isa_statuses()) {
    const auto isa = name(status.isa);
    if (!status.available) {
      std::printf("%-12s  %s\n", isa.data(), status.reason.c_str());
      continue;
    }
    std::printf("%-12s  %12.1f  %12.1f\n", isa.data(), cpu::int8_macs_per_second(status.isa) * 1e-9,
                cpu::bf16_macs_per_second(status.isa) * 1e-9);
  }
  std::printf("\n%-12s  %12s\n", "working set", "read GB/s");
  for (const int kib : {16, 512, 8192, 262144}) {
    std::printf("%8d KiB  %12.1f\n", kib,
                cpu::read_bytes_per_second(std::int64_t{kib} << 10) * 1e-9);
  }
}
