#include "fulgurite/compressor_state.hpp"

#include <algorithm>
#include <limits>
#include <string>

#include "core/checked.hpp"
#include "fulgurite/error.hpp"

namespace fulgurite {
namespace {

constexpr std::int64_t kMostSlots = 65'536;
constexpr std::array<std::int64_t, 2> kOfficialShape{kWindowSlots, kStateWidth};

void check_state_range(const char* what, std::int64_t value, std::int64_t least,
                       std::int64_t most) {
  if (value >= least && value <= most) return;
  throw Error(ErrorKind::input, std::string("compressor state: ") + what + ": expected " +
                                    std::to_string(least) + " to " + std::to_string(most) +
                                    ", found " + std::to_string(value));
}

void check_official(const char* what, const TensorView<const float, 2>& values) {
  detail::expect_shape(what, kOfficialShape, values.shape());
  if (values.empty())
    throw Error(ErrorKind::input, std::string(what) + ": expected data, found null");
}

/// The position that official slot `slot` holds when a sequence has `length` tokens; negative, or
/// not below length, where it holds none.
std::int64_t official_position(std::int64_t length, std::int64_t slot) {
  return length / kRatio * kRatio - kRatio + slot;
}

}  // namespace

CompressorState::CompressorState(const CompressorStateOptions& options) {
  check_state_range("sequences", options.sequences, 1, std::numeric_limits<std::int32_t>::max());
  check_state_range("slots", options.slots, kWindowSlots, kMostSlots);
  const std::int64_t floats =
      core::checked_multiply("compressor state", options.sequences, options.slots * kStateWidth);
  try {
    own_.assign(static_cast<std::size_t>(2 * floats), 0.F);
    lengths_.assign(static_cast<std::size_t>(options.sequences), 0);
    oldest_.assign(static_cast<std::size_t>(options.sequences), 0);
  } catch (const std::exception&) {
    throw Error(ErrorKind::system, "compressor state: no memory for " +
                                       std::to_string(options.sequences) + " sequences of " +
                                       std::to_string(options.slots) + " slots");
  }
  const std::array<std::int64_t, 3> shape{options.sequences, options.slots, kStateWidth};
  kv_ = {own_.data(), shape};
  gate_ = {own_.data() + floats, shape};
}

CompressorState::CompressorState(TensorView<float, 3> kv, TensorView<float, 3> gate)
    : kv_(kv), gate_(gate) {
  check_state_range("sequences", kv.extent(0), 1, std::numeric_limits<std::int32_t>::max());
  check_state_range("slots", kv.extent(1), kWindowSlots, kMostSlots);
  const std::array<std::int64_t, 3> shape{kv.extent(0), kv.extent(1), kStateWidth};
  detail::expect_shape("compressor state: kv", shape, kv.shape());
  detail::expect_shape("compressor state: gate", shape, gate.shape());
  if (kv.empty() || gate.empty() || !kv.contiguous() || !gate.contiguous()) {
    throw Error(ErrorKind::input, "compressor state: expected contiguous kv and gate");
  }
  lengths_.assign(static_cast<std::size_t>(kv.extent(0)), 0);
  oldest_.assign(static_cast<std::size_t>(kv.extent(0)), 0);
}

void CompressorState::set_length(std::int64_t sequence, std::int64_t length, std::int64_t oldest) {
  check_state_range("sequence", sequence, 0, sequences() - 1);
  lengths_[static_cast<std::size_t>(sequence)] = length;
  oldest_[static_cast<std::size_t>(sequence)] = std::max<std::int64_t>(oldest, 0);
}

void CompressorState::advance(std::int64_t sequence, std::int64_t tokens) {
  const auto at = static_cast<std::size_t>(sequence);
  set_length(sequence, lengths_[at] + tokens,
             std::max(oldest_[at], lengths_[at] + tokens - slots()));
}

std::int64_t CompressorState::length(std::int64_t sequence) const {
  check_state_range("sequence", sequence, 0, sequences() - 1);
  return lengths_[static_cast<std::size_t>(sequence)];
}

void CompressorState::reset(std::int64_t sequence) { set_length(sequence, 0, 0); }

void CompressorState::resume(std::int64_t sequence, std::int64_t length) {
  check_state_range("length", length, 0, std::numeric_limits<std::int32_t>::max());
  set_length(sequence, length, length - slots());
}

void CompressorState::import_official(std::int64_t sequence, std::int64_t length,
                                      TensorView<const float, 2> kv,
                                      TensorView<const float, 2> gate) {
  check_official("official kv state", kv);
  check_official("official gate state", gate);
  resume(sequence, length);
  set_length(sequence, length, official_position(length, 0));
  for (std::int64_t slot = 0; slot < kWindowSlots; ++slot) {
    const std::int64_t position = official_position(length, slot);
    if (position < 0 || position >= length) continue;
    for (std::int64_t i = 0; i < kStateWidth; ++i) {
      kv_(sequence, position % slots(), i) = kv(slot, i);
      gate_(sequence, position % slots(), i) = gate(slot, i);
    }
  }
}

void CompressorState::export_official(std::int64_t sequence, TensorView<float, 2> kv,
                                      TensorView<float, 2> gate) const {
  check_official("official kv state", kv);
  check_official("official gate state", gate);
  const std::int64_t tokens = length(sequence);
  for (std::int64_t slot = 0; slot < kWindowSlots; ++slot) {
    const std::int64_t position = official_position(tokens, slot);
    const bool live = position >= 0 && position < tokens;
    for (std::int64_t i = 0; i < kStateWidth; ++i) {
      kv(slot, i) = live ? kv_(sequence, position % slots(), i) : 0.F;
      gate(slot, i) =
          live ? gate_(sequence, position % slots(), i) : -std::numeric_limits<float>::infinity();
    }
  }
}

}  // namespace fulgurite
