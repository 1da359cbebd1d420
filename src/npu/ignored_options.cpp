#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "npu/checks.hpp"
#include "npu/split.hpp"

// What a program asks for and does not get.

namespace fulgurite::npu {
namespace {

using namespace tile;

/// What is wrong with a scope's options; once each, the tasks counted.
enum class Ignored : std::uint8_t { split_of_one_side, split_of_nothing, auto_chunk };

class OptionCheck {
 public:
  explicit OptionCheck(const Trace& trace) : trace_(trace) {}

  std::vector<Finding> run() {
    for (const Task& task : trace_.tasks) {
      const Scope& scope = trace_[task.scope];
      if (scope.has_split && task.kind != TaskKind::mixed) add(task, Ignored::split_of_one_side);
      const std::optional<SplitMode> mode = effective_split(trace_, task);
      if (mode && !halves_anything(task, *mode)) add(task, Ignored::split_of_nothing);
      if (scope.auto_chunk) add(task, Ignored::auto_chunk);
    }
    for (const Loop& loop : trace_.loops) {
      if (loop.kind == LoopKind::pipeline) check_stage(loop);
    }
    return std::move(findings_);
  }

 private:
  [[nodiscard]] bool halves_anything(const Task& task, SplitMode mode) const {
    for (std::int32_t row = task.ops.first; row < task.ops.last; ++row) {
      const Op& op = trace_[OpId{row}];
      if (!op.result.valid() || !is_on_vector_side(trace_[op.result])) continue;
      if (is_halved(trace_[op.result].shape, mode)) return true;
    }
    return false;
  }

  void add(const Task& task, Ignored what) {
    const auto [place, is_new] =
        known_.try_emplace({task.scope, static_cast<int>(what), {}}, findings_.size());
    if (!is_new) {
      ++findings_[place->second].count;
      return;
    }
    const Scope& scope = trace_[task.scope];
    add_finding(task.scope, scope.location, explain(task, what));
  }

  [[nodiscard]] std::string explain(const Task& task, Ignored what) const {
    const std::string split = "split(" + std::string(name(trace_[task.scope].split)) + ")";
    switch (what) {
      case Ignored::split_of_one_side:
        return split + " does nothing: the kernel has only a " + std::string(name(task.kind)) +
               " side, and a split shares the vector side of a mixed kernel. Leave it out.";
      case Ignored::split_of_nothing:
        return split +
               " halves no tile of the vector side: both vector cores do all of the work. Split by "
               "NONE, or along the axis that is longer than 1.";
      case Ignored::auto_chunk:
        return "auto_chunk does nothing: it breaks up loops that ask for chunks, and no loop in "
               "the scope does. It was removed on 2026-06-30. Leave it out.";
    }
    return {};
  }

  void check_stage(const Loop& loop) {
    const Index count =
        loop.stop <= loop.start ? 0 : (loop.stop - loop.start + loop.step - 1) / loop.step;
    if (count == 0 || (loop.stage > 1 && loop.stage <= count)) return;
    const ScopeId scope = trace_[loop.task].scope;
    const auto [place, is_new] = known_.try_emplace({scope, -1, loop.location}, findings_.size());
    if (!is_new) {
      if (stage_counted_.insert({loop.location, loop.task}).second)
        ++findings_[place->second].count;
      return;
    }
    stage_counted_.insert({loop.location, loop.task});
    const std::string stage = "stage = " + std::to_string(loop.stage);
    add_finding(scope, loop.location,
                loop.stage == 1
                    ? stage +
                          " keeps one iteration in flight, which is what range does. Ask for 2, "
                          "or write range."
                    : stage + " of a pipeline that runs " + std::to_string(count) +
                          (count == 1 ? " iteration" : " iterations") +
                          ": the rest of it costs memory and hides nothing. Ask for no more than "
                          "there are, or write range.");
  }

  void add_finding(ScopeId scope, LocationId location, const std::string& message) {
    Finding finding;
    finding.kind = FindingKind::ignored_option;
    finding.scopes = {full_name(trace_, scope)};
    finding.location = location;
    finding.message = finding.scopes[0] + " at " + to_string(trace_[location]) + ": " + message;
    findings_.push_back(std::move(finding));
  }

  const Trace& trace_;
  std::vector<Finding> findings_;
  std::map<std::tuple<ScopeId, int, LocationId>, std::size_t> known_;
  std::set<std::pair<LocationId, TaskId>> stage_counted_;
};

}  // namespace

std::vector<Finding> find_ignored_options(const Trace& trace) { return OptionCheck(trace).run(); }

std::vector<Finding> find_full_task_ring(const Trace& trace, const Chip& chip) {
  const auto window = static_cast<std::size_t>(chip.task_window);
  if (trace.tasks.size() <= window) return {};
  std::map<ScopeId, std::int64_t> tasks;
  for (const Task& task : trace.tasks) ++tasks[task.scope];
  std::vector<std::pair<std::int64_t, ScopeId>> biggest;
  for (const auto& [scope, count] : tasks) biggest.emplace_back(-count, scope);
  std::sort(biggest.begin(), biggest.end());
  Finding finding;
  finding.kind = FindingKind::task_ring;
  finding.count = static_cast<std::int64_t>(trace.tasks.size());
  finding.location = trace[trace.tasks[window].scope].location;
  finding.message = std::to_string(trace.tasks.size()) +
                    " tasks are more than the runtime's window of " + std::to_string(window) +
                    ", and none of them leaves it before the function ends: submission blocks for "
                    "good. The most come from";
  for (std::size_t i = 0; i < std::min<std::size_t>(biggest.size(), 3); ++i) {
    finding.scopes.push_back(full_name(trace, biggest[i].second));
    finding.message += (i == 0 ? " " : ", ") + finding.scopes.back() + " (" +
                       std::to_string(-biggest[i].first) + ")";
  }
  finding.message += ". Do more in one task: larger groups, fused scopes or spmd.";
  return {finding};
}

}  // namespace fulgurite::npu
