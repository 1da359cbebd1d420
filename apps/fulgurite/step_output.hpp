#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

#include "io/safetensors.hpp"

namespace fulgurite::app {

/// A tensor of a step's output.
struct OutputTensor {
  std::string_view name;
  io::Dtype dtype;
  std::string_view letters;  ///< its shape, for people
};

/// The six, in the order that `step` writes them in.
inline constexpr std::array<OutputTensor, 6> kOutputTensors{{
    {"idx_kv_cache", io::Dtype::bf16, "[B,L,128]"},
    {"score", io::Dtype::f32, "[B,S,L]"},
    {"topk_idxs", io::Dtype::i32, "[B,S,L]"},
    {"inner_kv", io::Dtype::f32, "[B,S,128]"},
    {"inner_kv_state", io::Dtype::f32, "[B,8,256]"},
    {"inner_score_state", io::Dtype::f32, "[B,8,256]"},
}};

/// Opens a file that must have the six tensors, of whatever dtype and shape. Throws Error(input)
/// "FILE: TENSOR: ..." otherwise.
io::SafetensorsFile open_step_output(const std::filesystem::path& path);

/// "F32 [2,2,256]"
std::string describe(const io::Tensor& tensor);

}  // namespace fulgurite::app
