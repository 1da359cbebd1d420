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
                    Selection& picks, float* key_rows);

  ModelShape shape;
  Recipe recipe;
  Isa isa;
  std::shared_ptr<Executor> executor;
  bool prune;
  const cpu::Kernels& kernels;
  cpu::PackedModel model;
  cpu::WorkspacePool workspaces;
};

namespace cpu {

inline constexpr std::int64_t kQueryColumns = 4 * kColumnBlock;  ///< of a unit of work of `query`

/// One step on its way: planned, checked, given memory, then executed stage by stage. Until
/// execute() nothing that the caller can see has changed, and execute() does not fail.
class Step {
 public:
  Step(const Indexer::Impl& indexer, const DecodeBatch& batch, KeyCache& keys,
       CompressorState& state, Selection& picks, float* key_rows, Workspace& workspace);

  /// Throws Error if anything does not fit.
  void plan();
  void execute() noexcept;

  [[nodiscard]] const StepReport& report() const { return report_; }

 private:
  struct TokenRange {
    std::int64_t first;
    std::int64_t count;
  };
  /// What a token's selection reads and fills.
  struct TokenRows {
    ScoreQuery query;   ///< of recipes with int8 rows
    ValueQuery values;  ///< of others
    KeyTable keys;
    std::int64_t visible;
    std::int64_t places;  ///< of the result
    float* logits;        ///< null, or [visible]
  };

  // step_check.cpp
  void check_inputs() const;
  void check_parameters() const;
  void check_state() const;
  void check_selection() const;
  void allocate();
  void allocate_selection(std::int64_t tokens, std::int64_t most_rows);

  // compress.cpp: all tokens' projections, then the rows that close and the state
  void project(TokenRange block);
  void finish_projections();
  void compress_windows();
  void compress_window(std::int64_t window);
  void compress_values(std::int64_t window);
  void move_state_on();
  [[nodiscard]] const float* slot_values(const SlotSource& source, std::int32_t owner,
                                         bool gate) const;

  // query.cpp: a block of tokens up to their packed queries
  void project_queries(TokenRange block);
  void prepare_queries(TokenRange block);
  void prepare_query(std::int64_t token, std::int64_t place, std::int64_t lane);
  void prepare_codes(std::int64_t token, std::int64_t place, std::int64_t lane);
  void project_int8_queries(TokenRange block);
  void project_bf16_queries(TokenRange block);

  // query_blocks.cpp: queries of weights with a scale for each block
  void project_e4m3_queries(TokenRange block);
  void quantize_latent(TokenRange block, std::int64_t place);
  void project_blocks(TokenRange block, std::int64_t unit, float* partial);

  // query_values.cpp: the same for recipes whose rows are no int8 codes
  void prepare_values(std::int64_t token, std::int64_t place, std::int64_t lane);
  [[nodiscard]] reference::EncodedRow encode_head(std::int64_t token, std::int64_t place,
                                                  std::int64_t head) const;

  // score.cpp: score and select a block of tokens
  void list_pages();
  void select(TokenRange block);
  void order_tokens(TokenRange block);
  void report_selection(TokenRange block);
  [[nodiscard]] TokenRows token_rows(std::int64_t token, TokenRange block);
  void score_rows(const TokenRows& rows, std::int64_t first, std::int64_t last, TopList& list);
  void write_selection(std::int64_t token, const TopList& list);

  // select_tokens.cpp: a lane selects for a whole token, or several share its rows
  void select_wholes(std::span<const VisibleRows> tokens, TokenRange block);
  void group_tokens(std::span<const VisibleRows> tokens, TokenRange block);
  [[nodiscard]] std::int32_t owner_of(std::int64_t token) const;
  [[nodiscard]] bool can_share(std::int64_t token, TokenRange block);
  void select_together(const TokenGroup& group, std::int64_t lane, TokenRange block);
  void select_token(std::int64_t unit, std::int64_t lane, TokenRange block);
  void select_wave(const Wave& wave, TokenRange block);
  void make_units(const Wave& wave);
  void guess_wave(const Wave& wave, TokenRange block);
  void select_part(const Wave& wave, std::int64_t unit, std::int64_t lane, TokenRange block);
  void judge_guesses(const Wave& wave, TokenRange block);
  void reselect_part(const Wave& wave, std::int64_t unit, std::int64_t lane, TokenRange block);
  void merge_parts(const Wave& wave, const VisibleRows& token, std::int64_t lane);
  [[nodiscard]] bool may_prune(const TokenRows& rows) const;
  void take_sample(const TokenRows& rows, std::int64_t slot, std::int64_t first, std::int64_t last);
  [[nodiscard]] PruneGuess guess(const TokenRows& rows, std::int64_t slot, std::int64_t lane);
  [[nodiscard]] PrunedRows pruned_rows(const PruneGuess& guess, std::int64_t first_sum);
  [[nodiscard]] float* bounds(std::int64_t slot);
  [[nodiscard]] TopList lane_list(std::int64_t lane, std::int64_t places, std::int64_t which = 0);
  void load_part(const Wave& wave, std::size_t unit, TopList& list) const;
  void save_part(const Wave& wave, std::size_t unit, const TopList& list);

  [[nodiscard]] bool has_int8_rows() const { return indexer_.recipe.row_format == RowFormat::int8; }
  /// Of a token's packed heads.
  [[nodiscard]] std::int64_t word_bytes() const;
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
  std::int64_t whole_sums_ = 0;     ///< places for partial sums of a lane that scores whole tokens
  bool pruned_ = false;             ///< selections may be pruned
  std::int64_t list_capacity_ = 0;  ///< of each lane's candidate list
  StepReport report_;
};

}  // namespace cpu
}  // namespace fulgurite
