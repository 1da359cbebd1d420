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

/// How a row of 128 features is stored and multiplied.
enum class RowFormat {
  int8,  ///< 128 codes and one fp32 scale
};

/// Which numbers the step computes: formats and roundings as data. A cache knows its recipe; rows
/// of different recipes never meet. Today there is one, `seed-int8`; see docs/numerics.md.
struct FULGURITE_API Recipe {
  std::string_view name;
  RowFormat row_format = RowFormat::int8;  ///< of query heads and of key rows
  Rounding query = Rounding::bf16;         ///< after projection, and after rope
  Rounding pooled = Rounding::bf16;        ///< the pooled key before its norm
  Rounding normed = Rounding::bf16;        ///< the key after its norm, and after rope
  Rounding key = Rounding::bf16;           ///< the rotated key row before it is quantised
  bool rotate_keys = true;                 ///< the Hadamard product of key rows

  static Recipe seed_int8();

  friend bool operator==(const Recipe&, const Recipe&) = default;
};

}  // namespace fulgurite
