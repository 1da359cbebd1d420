#pragma once

#include <cstdint>
#include <vector>

#include "fulgurite/dtype.hpp"

namespace fulgurite::app {

/// Random numbers of mean 0 and deviation 1. Own arithmetic, since the distributions of the
/// standard library differ from one to the next.
class Normal {
 public:
  /// Each tensor has a stream of its own.
  Normal(std::uint64_t seed, std::uint64_t stream) : state_(mixed(mixed(seed) + stream * kGamma)) {}

  /// The sum of four uniform numbers of 16 bits: its variance is 4/12 of 2^32.
  float next() {
    state_ += kGamma;
    const std::uint64_t word = mixed(state_);
    std::int32_t sum = -131'070;
    for (int shift = 0; shift < 64; shift += 16) {
      sum += static_cast<std::int32_t>((word >> shift) & 0xffff);
    }
    return static_cast<float>(sum) * (1.7320508F / 65536);
  }

 private:
  // SplitMix64 (Steele, Lea and Flood, 2014).
  static constexpr std::uint64_t kGamma = 0x9e3779b97f4a7c15;
  static std::uint64_t mixed(std::uint64_t z) {
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  std::uint64_t state_;
};

/// Code 127 is 3.5 deviations.
inline constexpr float kCodeDeviation = 36;

/// Seeded tensors, each from a stream of its own.
class RandomTensors {
 public:
  explicit RandomTensors(std::uint64_t seed) : seed_(seed) {}

  std::vector<float> floats(std::int64_t count, float mean, float deviation);
  std::vector<Bf16> bf16s(std::int64_t count, float deviation);
  /// Of deviation kCodeDeviation.
  std::vector<std::int8_t> codes(std::int64_t count);

 private:
  std::uint64_t seed_;
  std::uint64_t stream_ = 0;
};

/// count^-0.5
float inverse_root(std::int64_t count);

}  // namespace fulgurite::app
