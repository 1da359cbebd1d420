#include <fmt/core.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "core/checked.hpp"
#include "fulgurite/error.hpp"
#include "indexer/small_floats.hpp"
#include "io/recording.hpp"
#include "io/safetensors_writer.hpp"
#include "io/text.hpp"
#include "random_tensors.hpp"
#include "replay_run.hpp"
#include "report/text.hpp"
#include "run_options.hpp"
#include "verbs.hpp"

namespace fulgurite::app {
namespace {

constexpr const char* kRecordFooter =
    R"(Writes a small layer's weights and a decode with them, both of seeded random numbers, and
what must come out of it (expect.topk, expect.score, expect.rows, ...). So another implementation
can be compared with this one, or this one with itself on another machine.

Plans:
  single   a request from nothing, one token a step
  prompt   a request of 100 tokens at once, then one a step
  drafts   three requests, 1 to 9 tokens a step, of which some are taken back

Examples:
  fulgurite record --recipe fp8 --plan drafts --weights w.safetensors --output r.safetensors
  fulgurite replay r.safetensors --weights w.safetensors --output result.safetensors --scores)";

struct RecordOptions {
  std::string output;
  std::string weights;
  std::string recipe = "seed-int8";
  std::string plan = "drafts";
  std::string query_weights = "bf16";
  std::uint64_t seed = 1;
  std::int64_t hidden = 256;
  std::int64_t query_rank = 64;
  std::int64_t heads = 64;
  std::int64_t topk = 8;
};

/// What a step does to a request: it brings tokens, of which the first so many stay.
struct Turn {
  std::int64_t tokens;
  std::int64_t kept;
};
using Plan = std::vector<std::vector<Turn>>;  ///< by step, by request

Plan single_plan() { return Plan(40, {{1, 1}}); }

Plan prompt_plan() {
  Plan plan(21, {{1, 1}});
  plan[0][0] = {100, 100};
  return plan;
}

/// Drafts as a tree would bring them, from the seed alone.
Plan drafts_plan(std::uint64_t seed) {
  constexpr std::size_t kSteps = 12;
  constexpr std::size_t kRequests = 3;
  Normal random(seed, std::numeric_limits<std::uint64_t>::max());
  const auto below = [&](std::int64_t count) {
    return static_cast<std::int64_t>(std::fabs(random.next()) * 1000) % count;
  };
  Plan plan(kSteps, std::vector<Turn>(kRequests));
  for (std::vector<Turn>& step : plan) {
    for (Turn& turn : step) {
      turn.tokens = 1 + below(9);
      turn.kept = 1 + below(turn.tokens);
    }
  }
  return plan;
}

Plan plan_of(const RecordOptions& options) {
  if (options.plan == "single") return single_plan();
  if (options.plan == "prompt") return prompt_plan();
  return drafts_plan(options.seed);
}

/// The tensors of a file and what they view.
class File {
 public:
  template <class T>
  void add(const std::string& name, std::vector<std::int64_t> shape, std::vector<T> values,
           io::Dtype dtype = io::kDtypeOf<T>) {
    const auto kept = std::make_shared<std::vector<T>>(std::move(values));
    tensors_.push_back({name, dtype, std::move(shape), std::as_bytes(std::span(*kept))});
    data_.push_back(kept);
  }
  void write(const std::string& path, const io::Metadata& metadata) const {
    io::write_safetensors(path, tensors_, metadata);
  }

 private:
  std::vector<io::Tensor> tensors_;
  std::vector<std::shared_ptr<const void>> data_;
};

/// wq_b as a checkpoint has it: e4m3, and a power of two for each block of 128 x 128.
void add_e4m3(File& file, const std::vector<Bf16>& wq_b, std::int64_t heads, std::int64_t rank) {
  constexpr float kLargest = 448;
  const std::int64_t blocks = core::divide_up(rank, kScaleBlock);
  std::vector<std::uint8_t> bytes(wq_b.size());
  std::vector<std::uint8_t> exponents;
  for (std::int64_t block = 0; block < heads * blocks; ++block) {
    const std::int64_t first = block % blocks * kScaleBlock;
    const std::int64_t last = std::min(first + kScaleBlock, rank);
    const auto for_each = [&](const auto& body) {
      for (std::int64_t i = 0; i < kHeadDim; ++i) {
        const std::int64_t row = (block / blocks * kHeadDim + i) * rank;
        for (std::int64_t k = first; k < last; ++k) body(static_cast<std::size_t>(row + k));
      }
    };
    float amax = 1e-4F;
    for_each([&](std::size_t at) { amax = std::max(amax, std::fabs(to_float(wq_b[at]))); });
    const float scale = power_of_two_at_least(amax / kLargest);
    for_each(
        [&](std::size_t at) { bytes[at] = to_e4m3(round_to_e4m3(to_float(wq_b[at]) / scale)); });
    exponents.push_back(static_cast<std::uint8_t>(std::bit_cast<std::uint32_t>(scale) >> 23));
  }
  file.add("wq_b", {heads * kHeadDim, rank}, std::move(bytes), io::Dtype::f8_e4m3);
  file.add("wq_b_scale", {heads, blocks}, std::move(exponents), io::Dtype::f8_e8m0);
}

void write_weights(const RecordOptions& options, RandomTensors& random) {
  const std::int64_t d = options.hidden;
  const std::int64_t q = options.query_rank;
  const std::int64_t h = options.heads;
  File file;
  std::vector<Bf16> wq_b = random.bf16s(h * kHeadDim * q, inverse_root(q));
  if (options.query_weights == "fp8") {
    add_e4m3(file, wq_b, h, q);
  } else {
    file.add("wq_b", {h * kHeadDim, q}, std::move(wq_b));
  }
  file.add("wkv", {kStateWidth, d}, random.bf16s(kStateWidth * d, inverse_root(d)));
  file.add("wgate", {kStateWidth, d}, random.bf16s(kStateWidth * d, inverse_root(d)));
  file.add("weights_proj", {h, d}, random.bf16s(h * d, inverse_root(d)));
  file.add("ape", {kRatio, kStateWidth}, random.floats(kRatio * kStateWidth, 0, 0.1F));
  file.add("norm", {kHeadDim}, random.floats(kHeadDim, 1, 0.1F));
  file.write(options.weights, {});
}

/// Which token belongs where, and how long requests are.
struct Order {
  std::vector<std::int32_t> step, request, position;
  std::vector<std::int32_t> before, after;  ///< [steps, R]
};

Order order_of(const Plan& plan) {
  Order order;
  std::vector<std::int32_t> length(plan[0].size());
  for (std::size_t step = 0; step < plan.size(); ++step) {
    for (std::size_t request = 0; request < length.size(); ++request) {
      const Turn& turn = plan[step][request];
      order.before.push_back(length[request]);
      for (std::int32_t token = 0; token < turn.tokens; ++token) {
        order.step.push_back(static_cast<std::int32_t>(step));
        order.request.push_back(static_cast<std::int32_t>(request));
        order.position.push_back(length[request] + token);
      }
      length[request] += static_cast<std::int32_t>(turn.kept);
      order.after.push_back(length[request]);
    }
  }
  return order;
}

File inputs(const RecordOptions& options, const Plan& plan, RandomTensors& random) {
  const Order order = order_of(plan);
  const auto n = static_cast<std::int64_t>(order.step.size());
  const auto steps = static_cast<std::int64_t>(plan.size());
  const auto r = static_cast<std::int64_t>(plan[0].size());
  const std::int64_t state = kWindowSlots * std::int64_t{kStateWidth};
  File file;
  file.add("x", {n, options.hidden}, random.bf16s(n * options.hidden, 1));
  file.add("qr", {n, options.query_rank}, random.bf16s(n * options.query_rank, 1));
  file.add("token.step", {n}, order.step);
  file.add("token.request", {n}, order.request);
  file.add("token.pos", {n}, order.position);
  file.add("length.before", {steps, r}, order.before);
  file.add("length.after", {steps, r}, order.after);
  file.add("init.length", {r}, std::vector<std::int32_t>(static_cast<std::size_t>(r)));
  file.add("init.rows", {r, 1, kHeadDim},
           std::vector<float>(static_cast<std::size_t>(r * kHeadDim)));
  file.add("init.kv", {r, kWindowSlots, kStateWidth},
           std::vector<float>(static_cast<std::size_t>(r * state)));
  file.add("init.gate", {r, kWindowSlots, kStateWidth},
           std::vector<float>(static_cast<std::size_t>(r * state),
                              -std::numeric_limits<float>::infinity()));
  return file;
}

/// What came out, and how far each token's last place is from the next row.
void add_expectations(File& file, const io::Recording& recording, const ReplayResult& result) {
  const std::int64_t n = recording.tokens();
  const std::int64_t r = recording.requests();
  std::vector<std::int32_t> visible;
  std::vector<float> last_place;
  std::vector<float> gap;
  for (std::int64_t token = 0; token < n; ++token) {
    const std::int64_t rows = (recording.position(token) + 1) / kRatio;
    const auto first = result.score.begin() + token * result.columns;
    std::vector<float> scores(first, first + rows);
    std::sort(scores.begin(), scores.end(), std::greater<>());
    const auto k = static_cast<std::size_t>(std::min(recording.topk, rows));
    visible.push_back(static_cast<std::int32_t>(rows));
    last_place.push_back(k == 0 ? 0 : scores[k - 1]);
    gap.push_back(k == 0 || k == scores.size() ? std::numeric_limits<float>::infinity()
                                               : scores[k - 1] - scores[k]);
  }
  file.add("expect.topk", {n, recording.topk}, result.topk);
  file.add("expect.score", {n, result.columns}, result.score);
  file.add("expect.visible", {n}, visible);
  file.add("expect.kth", {n}, last_place);
  file.add("expect.gap", {n}, gap);
  file.add("expect.rows", {r, result.columns, kHeadDim}, result.rows);
  file.add("expect.kv", {r, kWindowSlots, kStateWidth}, result.kv);
  file.add("expect.gate", {r, kWindowSlots, kStateWidth}, result.gate);
}

int run_record(const RecordOptions& options) {
  const Recipe recipe = Recipe::named(options.recipe);
  ModelShape{.hidden = options.hidden,
             .query_rank = options.query_rank,
             .heads = options.heads,
             .topk = options.topk}
      .validate();
  RandomTensors random(options.seed);
  write_weights(options, random);
  File file = inputs(options, plan_of(options), random);
  const io::Metadata metadata{{"recipe", std::string(recipe.name)},
                              {"topk", std::to_string(options.topk)},
                              {"heads", std::to_string(options.heads)},
                              {"ratio", std::to_string(kRatio)},
                              {"eps", "1e-06"},
                              {"values", "gauss"},
                              {"plan", options.plan},
                              {"seed", std::to_string(options.seed)}};
  file.write(options.output, metadata);
  const io::WeightsFile weights = io::WeightsFile::open(options.weights);
  std::int64_t tokens = 0;
  {
    const io::Recording recording = io::Recording::open(options.output);
    tokens = recording.tokens();
    add_expectations(file, recording,
                     replay(options.output, recording, weights,
                            {.isa = resolve_isa(), .executor = make_executor({})}));
  }
  file.write(options.output, metadata);
  fmt::print("{}: {}, {} of plan {}; its weights are in {}\n", io::printable(options.output),
             recipe.name, report::count_of(tokens, "token"), options.plan,
             io::printable(options.weights));
  return kDone;
}

}  // namespace

Verb add_record(Command tool) {
  Command command = tool.add_verb("record", "Make a recorded decode of seeded random numbers");
  const auto options = std::make_shared<RecordOptions>();
  const auto size = [&](const char* name, std::int64_t& value, const char* text) {
    command.option(name, value, "N", text).with_default();
  };
  command.option("--output", options->output, "FILE", "recording to write").required();
  command.option("--weights", options->weights, "FILE", "weights to write").required();
  command
      .option("--recipe", options->recipe, "NAME",
              "seed-int8, deepseek, deepseek-bf16score, fp8, fp8-f32scale,\n"
              "fp8-rot, exact or exact-bf16")
      .with_default();
  command.option("--plan", options->plan, "NAME", "which tokens come when")
      .one_of({"single", "prompt", "drafts"})
      .with_default();
  command
      .option("--query-weights", options->query_weights, "NAME",
              "type of wq_b: bf16, or fp8, with a scale for each 128 x 128")
      .one_of({"bf16", "fp8"})
      .with_default();
  command.option("--seed", options->seed, "N", "of the random numbers").with_default();
  size("--hidden", options->hidden, "hidden size, a multiple of 16");
  size("--query-rank", options->query_rank, "query rank, a multiple of 16");
  size("--heads", options->heads, "heads, a multiple of 8 up to 128");
  size("--topk", options->topk, "rows to select");
  command.footer(kRecordFooter);
  return {command, [options] { return run_record(*options); }};
}

}  // namespace fulgurite::app
