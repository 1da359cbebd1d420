#include "npu_options.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>

#include "fulgurite/error.hpp"
#include "fulgurite/model.hpp"
#include "programs/seed_program.hpp"
#include "report/text.hpp"
#include "verbs.hpp"

namespace fulgurite::app {
namespace {

constexpr std::int64_t kSeedCacheRows = 2048;

/// The words of an option, the later ones of the same value being other names for it.
template <class T>
struct Word {
  const char* text;
  T value;
};
constexpr std::array kPlanners{Word<npu::Planner>{"2026_05", npu::Planner::may},
                               Word<npu::Planner>{"2026_05_strict", npu::Planner::may_strict},
                               Word<npu::Planner>{"2026_08", npu::Planner::august}};
constexpr std::array kWindows{Word<npu::WindowPolicy>{"2026_05", npu::WindowPolicy::may},
                              Word<npu::WindowPolicy>{"2026_06_11", npu::WindowPolicy::june},
                              Word<npu::WindowPolicy>{"2026_06_29", npu::WindowPolicy::off},
                              Word<npu::WindowPolicy>{"may", npu::WindowPolicy::may},
                              Word<npu::WindowPolicy>{"june", npu::WindowPolicy::june},
                              Word<npu::WindowPolicy>{"off", npu::WindowPolicy::off}};

template <class Words>
std::vector<std::string> texts(const Words& words) {
  std::vector<std::string> result;
  for (const auto& word : words) result.emplace_back(word.text);
  return result;
}

/// The parser has checked that it is one of them.
template <class Words>
auto value_of(const Words& words, const std::string& text) {
  return std::ranges::find_if(words, [&](const auto& word) { return text == word.text; })->value;
}

/// Rows of the cache that hold all positions of the step.
std::int64_t rows_for(std::int64_t start_pos, std::int64_t tokens) {
  std::int64_t rows = kSeedCacheRows;
  while (rows < (start_pos + tokens) / kRatio) rows *= 2;
  return rows;
}

void add_repeated(Command command, const std::string& name, std::vector<std::string>& values,
                  const std::string& description) {
  command.option(name, values, "NAME=VALUE", description).one_value_each_time();
}

}  // namespace

void add_step_options(Command command, NpuOptions& options) {
  command.option("--preset", options.preset, "NAME", "model: v4-flash or v4-pro")
      .one_of({"v4-flash", "v4-pro"});
  command.option("--batch", options.batch, "B", "sequences, 64 by default").between(1, 65'536);
  command.option("--tokens", options.tokens, "S", "tokens of each sequence, 2 by default")
      .between(1, 1024);
  command
      .option("--start-pos", options.start_pos, "P",
              "position of their first token, 254 by default: 64 rows")
      .between(0, 1'048'575);
  command
      .option("--cache-rows", options.cache_rows, "L",
              "rows of the key cache, 2048 by default, or what P needs")
      .between(1, 1'048'576);
  command.option("--topk", options.topk, "K", "rows to select, by default the preset's")
      .between(1, 1'048'576);
}

void add_program_options(Command command, NpuOptions& options) {
  command.option("--form", options.form, "NAME",
                 "which kernels are fused: merged (the default), rope,\n"
                 "rope_slice, baseline or per_token");
  add_repeated(command, "--tile", options.tile,
               "change the program: a tiling parameter, fuse.PAIR=yes|no\n"
               "or split.PAIR=none|up_down|left_right; repeatable");
}

void add_chip_options(Command command, NpuOptions& options, bool with_rules) {
  add_repeated(command, "--set", options.set,
               "change a constant of the model; repeatable.\n"
               "`fulgurite npu constants` lists them");
  command
      .option("--vec-budget", options.vec_budget, "KIB",
              "KiB of the vector memory: 192 (the default), or 184\nsince 2026-06-17")
      .one_of({192, 184});
  command
      .option("--slots", options.slots, "N",
              "of the ring between cube and vector side: by default 8,\n"
              "or 4 each way; 2 since 2026-08-16")
      .between(1, 1024);
  if (!with_rules) return;
  command
      .option("--planner", options.planner, "DATE",
              "who shares a buffer: 2026_05 (the default),\n2026_05_strict or 2026_08")
      .one_of(texts(kPlanners));
  command
      .option("--windows", options.windows, "DATE",
              "which arguments the compiler narrows: 2026_05 (may, the\n"
              "default), 2026_06_11 (june) or 2026_06_29 (off)")
      .one_of(texts(kWindows));
  command
      .option("--none-arms", options.none_arms, "N",
              "vector cores that hold buffers where a scope is split\nby NONE: 1 or 2")
      .between(1, 2);
}

void add_json_option(Command command, NpuOptions& options) {
  command.flag("--json", options.json, "print JSON");
}

programs::ProgramShape shape_of(const NpuOptions& options) {
  const ModelShape model = ModelShape::preset(options.preset);
  programs::ProgramShape shape;
  shape.sequences = options.batch;
  shape.tokens_each = options.tokens;
  shape.hidden = model.hidden;
  shape.query_rank = model.query_rank;
  shape.heads = model.heads;
  shape.cache_rows =
      options.cache_rows != 0 ? options.cache_rows : rows_for(options.start_pos, options.tokens);
  shape.topk = options.topk != 0 ? options.topk : std::min(model.topk, shape.cache_rows);
  shape.start_pos = options.start_pos;
  try {
    shape.validate();
  } catch (const Error& error) {  // it came from the command line, not from a file
    throw Error(ErrorKind::usage, error.what());
  }
  return shape;
}

npu::Chip chip_of(const NpuOptions& options) {
  npu::Chip chip;
  chip.vec_bytes = static_cast<double>(options.vec_budget * 1024);
  if (options.slots != 0) {
    chip.ring_slots = static_cast<double>(options.slots);
    chip.ring_slots_two_way = chip.ring_slots;
  }
  for (const std::string& assignment : options.set) npu::set(chip, assignment);
  return chip;
}

npu::Rules rules_of(const NpuOptions& options) {
  return {.planner = value_of(kPlanners, options.planner),
          .windows = value_of(kWindows, options.windows),
          .none_arms = options.none_arms};
}

NpuRun run_npu(const NpuOptions& options) {
  NpuRun run;
  run.shape = shape_of(options);
  run.chip = chip_of(options);
  run.rules = rules_of(options);
  std::string name = options.form;
  for (const std::string& change : options.tile) {
    name += (name == options.form ? ":" : ",") + change;
  }
  run.variant = study::variant_of(name, run.shape);
  run.trace = programs::trace(run.shape, run.variant.options);
  run.analysis = npu::analyse(run.trace, run.chip, run.rules);
  return run;
}

int exit_code(const npu::Analysis& analysis) {
  const auto is_error = [](const npu::Finding& finding) {
    return severity(finding.kind) == npu::Severity::error;
  };
  return std::ranges::any_of(analysis.findings, is_error) ? kDoesNotFit : kDone;
}

std::string headline(const NpuRun& run) {
  const programs::ProgramShape& shape = run.shape;
  return fmt::format("{}: {} x {} at position {}, {} visible; {}\n", run.variant.name,
                     report::count_of(shape.sequences, "sequence"),
                     report::count_of(shape.tokens_each, "token"),
                     report::thousands(shape.start_pos),
                     report::count_of((shape.start_pos + shape.tokens_each) / kRatio, "row"),
                     report::count_of(static_cast<std::int64_t>(run.trace.tasks.size()), "task"));
}

nlohmann::ordered_json header_json(const programs::ProgramShape& shape, const npu::Rules& rules) {
  return {{"shape",
           {{"sequences", shape.sequences},
            {"tokens_each", shape.tokens_each},
            {"hidden", shape.hidden},
            {"query_rank", shape.query_rank},
            {"heads", shape.heads},
            {"cache_rows", shape.cache_rows},
            {"topk", shape.topk},
            {"start_pos", shape.start_pos}}},
          {"planner", name(rules.planner)},
          {"windows", name(rules.windows)}};
}

nlohmann::ordered_json header_json(const NpuRun& run) {
  nlohmann::ordered_json json{{"form", run.variant.name}};
  json.update(header_json(run.shape, run.rules));
  json["tasks"] = run.trace.tasks.size();
  return json;
}

void print(const nlohmann::ordered_json& json) {
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::string short_name(const std::string& scope) {
  constexpr std::string_view kProgram = "indexer/";
  return scope.starts_with(kProgram) ? scope.substr(kProgram.size()) : scope;
}

std::string_view kind_name(tile::TaskKind kind) {
  constexpr std::array<std::string_view, 3> kNames{"cube", "vector", "MIX"};
  return kNames[static_cast<std::size_t>(kind)];
}

}  // namespace fulgurite::app
