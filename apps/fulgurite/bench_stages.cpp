#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <functional>
#include <vector>

#include "bench_data.hpp"
#include "bench_heads.hpp"
#include "bench_list.hpp"
#include "bench_part.hpp"
#include "bench_projections.hpp"
#include "cpu/ceilings.hpp"
#include "cpu/isa.hpp"
#include "fulgurite/model.hpp"
#include "report/text.hpp"

namespace fulgurite::app {
namespace {

const ModelShape kShape = ModelShape::v4_flash();
constexpr std::int64_t kPicks = 512;

double ceiling_of(Work work, Isa isa, double bytes) {
  switch (work) {
    case Work::int8_macs:
      return cpu::int8_macs_per_second(isa);
    case Work::bf16_macs:
      return cpu::bf16_macs_per_second(isa);
    case Work::additions:
      return cpu::fp32_adds_per_second(isa);
    case Work::bytes:
      break;
  }
  return cpu::read_bytes_per_second(static_cast<std::int64_t>(bytes));
}

/// Measures lines, each with its ceiling before and after.
class Stages {
 public:
  Stages(const BenchSetup& setup, BenchPart& part) : setup_(setup), part_(part) {}

  /// `working_set`: bytes over which a ceiling of reads is taken.
  void line(std::string name, std::string shape, Work work, double amount,
            const std::function<void()>& run, double working_set = 0) {
    BenchLine line{.name = std::move(name), .shape = std::move(shape), .amount = amount};
    line.work = work;
    line.ceiling = amount > 0 ? ceiling_of(work, setup_.isa, working_set) : 0;
    line.time = setup_.quick ? measure(run, 7, 0.02, 1) : measure(run, 15, 0.25, 4);
    if (amount > 0) {
      line.ceiling = std::max(line.ceiling, ceiling_of(work, setup_.isa, working_set));
    }
    part_.add(line);
  }
  [[nodiscard]] const cpu::Kernels& kernels() const { return cpu::kernels_for(setup_.isa); }
  [[nodiscard]] Isa isa() const { return setup_.isa; }
  [[nodiscard]] bool quick() const { return setup_.quick; }

 private:
  const BenchSetup& setup_;
  BenchPart& part_;
};

void warm_projections(Stages& stages) {
  Projections data(1);
  for (const std::int64_t tokens : {128, 8}) {
    const auto t = static_cast<double>(tokens);
    const std::string shape = fmt::format("T {}", tokens);
    stages.line("query", shape, Work::int8_macs,
                t * static_cast<double>(Projections::query_bytes()),
                [&] { data.run_query(stages.kernels(), tokens, 0); });
    stages.line("weights + compress", shape, Work::bf16_macs,
                t * static_cast<double>(Projections::hidden_values()),
                [&] { data.run_project(stages.kernels(), tokens, 0); });
  }
}

void cold_projections(Stages& stages) {
  constexpr std::int64_t kCopies = 16;  // 208 MB
  Projections data(kCopies);
  std::int64_t copy = 0;
  for (const std::int64_t tokens : {1, 2}) {
    const std::string shape = fmt::format("T {}, weights in memory", tokens);
    const auto query_bytes = static_cast<double>(Projections::query_bytes());
    const auto hidden_bytes = 2 * static_cast<double>(Projections::hidden_values());
    stages.line(
        "query", shape, Work::bytes, query_bytes,
        [&] { data.run_query(stages.kernels(), tokens, copy++ % kCopies); }, kCopies * query_bytes);
    stages.line(
        "weights + compress", shape, Work::bytes, hidden_bytes,
        [&] { data.run_project(stages.kernels(), tokens, copy++ % kCopies); },
        kCopies * hidden_bytes);
  }
}

void transforms(Stages& stages) {
  Heads heads;
  constexpr double kAdditions = 7 * kHeadDim;  // of a row: the butterflies
  stages.line("rope + hadamard + quantize", fmt::format("{} rows", report::thousands(Heads::kRows)),
              Work::additions, kAdditions * Heads::kRows,
              [&] { heads.transform(stages.kernels()); });
}

void scores(Stages& stages) {
  std::vector<std::int64_t> sizes{2048, 8192, 32'768};
  if (!stages.quick()) sizes.insert(sizes.end(), {131'072, 262'144});
  for (const std::int64_t rows : sizes) {
    const ScoredRows data(stages.kernels(), RowKind::normal, rows, 1);
    const std::string shape = fmt::format("{} rows", report::thousands(rows));
    const double macs = static_cast<double>(rows * ScoredRows::kHeads * kHeadDim);
    std::vector<float> logits(static_cast<std::size_t>(rows));
    SelectionMemory memory(rows, kPicks, ScoredRows::kHeads);
    int query = 0;
    stages.line("score, all logits", shape, Work::int8_macs, macs, [&] {
      stages.kernels().score(data.query(query++ % ScoredRows::kQueries), data.table(), 0, rows,
                             logits.data());
    });
    stages.line("score + select, dense", shape, Work::int8_macs, macs, [&] {
      cpu::TopList list = memory.list();
      score_all(stages.kernels(), data, query++ % ScoredRows::kQueries, list);
      finish(stages.kernels(), list);
    });
  }
}

/// AVX-VNNI's kernels with the instruction as AVX-512 encodes it, against the same ceiling.
void scores_on_ymm([[maybe_unused]] Stages& stages) {
#if defined(__x86_64__)
  if (stages.isa() != Isa::avx512_vnni) return;
  const cpu::Kernels& kernels = cpu::kVnni256Kernels;
  for (const std::int64_t rows : {8192, 32'768}) {
    const ScoredRows data(kernels, RowKind::normal, rows, 1);
    std::vector<float> logits(static_cast<std::size_t>(rows));
    int query = 0;
    stages.line("score, all logits, on ymm", fmt::format("{} rows", report::thousands(rows)),
                Work::int8_macs, static_cast<double>(rows * ScoredRows::kHeads * kHeadDim), [&] {
                  kernels.score(data.query(query++ % ScoredRows::kQueries), data.table(), 0, rows,
                                logits.data());
                });
  }
#endif
}

/// From an array of scores, sorted.
void selections(Stages& stages) {
  constexpr std::size_t kArrays = 16;  // in turn, so that branches do not learn one of them
  for (const std::int64_t rows : {2048, 262'144}) {
    if (stages.quick() && rows > 2048) continue;
    RandomTensors tensors(3);
    std::vector<std::vector<float>> scores;
    while (scores.size() < kArrays) scores.push_back(tensors.floats(rows, 0.3F, 1));
    SelectionMemory memory(rows, kPicks, ScoredRows::kHeads);
    std::size_t at = 0;
    stages.line(
        "select alone", fmt::format("{} scores", report::thousands(rows)), Work::bytes,
        4 * static_cast<double>(rows),
        [&] {
          cpu::TopList list = memory.list();
          stages.kernels().unfused.select_scores(scores[at++ % kArrays].data(), rows, list);
          finish(stages.kernels(), list);
        },
        4 * static_cast<double>(rows));
  }
}

/// Two tokens of each of 64 sequences, as a step meets them.
void batched_scores(Stages& stages) {
  constexpr std::int64_t kSequences = 64;
  constexpr std::int64_t kRows = 2048;
  std::vector<ScoredRows> data;
  for (std::uint64_t i = 0; i < kSequences; ++i) {
    data.emplace_back(stages.kernels(), RowKind::normal, kRows, i);
  }
  std::array<SelectionMemory, 2> memory{SelectionMemory(kRows, kPicks, ScoredRows::kHeads),
                                        SelectionMemory(kRows, kPicks, ScoredRows::kHeads)};
  const auto tokens = [&](const ScoredRows& sequence) {
    std::array<cpu::TopList, 2> lists{memory[0].list(), memory[1].list()};
    std::array<cpu::ScoreTask, 2> tasks;
    for (int i = 0; i < 2; ++i) {
      const auto at = static_cast<std::size_t>(i);
      tasks[at] = {.query = sequence.query(i), .last = kRows, .out = nullptr, .list = &lists[at]};
    }
    stages.kernels().score_select(tasks.data(), 2, sequence.table(), 0);
    for (cpu::TopList& list : lists) finish(stages.kernels(), list);
  };
  stages.line("score + select, dense", "64 x 2 tokens, 2,048 rows", Work::int8_macs,
              static_cast<double>(2 * kSequences * kRows * ScoredRows::kHeads * kHeadDim), [&] {
                for (const ScoredRows& sequence : data) tokens(sequence);
              });
}

}  // namespace

BenchPart bench_stages(const BenchSetup& setup) {
  BenchPart part("stages", "The stages on one core: v4-flash, k 512");
  Stages stages(setup, part);
  warm_projections(stages);
  if (!setup.quick) cold_projections(stages);
  transforms(stages);
  scores(stages);
  scores_on_ymm(stages);
  selections(stages);
  if (!setup.quick) batched_scores(stages);
  return part;
}

}  // namespace fulgurite::app
