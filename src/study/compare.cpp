#include "study/compare.hpp"

#include <algorithm>
#include <string_view>

#include "programs/seed_program.hpp"
#include "study/path_runs.hpp"

namespace fulgurite::study {
namespace {

using namespace npu;

double makespan_us(const tile::Trace& trace, const Analysis& analysis, const Chip& chip,
                   const Rules& rules) {
  std::vector<KernelRun> runs;
  for (const Kernel& kernel : analysis.kernels.kernels) {
    runs.push_back(run_kernel(trace, plan_memory(trace, kernel.task, chip, rules), chip));
  }
  const auto tasks = schedule_tasks(trace, analysis.kernels, runs);
  return schedule(chip, tasks, analysis.edges).makespan_us;
}

struct Window {
  std::optional<double> start_us;
  double end_us = 0;
  [[nodiscard]] double length_us() const { return start_us ? end_us - *start_us : 0; }
};

/// First start and last end of the kernels whose full name starts so.
Window window_of(const tile::Trace& trace, const Schedule& schedule, std::string_view prefix) {
  Window window;
  for (const Subtask& subtask : schedule.subtasks) {
    if (!full_name(trace, trace[subtask.task].scope).starts_with(prefix)) continue;
    window.start_us = std::min(window.start_us.value_or(subtask.start_us), subtask.start_us);
    window.end_us = std::max(window.end_us, subtask.end_us);
  }
  return window;
}

VariantTime time_of(const programs::ProgramShape& shape, const Variant& variant,
                    std::span<const Setting> settings, const Rules& rules) {
  const tile::Trace trace = programs::trace(shape, variant.options);
  const Chip& chip = settings.front().chip;
  const Analysis analysis = analyse(trace, chip, rules);
  const Schedule& schedule = analysis.schedule;
  VariantTime time;
  time.variant = variant;
  time.tasks = static_cast<std::int64_t>(trace.tasks.size());
  time.subtasks = static_cast<std::int64_t>(schedule.subtasks.size());
  time.mix_tasks = schedule.mix_count;
  time.errors = std::ranges::count_if(analysis.findings, [](const Finding& finding) {
    return severity(finding.kind) == Severity::error;
  });
  time.makespan_us.push_back(schedule.makespan_us);
  for (const Setting& setting : settings.subspan(1)) {
    time.makespan_us.push_back(makespan_us(trace, analysis, setting.chip, rules));
  }
  time.low_us = std::ranges::min(time.makespan_us);
  time.high_us = std::ranges::max(time.makespan_us);
  time.spent_us = spent_us(schedule);
  time.submission_us = chip.orchestrator_us * static_cast<double>(time.tasks);
  time.compressor_start_us = window_of(trace, schedule, "indexer/compressor/").start_us;
  time.score_start_us = window_of(trace, schedule, "indexer/score_store").start_us;
  time.rope_window_us = window_of(trace, schedule, "indexer/rope_").length_us();
  return time;
}

/// What the clock cannot tell apart is no order.
constexpr double kSameUs = 1e-6;

std::vector<Reversal> reversals(std::span<const VariantTime> variants, std::size_t settings) {
  std::vector<Reversal> found;
  for (std::size_t setting = 1; setting < settings; ++setting) {
    for (std::size_t a = 0; a < variants.size(); ++a) {
      for (std::size_t b = 0; b < variants.size(); ++b) {
        const bool is_faster =
            variants[a].makespan_us.front() + kSameUs < variants[b].makespan_us.front();
        const bool is_slower =
            variants[a].makespan_us[setting] > variants[b].makespan_us[setting] + kSameUs;
        if (is_faster && is_slower) found.push_back({setting, a, b});
      }
    }
  }
  return found;
}

}  // namespace

Comparison compare(const programs::ProgramShape& shape, std::span<const Variant> variants,
                   const Chip& chip, const Rules& rules) {
  Comparison result;
  result.settings = settings(chip);
  for (const Variant& variant : variants) {
    result.variants.push_back(time_of(shape, variant, result.settings, rules));
  }
  result.reversals = reversals(result.variants, result.settings.size());
  return result;
}

}  // namespace fulgurite::study
