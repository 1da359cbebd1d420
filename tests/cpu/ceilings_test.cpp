#include "cpu/ceilings.hpp"

#include <gtest/gtest.h>

#include <chrono>

namespace fulgurite::cpu {
namespace {

constexpr double kSlowestMachine = 1e8;
constexpr double kFastestMachine = 1e14;

TEST(Ceilings, AreRatesOfAMachineForEveryIsaItHas) {
  for (const IsaStatus& status : isa_statuses()) {
    if (!status.available) continue;
    for (const double rate : {int8_macs_per_second(status.isa), bf16_macs_per_second(status.isa),
                              fp32_adds_per_second(status.isa)}) {
      EXPECT_GT(rate, kSlowestMachine) << name(status.isa);
      EXPECT_LT(rate, kFastestMachine) << name(status.isa);
    }
  }
}

TEST(Ceilings, ReadAnyWorkingSet) {
  for (const std::int64_t bytes : {0, 1, 300, 16 << 10, 4 << 20}) {
    const double rate = read_bytes_per_second(bytes);
    EXPECT_GT(rate, kSlowestMachine) << bytes;
    EXPECT_LT(rate, kFastestMachine) << bytes;
  }
}

TEST(Ceilings, TakeWellUnderASecondEach) {
  const auto start = std::chrono::steady_clock::now();
  int8_macs_per_second(Isa::generic);
  bf16_macs_per_second(Isa::generic);
  read_bytes_per_second(std::int64_t{64} << 20);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(3));
}

}  // namespace
}  // namespace fulgurite::cpu
