#include "core/checked.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "fulgurite/error.hpp"

namespace fulgurite::core {
namespace {

constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();

TEST(Checked, SumsAndProductsThatFitAreExact) {
  EXPECT_EQ(checked_multiply("cache", 262'144, 128), 33'554'432);
  EXPECT_EQ(checked_add("cache", kHuge - 1, 1), kHuge);
}

TEST(Checked, AnOverflowNamesTheThingAndBothOperands) {
  try {
    checked_multiply("idx_kv_cache", kHuge, 128);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    EXPECT_STREQ(error.what(), "idx_kv_cache: 9223372036854775807 * 128 overflows a 64-bit size");
  }
  EXPECT_THROW(checked_add("rows", kHuge, 1), Error);
}

}  // namespace
}  // namespace fulgurite::core
