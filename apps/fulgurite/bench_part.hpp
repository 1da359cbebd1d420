#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "bench_timer.hpp"
#include "fulgurite/platform.hpp"
#include "report/table.hpp"

namespace fulgurite::app {

/// What is counted of a measurement.
enum class Work { int8_macs, bf16_macs, additions, bytes };

/// One measured line: `amount` of work in `time`, where the machine can do `ceiling` a second.
struct BenchLine {
  std::string name;
  std::string shape;
  Timing time{};
  double amount = 0;  ///< 0: nothing that a ceiling belongs to
  Work work = Work::bytes;
  double ceiling = 0;  ///< per second, measured before and after; the higher
};

/// A part of `fulgurite bench`: a table for people, and the same as JSON.
struct BenchPart {
  BenchPart(std::string part_name, std::string what, std::vector<report::Column> columns)
      : name(std::move(part_name)), title(std::move(what)), table(std::move(columns)) {}
  /// A part whose lines are BenchLines.
  BenchPart(std::string part_name, std::string what);

  void add(const BenchLine& line);
  void add(std::vector<std::string> cells, nlohmann::ordered_json json);

  std::string name;
  std::string title;
  report::Table table;
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
};

/// What the parts are measured with.
struct BenchSetup {
  Isa isa;
  int threads;  ///< the most that a step is measured with
  bool quick;   ///< the smaller shapes only, and fewer samples
};

/// The ceilings of one core, for each ISA, and its read rates.
BenchPart bench_ceilings(const BenchSetup& setup);
/// The kernels of each stage on one core.
BenchPart bench_stages(const BenchSetup& setup);
/// What each fusion gains, on one core.
BenchPart bench_fusions(const BenchSetup& setup);
/// Pruned selection against the same kernel without pruning, on one core.
BenchPart bench_pruning(const BenchSetup& setup);
/// Whole steps, on one thread and on all.
BenchPart bench_steps(const BenchSetup& setup);
/// The recipes: score + select of a decode step, and the projections of a prompt, on one core.
BenchPart bench_recipes(const BenchSetup& setup);
/// Whole steps as one thing grows: rows, sequences, heads, k.
BenchPart bench_scaling(const BenchSetup& setup);

}  // namespace fulgurite::app
