#include <gtest/gtest.h>

#include "exp_error.hpp"

namespace fulgurite::reference {
namespace {

TEST(ExpOfEveryFloat, is_within_one_ulp) {
  EXPECT_LT(worst_error(0.0F, kLargestExponent, 1), 1);
  EXPECT_LT(worst_error(-0.0F, kSmallestExponent, 1), 1);
}

}  // namespace
}  // namespace fulgurite::reference
