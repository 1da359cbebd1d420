#pragma once

#include <array>
#include <string_view>

#include "programs/program_shape.hpp"
#include "tile/options.hpp"

namespace fulgurite::programs {

/// The program's states in the order of its history. Each of the last four has more pairs of
/// kernels fused than the one before it.
enum class Form : std::uint8_t {
  per_token,   ///< one token for each iteration of the rope loop, rotated in place
  baseline,    ///< groups of tokens, nothing fused
  rope_slice,  ///< rope_slice with rope_apply
  rope,        ///< also rope_assemble with rope_write
  merged,      ///< also the projection, the Hadamard product and the score with what follows them
};
inline constexpr std::array kForms{Form::per_token, Form::baseline, Form::rope_slice, Form::rope,
                                   Form::merged};

std::string_view name(Form form);
/// Throws Error(usage) that lists the forms.
Form form_of(std::string_view name);

/// One field for each pair of a cube kernel and the vector kernel that takes its product.
template <class T>
struct Pairs {
  T qr_proj;                   ///< with qr_proj_write
  T rope_slice;                ///< with rope_apply
  T rope_assemble;             ///< with rope_write
  T qr_hadamard;               ///< with qr_hadamard_quant
  T score;                     ///< score_accum with score_store
  T compressor_rope_slice;     ///< with rope_apply
  T compressor_rope_assemble;  ///< with rope_write
  friend bool operator==(const Pairs&, const Pairs&) = default;
};

/// A field of Pairs under its name.
template <class T>
struct PairField {
  std::string_view name;
  T Pairs<T>::* field;
};
template <class T>
inline constexpr std::array kPairs{
    PairField<T>{"qr_proj", &Pairs<T>::qr_proj},
    PairField<T>{"rope_slice", &Pairs<T>::rope_slice},
    PairField<T>{"rope_assemble", &Pairs<T>::rope_assemble},
    PairField<T>{"qr_hadamard", &Pairs<T>::qr_hadamard},
    PairField<T>{"score", &Pairs<T>::score},
    PairField<T>{"compressor_rope_slice", &Pairs<T>::compressor_rope_slice},
    PairField<T>{"compressor_rope_assemble", &Pairs<T>::compressor_rope_assemble},
};

/// How the work is cut. None of it changes a bit of the result.
struct Tiling {
  Index query_columns = 128;          ///< of qr_proj, a task
  Index query_k_step = 128;           ///< divides Q
  Index query_row_chunk = 16;         ///< of fused qr_proj, rows that cross at a time; divides T
  Index group = 2;                    ///< tokens whose heads one qr_hadamard_quant takes
  Index rope_group = 4;               ///< tokens whose heads one rope or Hadamard task takes
  Index rope_row_chunk = 64;          ///< of the fused rope kernels; divides H * rope_group
  Index rope_k_step = 16;             ///< divides 32
  Index hadamard_row_chunk = 128;     ///< of fused qr_hadamard; divides H * rope_group
  Index feature_chunk = 32;           ///< of the quantisation; divides 128
  Index weights_k_step = 32;          ///< divides D
  Index cache_tile = 32;              ///< rows of the cache that one score task takes
  Index batch_group = 8;              ///< sequences that one score task takes; divides B
  Index compressor_k_step = 512;      ///< divides D
  Index compressor_columns = 64;      ///< of the compressor's projection, a task; divides 128
  Index pool_chunk = 32;              ///< features of the pooling, a task; divides 128
  Index compressor_rope_k_step = 32;  ///< divides 32
  Index stage = 2;                    ///< iterations of each K loop that may be in flight
  friend bool operator==(const Tiling&, const Tiling&) = default;
};

/// A tiling parameter under its name, for loops over all of them.
struct TilingParameter {
  std::string_view name;
  Index Tiling::* field;
};
inline constexpr std::array kTilingParameters{
    TilingParameter{"query_columns", &Tiling::query_columns},
    TilingParameter{"query_k_step", &Tiling::query_k_step},
    TilingParameter{"query_row_chunk", &Tiling::query_row_chunk},
    TilingParameter{"group", &Tiling::group},
    TilingParameter{"rope_group", &Tiling::rope_group},
    TilingParameter{"rope_row_chunk", &Tiling::rope_row_chunk},
    TilingParameter{"rope_k_step", &Tiling::rope_k_step},
    TilingParameter{"hadamard_row_chunk", &Tiling::hadamard_row_chunk},
    TilingParameter{"feature_chunk", &Tiling::feature_chunk},
    TilingParameter{"weights_k_step", &Tiling::weights_k_step},
    TilingParameter{"cache_tile", &Tiling::cache_tile},
    TilingParameter{"batch_group", &Tiling::batch_group},
    TilingParameter{"compressor_k_step", &Tiling::compressor_k_step},
    TilingParameter{"compressor_columns", &Tiling::compressor_columns},
    TilingParameter{"pool_chunk", &Tiling::pool_chunk},
    TilingParameter{"compressor_rope_k_step", &Tiling::compressor_rope_k_step},
    TilingParameter{"stage", &Tiling::stage},
};

/// Everything in which one form differs from another.
struct ProgramOptions {
  Pairs<bool> fused{};             ///< the pair is one mixed kernel
  Pairs<tile::SplitMode> split{};  ///< of the mixed kernel, where the pair is fused
  Tiling tiling;
  /// rope_write stores into qr_proj, and the Hadamard product takes its 128 features at once.
  bool rope_in_place = false;
  /// The Hadamard product and the quantisation stand in the rope loop, and the product passes from
  /// one to the other by name. Needs group = rope_group, and qr_hadamard not fused.
  bool one_query_loop = false;
  /// The key tile and the products pass from kernel to kernel by name. Needs batch_group = 1 and
  /// score not fused.
  bool score_by_name = false;
  bool auto_chunk = true;  ///< the option of score_quant, without effect

  /// Throws Error(usage) that names the parameter, what was expected for `shape`, and what was
  /// found.
  void validate(const ProgramShape& shape) const;

  friend bool operator==(const ProgramOptions&, const ProgramOptions&) = default;
};

/// One change: "rope_row_chunk=32" (a tiling parameter), "fuse.score=yes" or "split.qr_proj=none".
/// Throws Error(usage) that names what there is, or what was expected as the value. Whether it
/// suits a shape is for `validate` to say.
void set(ProgramOptions& options, std::string_view assignment);

/// The form as it was, on the seed's shape; on others its chunks shrink to divisors.
ProgramOptions options_of(Form form, const ProgramShape& shape);

}  // namespace fulgurite::programs
