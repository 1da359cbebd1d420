#include <fmt/core.h>

#include <functional>
#include <vector>

#include "bench_data.hpp"
#include "bench_heads.hpp"
#include "bench_list.hpp"
#include "bench_part.hpp"
#include "bench_projections.hpp"
#include "bench_timer.hpp"
#include "cpu/isa.hpp"
#include "report/text.hpp"
#include "stage_table.hpp"

namespace fulgurite::app {
namespace {

constexpr std::int64_t kPicks = 512;

/// Times work with a fusion and without it, in turn, so that a slow moment meets both.
class Fusions {
 public:
  Fusions(const BenchSetup& setup, BenchPart& part) : setup_(setup), part_(part) {}

  void line(std::string fusion, std::string shape, std::string through, double bytes,
            const std::function<void()>& fused, const std::function<void()>& apart) {
    std::vector<double> with;
    std::vector<double> without;
    const std::size_t rounds = setup_.quick ? 3 : 9;
    for (std::size_t i = 0; i < rounds; ++i) {
      with.push_back(measure(fused, 3, 0.01, 0.5).median_s);
      without.push_back(measure(apart, 3, 0.01, 0.5).median_s);
    }
    add(std::move(fusion), std::move(shape), std::move(through), bytes, median(with),
        median(without));
  }
  [[nodiscard]] const cpu::Kernels& kernels() const { return cpu::kernels_for(setup_.isa); }
  [[nodiscard]] bool quick() const { return setup_.quick; }

 private:
  void add(std::string fusion, std::string shape, std::string through, double bytes, double fused_s,
           double apart_s) {
    const double gain = 1 - fused_s / apart_s;
    part_.add({fusion, shape, through, report::bytes(bytes), report::duration(apart_s),
               report::duration(fused_s), fmt::format("{:+.1f} %", -100 * gain)},
              {{"fusion", fusion},
               {"shape", shape},
               {"apart_goes_through", through},
               {"bytes", bytes},
               {"apart_seconds", apart_s},
               {"fused_seconds", fused_s},
               {"gain", gain}});
  }

  const BenchSetup& setup_;
  BenchPart& part_;
};

void query_epilogue(Fusions& fusions) {
  Projections data(1);
  core::AlignedBuffer<std::int32_t> sums("sums",
                                         Projections::kMostTokens * Projections::query_columns());
  const cpu::Kernels& kernels = fusions.kernels();
  for (const std::int64_t tokens : {Projections::kMostTokens, std::int64_t{8}}) {
    const auto bytes = static_cast<double>(tokens * Projections::query_columns() * 4);
    fusions.line(
        "query: scales, bf16", fmt::format("T {}", tokens), "int32 sums", bytes,
        [&] { data.run_query(kernels, tokens, 0); },
        [&] {
          const cpu::QueryProjection problem = data.packed_query(kernels, tokens, 0);
          kernels.unfused.query_sums(problem, sums.data());
          kernels.unfused.scale_sums(problem, sums.data());
        });
  }
}

void row_operations(Fusions& fusions) {
  Heads heads;
  core::AlignedBuffer<std::uint16_t> turned("turned rows", Heads::kRows * kHeadDim);
  core::AlignedBuffer<float> rotated("rotated rows", Heads::kRows * kHeadDim);
  const cpu::Kernels& kernels = fusions.kernels();
  const auto values = static_cast<double>(Heads::kRows * kHeadDim);
  const std::string shape = report::thousands(Heads::kRows) + " rows";
  const auto fused = [&] { heads.transform(kernels); };
  fusions.line("rope, hadamard", shape, "bf16 rows", 2 * values, fused, [&] {
    heads.for_each_token([&](const cpu::QueryTransform& t, std::int64_t first) {
      kernels.unfused.rope_rows(t, turned.data() + first);
    });
    heads.for_each_token([&](const cpu::QueryTransform& t, std::int64_t first) {
      kernels.unfused.rotate_quantize(t, turned.data() + first);
    });
  });
  fusions.line("hadamard, quantize", shape, "fp32 rows", 4 * values, fused, [&] {
    heads.for_each_token([&](const cpu::QueryTransform& t, std::int64_t first) {
      kernels.unfused.rope_rotate(t, rotated.data() + first);
    });
    heads.for_each_token([&](const cpu::QueryTransform& t, std::int64_t first) {
      kernels.unfused.quantize_rotated(t, rotated.data() + first);
    });
  });
}

void score_select(Fusions& fusions) {
  const cpu::Kernels& kernels = fusions.kernels();
  for (const std::int64_t rows : {2048, 32'768, 262'144}) {
    if (fusions.quick() && rows > 32'768) continue;
    const ScoredRows data(kernels, RowKind::normal, rows, 1);
    SelectionMemory memory(rows, kPicks, ScoredRows::kHeads);
    std::vector<float> logits(static_cast<std::size_t>(rows));
    int query = 0;
    fusions.line(
        "score, select", fmt::format("{} rows", report::thousands(rows)), "fp32 scores",
        static_cast<double>(4 * rows),
        [&] {
          cpu::TopList list = memory.list();
          score_all(kernels, data, query++ % ScoredRows::kQueries, list);
          finish(kernels, list);
        },
        [&] {
          cpu::TopList list = memory.list();
          kernels.score(data.query(query++ % ScoredRows::kQueries), data.table(), 0, rows,
                        logits.data());
          kernels.unfused.select_scores(logits.data(), rows, list);
          finish(kernels, list);
        });
  }
}

}  // namespace

BenchPart bench_fusions(const BenchSetup& setup) {
  BenchPart part("fusions", "What each fusion gains, one core: v4-flash, k 512",
                 {{"fusion"},
                  {"shape"},
                  {"apart it goes through"},
                  {"of", report::Align::right},
                  {"apart", report::Align::right},
                  {"fused", report::Align::right},
                  {"time", report::Align::right}});
  Fusions fusions(setup, part);
  query_epilogue(fusions);
  row_operations(fusions);
  score_select(fusions);
  return part;
}

}  // namespace fulgurite::app
