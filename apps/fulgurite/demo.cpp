#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "cpu/seed_step.hpp"
#include "demo_check.hpp"
#include "demo_data.hpp"
#include "fulgurite/error.hpp"
#include "fulgurite/platform.hpp"
#include "report/table.hpp"
#include "report/text.hpp"
#include "run_options.hpp"
#include "stage_table.hpp"
#include "step_report.hpp"
#include "system_facts.hpp"
#include "verbs.hpp"

namespace fulgurite::app {
namespace {

constexpr const char* kDemoFooter =
    R"(Weights are prepared and cache rows quantised before. The step then runs for about a second;
times are medians. A ceiling is what this machine can do at most, measured in the same run; with N
threads, N times what one can do. A floor is work / ceiling; stages without multiply-adds have none.

Examples:
  fulgurite demo                         a short context: the projections outweigh the rest
  fulgurite demo --start-pos 8189        2,047 rows are visible: scoring them takes over
  fulgurite demo --batch 1 --tokens 1 --start-pos 131071     one long sequence
  fulgurite demo --threads 1 --isa avx2  what one core without AVX512 would do
  fulgurite demo --preset v4-pro --json)";

struct DemoOptions {
  std::string preset = "v4-flash";
  std::int64_t batch = 64;
  std::int64_t tokens = 2;
  std::int64_t start_pos = 254;
  std::uint64_t seed = 1;
  RunOptions run;
};

/// What was run and what came of it.
struct DemoResult {
  SeedOutput output;
  StepReport report;
  Ceilings ceilings;
  std::size_t runs = 0;
  double fastest_seconds = 0;  ///< of the runs
  std::string difference;      ///< from the reference; empty: equal
  Isa isa = Isa::generic;
  int threads = 1;
};

DemoSize checked_size(const DemoOptions& options) {
  const DemoSize size{.shape = ModelShape::preset(options.preset),
                      .sequences = options.batch,
                      .tokens_each = options.tokens,
                      .start_pos = options.start_pos};
  const auto available = available_memory();
  if (available && size.needed_bytes() > static_cast<double>(*available)) {
    throw Error(ErrorKind::usage,
                fmt::format("--batch {} --tokens {} --start-pos {}: expected a step that fits the "
                            "{} of memory available, found one of about {}",
                            options.batch, options.tokens, options.start_pos,
                            report::bytes(static_cast<double>(*available)),
                            report::bytes(size.needed_bytes())));
  }
  return size;
}

/// The first run warms up the caches and does not count.
std::vector<StepReport> run_for_a_second(cpu::SeedStep& step) {
  constexpr std::size_t kLeastRuns = 3;
  constexpr std::chrono::seconds kLong{1};
  step.run();
  std::vector<StepReport> runs;
  const auto start = std::chrono::steady_clock::now();
  while (runs.size() < kLeastRuns || std::chrono::steady_clock::now() - start < kLong) {
    runs.push_back(step.run());
  }
  return runs;
}

std::int64_t bytes_of(const StepReport& report) {
  std::int64_t bytes = 0;
  for (const StageReport& stage : report.stages) bytes += stage.bytes;
  return bytes;
}

DemoResult run(const DemoOptions& options, const DemoSize& size) {
  const Isa isa = resolve_isa(options.run.isa);
  const std::shared_ptr<Executor> executor = make_executor(options.run);
  const DemoData data(size, options.seed);
  cpu::SeedStep step(data.input(), isa, executor);
  const std::int64_t working_set = bytes_of(step.run());
  // Clocks and neighbours move: a ceiling is the better of a measurement before and one after.
  const Ceilings before = measure_ceilings(isa, executor->threads(), working_set);
  const std::vector<StepReport> runs = run_for_a_second(step);
  const Ceilings after = measure_ceilings(isa, executor->threads(), working_set);
  SeedOutput output = step.output();
  std::string difference = difference_from_reference(data, output, *executor);
  return {.output = std::move(output),
          .report = median(runs),
          .ceilings = highest(before, after),
          .runs = runs.size(),
          .fastest_seconds = std::ranges::min(runs, {}, &StepReport::seconds).seconds,
          .difference = std::move(difference),
          .isa = isa,
          .threads = executor->threads()};
}

/// A few tokens' best rows: "1034 (5.12)" is row 1034 with its score.
std::string selection_table(const DemoSize& size, const SeedOutput& output) {
  constexpr std::int64_t kTokens = 4;
  constexpr std::size_t kRows = 5;
  const std::int64_t tokens = size.sequences * size.tokens_each;
  const auto width = output.score.size() / static_cast<std::size_t>(tokens);
  report::Table table({{"token"}, {"selected", report::Align::right}, {"best rows (score)"}});
  for (std::int64_t token = 0; token < std::min(kTokens, tokens); ++token) {
    const std::size_t start = static_cast<std::size_t>(token) * width;
    const std::span picks(output.topk_idxs.data() + start, width);
    const auto count = static_cast<std::size_t>(std::ranges::find(picks, -1) - picks.begin());
    std::string best;
    for (std::size_t place = 0; place < std::min(kRows, count); ++place) {
      const auto row = static_cast<std::size_t>(picks[place]);
      best += fmt::format("{}{} ({:.3f})", place == 0 ? "" : "  ", row, output.score[start + row]);
    }
    table.add({fmt::format("[{},{}]", token / size.tokens_each, token % size.tokens_each),
               report::thousands(static_cast<std::int64_t>(count)), best});
  }
  return table.text();
}

void print_demo_text(const DemoOptions& options, const DemoSize& size, const DemoResult& result) {
  const bool equal = result.difference.empty();
  fmt::print("{}, {} x {}, {} visible; cpu {}, {}; equal to the reference: {}\n\n", options.preset,
             report::count_of(size.sequences, "sequence"),
             report::count_of(size.tokens_each, "token"),
             report::count_of(size.visible_rows(), "row"), name(result.isa),
             report::count_of(result.threads, "thread"), equal ? "yes" : "NO");
  if (!equal) fmt::print("It first differs in {}.\n\n", result.difference);
  fmt::print("{}\n", stage_table(result.report, result.ceilings));
  fmt::print(
      "Medians of {}; the fastest took {}. Ceilings of {}:\n{}/s int8, {}/s bf16, {}/s "
      "reads of {}.\n\n",
      report::count_of(static_cast<std::int64_t>(result.runs), "run"),
      report::duration(result.fastest_seconds), report::count_of(result.threads, "thread"),
      report::macs(result.ceilings.int8_macs), report::macs(result.ceilings.bf16_macs),
      report::bytes(result.ceilings.read_bytes),
      report::bytes(static_cast<double>(bytes_of(result.report))));
  fmt::print("{}\n", selection_table(size, result.output));
  fmt::print(
      "Try next:\n"
      "  fulgurite demo --start-pos 8189     more rows: scoring takes over\n"
      "  fulgurite demo --threads 1          one core against its ceilings\n"
      "  fulgurite info                      the ISAs of this machine; force one with --isa\n"
      "  fulgurite step --help               a step on your own tensors\n");
}

void print_demo_json(const DemoOptions& options, const DemoSize& size, const DemoResult& result) {
  nlohmann::ordered_json json{{"preset", options.preset},
                              {"sequences", size.sequences},
                              {"tokens_each", size.tokens_each},
                              {"start_pos", size.start_pos},
                              {"visible_rows", size.visible_rows()},
                              {"seed", options.seed},
                              {"cpu", cpu_model()},
                              {"isa", name(result.isa)},
                              {"threads", result.threads},
                              {"equal_to_reference", result.difference.empty()},
                              {"first_difference", result.difference},
                              {"runs", result.runs},
                              {"seconds", result.report.seconds},
                              {"fastest_seconds", result.fastest_seconds},
                              {"share_of_floors", share_of_floors(result.report, result.ceilings)},
                              {"stages", stages_json(result.report, result.ceilings)}};
  json["ceilings"] = {{"int8_macs_per_second", result.ceilings.int8_macs},
                      {"bf16_macs_per_second", result.ceilings.bf16_macs},
                      {"fp32_adds_per_second", result.ceilings.fp32_adds},
                      {"read_bytes_per_second", result.ceilings.read_bytes}};
  fmt::print("{}\n", json.dump(2));
}

int run_demo(const DemoOptions& options) {
  const DemoSize size = checked_size(options);
  const DemoResult result = run(options, size);
  (options.run.json ? print_demo_json : print_demo_text)(options, size, result);
  return result.difference.empty() ? kDone : kDifferent;
}

}  // namespace

Verb add_demo(Command tool) {
  Command command =
      tool.add_verb("demo", "Run a step on random data, check it, show where the time goes");
  const auto options = std::make_shared<DemoOptions>();
  command.option("--preset", options->preset, "NAME", "model: v4-flash or v4-pro")
      .one_of({"v4-flash", "v4-pro"});
  command.option("--batch", options->batch, "B", "sequences, 64 by default").between(1, 65'536);
  command.option("--tokens", options->tokens, "S", "tokens of each sequence, 2 by default")
      .between(1, 1024);
  command
      .option("--start-pos", options->start_pos, "P",
              "position of their first token, 254 by default: 64 rows")
      .between(0, 1'048'575);
  command.option("--seed", options->seed, "N", "of the random numbers, 1 by default")
      .not_negative();
  add_run_options(command, options->run);
  command.footer(kDemoFooter);
  return {command, [options] { return run_demo(*options); }};
}

}  // namespace fulgurite::app
