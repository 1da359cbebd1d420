#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "bench_part.hpp"
#include "bench_step.hpp"
#include "report/text.hpp"
#include "stage_table.hpp"

namespace fulgurite::app {
namespace {

/// What a case came to: with every head, and pruned.
struct StepResult {
  int threads;
  StepReport dense;
  StepReport pruned;
  Ceilings ceilings;
};

/// The two forms in turn, so that a slow moment meets both.
StepResult measure_step(const StepCase& c, const StepData& data, Layers& layers, Isa isa,
                        const std::shared_ptr<Executor>& executor, bool quick) {
  StepRuns dense(c, data, layers, {.isa = isa, .executor = executor, .prune = false});
  StepRuns pruned(c, data, layers, {.isa = isa, .executor = executor, .prune = true});
  const auto ceilings = [&] {
    return measure_ceilings(isa, executor->threads(), layers.working_set());
  };
  const Ceilings before = ceilings();
  const double seconds = quick ? 0.1 : 0.8;
  const double begin = now_s();
  while (dense.count() < 7 || now_s() - begin < seconds) {
    for (std::size_t i = 0; i < layers.count(); ++i) dense.run();
    for (std::size_t i = 0; i < layers.count(); ++i) pruned.run();
  }
  return {executor->threads(), dense.report(), pruned.report(), highest(before, ceilings())};
}

double skipped_share(const StepReport& report) {
  const StageReport& select = report[Stage::select];
  if (select.int8_macs == 0) return 0;
  return static_cast<double>(select.skipped_macs) / static_cast<double>(select.int8_macs);
}

BenchPart step_part(std::string name, std::string title) {
  return {std::move(name),
          std::move(title),
          {{"step"},
           {"threads", report::Align::right},
           {"every head", report::Align::right},
           {"of the floors", report::Align::right},
           {"pruned", report::Align::right},
           {"gain", report::Align::right},
           {"skipped", report::Align::right},
           {"of one thread", report::Align::right},
           {"workspace", report::Align::right}}};
}

void add(BenchPart& part, const std::string& label, const StepCase& c, const StepResult& r,
         const StepResult& one) {
  const double share = share_of_floors(r.dense, r.ceilings);
  const double gain = r.dense.seconds / r.pruned.seconds;
  const double speedup = one.dense.seconds / r.dense.seconds;
  const auto workspace = std::max(r.dense.workspace_bytes, r.pruned.workspace_bytes);
  part.add({label, std::to_string(r.threads), report::duration(r.dense.seconds),
            report::percent(share), report::duration(r.pruned.seconds), fmt::format("{:.3f}", gain),
            fmt::format("{:.1f} %", 100 * skipped_share(r.pruned)), fmt::format("{:.2f}", speedup),
            report::bytes(static_cast<double>(workspace))},
           {{"step", label},
            {"sequences", c.sequences},
            {"tokens_each", c.tokens},
            {"start_pos", c.start_pos},
            {"rows", c.rows()},
            {"heads", c.shape.heads},
            {"k", c.shape.topk},
            {"threads", r.threads},
            {"dense_seconds", r.dense.seconds},
            {"share_of_floors", share},
            {"pruned_seconds", r.pruned.seconds},
            {"gain", gain},
            {"skipped_share", skipped_share(r.pruned)},
            {"speedup_of_threads", speedup},
            {"workspace_bytes", workspace},
            {"dense_stages", stages_json(r.dense, r.ceilings)},
            {"pruned_stages", stages_json(r.pruned, r.ceilings)}});
}

/// The case on one thread and on all, as lines of the part.
void run_case(BenchPart& part, const BenchSetup& setup, const std::string& label,
              const StepCase& c) {
  const StepData data(c);
  Layers layers(c, data);
  std::optional<StepResult> one;
  std::vector<int> counts{1};
  if (setup.threads > 1) counts.push_back(setup.threads);
  for (const int threads : counts) {
    const StepResult result =
        measure_step(c, data, layers, setup.isa, make_thread_pool(threads), setup.quick);
    if (!one) one = result;
    add(part, label, c, result, *one);
  }
}

}  // namespace

BenchPart bench_steps(const BenchSetup& setup) {
  BenchPart part = step_part("steps", "Whole steps: v4-flash, k 512");
  std::vector<StepCase> cases{{.sequences = 64, .tokens = 2, .start_pos = 254}};
  if (!setup.quick) {
    cases.push_back({.sequences = 64, .tokens = 2, .start_pos = 8189});
    cases.push_back(seeing(65'536, 8, 1));
  }
  for (const std::int64_t tokens : {1, 2}) {
    cases.push_back(seeing(32'768, 1, tokens));
    if (!setup.quick) cases.push_back(seeing(262'144, 1, tokens));
  }
  for (const StepCase& c : cases) run_case(part, setup, label_of(c), c);
  return part;
}

BenchPart bench_scaling(const BenchSetup& setup) {
  BenchPart part = step_part("scaling",
                             "Steps as one thing grows; the others stay 1 sequence, 1 token, "
                             "16,384 rows, 64 heads, k 512");
  const StepCase middle = seeing(16'384, 1, 1);
  for (std::int64_t rows = 1024; rows <= (setup.quick ? 16'384 : 262'144); rows *= 4) {
    run_case(part, setup, fmt::format("{} rows", report::thousands(rows)), seeing(rows, 1, 1));
  }
  for (const std::int64_t sequences : {2, 8, 32}) {
    run_case(part, setup, fmt::format("{} sequences", sequences), seeing(16'384, sequences, 1));
  }
  for (const std::int64_t heads : {16, 32, 128}) {
    StepCase c = middle;
    c.shape.heads = heads;
    run_case(part, setup, fmt::format("{} heads", heads), c);
  }
  for (const std::int64_t k : {64, 256, 2048}) {
    StepCase c = middle;
    c.shape.topk = k;
    run_case(part, setup, fmt::format("k {}", k), c);
  }
  return part;
}

}  // namespace fulgurite::app
