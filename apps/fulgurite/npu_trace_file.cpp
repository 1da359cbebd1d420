#include "npu_trace_file.hpp"

#include <fmt/core.h>

#include <cstdint>
#include <string>
#include <vector>

namespace fulgurite::app {
namespace {

using namespace npu;

class Picture {
 public:
  Picture(const tile::Trace& trace, const Chip& chip, const Analysis& analysis)
      : trace_(trace), chip_(chip), analysis_(analysis) {}

  report::PerfettoTrace draw() {
    add_tracks();
    add_submissions();
    add_subtasks();
    add_flows();
    return std::move(picture_);
  }

 private:
  [[nodiscard]] std::string scope_of(tile::TaskId task) const {
    return full_name(trace_, trace_[task].scope);
  }

  void add_tracks() {
    orchestrator_ = picture_.add_track("runtime", "orchestrator");
    for (int i = 0; i < static_cast<int>(chip_.schedulers); ++i) {
      schedulers_.push_back(picture_.add_track("runtime", fmt::format("scheduler {}", i)));
    }
    const auto clusters = static_cast<std::size_t>(chip_.clusters);
    const auto vectors = static_cast<std::size_t>(chip_.aiv_per_cluster);
    cores_.resize(clusters * (1 + vectors));
    for (std::size_t cluster = 0; cluster < clusters; ++cluster) {
      cores_[cluster] = picture_.add_track("cores", fmt::format("cluster {:02} AIC", cluster));
      for (std::size_t lane = 0; lane < vectors; ++lane) {
        cores_[clusters + vectors * cluster + lane] =
            picture_.add_track("cores", fmt::format("cluster {:02} AIV {}", cluster, lane));
      }
    }
  }

  void add_submissions() {
    for (std::size_t i = 0; i < trace_.tasks.size(); ++i) {
      const tile::TaskId task{static_cast<std::int32_t>(i)};
      const double end_us = analysis_.schedule.submitted_us[i];
      picture_.add({orchestrator_,
                    scope_of(task),
                    "submit",
                    end_us - chip_.orchestrator_us,
                    end_us,
                    {{"task", i}}});
    }
  }

  void add_subtasks() {
    const std::size_t none = analysis_.schedule.subtasks.size();
    first_.assign(trace_.tasks.size(), none);
    last_.assign(trace_.tasks.size(), none);
    std::vector<double> seen_us(trace_.tasks.size(), -1);
    for (const Subtask& subtask : analysis_.schedule.subtasks) {
      const std::size_t slice = add_subtask(subtask);
      const std::size_t task = subtask.task.index();
      if (first_[task] == none) first_[task] = slice;
      if (subtask.seen_us <= seen_us[task]) continue;
      seen_us[task] = subtask.seen_us;
      last_[task] = slice;
    }
  }

  std::size_t add_subtask(const Subtask& subtask) {
    const std::string scope = scope_of(subtask.task);
    const std::size_t scheduler = schedulers_[static_cast<std::size_t>(subtask.scheduler)];
    picture_.add({scheduler,
                  scope,
                  "dispatch",
                  subtask.dispatched_us,
                  subtask.dispatched_us + chip_.dispatch_us,
                  {{"task", subtask.task.value}, {"what", "dispatch"}}});
    picture_.add({scheduler,
                  scope,
                  "completion",
                  subtask.seen_us - chip_.completion_us,
                  subtask.seen_us,
                  {{"task", subtask.task.value}, {"what", "completion"}}});
    const auto kernel = analysis_.kernels.kernel_of[subtask.task.index()];
    return picture_.add({cores_[static_cast<std::size_t>(subtask.core)],
                         scope,
                         "kernel",
                         subtask.start_us,
                         subtask.end_us,
                         {{"task", subtask.task.value},
                          {"block", subtask.block},
                          {"kernel", kernel},
                          {"submitted_us", analysis_.schedule.submitted_us[subtask.task.index()]},
                          {"ready_us", analysis_.schedule.ready_us[subtask.task.index()]}}});
  }

  void add_flows() {
    for (const Edge& edge : analysis_.edges) {
      const std::string name = edge.buffer.valid() ? trace_[edge.buffer].name : "deps";
      picture_.add_flow(last_[edge.from.index()], first_[edge.to.index()], name);
    }
  }

  const tile::Trace& trace_;
  const Chip& chip_;
  const Analysis& analysis_;
  report::PerfettoTrace picture_;
  std::size_t orchestrator_ = 0;
  std::vector<std::size_t> schedulers_;
  std::vector<std::size_t> cores_;  ///< the track of each core
  std::vector<std::size_t> first_;  ///< by task: its first kernel's slice
  std::vector<std::size_t> last_;   ///< by task: the kernel that was seen to end last
};

}  // namespace

report::PerfettoTrace perfetto_trace(const tile::Trace& trace, const Chip& chip,
                                     const Analysis& analysis) {
  return Picture(trace, chip, analysis).draw();
}

}  // namespace fulgurite::app
