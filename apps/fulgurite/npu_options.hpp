#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "command.hpp"
#include "npu/analysis.hpp"
#include "study/variant.hpp"

namespace fulgurite::app {

/// What the verbs of `npu` are told. Each has a part of these options.
struct NpuOptions {
  // ---- The step
  std::string preset = "v4-flash";
  std::int64_t batch = 64;
  std::int64_t tokens = 2;
  std::int64_t start_pos = 254;
  std::int64_t cache_rows = 0;  ///< 0: 2,048, or the power of two that start_pos needs
  std::int64_t topk = 0;        ///< 0: the preset's, or all rows of the cache
  // ---- The program
  std::string form = "merged";
  std::vector<std::string> tile;  ///< as programs::set reads them
  // ---- The chip, its compiler and its runtime
  std::vector<std::string> set;  ///< as npu::set reads them
  std::int64_t vec_budget = 192;
  std::int64_t slots = 0;  ///< 0: those of the date
  std::string planner = "2026_05";
  std::string windows = "2026_05";
  int none_arms = 1;

  bool json = false;
};

void add_step_options(Command command, NpuOptions& options);
void add_program_options(Command command, NpuOptions& options);
/// `with_rules`: also what the compiler of a date does.
void add_chip_options(Command command, NpuOptions& options, bool with_rules = true);
void add_json_option(Command command, NpuOptions& options);

/// Each throws Error(usage) for values that do not exist or do not suit each other.
programs::ProgramShape shape_of(const NpuOptions& options);
npu::Chip chip_of(const NpuOptions& options);
npu::Rules rules_of(const NpuOptions& options);

/// A program, traced without numbers and analysed.
struct NpuRun {
  study::Variant variant;
  programs::ProgramShape shape;
  npu::Chip chip;
  npu::Rules rules;
  tile::Trace trace;
  npu::Analysis analysis;
};
NpuRun run_npu(const NpuOptions& options);

/// 5 if the program does not fit or races, else 0.
int exit_code(const npu::Analysis& analysis);

/// "merged: 64 sequences x 2 tokens at position 254, 64 rows visible; 349 tasks"
std::string headline(const NpuRun& run);
/// form, options, shape and rules: how every JSON object of these verbs begins.
nlohmann::ordered_json header_json(const NpuRun& run);
nlohmann::ordered_json header_json(const programs::ProgramShape& shape, const npu::Rules& rules);
void print(const nlohmann::ordered_json& json);

/// A scope's full name in tables: without the "indexer/" that all of them begin with.
std::string short_name(const std::string& scope);
/// "cube", "vector" or "MIX", as the field calls tasks.
std::string_view kind_name(tile::TaskKind kind);

}  // namespace fulgurite::app
