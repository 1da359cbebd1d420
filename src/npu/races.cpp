#include <map>
#include <tuple>

#include "npu/checks.hpp"
#include "npu/loop_nest.hpp"
#include "npu/touched.hpp"

namespace fulgurite::npu {
namespace {

using namespace tile;

/// Two windows that meet, of an earlier and a later task, or of two blocks of one.
struct Meeting {
  const TouchedWindow& first;
  const TouchedWindow& second;
};

FindingKind kind_of(const Meeting& meeting) {
  if (!meeting.first.is_write) return FindingKind::war_race;
  return meeting.second.is_write ? FindingKind::waw_race : FindingKind::raw_race;
}

std::string_view advice(FindingKind kind) {
  switch (kind) {
    case FindingKind::war_race:
      return "The runtime does not make a write wait for earlier reads. Let the writer read "
             "something of the reader's result, as adding z = y - y of it, write to another "
             "tensor, or give the task in deps.";
    case FindingKind::waw_race:
      return "The runtime takes the later task for one that only adds rows. Let it read what it "
             "overwrites, mark the parameter inout, or give the task in deps.";
    default:
      return "Give the task in deps, or read the tensor through a view that holds the window.";
  }
}

class RaceSearch {
 public:
  RaceSearch(const Trace& trace, const Reachability& reachability)
      : trace_(trace),
        reachability_(reachability),
        touched_(touched(trace)),
        nests_(loop_nests(trace)) {}

  std::vector<Finding> run() {
    for (std::size_t i = 0; i < touched_.buffers.size(); ++i) {
      const TouchedBuffer& first = touched_.buffers[i];
      if (trace_[first.task].blocks > 1) check_blocks(first);
      for (std::size_t j = i + 1; j < touched_.buffers.size(); ++j) {
        const TouchedBuffer& second = touched_.buffers[j];
        if (second.buffer != first.buffer) break;
        if (first.has_write || second.has_write) check_tasks(first, second);
      }
    }
    return std::move(findings_);
  }

 private:
  [[nodiscard]] std::span<const TouchedWindow> windows(const TouchedBuffer& part) const {
    return std::span(touched_.windows)
        .subspan(static_cast<std::size_t>(part.windows.first),
                 static_cast<std::size_t>(part.windows.size()));
  }

  void check_tasks(const TouchedBuffer& first, const TouchedBuffer& second) {
    const bool is_ordered = reachability_.orders(first.task, second.task);
    const Parting parting =
        npu::parting(trace_, nests_[first.task.index()], nests_[second.task.index()]);
    const bool is_asserted = is_parallel(trace_, parting);
    if ((is_ordered && !is_asserted) || !may_meet(first, second)) return;
    std::array<bool, 4> is_found{};
    for (const TouchedWindow& a : windows(first)) {
      for (const TouchedWindow& b : windows(second)) {
        if (!(a.is_write || b.is_write) || !share_elements(a, b)) continue;
        const Meeting meeting{a, b};
        const FindingKind kind = is_asserted ? FindingKind::race : kind_of(meeting);
        bool& is_known = is_found[static_cast<std::size_t>(kind)];
        if (is_known) continue;
        is_known = true;
        if (is_asserted) {
          add(kind, meeting, [&] { return explain_parallel(parting, is_ordered); });
        } else {
          add(kind, meeting, [&] {
            return "No edge and no chain of edges orders the two tasks. " +
                   std::string(advice(kind));
          });
        }
      }
      if (is_found[static_cast<std::size_t>(FindingKind::race)]) return;
    }
  }

  void check_blocks(const TouchedBuffer& part) {
    const std::span<const TouchedWindow> all = windows(part);
    for (std::size_t i = 0; i < all.size(); ++i) {
      for (std::size_t j = i + 1; j < all.size(); ++j) {
        if (all[i].block == all[j].block || !(all[i].is_write || all[j].is_write)) continue;
        if (!share_elements(all[i], all[j])) continue;
        add(FindingKind::race, {all[i], all[j]}, [&] {
          return "They are blocks " + std::to_string(all[i].block) + " and " +
                 std::to_string(all[j].block) +
                 " of one spmd, which run in any order or together. Give each block windows of "
                 "its own.";
        });
        return;
      }
    }
  }

  [[nodiscard]] std::string explain_parallel(const Parting& parting, bool is_ordered) const {
    return "They stand in iterations " + std::to_string(trace_[parting.first].value) + " and " +
           std::to_string(trace_[parting.second].value) + " of the parallel loop at " +
           to_string(trace_[trace_[parting.loop].location]) +
           ", which asserts that its iterations are independent" +
           (is_ordered ? "; that edges happen to order them here does not make it true. "
                       : ", and nothing orders them. ") +
           "Give each iteration windows of its own, or make the loop a range.";
  }

  [[nodiscard]] std::string touch(const TouchedWindow& window) const {
    const Op& op = trace_[trace_[window.access].op];
    return full_name(trace_, trace_[op.task].scope) + (window.is_write ? " writes " : " reads ") +
           npu::describe(trace_, window.region) + " at " + to_string(trace_[op.location]);
  }

  template <class Explain>
  void add(FindingKind kind, const Meeting& meeting, Explain explain) {
    const Op& first = trace_[trace_[meeting.first.access].op];
    const Op& second = trace_[trace_[meeting.second.access].op];
    const std::string& tensor = trace_[meeting.first.region.buffer].name;
    const auto [place, is_new] = known_.try_emplace(
        {kind, tensor, trace_[first.task].scope, trace_[second.task].scope}, findings_.size());
    if (!is_new) {
      ++findings_[place->second].count;
      return;
    }
    Finding finding;
    finding.kind = kind;
    finding.tensor = tensor;
    finding.scopes = {full_name(trace_, trace_[first.task].scope),
                      full_name(trace_, trace_[second.task].scope)};
    finding.location = second.location;
    finding.message = touch(meeting.first) + ", and " + touch(meeting.second) + ". " + explain();
    findings_.push_back(std::move(finding));
  }

  const Trace& trace_;
  const Reachability& reachability_;
  Touched touched_;
  std::vector<std::vector<IterationId>> nests_;
  std::vector<Finding> findings_;
  std::map<std::tuple<FindingKind, std::string, ScopeId, ScopeId>, std::size_t> known_;
};

}  // namespace

std::vector<Finding> find_races(const Trace& trace, const Reachability& reachability) {
  return RaceSearch(trace, reachability).run();
}

}  // namespace fulgurite::npu
