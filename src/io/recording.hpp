#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fulgurite/dtype.hpp"
#include "fulgurite/model.hpp"
#include "fulgurite/tensor.hpp"
#include "fulgurite/weights.hpp"
#include "io/safetensors.hpp"

namespace fulgurite::io {

/// The weights of an indexer in checkpoint orientation, as IndexerWeights has them: wkv, wgate,
/// weights_proj BF16, ape and norm F32, wq_b BF16 or F8_E4M3. For the latter wq_b_scale [H, Q/128
/// rounded up] is F32 or F8_E8M0.
class WeightsFile {
 public:
  /// Throws Error(input) "FILE: TENSOR: ..." if a tensor is missing or of another type or rank.
  static WeightsFile open(const std::filesystem::path& path);

  [[nodiscard]] const IndexerWeights& weights() const { return weights_; }
  [[nodiscard]] std::int64_t hidden() const { return weights_.wkv.extent(1); }
  [[nodiscard]] std::int64_t query_rank() const;
  [[nodiscard]] std::int64_t heads() const { return weights_.weights_proj.extent(0); }

 private:
  explicit WeightsFile(SafetensorsFile file) : file_(std::move(file)) {}

  SafetensorsFile file_;
  std::vector<std::shared_ptr<const void>> data_;  ///< what weights_ views
  IndexerWeights weights_;
};

/// A decode of several requests over many steps: N tokens, ordered by step, then request, then
/// position; R requests. docs/command-line.md describes the file.
class Recording {
 public:
  /// Throws Error(input) "FILE: ..." if a tensor is missing or does not fit, or if steps, positions
  /// and lengths do not follow from each other; Error(unsupported) for a model that is not
  /// DeepSeek-V4's.
  static Recording open(const std::filesystem::path& path);

  Recipe recipe;
  std::int64_t topk = 0;
  float norm_eps = 0;
  TensorView<const Bf16, 2> x;                    ///< [N, D]
  TensorView<const Bf16, 2> qr;                   ///< [N, Q]
  TensorView<const std::int32_t, 1> step;         ///< [N]
  TensorView<const std::int32_t, 1> request;      ///< [N]
  TensorView<const std::int32_t, 1> position;     ///< [N]
  TensorView<const std::int32_t, 2> before;       ///< [steps, R]: lengths before each step
  TensorView<const std::int32_t, 2> after;        ///< [steps, R]: and once it is accepted
  TensorView<const std::int32_t, 1> length;       ///< [R]: at the beginning
  TensorView<const float, 3> rows;                ///< [R, C0, 128]: values of the rows by then
  TensorView<const float, 3> kv, gate;            ///< [R, 8, 256]: official states by then
  TensorView<const std::uint8_t, 2> pages;        ///< [pages, bytes]: the same rows; may be absent
  TensorView<const std::int32_t, 2> block_table;  ///< [R, blocks]
  std::int64_t page_rows = 64;                    ///< of `pages`

  [[nodiscard]] std::int64_t tokens() const { return x.extent(0); }
  [[nodiscard]] std::int64_t requests() const { return length.extent(0); }
  [[nodiscard]] std::int64_t steps() const { return before.extent(0); }

 private:
  explicit Recording(SafetensorsFile file) : file_(std::move(file)) {}
  void read();
  void check() const;

  SafetensorsFile file_;
  std::vector<std::shared_ptr<const void>> data_;
};

}  // namespace fulgurite::io
