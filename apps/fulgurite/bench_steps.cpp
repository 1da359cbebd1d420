#include <fmt/core.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include "bench_part.hpp"
#include "fulgurite/indexer.hpp"
#include "random_tensors.hpp"
#include "report/text.hpp"
#include "stage_table.hpp"

namespace fulgurite::app {
namespace {

/// A step: B sequences bring S tokens each, from this position on.
struct StepCase {
  ModelShape shape = ModelShape::v4_flash();
  std::int64_t sequences = 1;
  std::int64_t tokens = 1;
  std::int64_t start_pos = 0;

  [[nodiscard]] std::int64_t rows() const { return (start_pos + tokens) / kRatio; }
  /// Of a layer, packed.
  [[nodiscard]] std::int64_t weight_bytes() const {
    return shape.heads * kHeadDim * shape.query_rank +
           (2 * kStateWidth + shape.heads) * shape.hidden * 2;
  }
  [[nodiscard]] std::int64_t row_bytes() const { return sequences * rows() * (kHeadDim + 4); }
};

/// The case's weights, inputs, rows and states.
class StepData {
 public:
  explicit StepData(const StepCase& c) : case_(c) {
    RandomTensors tensors(1);
    const ModelShape& shape = c.shape;
    const std::int64_t tokens = c.sequences * c.tokens;
    const std::int64_t features = shape.heads * kHeadDim;
    const float scale = inverse_root(shape.query_rank) / kCodeDeviation;
    wq_b_ = tensors.codes(features * shape.query_rank);
    wq_b_scale_ = tensors.floats(features, scale, 0.1F * scale);
    weights_proj_ = tensors.bf16s(shape.heads * shape.hidden, inverse_root(shape.hidden));
    wkv_ = tensors.bf16s(kStateWidth * shape.hidden, inverse_root(shape.hidden));
    wgate_ = tensors.bf16s(kStateWidth * shape.hidden, inverse_root(shape.hidden));
    ape_ = tensors.floats(std::int64_t{kRatio} * kStateWidth, 0, 0.1F);
    norm_ = tensors.floats(kHeadDim, 1, 0.1F);
    x_ = tensors.bf16s(tokens * shape.hidden, 1);
    qr_ = tensors.codes(tokens * shape.query_rank);
    qr_scale_ = tensors.floats(tokens, 1 / kCodeDeviation, 0.1F / kCodeDeviation);
    rows_ = tensors.bf16s(c.rows() * kHeadDim, 1);
    for (std::int64_t i = 0; i < c.sequences; ++i) {
      batch_.sequences.push_back({.sequence = i, .position = c.start_pos, .tokens = c.tokens});
    }
    batch_.x = {x_.data(), {tokens, shape.hidden}};
    batch_.qr = {qr_.data(), {tokens, shape.query_rank}};
    batch_.qr_scale = {qr_scale_.data(), {tokens}};
  }

  [[nodiscard]] IndexerWeights weights() const {
    const ModelShape& shape = case_.shape;
    return {.wq_b = {wq_b_.data(), {shape.heads * kHeadDim, shape.query_rank}},
            .wq_b_scale = {wq_b_scale_.data(), {shape.heads * kHeadDim}},
            .weights_proj = {weights_proj_.data(), {shape.heads, shape.hidden}},
            .wkv = {wkv_.data(), {kStateWidth, shape.hidden}},
            .wgate = {wgate_.data(), {kStateWidth, shape.hidden}},
            .ape = {ape_.data(), {kRatio, kStateWidth}},
            .norm = {norm_.data(), {kHeadDim}}};
  }
  [[nodiscard]] KeyCache keys() const {
    constexpr std::int64_t kPageRows = 64;
    const std::int64_t pages = case_.rows() / kPageRows + 1;
    KeyCache keys(
        {.sequences = case_.sequences, .pages = case_.sequences * pages, .page_rows = kPageRows});
    for (std::int64_t i = 0; i < case_.sequences && case_.rows() > 0; ++i) {
      keys.store(i, 0, {rows_.data(), {case_.rows(), kHeadDim}});
    }
    return keys;
  }
  [[nodiscard]] const DecodeBatch& batch() const { return batch_; }

 private:
  StepCase case_;
  std::vector<std::int8_t> wq_b_, qr_;
  std::vector<float> wq_b_scale_, ape_, norm_, qr_scale_;
  std::vector<Bf16> weights_proj_, wkv_, wgate_, x_, rows_;
  DecodeBatch batch_;
};

/// What the layers of a model keep: rows and states of their own.
struct Layer {
  KeyCache keys;
  CompressorState state;
};

/// So many layers run in turn that none finds its weights and rows in a cache, as in a model: its
/// other layers' would have taken their place.
class Layers {
 public:
  Layers(const StepCase& c, const StepData& data) {
    constexpr std::int64_t kBeyondCaches = std::int64_t{160} << 20;
    constexpr std::int64_t kMost = 8;
    const std::int64_t bytes = c.weight_bytes() + c.row_bytes();
    const std::int64_t count = std::clamp<std::int64_t>(kBeyondCaches / bytes, 1, kMost);
    for (std::int64_t i = 0; i < count; ++i) {
      layers_.push_back({data.keys(), CompressorState({.sequences = c.sequences, .slots = 16})});
    }
    working_set_ = count * bytes;
  }
  [[nodiscard]] std::size_t count() const { return layers_.size(); }
  [[nodiscard]] std::int64_t working_set() const { return working_set_; }
  [[nodiscard]] Layer& operator[](std::size_t i) { return layers_[i]; }

 private:
  std::vector<Layer> layers_;
  std::int64_t working_set_;
};

/// Runs of the layers' indexers on the case, always from the same state.
class StepRuns {
 public:
  StepRuns(const StepCase& c, const StepData& data, Layers& layers, const IndexerOptions& options)
      : case_(c), data_(data), layers_(layers), picks_(c.shape, c.sequences * c.tokens) {
    for (std::size_t i = 0; i < layers.count(); ++i) {
      indexers_.emplace_back(c.shape, data.weights(), options);
    }
    for (std::size_t i = 0; i < 2 * layers.count(); ++i) run();
    runs_.clear();
  }
  void run() {
    Layer& layer = layers_[next_];
    for (std::int64_t i = 0; i < case_.sequences; ++i) layer.state.resume(i, case_.start_pos);
    runs_.push_back(indexers_[next_].decode(data_.batch(), layer.keys, layer.state, picks_));
    next_ = (next_ + 1) % layers_.count();
  }
  [[nodiscard]] StepReport report() const { return median(runs_); }
  [[nodiscard]] std::size_t count() const { return runs_.size(); }

 private:
  const StepCase& case_;
  const StepData& data_;
  Layers& layers_;
  std::vector<Indexer> indexers_;
  Selection picks_;
  std::size_t next_ = 0;
  std::vector<StepReport> runs_;
};

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

std::string label_of(const StepCase& c) {
  return fmt::format("{} x {}, {}", c.sequences, report::count_of(c.tokens, "token"),
                     report::count_of(c.rows(), "row"));
}

/// The position whose token, S of them, sees so many rows.
StepCase seeing(std::int64_t rows, std::int64_t sequences, std::int64_t tokens) {
  return {.sequences = sequences, .tokens = tokens, .start_pos = kRatio * rows - tokens};
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
