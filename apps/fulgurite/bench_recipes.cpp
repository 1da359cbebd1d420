#include <fmt/core.h>

#include <array>

#include "bench_part.hpp"
#include "bench_step.hpp"

namespace fulgurite::app {
namespace {

constexpr std::array kRecipes{"seed-int8", "deepseek", "deepseek-bf16score", "fp8", "fp8-f32scale",
                              "fp8-rot",   "exact"};

/// Steps of one recipe, on one thread.
struct RecipeRun {
  StepReport report;
  Ceilings ceilings;
};
RecipeRun run_recipe(const StepCase& c, Isa isa, std::size_t runs) {
  IndexerOptions options;
  options.recipe = c.recipe;
  options.isa = isa;
  options.executor = make_thread_pool(1);
  options.prune = false;
  // Of the default, recipes with bf16 weights get portions of 32 tokens.
  if (c.tokens > 1) options.workspace_bytes = 8'000'000;
  const StepData data(c);
  Layers layers(c, data);
  StepRuns steps(c, data, layers, options);
  const Ceilings before = measure_ceilings(isa, 1, layers.working_set());
  while (steps.count() < runs) steps.run();
  return {steps.report(), highest(before, measure_ceilings(isa, 1, layers.working_set()))};
}

void add_stage(BenchPart& part, const StepCase& c, const RecipeRun& run, Stage stage,
               std::string_view label) {
  const StageReport& report = run.report[stage];
  const Floor floor = floor_of(report, run.ceilings);
  const double macs = static_cast<double>(report.int8_macs + report.bf16_macs);
  const bool is_int8 = report.int8_macs > 0;
  const double share = floor.seconds / report.seconds;
  part.add({std::string(c.recipe.name), std::string(label), label_of(c),
            report::duration(report.seconds), report::macs(macs / report.seconds) + "/s",
            fmt::format("{} of {}", report::percent(share), bound_name(floor.bound))},
           {{"recipe", c.recipe.name},
            {"stage", label},
            {"step", label_of(c)},
            {"seconds", report.seconds},
            {"macs", macs},
            {"are", is_int8 ? "int8_macs" : "bf16_macs"},
            {"share_of_ceiling", share}});
}

}  // namespace

BenchPart bench_recipes(const BenchSetup& setup) {
  BenchPart part("recipes", "Recipes on one core: decode and a prompt, every head, v4-flash, k 512",
                 {{"recipe"},
                  {"stage"},
                  {"step"},
                  {"time", report::Align::right},
                  {"rate", report::Align::right},
                  {"of the ceiling"}});
  for (const char* name : kRecipes) {
    StepCase decode = seeing(setup.quick ? 2048 : 32'768, 1, 1);
    decode.recipe = Recipe::named(name);
    const RecipeRun run = run_recipe(decode, setup.isa, setup.quick ? 1 : 7);
    add_stage(part, decode, run, Stage::select, "score + select");
  }
  // The others project as deepseek does.
  for (const char* name : {"seed-int8", "deepseek", "exact"}) {
    const StepCase prompt{.recipe = Recipe::named(name), .tokens = setup.quick ? 64 : 4096};
    const RecipeRun run = run_recipe(prompt, setup.isa, 1);
    add_stage(part, prompt, run, Stage::query, "query");
    add_stage(part, prompt, run, Stage::project, "project");
  }
  return part;
}

}  // namespace fulgurite::app
