#pragma once

#include <cstdint>
#include <string_view>

#include "fulgurite/export.hpp"

namespace fulgurite {

/// What every DeepSeek-V4 indexer shares, and the kernels are built on.
inline constexpr int kHeadDim = 128;  ///< features of a head, and of a key row
inline constexpr int kRopeDim = 64;   ///< the last features of a head, which are rotated
inline constexpr int kRopePairs = kRopeDim / 2;
inline constexpr int kRatio = 4;         ///< tokens that a key row stands for
inline constexpr int kWindowSlots = 8;   ///< tokens that a key row is pooled from
inline constexpr int kStateWidth = 256;  ///< kv (or gate) values of a token: two halves of kHeadDim

/// The sizes of one indexer. Letters as in the documentation: D, Q, H, K.
struct FULGURITE_API ModelShape {
  std::int64_t hidden = 0;      ///< D, a multiple of 16
  std::int64_t query_rank = 0;  ///< Q, a multiple of 16, at most 65,536
  std::int64_t heads = 0;       ///< H, a multiple of 8, at most 128
  std::int64_t topk = 0;        ///< K, at least 1
  std::int64_t head_dim = kHeadDim;
  std::int64_t rope_dim = kRopeDim;
  std::int64_t ratio = kRatio;
  float norm_eps = 1e-6F;
  std::int64_t max_positions = 1'048'576;  ///< positions are 0 .. max_positions - 1

  static ModelShape v4_flash();  ///< D 4096, Q 1024, H 64, K 512
  static ModelShape v4_pro();    ///< D 7168, Q 1536, H 64, K 1024

  /// "v4-flash" or "v4-pro"; throws Error(usage) for any other name.
  static ModelShape preset(std::string_view name);

  /// Throws Error(unsupported) that names the field, what is supported and what was found.
  void validate() const;

  friend bool operator==(const ModelShape&, const ModelShape&) = default;
};

/// Where a value is rounded to on its way.
enum class Rounding { none, bf16 };

/// How a row of 128 features, of a query head or a key, is stored and multiplied.
enum class RowFormat {
  int8,  ///< 128 codes and one fp32 scale; products of codes are summed in int32
  e2m1,  ///< 128 codes of 4 bits, a power of two for each 32; values are summed as bf16
  e4m3,  ///< 128 codes of 8 bits and one fp32 scale; codes are summed as bf16
  fp32,  ///< the values; also what a query projection is summed in
};

/// The scale of an e4m3 row.
enum class ScaleRule {
  power_of_two,  ///< the smallest that is at least amax / 448
  ratio,         ///< amax / 448
};

/// Which numbers the step computes: formats and roundings as data; see docs/numerics.md. A cache
/// knows its recipe; rows that were made differently never meet.
struct FULGURITE_API Recipe {
  std::string_view name;
  RowFormat row_format = RowFormat::int8;
  ScaleRule scale_rule = ScaleRule::power_of_two;  ///< e4m3 only
  Rounding query = Rounding::bf16;                 ///< after projection, and after rope
  bool rotate_queries = true;                      ///< the Hadamard product of query heads
  Rounding rotated_query = Rounding::none;         ///< its result
  Rounding pooled = Rounding::bf16;                ///< the pooled key before its norm
  Rounding normed = Rounding::bf16;                ///< the key after its norm
  Rounding turned = Rounding::bf16;                ///< its last 64 features after rope
  bool rotate_keys = true;                         ///< the Hadamard product of key rows
  Rounding key = Rounding::bf16;                   ///< the row before it is quantised
  Rounding weight_dot = Rounding::none;            ///< x times weights_proj
  Rounding weight = Rounding::none;                ///< that times 1 / sqrt(128 * H)
  Rounding score = Rounding::none;  ///< bf16: products and scores are those of bf16 tensors
  bool heads_in_order = false;      ///< else negative weights come last, so that sums are bounds

  static Recipe seed_int8();
  static Recipe deepseek();            ///< e2m1, as the official model.py
  static Recipe deepseek_bf16score();  ///< the same with scores as bf16 tensors
  static Recipe fp8();                 ///< e4m3 as vLLM has it: no rotation, scales powers of two
  static Recipe fp8_f32scale();        ///< scales amax / 448
  static Recipe fp8_rot();             ///< rotated as SGLang does
  static Recipe exact();               ///< fp32
  static Recipe exact_bf16();          ///< the same with key rows rounded to bf16

  /// One of the above by its name: "seed-int8", "deepseek", "deepseek-bf16score", "fp8",
  /// "fp8-f32scale", "fp8-rot", "exact" or "exact-bf16". Throws Error(usage) for any other.
  static Recipe named(std::string_view name);

  /// Rows of the two may lie in one cache: they are made alike.
  [[nodiscard]] bool makes_keys_like(const Recipe& other) const;

  friend bool operator==(const Recipe&, const Recipe&) = default;
};

}  // namespace fulgurite
