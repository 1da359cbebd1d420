#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "compare_selections.hpp"
#include "compare_values.hpp"
#include "io/safetensors.hpp"

namespace fulgurite::app {

/// One tensor of both files.
struct TensorCheck {
  std::string_view name;
  const io::Tensor* a = nullptr;
  const io::Tensor* b = nullptr;
  bool comparable = false;  ///< same dtype and shape
  ValueComparison values;
  std::string first_a;  ///< the values where they first differ
  std::string first_b;

  /// topk_idxs is left to the comparison of selections.
  [[nodiscard]] bool same() const { return comparable && values.within(); }
};

struct CheckResult {
  std::vector<TensorCheck> tensors;
  std::optional<std::int64_t> offset;
  std::optional<SelectionComparison> selection;  ///< if score and topk_idxs are comparable

  [[nodiscard]] bool same() const {
    const auto is_same = [](const TensorCheck& each) { return each.same(); };
    return std::all_of(tensors.begin(), tensors.end(), is_same) && selection && selection->same();
  }
};

struct CompareOptions {
  double rtol = 1e-5;
  std::optional<std::int64_t> offset;  ///< added to selected rows; nothing: infer_offset(A)
};

/// Compares the six tensors of two outputs, which have them. Throws Error(input) if a tensor has
/// the same dtype and shape in both, but not those of a step's output. The files must outlive the
/// result.
CheckResult compare_outputs(const io::SafetensorsFile& a, const io::SafetensorsFile& b,
                            const CompareOptions& options);

}  // namespace fulgurite::app
