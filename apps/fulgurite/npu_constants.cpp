#include <fmt/core.h>

#include <memory>

#include "npu_options.hpp"
#include "npu_verbs.hpp"
#include "report/table.hpp"

namespace fulgurite::app {
namespace {

constexpr const char* kNpuConstantsFooter =
    R"(Every number of the model. The range is that in which documents and measurements disagree;
`npu compare` says whether its ranking holds all over it. A confidence is `measured` on the device
by the authors of the chip's software, read in their `code`, `derived` from other numbers, or
`assumed`.

Examples:
  fulgurite npu constants
  fulgurite npu constants --set orchestrator_us=1.3     changed ones are marked with a *
  fulgurite npu constants --json)";

std::string range_text(const npu::Constant& constant) {
  if (constant.low == constant.high) return "";
  return fmt::format("{:.10g} - {:.10g}", constant.low, constant.high);
}

void print_table(const npu::Chip& chip) {
  report::Table table({{"constant"},
                       {"value", report::Align::right},
                       {""},
                       {"unit"},
                       {"range"},
                       {"confidence"},
                       {"source"}});
  for (const npu::Constant& constant : npu::constants()) {
    const double value = chip.*constant.member;
    const bool is_changed = value != npu::Chip().*constant.member;
    table.add({std::string(constant.name), fmt::format("{:.10g}", value), is_changed ? "*" : "",
               std::string(constant.unit), range_text(constant),
               std::string(name(constant.confidence)), std::string(constant.source)});
  }
  fmt::print("{}", table.text());
}

void print_constants_json(const npu::Chip& chip) {
  auto constants = nlohmann::ordered_json::array();
  for (const npu::Constant& constant : npu::constants()) {
    constants.push_back({{"name", constant.name},
                         {"value", chip.*constant.member},
                         {"default", npu::Chip().*constant.member},
                         {"range", {constant.low, constant.high}},
                         {"unit", constant.unit},
                         {"confidence", name(constant.confidence)},
                         {"source", constant.source}});
  }
  print({{"constants", constants}});
}

}  // namespace

Verb add_npu_constants(Command npu) {
  Command command = npu.add_verb("constants", "Every number of the model: value, range, source");
  const auto options = std::make_shared<NpuOptions>();
  add_chip_options(command, *options, /*with_rules=*/false);
  add_json_option(command, *options);
  command.footer(kNpuConstantsFooter);
  return {command, [options]() -> int {
            const npu::Chip chip = chip_of(*options);
            (options->json ? print_constants_json : print_table)(chip);
            return kDone;
          }};
}

}  // namespace fulgurite::app
