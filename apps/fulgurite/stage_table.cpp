#include "stage_table.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <vector>

#include "cpu/ceilings.hpp"
#include "report/table.hpp"
#include "report/text.hpp"
#include "step_report.hpp"

namespace fulgurite::app {
namespace {

using Text = std::string (*)(double);

/// What a bound counts, and how it is written.
std::pair<double, Text> work_of(const StageReport& report, Bound bound) {
  switch (bound) {
    case Bound::reads:
      return {static_cast<double>(report.bytes), report::bytes};
    case Bound::adds:
      return {static_cast<double>(report.fp32_adds), report::additions};
    default:
      return {static_cast<double>(report.int8_macs + report.bf16_macs), report::macs};
  }
}

std::vector<std::string> row_of(Stage stage, const StageReport& report, const Ceilings& ceilings) {
  std::vector<std::string> row{std::string(stage_name(stage)), report::duration(report.seconds)};
  const Floor floor = floor_of(report, ceilings);
  if (floor.bound == Bound::none || report.seconds <= 0) return row;
  const auto [work, text] = work_of(report, floor.bound);
  row.push_back(text(work));
  row.push_back(text(work / report.seconds) + "/s");
  row.push_back(fmt::format("{} of {}", report::percent(floor.seconds / report.seconds),
                            bound_name(floor.bound)));
  return row;
}

}  // namespace

std::string_view bound_name(Bound bound) {
  switch (bound) {
    case Bound::int8:
      return "int8 multiply-adds";
    case Bound::bf16:
      return "bf16 multiply-adds";
    case Bound::adds:
      return "fp32 additions";
    case Bound::reads:
      return "reads";
    case Bound::none:
      break;
  }
  return "";
}

Ceilings measure_ceilings(Isa isa, int threads, std::int64_t working_set_bytes) {
  const std::int64_t least = 1 << 12;
  return {.int8_macs = threads * cpu::int8_macs_per_second(isa),
          .bf16_macs = threads * cpu::bf16_macs_per_second(isa),
          .fp32_adds = threads * cpu::fp32_adds_per_second(isa),
          .read_bytes = threads * cpu::read_bytes_per_second(std::max(working_set_bytes, least))};
}

Ceilings highest(const Ceilings& a, const Ceilings& b) {
  return {.int8_macs = std::max(a.int8_macs, b.int8_macs),
          .bf16_macs = std::max(a.bf16_macs, b.bf16_macs),
          .fp32_adds = std::max(a.fp32_adds, b.fp32_adds),
          .read_bytes = std::max(a.read_bytes, b.read_bytes)};
}

Floor floor_of(const StageReport& stage, const Ceilings& ceilings) {
  if (stage.int8_macs + stage.bf16_macs + stage.fp32_adds == 0) return {};
  const double int8 = static_cast<double>(stage.int8_macs) / ceilings.int8_macs;
  const double bf16 = static_cast<double>(stage.bf16_macs) / ceilings.bf16_macs;
  const double reads = static_cast<double>(stage.bytes) / ceilings.read_bytes;
  const double adds = static_cast<double>(stage.fp32_adds) / ceilings.fp32_adds;
  const double arithmetic = int8 + bf16 + adds;
  if (reads > arithmetic) return {reads, Bound::reads};
  if (adds > int8 && adds > bf16) return {arithmetic, Bound::adds};
  return {arithmetic, int8 >= bf16 ? Bound::int8 : Bound::bf16};
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

StepReport median(std::span<const StepReport> runs) {
  const auto median_of = [&](const auto& seconds) {
    std::vector<double> values;
    for (const StepReport& run : runs) values.push_back(seconds(run));
    return median(std::move(values));
  };
  StepReport report = runs.back();
  for (std::size_t stage = 0; stage < report.stages.size(); ++stage) {
    report.stages[stage].seconds =
        median_of([stage](const StepReport& run) { return run.stages[stage].seconds; });
  }
  report.seconds = median_of([](const StepReport& run) { return run.seconds; });
  return report;
}

double share_of_floors(const StepReport& report, const Ceilings& ceilings) {
  double floors = 0;
  for (const StageReport& stage : report.stages) floors += floor_of(stage, ceilings).seconds;
  return floors / report.seconds;
}

std::string stage_table(const StepReport& report, const Ceilings& ceilings) {
  report::Table table({{"stage"},
                       {"time", report::Align::right},
                       {"work", report::Align::right},
                       {"rate", report::Align::right},
                       {"of the ceiling"}});
  for (int at = 0; at < kStages; ++at) {
    const auto stage = static_cast<Stage>(at);
    table.add(row_of(stage, report[stage], ceilings));
  }
  table.add({"step", report::duration(report.seconds), "", "",
             report::percent(share_of_floors(report, ceilings)) + " of the sum of floors"});
  return table.text();
}

nlohmann::ordered_json stages_json(const StepReport& report, const Ceilings& ceilings) {
  nlohmann::ordered_json stages = stages_json(report);
  for (std::size_t stage = 0; stage < report.stages.size(); ++stage) {
    stages[stage]["floor_seconds"] = floor_of(report.stages[stage], ceilings).seconds;
  }
  return stages;
}

}  // namespace fulgurite::app
