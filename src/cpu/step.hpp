#pragma once

#include <cstdint>
#include <span>

#include "cpu/kernels.hpp"
#include "cpu/key_cache.hpp"
#include "cpu/packed_model.hpp"
#include "cpu/workspace.hpp"
#include "fulgurite/indexer.hpp"

namespace fulgurite {

struct Indexer::Impl {
  Impl(const ModelShape& model_shape, const IndexerWeights& weights, const IndexerOptions& options);

  /// A decode step; key_rows: null, or [windows, 128] for the new key rows in fp32.
  StepReport decode(const DecodeBatch& batch, KeyCache& keys, CompressorState& state,
                    Selection& picks, float* key_rows, const Progress& progress);

  ModelShape shape;
  Recipe recipe;
  Isa isa;
  std::shared_ptr<Executor> executor;
  bool prune;
  std::int64_t workspace_bytes;  ///< for each thread
  const cpu::Kernels& kernels;
  cpu::PackedModel model;
  cpu::WorkspacePool workspaces;
};

namespace cpu {

inline constexpr std::int64_t kQueryColumns = 4 * kColumnBlock;  ///< of a unit of work of `query`

/// One step on its way: planned, checked, given memory, then executed portion by portion, stage by
/// stage. Until execute() nothing that the caller can see has changed, and execute() does not fail.
class Step {
 public:
  Step(const Indexer::Impl& indexer, const DecodeBatch& batch, KeyCache& keys,
       CompressorState& state, Selection& picks, float* key_rows, Workspace& workspace);

  /// Throws Error if anything does not fit.
  void plan();
  void execute(const Progress& progress) noexcept;

  [[nodiscard]] const StepReport& report() const { return report_; }

 private:
  /// What a token's selection reads and fills.
  struct TokenRows {
    ScoreQuery query;   ///< of recipes with int8 rows
    ValueQuery values;  ///< of others
    KeyTable keys;
    std::int64_t count;   ///< of the rows
    std::int64_t places;  ///< of the result
    float* logits;        ///< null, or [count]
  };
  /// The most of each that a portion has.
  struct Extents {
    std::int64_t tokens = 0;
    std::int64_t selected = 0;
    std::int64_t sequences = 0;
    std::int64_t pages = 0;
    std::int64_t gathered = 0;     ///< rows of qr that do not follow one another
    std::int64_t units = 0;        ///< of tokens that are split
    std::int64_t unit_places = 0;  ///< of all their partial selections
    std::int64_t unit_sums = 0;    ///< and partial sums
    std::int64_t wave_tokens = 0;
    std::int64_t whole_sums = 0;    ///< partial sums of a token that a lane scores alone
    std::int64_t masked_pages = 0;  ///< of all tables of masked rows at a time
    std::int64_t masked_blocks = 0;
  };

  void select_rows();

  // step_check.cpp
  void check_inputs() const;
  void check_parameters() const;
  void check_state() const;
  void check_mask() const;
  void check_selection() const;

  // step_memory.cpp
  void allocate();
  [[nodiscard]] Extents measure(std::int64_t portion_tokens);
  void measure_selection(Extents& most);
  void order_selecting();
  void lay_out(const Extents& most, Carver& carver);
  void lay_out_queries(const Extents& most, Carver& carver);
  void lay_out_selection(const Extents& most, Carver& carver);
  void reserve(const Extents& most);

  // compress.cpp: the projections of the portion's tokens, then the rows that close and the state
  void project();
  void finish_projections();
  void compress_windows();
  [[nodiscard]] WindowSlots slots_of(const WindowPlan& plan) const;
  void compress_window(std::int64_t window);
  void compress_values(std::int64_t window);
  void write_slot(const StateWrite& write);
  void move_state_on();
  [[nodiscard]] const float* slot_values(const SlotSource& source, std::int32_t owner,
                                         bool gate) const;

  // query.cpp: the tokens that select, up to their packed queries
  void project_queries();
  void prepare_queries();
  void prepare_codes(std::int64_t place, std::int64_t lane);
  void project_int8_queries();
  [[nodiscard]] bool selecting_follow_one_another() const;
  template <class T>
  [[nodiscard]] const T* latent_rows(const TensorView<const T, 2>& qr);
  [[nodiscard]] const float* latent_scales();
  [[nodiscard]] const RopeAngle& query_angle(std::int64_t place) const;
  [[nodiscard]] const float* head_weights(std::int64_t place) const;
  /// A token's q, then its packed heads.
  [[nodiscard]] std::byte* heads(std::int64_t place) const {
    return work_.activations.data() + place * head_bytes_;
  }
  [[nodiscard]] std::uint16_t* q(std::int64_t place) const {
    return reinterpret_cast<std::uint16_t*>(heads(place));
  }

  // query_blocks.cpp: queries of weights with a scale for each block
  void project_e4m3_queries();
  void quantize_latent(const Bf16* qr, std::int64_t place) const;
  void project_blocks(std::int64_t unit, std::int64_t lane);

  // query_values.cpp: queries of BF16 weights, and of recipes whose rows are no int8 codes
  void project_bf16_queries();
  void store_queries(std::int64_t first_column, const float* values);
  void prepare_values(std::int64_t place, std::int64_t lane);
  [[nodiscard]] reference::EncodedRow encode_head(std::int64_t place, std::int64_t head) const;

  // score.cpp: score and select
  void list_pages();
  void select();
  void report_selection();
  [[nodiscard]] TokenRows token_rows(std::int64_t place);
  void score_rows(const TokenRows& rows, std::int64_t first, std::int64_t last, TopList& list,
                  std::int64_t lane) const;
  void score_stored(const TokenRows& rows, std::int64_t first, std::int64_t last,
                    TopList& list) const;
  void write_selection(std::int64_t place, const TopList& list);

  // bf16_rows.cpp: rows that are quantised as they are scored
  [[nodiscard]] bool has_bf16_rows() const { return keys_.holds_bf16(); }
  void lay_out_staged(std::int64_t most_rows, Carver& carver);
  void list_staged_pages() const;
  void stage_rows(const KeyTable& keys, std::int64_t first, std::int64_t last,
                  std::int64_t lane) const;
  void stage_run(const std::uint16_t* rows, std::int64_t count, std::int64_t first_staged,
                 std::int64_t lane) const;
  void score_bf16_rows(const TokenRows& rows, std::int64_t first, std::int64_t last, TopList& list,
                       std::int64_t lane) const;

  // mask.cpp: the rows of a token that a mask lets it have, as a table of their own
  [[nodiscard]] bool is_masked() const { return !batch_.row_mask.empty(); }
  [[nodiscard]] std::int64_t candidates(std::int64_t place, std::int64_t visible) const;
  [[nodiscard]] MaskedRows masked_sizes(std::int64_t rows) const;
  void measure_masked(const Wave& wave, Extents& most) const;
  void lay_out_masked(const Extents& most, Carver& carver);
  void place_table(std::int64_t place, std::int64_t first_page, std::int64_t first_block);
  void list_masked_rows(std::int64_t place);
  void list_masked_rows(const Wave& wave);
  [[nodiscard]] KeyTable masked_table(std::int64_t place) const;
  void unmask_rows(std::int64_t place, std::int32_t* rows, std::int64_t count) const;
  void unmask_logits(std::int64_t place, float* logits) const;

  // select_tokens.cpp: a lane selects for a whole token, or several share its rows
  void select_wholes(std::span<const VisibleRows> tokens);
  void group_tokens(std::span<const VisibleRows> tokens);
  [[nodiscard]] std::int32_t owner_of(std::int64_t place) const;
  [[nodiscard]] bool can_share(std::int64_t place);
  [[nodiscard]] const std::int8_t* first_rows(std::int64_t group) const;
  void select_together(const TokenGroup& group, std::int64_t lane, const std::int8_t* next);
  void select_token(std::int64_t unit, std::int64_t lane, const std::int8_t* next);
  void select_wave(const Wave& wave);
  void make_units(const Wave& wave);
  void guess_wave(const Wave& wave);
  void select_part(const Wave& wave, std::int64_t unit, std::int64_t lane);
  void judge_guesses(const Wave& wave);
  void reselect_part(const Wave& wave, std::int64_t unit, std::int64_t lane);
  void merge_parts(const Wave& wave, const VisibleRows& token, std::int64_t lane);
  [[nodiscard]] bool may_prune(const TokenRows& rows) const;
  void take_sample(const TokenRows& rows, std::int64_t slot, std::int64_t first, std::int64_t last);
  [[nodiscard]] PruneGuess guess(const TokenRows& rows, std::int64_t slot, std::int64_t lane);
  [[nodiscard]] PrunedRows pruned_rows(const PruneGuess& guess, std::int64_t first_sum) const;
  [[nodiscard]] float* bounds(std::int64_t slot) const;
  [[nodiscard]] TopList lane_list(std::int64_t lane, std::int64_t places, std::int64_t which = 0);
  void load_part(const Wave& wave, std::size_t unit, TopList& list) const;
  void save_part(const Wave& wave, std::size_t unit, const TopList& list) const;

  /// So many rows were rotated by the int8 kernels.
  void report_rotations(StageReport& report, std::int64_t rows) const;
  [[nodiscard]] bool has_int8_rows() const { return indexer_.recipe.row_format == RowFormat::int8; }
  [[nodiscard]] bool has_wide_queries() const { return !model_.query_wide.empty(); }
  /// Of a token's packed heads.
  [[nodiscard]] std::int64_t word_bytes() const;
  [[nodiscard]] const TokenPlan& selecting(std::int64_t place) const {
    return work_.plan
        .tokens[static_cast<std::size_t>(work_.plan.selecting[static_cast<std::size_t>(place)])];
  }
  [[nodiscard]] StageReport& stage(Stage which) {
    return report_.stages[static_cast<std::size_t>(which)];
  }
  [[nodiscard]] std::int64_t places_of(std::int64_t visible) const;

  const Indexer::Impl& indexer_;
  const ModelShape& shape_;
  const Kernels& kernels_;
  const PackedModel& model_;
  Executor& executor_;
  const DecodeBatch& batch_;
  KeyCache::Impl& keys_;
  CompressorState& state_;
  Selection& picks_;
  float* key_rows_;
  Workspace& work_;
  std::int64_t portion_tokens_ = 0;  ///< most tokens of a portion
  std::int64_t windows_done_ = 0;    ///< of earlier portions
  std::int64_t head_bytes_ = 0;      ///< from token to token of q, and of packed heads
  std::int64_t whole_sums_ = 0;      ///< places for partial sums of a lane that scores whole tokens
  std::int64_t piece_rows_ = 1;      ///< rows of a page of a masked table
  MaskedRows whole_masked_{};        ///< of a token that a lane scores alone
  std::int64_t staged_pages_ = 0;    ///< of a lane
  bool pruned_ = false;              ///< selections may be pruned
  std::int64_t list_capacity_ = 0;   ///< of each lane's candidate list
  StepReport report_;
};

}  // namespace cpu
}  // namespace fulgurite
