#pragma once

#include <cstdint>
#include <vector>

#include "fulgurite/export.hpp"
#include "fulgurite/model.hpp"
#include "fulgurite/tensor.hpp"

namespace fulgurite {

struct CompressorStateOptions {
  std::int64_t sequences = 1;  ///< sequences are numbered 0 .. sequences - 1
  int slots = 16;  ///< tokens kept per sequence, 8 .. 65,536: 7 more than can be rewound
};

/// What the compressor keeps of the recent tokens of many sequences: kv and gate, 256 values each,
/// in a ring; the token at position p is in slot p mod slots. It also knows how long each sequence
/// is. Under policy `seed` it holds the official layout instead and keeps no count: such a state is
/// not for `causal` steps. One state serves one step at a time.
class FULGURITE_API CompressorState {
 public:
  /// Own memory; all sequences are empty.
  explicit CompressorState(const CompressorStateOptions& options);

  /// The engine's memory, which it keeps alive: kv and gate [sequences, slots, 256], contiguous.
  /// All sequences are empty until `resume` says otherwise.
  CompressorState(TensorView<float, 3> kv, TensorView<float, 3> gate);

  CompressorState(CompressorState&&) noexcept = default;
  CompressorState& operator=(CompressorState&&) noexcept = default;

  [[nodiscard]] std::int64_t sequences() const { return kv_.extent(0); }
  [[nodiscard]] int slots() const { return static_cast<int>(kv_.extent(1)); }

  /// Tokens that the sequence has had: the position of its next one.
  [[nodiscard]] std::int64_t length(std::int64_t sequence) const;

  /// The sequence begins anew.
  void reset(std::int64_t sequence);

  /// The slots hold a sequence of this length already. Throws Error(input) if it is negative.
  void resume(std::int64_t sequence, std::int64_t length);

  /// How many tokens `rewind` (sequences.hpp) can always take back.
  [[nodiscard]] int rewind_depth() const { return slots() - (kWindowSlots - 1); }

  /// Takes a sequence over from the official layout: kv and gate [8, 256], slots 0..3 the last
  /// closed window, slot 4 + p mod 4 the open one. Throws Error(input) for a wrong shape.
  void import_official(std::int64_t sequence, std::int64_t length, TensorView<const float, 2> kv,
                       TensorView<const float, 2> gate);

  /// Writes that layout; slots of positions that were never reached get kv 0 and gate -inf.
  void export_official(std::int64_t sequence, TensorView<float, 2> kv,
                       TensorView<float, 2> gate) const;

  /// kv and gate of all slots: [sequences, slots, 256].
  [[nodiscard]] TensorView<const float, 3> kv() const { return kv_; }
  [[nodiscard]] TensorView<const float, 3> gate() const { return gate_; }

 private:
  friend struct StepAccess;

  /// The sequence has had `length` tokens, of which those from `oldest` on are in the ring.
  void set_length(std::int64_t sequence, std::int64_t length, std::int64_t oldest);
  /// It has had `tokens` more.
  void advance(std::int64_t sequence, std::int64_t tokens);

  std::vector<float> own_;
  TensorView<float, 3> kv_;
  TensorView<float, 3> gate_;
  std::vector<std::int64_t> lengths_;
  std::vector<std::int64_t> oldest_;  ///< the first position whose values are still in the ring
};

}  // namespace fulgurite
