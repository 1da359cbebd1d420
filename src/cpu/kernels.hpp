#pragma once

#include <cstdint>

// The contract between the step and the kernels of one ISA. This header is included by files that
// are compiled with -m flags, so it holds plain data and no function: an inline function compiled
// for AVX512 could otherwise be the copy that the linker keeps for everybody.
//
// Every kernel gives the bits of the definition (src/indexer, docs/numerics.md). None allocates,
// none throws, none reads beyond what it is given. MXCSR is at its default when a kernel is called.

namespace fulgurite::cpu {

inline constexpr int kColumnBlock = 16;  ///< outputs that one packed weight line serves
inline constexpr int kRowBlock = 8;      ///< most tokens that a tile of `query` has

/// qr x wq_b, dequantised and rounded to bf16.
struct QueryProjection {
  std::int64_t tokens;             ///< T
  std::int64_t query_rank;         ///< Q, a multiple of 16
  std::int64_t columns;            ///< values from row to row of `out`, at least H*128
  const std::uint8_t* weights;     ///< [H*128/16][Q/4][16][4], code ^ 0x80; 64-byte aligned
  const float* column_scale;       ///< [H*128]
  const void* activations;         ///< as pack_qr left them
  const std::int32_t* correction;  ///< [T rounded up to kRowBlock]
  const float* row_scale;          ///< [T]
  std::uint16_t* out;              ///< [T, columns] bf16
};

/// The exponents that occur in a block of bf16 values, zeros and non-finite values aside: every |x|
/// is at least 2^smallest and below 2^(largest + 1). `largest < smallest` if there are none.
struct ExponentRange {
  int smallest;
  int largest;
};

/// x x (wkv | wgate | weights_proj): columns 0..255 kv, 256..511 gate, 512.. head weights; padded
/// with zero columns to a multiple of 16.
struct HiddenProjection {
  std::int64_t tokens;           ///< T
  std::int64_t hidden;           ///< D, a multiple of 16
  std::int64_t columns;          ///< 512 + H, rounded up to kColumnBlock
  const std::uint16_t* weights;  ///< bf16 [columns/16][D/2][16][2], no denormals; 64-byte aligned
  /// [columns/16], of each block of columns. Null is right, too, but slow without FMA.
  const ExponentRange* weight_exponents;
  const void* activations;  ///< as pack_x left them
  float* out;               ///< [T, columns] fp32, NaN as it comes
};

/// fp32 rows times an fp32 matrix: products and sums each rounded, in the order of the depth.
struct WideProjection {
  std::int64_t tokens;   ///< T
  std::int64_t depth;    ///< K
  std::int64_t columns;  ///< a multiple of kColumnBlock
  const float* weights;  ///< [columns/16][K][16]; 64-byte aligned
  const float* rows;     ///< [T, K]
  float* out;            ///< [T, columns], NaN as it comes
};

/// What `project` multiplies with weights.
struct HiddenStates {
  const std::uint16_t* values;  ///< [T, D] bf16
  std::int64_t tokens;
  std::int64_t hidden;
};

/// The matrix that q and key rows are multiplied with.
struct Rotation {
  bool
      butterflies;  ///< factor * Sylvester: fp32 butterflies of levels 1, 2, ..., 64, then * factor
  float factor;
  /// Else the matrix as the bf16 Dot reads it, like HiddenProjection::weights:
  /// [128 columns / 16][128 rows / 2][16][2]; 64-byte aligned.
  const std::uint16_t* lines;
};

/// rope, hadamard, quantize of one token's heads.
struct QueryTransform {
  std::int64_t heads;
  const std::uint16_t* q;  ///< [H, 128] bf16
  const float* cos;        ///< [32]
  const float* sin;        ///< [32]
  Rotation rotation;
  std::int8_t* codes;  ///< [H, 128]
  float* scale;        ///< [H]
};

/// The slots of a window, 128 values each: the half that the slot gives.
struct WindowSlots {
  const float* kv[8];
  const float* gate[8];
};

/// One key row: pooling, norm, rope, hadamard, quantize.
struct KeyWindow {
  WindowSlots slots;
  const WindowSlots* next;  ///< null, or what is pooled next: it is fetched meanwhile
  const float* norm;        ///< [128]
  float norm_eps;
  const float* cos;  ///< [32]
  const float* sin;  ///< [32]
  bool rotate;       ///< else the Hadamard product is left out
  Rotation rotation;
  float* row;               ///< [128] fp32 before bf16; may be null
  std::uint16_t* row_bf16;  ///< [128]; may be null
  std::int8_t* codes;       ///< [128], of the bf16 row
  float* scale;             ///< [1]
};

/// Quantises bf16 rows as they stand: codes [count, 128], scale [count].
struct RowQuantization {
  std::int64_t count;
  const std::uint16_t* rows;
  std::int8_t* codes;
  float* scale;
};

/// A token's query as the score kernels read it.
struct ScoreQuery {
  std::int64_t heads;              ///< a multiple of 8
  const void* words;               ///< as pack_query left them
  const std::int32_t* correction;  ///< [H], the start of each head's sum
  const float* weight;             ///< [H], folded weights in the order of the sum
};

/// How key rows are stored, and what is multiplied.
enum class KeyFormat : std::uint8_t {
  int8,  ///< 128 codes; a scale
  e2m1,  ///< 64 bytes, feature 2i in the low nibble; four exponents + 127, a byte each
  e4m3,  ///< 128 bytes; a scale
  fp32,  ///< 512 bytes; no scale
};

/// A token's query for rows of the other formats.
struct ValueQuery {
  KeyFormat format;     ///< not int8
  bool bf16_sums;       ///< each product and score is rounded to bf16
  std::int64_t heads;   ///< a multiple of 8, at most kMostHeads
  const void* rows;     ///< heads in the order of the sum: as pack_x left them; fp32 [H, 128]
  const float* weight;  ///< [H], folded weights in the order of the sum
};
inline constexpr int kMostHeads = 128;

/// Rows of a sequence: row j is row j % page_rows of page j / page_rows.
struct KeyPage {
  const std::int8_t* codes;  ///< [page_rows] rows, as the format has them
  const float* scale;        ///< [page_rows], or 4 bytes for each row
};
struct KeyTable {
  const KeyPage* pages;
  std::int64_t page_rows;
  const std::int8_t* next = nullptr;  ///< rows that are scored after these: fetched at the end
};

/// The best rows met so far. `scores` and `rows` have `capacity` + kListSlack places; the first
/// `count` are candidates, in no order. A candidate must beat `threshold`, once `closed` is true;
/// NaN counts as -inf and sets `met_nan`. Initialise count 0, closed false, met_nan false.
struct TopList {
  std::int64_t k;         ///< at least 1
  std::int64_t capacity;  ///< at least max(2048, 4 * k)
  std::int64_t count;
  float* scores;
  std::uint32_t* rows;
  void* scratch;  ///< list_scratch_bytes(capacity) bytes, 64-byte aligned
  float threshold;
  bool closed;
  bool met_nan;
};
inline constexpr int kListSlack = 64;

/// A token that scores rows together with others of its sequence.
struct ScoreTask {
  ScoreQuery query;
  std::int64_t last;  ///< rows from here on are not offered to its list, nor stored
  float* out;         ///< null, or its scores of the rows first.., as `score` leaves them
  TopList* list;
};
/// Their packed queries still fit the caches.
inline constexpr int kMostTogether = 4;

/// A selection that spares rows their last heads (cpu/prune.hpp plans it). The first `split` heads
/// hold all whose weight is not negative; every |weight| is at most kMostPrunedWeight.
struct PrunedRows {
  std::int64_t split;            ///< a multiple of 4 between 0 and H, both excluded
  std::int64_t most_candidates;  ///< at least k: more of them raise the list's threshold
  float* sums;                   ///< [rows of the range, rounded up to 32], of the first heads
  std::int64_t finished;         ///< rows that met all heads are added to it
};
/// So no sum of products overflows, and none is NaN.
inline constexpr float kMostPrunedWeight = 0x1p96F;
/// To collect a row and bring it into a new tile costs as much as so many heads.
inline constexpr int kCollectHeads = 8;
inline constexpr int kSampleStep = 32;

/// The stages with a fusion undone: intermediate results go through memory and the bits stay the
/// same. No step uses them; they show what each fusion gains.
struct UnfusedKernels {
  /// query: all columns' sums to int32 [T, columns], then from there to problem.out.
  void (*query_sums)(const QueryProjection&, std::int32_t* sums);
  void (*scale_sums)(const QueryProjection&, const std::int32_t* sums);
  /// transform_query, of a rotation by butterflies: rope to bf16 [H, 128], then the rest.
  void (*rope_rows)(const QueryTransform&, std::uint16_t* turned);
  void (*rotate_quantize)(const QueryTransform&, const std::uint16_t* turned);
  /// The same: rope and the Hadamard product to fp32 [H, 128], then int8.
  void (*rope_rotate)(const QueryTransform&, float* rotated);
  void (*quantize_rotated)(const QueryTransform&, const float* rotated);
  /// Offers scores [count] of rows 0.. to the list.
  void (*select_scores)(const float* scores, std::int64_t count, TopList&);
};

/// The kernels of one ISA. Column, row and token ranges are half-open; any split of them gives the
/// same bits.
struct Kernels {
  /// int8 [T, Q] to the form that `query` reads, and correction [T rounded up].
  void (*pack_qr)(const std::int8_t* qr, std::int64_t tokens, std::int64_t query_rank, void* packed,
                  std::int32_t* correction);
  /// Columns first..last, multiples of 16.
  void (*query)(const QueryProjection&, std::int64_t first, std::int64_t last);

  /// Tokens first..last, multiples of kMaxHiddenRows or all, of x to the form that `project` reads.
  void (*pack_x)(const HiddenStates& x, std::int64_t first, std::int64_t last, void* packed);
  void (*project)(const HiddenProjection&, std::int64_t first, std::int64_t last);

  /// Columns first..last, multiples of 16.
  void (*project_wide)(const WideProjection&, std::int64_t first, std::int64_t last);

  void (*transform_query)(const QueryTransform&);
  void (*compress_window)(const KeyWindow&);
  void (*quantize_rows)(const RowQuantization&);

  /// The order of numerics: weights that are >= 0 or NaN first, in order; then the negative ones,
  /// most negative first. H is at most kMostHeads.
  void (*order_heads)(const float* folded, std::int64_t heads, std::int32_t* order);
  /// Heads in the order order[0..H) to the form that the score kernels read.
  void (*pack_query)(const std::int8_t* codes, const std::int32_t* order, std::int64_t heads,
                     void* words, std::int32_t* correction);
  /// Scores of rows first..last to out[0..last-first), NaN canonical.
  void (*score)(const ScoreQuery&, const KeyTable&, std::int64_t first, std::int64_t last,
                float* out);
  /// Scores rows from `first` on for each of the tasks and offers them to its list, in ascending
  /// order. All tasks have the same H.
  void (*score_select)(const ScoreTask* tasks, std::int64_t count, const KeyTable&,
                       std::int64_t first);
  /// The same for one token and rows of the other formats.
  void (*score_values)(const ValueQuery&, const KeyTable&, std::int64_t first, std::int64_t last,
                       float* out, TopList&);
  /// The same selection without the scores of all rows. Only rows whose score is above the list's
  /// threshold get into it; leaves `sums` for reselect_pruned. list.capacity - 192 is at least
  /// most_candidates.
  void (*score_select_pruned)(const ScoreQuery&, const KeyTable&, std::int64_t first,
                              std::int64_t last, PrunedRows&, TopList&);
  /// After score_select_pruned with the same list, for fewer than k rows were above its threshold:
  /// offers the other rows of the range.
  void (*reselect_pruned)(const ScoreQuery&, const KeyTable&, std::int64_t first, std::int64_t last,
                          PrunedRows&, TopList&);
  /// For each of rows[0..count), a multiple of kSampleStep: its sum of 4, 8, ... H heads times its
  /// scale, to bounds[H/4][stride].
  void (*score_sample)(const ScoreQuery&, const KeyTable&, const std::uint32_t* rows,
                       std::int64_t count, std::int64_t stride, float* bounds);
  /// Reduces the list to its best min(count, k), in no order.
  void (*select_top)(TopList&);
  /// Sorts `count` pairs, score descending, then row ascending; -0 becomes +0.
  void (*sort_top)(float* scores, std::uint32_t* rows, std::int64_t count);

  UnfusedKernels unfused;
};

/// Sizes that hold for every ISA: the widest form counts.
///   packed qr: round_up(T, kRowBlock) * Q * 2 bytes, 64-byte aligned
///   packed x: round_up(T, kMaxHiddenRows) * (D + 16) * 4 bytes, 64-byte aligned
///   packed query: H * 128 * 2 bytes, 64-byte aligned
inline constexpr int kMaxHiddenRows = 8;

extern const Kernels kGenericKernels;
#if defined(__x86_64__)
extern const Kernels kAvx2Kernels;
extern const Kernels kAvxVnniKernels;
/// Those of avx_vnni with vpdpbusd as AVX-512 VNNI and VL encode it: what they do can be tested and
/// measured on a machine that has the one extension and not the other. No step runs on them.
extern const Kernels kVnni256Kernels;
extern const Kernels kAvx512VnniKernels;
/// Replaces `pack_x` and `project` where the CPU has AVX512-BF16 and its sums prove to have the
/// definition's order.
extern const Kernels kAvx512Bf16Kernels;
#endif

}  // namespace fulgurite::cpu
