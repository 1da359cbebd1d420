#include "io/seed_file.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "fulgurite/error.hpp"
#include "io/safetensors_writer.hpp"
#include "io/tensor_reader.hpp"
#include "io/text.hpp"

namespace fulgurite::io {
namespace {

std::int64_t read_topk(const SafetensorsFile& file) {
  const std::string kTopk = "topk";
  return file.metadata().contains(kTopk) ? metadata_count(file, kTopk) : SeedInput().topk;
}

}  // namespace

SeedFile SeedFile::open(const std::filesystem::path& path) {
  SeedFile seed(SafetensorsFile::open(path));
  TensorReader reader(seed.file_, seed.data_);
  SeedInput& input = seed.input_;
  reader.read(input.x, "x", "[B,S,D]");
  reader.read(input.qr, "qr", "[B*S,Q]");
  reader.read(input.qr_scale, "qr_scale", "[B*S,1]");
  reader.read(input.wq_b, "wq_b", "[Q,H*128]");
  reader.read_finite(input.wq_b_scale, "wq_b_scale", "[H*128]");
  reader.read_finite(input.weights_proj, "weights_proj", "[D,H]");
  reader.read_finite(input.cos, "cos", "[1,32]");
  reader.read_finite(input.sin, "sin", "[1,32]");
  reader.read_optional(input.even_select, "even_select", "[64,32]");
  reader.read_optional(input.odd_select, "odd_select", "[64,32]");
  reader.read_finite(input.hadamard, "hadamard", "[128,128]");
  reader.read_optional(input.inner_kv, "inner_kv", "[B,S,128]");
  reader.read(input.inner_kv_state, "inner_kv_state", "[B,8,256]");
  reader.read(input.inner_score_state, "inner_score_state", "[B,8,256]");
  reader.read_finite(input.inner_wkv, "inner_wkv", "[D,256]");
  reader.read_finite(input.inner_wgate, "inner_wgate", "[D,256]");
  reader.read_finite(input.inner_ape, "inner_ape", "[4,256]");
  reader.read_finite(input.inner_norm_w, "inner_norm_w", "[128]");
  reader.read(input.idx_kv_cache, "idx_kv_cache", "[B,L,128]");
  input.start_pos = reader.read_scalar<std::int32_t>("start_pos");
  input.offset = reader.read_scalar<std::int32_t>("offset");
  input.inner_rotate = static_cast<bool>(reader.read_scalar<Bool8>("inner_rotate"));
  input.topk = read_topk(seed.file_);
  try {
    input.validate();
  } catch (const Error& error) {
    throw Error(error.kind(), printable(seed.file_.name()) + ": " + error.what());
  }
  return seed;
}

void write_seed_output(const std::filesystem::path& path, const SeedInput& input,
                       const SeedOutput& output) {
  const std::int64_t b = input.batch();
  const std::int64_t s = input.tokens_each();
  const std::int64_t l = input.cache_rows();
  const auto tensor = [](std::string_view name, std::vector<std::int64_t> shape,
                         const auto& values) {
    using Value = typename std::remove_cvref_t<decltype(values)>::value_type;
    return Tensor{std::string(name), kDtypeOf<Value>, std::move(shape),
                  std::as_bytes(std::span(values))};
  };
  write_safetensors(
      path,
      std::array{
          tensor("idx_kv_cache", {b, l, kHeadDim}, output.idx_kv_cache),
          tensor("score", {b, s, l}, output.score),
          tensor("topk_idxs", {b, s, l}, output.topk_idxs),
          tensor("inner_kv", {b, s, kHeadDim}, output.inner_kv),
          tensor("inner_kv_state", {b, kWindowSlots, kStateWidth}, output.inner_kv_state),
          tensor("inner_score_state", {b, kWindowSlots, kStateWidth}, output.inner_score_state),
      });
}

}  // namespace fulgurite::io
