#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "every_isa.hpp"
#include "indexer/stages.hpp"
#include "packed_matrix.hpp"

namespace fulgurite::cpu {
namespace {

using Compress = EveryIsa;
INSTANTIATE_TEST_SUITE_P(, Compress, testing::ValuesIn(machine_kernels()), isa_name);

struct Window {
  std::array<std::array<float, kHeadDim>, kWindowSlots> kv, gate;
  reference::Row norm;
  float norm_eps;
  RopeAngle angle;
  bool rotate;
  HadamardMatrix matrix;
};

Window draw_window(Draw& draw) {
  Window w;
  const int kv_kind = draw.kind();
  const int gate_kind = draw.kind();
  const float gate_spread = draw.one_in(2) ? 1.0F : 40.0F;
  const bool starts = draw.one_in(3);
  for (std::size_t slot = 0; slot < kWindowSlots; ++slot) {
    for (std::size_t i = 0; i < kHeadDim; ++i) {
      w.kv[slot][i] = draw.of_kind(kv_kind);
      w.gate[slot][i] = draw.of_kind(gate_kind) * gate_spread;
    }
    if (starts && slot < 4) {  // the slots before a sequence's first token
      w.kv[slot].fill(0);
      w.gate[slot].fill(-INFINITY);
    }
  }
  if (draw.one_in(6)) {
    auto& values = draw.one_in(2) ? w.kv : w.gate;
    values[static_cast<std::size_t>(draw.integer(0, 7))]
          [static_cast<std::size_t>(draw.integer(0, 127))] = draw.not_finite();
  }
  for (float& x : w.norm) x = to_float(to_bf16(1 + draw.normal()));
  w.norm_eps = draw.one_in(2) ? 1e-6F : 1e-20F;
  for (std::size_t i = 0; i < kRopePairs; ++i) {
    const float angle = 3 * draw.normal();
    w.angle.cos[i] = std::cos(angle);
    w.angle.sin[i] = std::sin(angle);
  }
  w.rotate = !draw.one_in(3);
  w.matrix = draw_matrix(draw);
  return w;
}

/// reference::compress_window with the recipe seed-int8, without a model around it.
reference::Row compressed(const Window& w) {
  std::array<reference::SlotValues, kWindowSlots> slots;
  for (std::size_t slot = 0; slot < kWindowSlots; ++slot) {
    const std::size_t half = slot < 4 ? 0 : kHeadDim;
    std::copy(w.kv[slot].begin(), w.kv[slot].end(),
              slots[slot].kv.begin() + static_cast<std::ptrdiff_t>(half));
    std::copy(w.gate[slot].begin(), w.gate[slot].end(),
              slots[slot].gate.begin() + static_cast<std::ptrdiff_t>(half));
  }
  reference::Row row = reference::pool(slots);
  for (float& x : row) x = round_to_bf16(x);
  row = reference::normalize(row, w.norm, w.norm_eps);
  for (float& x : row) x = round_to_bf16(x);
  reference::rotate(row, w.angle, Rounding::bf16);
  if (w.rotate) reference::multiply_hadamard(row, w.matrix);
  for (float& x : row) x = canonical(x);
  return row;
}

KeyWindow key_window(const Window& w, const PackedMatrix& matrix) {
  KeyWindow window{};
  for (std::size_t slot = 0; slot < kWindowSlots; ++slot) {
    window.slots.kv[slot] = w.kv[slot].data();
    window.slots.gate[slot] = w.gate[slot].data();
  }
  window.norm = w.norm.data();
  window.norm_eps = w.norm_eps;
  window.cos = w.angle.cos.data();
  window.sin = w.angle.sin.data();
  window.rotate = w.rotate;
  window.rotation = matrix.rotation();
  return window;
}

TEST_P(Compress, equals_the_definition) {
  EXPECT_TRUE(rc::check([&](std::uint64_t seed) {
    Draw draw(seed);
    const Window w = draw_window(draw);
    const reference::Row expected = compressed(w);
    reference::Row stored = expected;
    for (float& x : stored) x = round_to_bf16(x);
    const reference::EncodedRow encoded = reference::quantize(stored);

    const PackedMatrix matrix(w.matrix);
    KeyWindow window = key_window(w, matrix);
    std::vector<float> row(kHeadDim);
    std::vector<std::uint16_t> row_bf16(kHeadDim);
    std::vector<std::int8_t> codes(kHeadDim);
    float scale = 0;
    window.row = draw.one_in(3) ? nullptr : row.data();
    window.row_bf16 = draw.one_in(3) ? nullptr : row_bf16.data();
    window.codes = codes.data();
    window.scale = &scale;
    if (draw.one_in(2)) window.next = &window.slots;
    kernels().compress_window(window);

    const std::vector<float> expected_row(expected.begin(), expected.end());
    if (window.row != nullptr) RC_ASSERT(bits_of(row) == bits_of(expected_row));
    for (std::size_t i = 0; i < kHeadDim && window.row_bf16 != nullptr; ++i) {
      RC_ASSERT(row_bf16[i] == to_bf16(expected[i]).bits);
    }
    RC_ASSERT(std::equal(codes.begin(), codes.end(), encoded.codes.begin()));
    RC_ASSERT(bits_of({scale}) == bits_of({encoded.scale}));
  }));
}

}  // namespace
}  // namespace fulgurite::cpu
