#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "bench_data.hpp"
#include "bench_list.hpp"
#include "bench_part.hpp"
#include "cpu/ceilings.hpp"
#include "cpu/isa.hpp"
#include "report/text.hpp"
#include "stage_table.hpp"

namespace fulgurite::app {
namespace {

constexpr std::int64_t kRacePicks = 512;

/// Both forms in turn, so that a slow moment meets both.
class Race {
 public:
  Race(const cpu::Kernels& kernels, const ScoredRows& rows)
      : kernels_(kernels), rows_(rows), memory_(rows.rows(), kRacePicks, ScoredRows::kHeads) {}

  void run(double seconds) {
    constexpr std::size_t kLeast = 12;
    const double begin = now_s();
    for (int turn = 0; gain_.size() < kLeast || now_s() - begin < seconds; ++turn) {
      const int query = turn % ScoredRows::kQueries;
      const long before = preemptions();
      const double start = thread_s();
      dense(query);
      const double middle = thread_s();
      pruned(query);
      const double end = thread_s();
      if (preemptions() != before && now_s() - begin < 2 * seconds) continue;
      dense_.push_back(middle - start);
      pruned_.push_back(end - middle);
      gain_.push_back(dense_.back() / pruned_.back());
    }
  }
  [[nodiscard]] double dense_s() const { return median(dense_); }
  [[nodiscard]] double pruned_s() const { return median(pruned_); }
  [[nodiscard]] double gain() const { return median(gain_); }
  [[nodiscard]] double skipped_share() const {
    return static_cast<double>(skipped_) / static_cast<double>(all_);
  }

 private:
  void dense(int query) {
    cpu::TopList list = memory_.list();
    score_all(kernels_, rows_, query, list);
    finish(kernels_, list);
  }
  void pruned(int query) {
    cpu::TopList list = memory_.list();
    const cpu::PruneOutcome outcome = cpu::select_pruned(
        kernels_, rows_.query(query), rows_.table(), rows_.rows(), memory_.pruning(), list);
    kernels_.sort_top(list.scores, list.rows, list.count);
    constexpr std::int64_t kHeads = ScoredRows::kHeads;
    all_ += rows_.rows() * kHeads;
    skipped_ -= outcome.guess.sampled * kHeads;
    if (outcome.guess.split == 0) return;
    skipped_ += (rows_.rows() - outcome.finished) * (kHeads - outcome.guess.split);
  }

  const cpu::Kernels& kernels_;
  const ScoredRows& rows_;
  SelectionMemory memory_;
  std::vector<double> dense_, pruned_, gain_;
  std::int64_t skipped_ = 0;
  std::int64_t all_ = 0;
};

}  // namespace

BenchPart bench_pruning(const BenchSetup& setup) {
  BenchPart part("pruning", "Score and select, 64 heads, k 512: every head, or pruned",
                 {{"rows are"},
                  {"rows", report::Align::right},
                  {"dense", report::Align::right},
                  {"of the ceiling", report::Align::right},
                  {"pruned", report::Align::right},
                  {"gain", report::Align::right},
                  {"skipped", report::Align::right}});
  const cpu::Kernels& kernels = cpu::kernels_for(setup.isa);
  std::vector<std::int64_t> sizes{8192, 32'768};
  if (!setup.quick) sizes.push_back(262'144);
  for (const RowKind kind : kRowKinds) {
    for (const std::int64_t rows : sizes) {
      const ScoredRows data(kernels, kind, rows, 1);
      const double before = cpu::int8_macs_per_second(setup.isa);
      Race race(kernels, data);
      race.run(setup.quick ? 0.1 : 0.5);
      const double ceiling = std::max(before, cpu::int8_macs_per_second(setup.isa));
      const double macs = static_cast<double>(rows * ScoredRows::kHeads * kHeadDim);
      const double share = macs / ceiling / race.dense_s();
      part.add(
          {std::string(name_of(kind)), report::thousands(rows), report::duration(race.dense_s()),
           report::percent(share), report::duration(race.pruned_s()),
           fmt::format("{:.3f}", race.gain()), fmt::format("{:.1f} %", 100 * race.skipped_share())},
          {{"rows_are", name_of(kind)},
           {"rows", rows},
           {"dense_seconds", race.dense_s()},
           {"dense_share_of_ceiling", share},
           {"pruned_seconds", race.pruned_s()},
           {"gain", race.gain()},
           {"skipped_share", race.skipped_share()}});
    }
  }
  return part;
}

}  // namespace fulgurite::app
