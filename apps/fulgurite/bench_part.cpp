#include "bench_part.hpp"

#include <fmt/core.h>

#include <utility>

#include "report/text.hpp"

namespace fulgurite::app {
namespace {

std::string_view name_of(Work work) {
  switch (work) {
    case Work::int8_macs:
      return "int8_macs";
    case Work::bf16_macs:
      return "bf16_macs";
    case Work::additions:
      return "additions";
    case Work::bytes:
      break;
  }
  return "bytes";
}

std::string rate_text(Work work, double per_second) {
  switch (work) {
    case Work::int8_macs:
    case Work::bf16_macs:
      return report::macs(per_second) + "/s";
    case Work::additions:
      return fmt::format("{:.3g} G/s", per_second * 1e-9);
    case Work::bytes:
      break;
  }
  return report::bytes(per_second) + "/s";
}

std::string_view bound_text(Work work) {
  switch (work) {
    case Work::int8_macs:
      return "int8 multiply-adds";
    case Work::bf16_macs:
      return "bf16 multiply-adds";
    case Work::additions:
      return "fp32 additions";
    case Work::bytes:
      break;
  }
  return "reads";
}

}  // namespace

BenchPart::BenchPart(std::string part_name, std::string what)
    : BenchPart(std::move(part_name), std::move(what),
                {{"stage"},
                 {"shape"},
                 {"time", report::Align::right},
                 {"rate", report::Align::right},
                 {"of the ceiling"},
                 {"lost", report::Align::right}}) {}

void BenchPart::add(std::vector<std::string> cells, nlohmann::ordered_json json) {
  table.add(std::move(cells));
  rows.push_back(std::move(json));
}

void BenchPart::add(const BenchLine& line) {
  const double rate = line.amount / line.time.median_s;
  std::vector<std::string> cells{line.name, line.shape, report::duration(line.time.median_s)};
  nlohmann::ordered_json json{{"stage", line.name},
                              {"shape", line.shape},
                              {"seconds", line.time.median_s},
                              {"shortest_seconds", line.time.shortest_s},
                              {"lost_samples", line.time.dropped}};
  if (line.amount > 0) {
    cells.push_back(rate_text(line.work, rate));
    cells.push_back(
        fmt::format("{} of {}", report::percent(rate / line.ceiling), bound_text(line.work)));
    json["work"] = name_of(line.work);
    json["amount"] = line.amount;
    json["ceiling_per_second"] = line.ceiling;
    json["share_of_ceiling"] = rate / line.ceiling;
  } else {
    cells.insert(cells.end(), 2, "");
  }
  cells.push_back(std::to_string(line.time.dropped));
  add(std::move(cells), std::move(json));
}

}  // namespace fulgurite::app
