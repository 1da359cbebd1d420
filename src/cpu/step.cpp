#include "cpu/step.hpp"

#include <algorithm>
#include <chrono>

#include "core/float_mode.hpp"
#include "cpu/step_access.hpp"

namespace fulgurite::cpu {
namespace {

/// Adds the time of its life to a stage.
class StageTimer {
 public:
  explicit StageTimer(double& seconds) : seconds_(seconds) {}
  ~StageTimer() {
    seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
  }
  StageTimer(const StageTimer&) = delete;
  StageTimer& operator=(const StageTimer&) = delete;

 private:
  double& seconds_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace

Step::Step(const Indexer::Impl& indexer, const DecodeBatch& batch, KeyCache& keys,
           CompressorState& state, Selection& picks, float* key_rows, Workspace& workspace)
    : indexer_(indexer),
      shape_(indexer.shape),
      kernels_(indexer.kernels),
      model_(indexer.model),
      executor_(*indexer.executor),
      batch_(batch),
      keys_(StepAccess::impl(keys)),
      state_(state),
      picks_(picks),
      key_rows_(key_rows),
      work_(workspace) {}

void Step::plan() {
  const core::FloatMode mode;
  check_inputs();
  plan_sequences(shape_, batch_, state_.slots(), work_.plan);
  check_parameters();
  check_state();
  check_mask();
  check_selection();
  keys_.check(work_.plan);
  keys_.make_room(work_.plan);
  allocate();
}

void Step::execute(const Progress& progress) noexcept {
  for (const SequencePlan& sequence : work_.plan.sequences) {
    keys_.take(sequence.sequence, sequence.rows);
  }
  const std::int64_t tokens = batch_.tokens();
  Portions portions(batch_, portion_tokens_);
  while (portions.next(work_.portion)) {
    {
      const StageTimer timer(stage(Stage::project).seconds);
      const core::FloatMode mode;
      plan_part(batch_, work_.portion.sequences, state_.slots(), work_.plan);
      project();
      finish_projections();
    }
    {
      const StageTimer timer(stage(Stage::compress).seconds);
      compress_windows();
      move_state_on();
    }
    if (work_.portion.selected > 0) select_rows();
    if (progress) progress(work_.portion.first_token + work_.portion.tokens, tokens);
  }
}

/// The stages of the tokens that select.
void Step::select_rows() {
  list_pages();
  {
    const StageTimer timer(stage(Stage::query).seconds);
    project_queries();
  }
  {
    const StageTimer timer(stage(Stage::quantize).seconds);
    prepare_queries();
  }
  const StageTimer timer(stage(Stage::select).seconds);
  select();
}

}  // namespace fulgurite::cpu
