#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fulgurite/dtype.hpp"
#include "fulgurite/model.hpp"
#include "indexer/rope_table.hpp"
#include "io/safetensors.hpp"
#include "io/safetensors_writer.hpp"

namespace fulgurite::app::test {

/// A tensor with its own bytes.
struct OwnTensor {
  std::string name;
  io::Dtype dtype;
  std::vector<std::int64_t> shape;
  std::vector<std::byte> bytes;

  template <class T>
  void set(std::size_t index, T value) {
    std::memcpy(bytes.data() + index * sizeof(T), &value, sizeof(T));
  }
  /// The shape, and zeros or a cut at the end so that the bytes fit it.
  void reshape(std::vector<std::int64_t> extents) {
    shape = std::move(extents);
    bytes.resize(static_cast<std::size_t>(io::tensor_bytes(dtype, shape).value()));
  }
};

/// A safetensors file to be changed before it is written.
struct StepFile {
  std::vector<OwnTensor> tensors;
  io::Metadata metadata;

  OwnTensor& operator[](std::string_view name) {
    return *std::find_if(tensors.begin(), tensors.end(),
                         [&](const OwnTensor& each) { return each.name == name; });
  }
  void remove(std::string_view name) {
    std::erase_if(tensors, [&](const OwnTensor& each) { return each.name == name; });
  }
  template <class T>
  void add(const std::string& name, const std::vector<std::int64_t>& shape,
           const std::vector<T>& values) {
    const auto bytes = std::as_bytes(std::span(values));
    tensors.push_back({name, io::kDtypeOf<T>, shape, {bytes.begin(), bytes.end()}});
  }
  void write(const std::filesystem::path& path) const {
    std::vector<io::Tensor> views;
    for (const OwnTensor& each : tensors) {
      views.push_back({each.name, each.dtype, each.shape, each.bytes});
    }
    io::write_safetensors(path, views, metadata);
  }
  static StepFile read(const std::filesystem::path& path) {
    const io::SafetensorsFile file = io::SafetensorsFile::open(path);
    StepFile copy;
    for (const io::Tensor& each : file.tensors()) {
      copy.tensors.push_back(
          {each.name, each.dtype, each.shape, {each.bytes.begin(), each.bytes.end()}});
    }
    copy.metadata = file.metadata();
    return copy;
  }
};

/// Small whole numbers around 0, a different row of them for each `seed`.
class Numbers {
 public:
  explicit Numbers(std::uint32_t seed) : state_(seed) {}
  float next() {
    state_ = state_ * 1664525 + 1013904223;
    return static_cast<float>(static_cast<int>(state_ >> 24) - 128);
  }
  std::vector<float> floats(std::int64_t count, float scale) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = next() * scale;
    return values;
  }
  std::vector<Bf16> bf16s(std::int64_t count, float scale) {
    std::vector<Bf16> values(static_cast<std::size_t>(count));
    for (Bf16& value : values) value = to_bf16(next() * scale);
    return values;
  }
  std::vector<std::int8_t> int8s(std::int64_t count) {
    std::vector<std::int8_t> values(static_cast<std::size_t>(count));
    for (std::int8_t& value : values) value = static_cast<std::int8_t>(next());
    return values;
  }

 private:
  std::uint32_t state_;
};

/// Sylvester's matrix, bit (i, j) the parity of i & j, times 128^-0.5.
inline std::vector<Bf16> sylvester() {
  std::vector<Bf16> matrix;
  for (unsigned i = 0; i < 128; ++i) {
    for (unsigned j = 0; j < 128; ++j) {
      const bool odd = __builtin_popcount(i & j) % 2 != 0;
      matrix.push_back(to_bf16((odd ? -1.F : 1.F) / std::sqrt(128.F)));
    }
  }
  return matrix;
}

inline std::vector<Bf16> selection_matrix(int parity) {
  std::vector<Bf16> matrix(std::size_t{kRopeDim} * kRopePairs);
  for (std::size_t column = 0; column < kRopePairs; ++column) {
    matrix[(2 * column + static_cast<std::size_t>(parity)) * kRopePairs + column] = to_bf16(1);
  }
  return matrix;
}

/// A step that is right: B 2, S 2, D 16, Q 16, H 8, L 12, at position 30, where 8 rows are visible
/// and one of them is new; topk 5, offset 128.
inline StepFile small_step() {
  constexpr std::int64_t kB = 2, kS = 2, kD = 16, kQ = 16, kH = 8, kL = 12;
  Numbers numbers(1);
  StepFile file;
  file.add("x", {kB, kS, kD}, numbers.bf16s(kB * kS * kD, 0x1p-7F));
  file.add("qr", {kB * kS, kQ}, numbers.int8s(kB * kS * kQ));
  file.add("qr_scale", {kB * kS, 1}, std::vector<float>(kB * kS, 0.01F));
  file.add("wq_b", {kQ, kH * 128}, numbers.int8s(kQ * kH * 128));
  file.add("wq_b_scale", {kH * 128}, std::vector<float>(kH * 128, 0.003F));
  file.add("weights_proj", {kD, kH}, numbers.bf16s(kD * kH, 0x1p-9F));
  const RopeAngle angle = rope_angle(30);
  file.add("cos", {1, 32}, std::vector<float>(angle.cos.begin(), angle.cos.end()));
  file.add("sin", {1, 32}, std::vector<float>(angle.sin.begin(), angle.sin.end()));
  file.add("even_select", {64, 32}, selection_matrix(0));
  file.add("odd_select", {64, 32}, selection_matrix(1));
  file.add("hadamard", {128, 128}, sylvester());
  file.add("inner_kv", {kB, kS, 128}, numbers.floats(kB * kS * 128, 0x1p-7F));
  file.add("inner_kv_state", {kB, 8, 256}, numbers.floats(kB * 8 * 256, 0x1p-7F));
  file.add("inner_score_state", {kB, 8, 256}, numbers.floats(kB * 8 * 256, 0x1p-7F));
  file.add("inner_wkv", {kD, 256}, numbers.bf16s(kD * 256, 0x1p-9F));
  file.add("inner_wgate", {kD, 256}, numbers.bf16s(kD * 256, 0x1p-9F));
  file.add("inner_ape", {4, 256}, numbers.floats(4 * 256, 0x1p-9F));
  file.add("inner_norm_w", {128}, std::vector<float>(128, 1.F));
  file.add("idx_kv_cache", {kB, kL, 128}, numbers.bf16s(kB * kL * 128, 0x1p-7F));
  file.add("start_pos", {}, std::vector<std::int32_t>{30});
  file.add("offset", {}, std::vector<std::int32_t>{128});
  file.add("inner_rotate", {}, std::vector<io::Bool8>{{1}});
  file.metadata["topk"] = "5";
  return file;
}

}  // namespace fulgurite::app::test
