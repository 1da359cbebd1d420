#include "core/aligned_buffer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "fulgurite/error.hpp"

namespace fulgurite::core {
namespace {

std::uintptr_t address(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

TEST(AlignedBuffer, IsAlignedToALineAndALargeOneToAHugePage) {
  for (const std::int64_t bytes : {1, 63, 64, 65, 4097, (2 << 20) - 1}) {
    const AlignedBuffer<std::int8_t> buffer("test", bytes);
    EXPECT_EQ(address(buffer.data()) % 64, 0U) << bytes;
    EXPECT_EQ(buffer.size(), bytes);
  }
  for (const std::int64_t bytes : {2 << 20, (2 << 20) + 1, 5 << 20}) {
    const AlignedBuffer<std::int8_t> buffer("test", bytes);
    EXPECT_EQ(address(buffer.data()) % kHugePageBytes, 0U) << bytes;
  }
}

TEST(AlignedBuffer, EveryByteCanBeWritten) {
  for (const std::int64_t size : {1, 1000, 600'001}) {
    AlignedBuffer<float> buffer("test", size);
    std::ranges::fill(buffer.span(), 1.5F);
    EXPECT_EQ(buffer[0], 1.5F);
    EXPECT_EQ(buffer[size - 1], 1.5F);
  }
}

TEST(AlignedBuffer, ZeroedIsZeroEvenWhereMemoryIsReused) {
  for (const std::int64_t size : {1, 1000, 600'001}) {
    {
      std::ranges::fill(AlignedBuffer<float>("dirty", size).span(), 1.5F);
    }
    const auto buffer = AlignedBuffer<float>::zeroed("test", size);
    EXPECT_TRUE(std::ranges::all_of(buffer.span(), [](float x) { return x == 0.0F; }));
  }
}

TEST(AlignedBuffer, AnEmptyOneOwnsNothing) {
  EXPECT_EQ(AlignedBuffer<float>().data(), nullptr);
  EXPECT_TRUE(AlignedBuffer<float>::zeroed("test", 0).empty());
  EXPECT_TRUE(AlignedBuffer<float>("test", 0).span().empty());
}

TEST(AlignedBuffer, MovesItsMemoryAndLeavesNothing) {
  AlignedBuffer<int> from("test", 10);
  from[9] = 7;
  const int* const memory = from.data();
  AlignedBuffer<int> to = std::move(from);
  EXPECT_EQ(to.data(), memory);
  EXPECT_EQ(to[9], 7);
  EXPECT_EQ(from.size(), 0);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(from.data(), nullptr);
  from = std::move(to);
  EXPECT_EQ(from[9], 7);
  EXPECT_EQ(to.size(), 0);  // NOLINT(bugprone-use-after-move)
}

TEST(AlignedBuffer, EnsureGrowsAndNeverShrinks) {
  AlignedBuffer<int> buffer;
  buffer.ensure("test", 10);
  ASSERT_EQ(buffer.size(), 10);
  buffer[9] = 7;
  const int* const memory = buffer.data();
  buffer.ensure("test", 3);
  buffer.ensure("test", 10);
  EXPECT_EQ(buffer.data(), memory);
  EXPECT_EQ(buffer[9], 7);
  buffer.ensure("test", 11);
  EXPECT_EQ(buffer.size(), 11);
}

ErrorKind kind_of_error(std::int64_t size, std::string& message) {
  try {
    const AlignedBuffer<double> buffer("key rows", size);
  } catch (const Error& error) {
    message = error.what();
    return error.kind();
  }
  ADD_FAILURE() << "no error for " << size;
  return ErrorKind::internal;
}

TEST(AlignedBuffer, ASizeThatOverflowsOrIsNegativeIsAnInputError) {
  std::string message;
  EXPECT_EQ(kind_of_error(std::numeric_limits<std::int64_t>::max() / 8 + 1, message),
            ErrorKind::input);
  EXPECT_EQ(message, "key rows: 1152921504606846976 * 8 overflows a 64-bit size");
  EXPECT_EQ(kind_of_error(-1, message), ErrorKind::input);
  EXPECT_EQ(message, "key rows: expected a size of at least 0, found -8 bytes");
}

TEST(AlignedBuffer, MemoryThatTheMachineRefusesIsASystemErrorAndChangesNothing) {
  std::string message;
  EXPECT_EQ(kind_of_error(std::numeric_limits<std::int64_t>::max() / 8, message),
            ErrorKind::system);
  EXPECT_EQ(message.find("key rows: expected 9223372036854775800 bytes of memory, found"), 0U);
  AlignedBuffer<double> kept("test", 4);
  kept[3] = 2.5;
  EXPECT_THROW(kept.ensure("test", std::int64_t{1} << 58), Error);
  EXPECT_EQ(kept.size(), 4);
  EXPECT_EQ(kept[3], 2.5);
}

}  // namespace
}  // namespace fulgurite::core
