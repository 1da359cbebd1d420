// How an engine with a thread pool, key pages and block tables of its own uses the library.
#include <cstdio>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "fulgurite/fulgurite.hpp"

using namespace fulgurite;

namespace {

/// The engine's thread pool; here as plain as can be.
class EngineThreads : public Executor {
 public:
  [[nodiscard]] int threads() const noexcept override { return 2; }

  void run(int count, Task task, void* context) override {
    std::thread other([=] {
      for (int i = 1; i < count; i += 2) task(context, i);
    });
    for (int i = 0; i < count; i += 2) task(context, i);
    other.join();
  }
  using Executor::run;
};

constexpr ModelShape kShape{.hidden = 256, .query_rank = 64, .heads = 8, .topk = 4};
constexpr std::int64_t kPages = 8;
constexpr std::int64_t kPageRows = 16;

/// Random weights in place of a model's.
struct Weights {
  std::vector<std::int8_t> wq_b = std::vector<std::int8_t>(8 * 128 * 64);
  std::vector<float> wq_b_scale = std::vector<float>(8 * 128, 0.01F);
  std::vector<Bf16> matrix = std::vector<Bf16>(256 * 256);  // weights_proj, wkv, wgate and x
  std::vector<float> ape = std::vector<float>(4 * 256, 0.F);
  std::vector<float> norm = std::vector<float>(128, 1.F);

  Weights() {
    std::mt19937 engine(1);
    std::uniform_int_distribution<int> code(-127, 127);
    for (std::int8_t& x : wq_b) x = static_cast<std::int8_t>(code(engine));
    for (Bf16& x : matrix) x = to_bf16(static_cast<float>(code(engine)) / 256);
  }

  [[nodiscard]] IndexerWeights views() const {
    return {.wq_b = {wq_b.data(), {8 * 128, 64}},
            .wq_b_scale = {wq_b_scale.data(), {8 * 128}},
            .weights_proj = {matrix.data(), {8, 256}},
            .wkv = {matrix.data(), {256, 256}},
            .wgate = {matrix.data(), {256, 256}},
            .ape = {ape.data(), {4, 256}},
            .norm = {norm.data(), {128}}};
  }
};

}  // namespace

int main() try {
  const Weights weights;
  const Indexer indexer(kShape, weights.views(), {.executor = std::make_shared<EngineThreads>()});

  // The engine's memory: pages of rows, a block table, kv and gate of recent tokens.
  std::vector<std::int8_t> codes(kPages * kPageRows * kHeadDim);
  std::vector<float> scales(kPages * kPageRows);
  std::vector<std::int32_t> block_table{5, 2, 7, -1};  // of two sequences, two blocks each
  std::vector<float> kv(2 * 16 * kStateWidth);
  std::vector<float> gate(2 * 16 * kStateWidth);

  KeyCache keys(
      {.codes = codes.data(), .scales = scales.data(), .pages = kPages, .page_rows = kPageRows},
      {block_table.data(), {2, 2}});
  CompressorState state({kv.data(), {2, 16, kStateWidth}}, {gate.data(), {2, 16, kStateWidth}});

  // A prompt of 70 tokens in one step, beside one of 3 tokens.
  DecodeBatch batch{.sequences = {{.sequence = 0, .position = 0, .tokens = 70},
                                  {.sequence = 1, .position = 0, .tokens = 3}},
                    .offset = 128};
  const std::vector<float> qr_scale(73, 0.01F);
  batch.x = {weights.matrix.data(), {73, 256}};
  batch.qr = {weights.wq_b.data(), {73, 64}};
  batch.qr_scale = {qr_scale.data(), {73}};
  Selection picks(kShape, batch.tokens(), {.scores = true});
  const StepReport report = indexer.decode(batch, keys, state, picks);
  std::printf("%lld tokens took %.0f us\n", static_cast<long long>(batch.tokens()),
              report.seconds * 1e6);
  for (std::size_t place = 0; place < picks.rows(69).size(); ++place) {
    std::printf("token 69 selects row %d, score %g\n", picks.rows(69)[place] - 128,
                static_cast<double>(picks.scores(69)[place]));
  }
  std::printf("token 72 selects %zu rows\n", picks.rows(72).size());

  // A wrong step changes nothing.
  batch.sequences[0].position = 99;
  try {
    indexer.decode(batch, keys, state, picks);
    std::printf("a wrong position was taken\n");
    return 1;
  } catch (const Error& error) {
    std::printf("refused: %s\n", error.what());
  }
  if (state.length(0) != 70) return 1;

  // To another machine and back: the recent tokens in the official layout.
  std::vector<float> official_kv(8 * kStateWidth);
  std::vector<float> official_gate(8 * kStateWidth);
  state.export_official(0, {official_kv.data(), {8, kStateWidth}},
                        {official_gate.data(), {8, kStateWidth}});
  state.reset(0);
  state.import_official(0, 70, {official_kv.data(), {8, kStateWidth}},
                        {official_gate.data(), {8, kStateWidth}});
  return 0;
} catch (const Error& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
