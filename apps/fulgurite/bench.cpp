#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench_part.hpp"
#include "run_options.hpp"
#include "system_facts.hpp"
#include "verbs.hpp"

namespace fulgurite::app {
namespace {

constexpr const char* kBenchFooter =
    R"(Each time is a median. One core is measured pinned, in its own CPU time; samples during which
it was pre-empted are dropped ("lost"). A ceiling is what the core can do at most, measured before
and after each line; the higher one counts. A floor is work / ceiling. docs/benchmarking.md says
more.

Examples:
  fulgurite bench                           all parts; some minutes
  fulgurite bench --part stages --quick     the kernels of each stage, small shapes
  fulgurite bench --part pruning --isa avx2
  fulgurite bench --json > bench.json)";

struct PartOfBench {
  std::string_view name;
  BenchPart (*run)(const BenchSetup&);
  bool one_core;
};
constexpr std::array kParts{
    PartOfBench{"ceilings", bench_ceilings, true}, PartOfBench{"stages", bench_stages, true},
    PartOfBench{"fusions", bench_fusions, true},   PartOfBench{"pruning", bench_pruning, true},
    PartOfBench{"steps", bench_steps, false},      PartOfBench{"recipes", bench_recipes, true},
    PartOfBench{"scaling", bench_scaling, false}};

struct BenchOptions {
  std::vector<std::string> parts;
  bool quick = false;
  RunOptions run;
};

BenchPart run_part(const PartOfBench& part, const BenchSetup& setup) {
  if (!part.one_core) return part.run(setup);
  const PinnedThread pinned;
  return part.run(setup);
}

int run_bench(const BenchOptions& options) {
  const BenchSetup setup{.isa = resolve_isa(options.run.isa),
                         .threads = make_executor(options.run)->threads(),
                         .quick = options.quick};
  nlohmann::ordered_json json{{"cpu", cpu_model()},     {"compiler", compiler()},
                              {"isa", name(setup.isa)}, {"threads", setup.threads},
                              {"quick", setup.quick},   {"parts", nlohmann::ordered_json::array()}};
  if (!options.run.json) {
    fmt::print("{}; {}; cpu {}, up to {} threads\n", cpu_model(), compiler(), name(setup.isa),
               setup.threads);
  }
  for (const PartOfBench& each : kParts) {
    const bool wanted =
        options.parts.empty() || std::ranges::find(options.parts, each.name) != options.parts.end();
    if (!wanted) continue;
    const BenchPart part = run_part(each, setup);
    if (options.run.json) {
      json["parts"].push_back({{"name", part.name}, {"title", part.title}, {"rows", part.rows}});
    } else {
      fmt::print("\n{} ({})\n\n{}", part.title, part.name, part.table.text());
      std::fflush(stdout);
    }
  }
  if (options.run.json) fmt::print("{}\n", json.dump(2));
  return kDone;
}

}  // namespace

Verb add_bench(Command tool) {
  Command command =
      tool.add_verb("bench", "Measure stages and steps against this machine's ceilings");
  const auto options = std::make_shared<BenchOptions>();
  std::vector<std::string> names;
  for (const PartOfBench& part : kParts) names.emplace_back(part.name);
  command
      .option("--part", options->parts, "PART",
              "ceilings, stages, fusions, pruning, steps, recipes or scaling;\n"
              "may be given several times; the default is all")
      .one_of(names);
  command.flag("--quick", options->quick, "small shapes and few samples: some seconds a part");
  add_run_options(command, options->run);
  command.footer(kBenchFooter);
  return {command, [options] { return run_bench(*options); }};
}

}  // namespace fulgurite::app
