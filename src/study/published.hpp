#pragma once

#include <array>
#include <optional>

#include "programs/forms.hpp"

// What the authors of the kernels measured on the device: totals of whole steps at the seed's
// shape, microseconds, of hw-native-sys/pypto-lib. Runs scatter by about 5 %, and figures of
// different pull requests were measured on different days: only ratios within one are comparable.

namespace fulgurite::study {

/// PR #371 says two things. Its text fuses the two RoPE pairs only: baseline, rope_slice, rope. Its
/// diff fuses all pairs: baseline, merged.
enum class Reading : std::uint8_t { text, diff };

struct PublishedRange {
  double low_us = 0;
  double high_us = 0;
  bool is_derived = false;  ///< only a percentage was published
};

/// Nothing where the reading has no such form.
std::optional<PublishedRange> published(programs::Form form, Reading reading);

/// PR #358, from per_token to baseline: the whole step, and from the first to the last kernel of
/// the rotation.
inline constexpr PublishedRange kPerTokenTotal{1293, 1808};
inline constexpr PublishedRange kGroupedTotal{880, 880};
inline constexpr PublishedRange kPerTokenWindow{863, 1357};
inline constexpr PublishedRange kGroupedWindow{128, 128};

/// The step that was measured.
constexpr bool is_seed(const programs::ProgramShape& shape) {
  return shape == programs::ProgramShape{};
}

}  // namespace fulgurite::study
