#include "core/float_mode.hpp"

#include <gtest/gtest.h>
#include <xmmintrin.h>

#include <array>

#include "core/parallel.hpp"

namespace fulgurite::core {
namespace {

constexpr unsigned kDefault = 0x1f80;
constexpr unsigned kFlushToZero = 0x8000;
constexpr unsigned kDenormalsAreZero = 0x0040;
constexpr unsigned kRoundDown = 0x2000;
constexpr unsigned kInexact = 0x0020;

/// Sets the mode as an engine would, and puts the test's own back.
class EngineMode {
 public:
  explicit EngineMode(unsigned mode) : before_(_mm_getcsr()) { _mm_setcsr(mode); }
  ~EngineMode() { _mm_setcsr(before_); }
  EngineMode(const EngineMode&) = delete;
  EngineMode& operator=(const EngineMode&) = delete;

 private:
  unsigned before_;
};

float product(const volatile float& a, const volatile float& b) { return a * b; }
float quotient(const volatile float& a, const volatile float& b) { return a / b; }

const volatile float kTiny = 0x1p-126F;
const volatile float kHalf = 0.5F;
const volatile float kOne = 1.0F;
const volatile float kThree = 3.0F;

TEST(FloatMode, DenormalsLiveInsideAndTheCallersModeReturns) {
  const EngineMode engine(kDefault | kFlushToZero | kDenormalsAreZero);
  ASSERT_EQ(product(kTiny, kHalf), 0.0F);
  float inside = 0;
  {
    const FloatMode mode;
    inside = product(kTiny, kHalf);
  }
  EXPECT_EQ(product(kTiny, kHalf), 0.0F);
  const unsigned after = _mm_getcsr();
  _mm_setcsr(kDefault);
  EXPECT_EQ(inside, 0x1p-127F);
  EXPECT_NE(after & kFlushToZero, 0U);
  EXPECT_NE(after & kDenormalsAreZero, 0U);
}

TEST(FloatMode, RoundsToNearestWhateverTheCallerDoes) {
  const float nearest = quotient(kOne, kThree);
  const EngineMode engine(kDefault | kRoundDown);
  ASSERT_LT(quotient(kOne, kThree), nearest);
  float inside = 0;
  {
    const FloatMode mode;
    inside = quotient(kOne, kThree);
  }
  EXPECT_EQ(inside, nearest);
}

TEST(FloatMode, TheCallersStickyFlagsAreItsOwn) {
  const EngineMode engine(kDefault);
  {
    const FloatMode mode;
    [[maybe_unused]] const volatile float third = quotient(kOne, kThree);
    ASSERT_NE(_mm_getcsr() & kInexact, 0U);
  }
  EXPECT_EQ(_mm_getcsr(), kDefault);
}

TEST(FloatMode, HoldsInEveryTaskOfAPoolMadeByAnEngineThatFlushesDenormals) {
  const EngineMode engine(kDefault | kFlushToZero | kDenormalsAreZero);
  const auto pool = make_thread_pool();
  std::array<float, 64> inside{};
  for_each_task(*pool, 64,
                [&](int i) { inside[static_cast<std::size_t>(i)] = product(kTiny, kHalf); });
  const FloatMode mode;
  for (const float value : inside) EXPECT_EQ(value, 0x1p-127F);
}

}  // namespace
}  // namespace fulgurite::core
