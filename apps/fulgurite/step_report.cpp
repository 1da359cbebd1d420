#include "step_report.hpp"

namespace fulgurite::app {

std::string_view stage_name(Stage stage) {
  switch (stage) {
    case Stage::query:
      return "query";
    case Stage::project:
      return "project";
    case Stage::quantize:
      return "quantize";
    case Stage::compress:
      return "compress";
    case Stage::select:
      return "select";
  }
  return "unknown";
}

nlohmann::ordered_json stages_json(const StepReport& report) {
  nlohmann::ordered_json stages = nlohmann::ordered_json::array();
  for (int at = 0; at < kStages; ++at) {
    const auto stage = static_cast<Stage>(at);
    stages.push_back({{"stage", stage_name(stage)},
                      {"seconds", report[stage].seconds},
                      {"int8_macs", report[stage].int8_macs},
                      {"bf16_macs", report[stage].bf16_macs},
                      {"fp32_adds", report[stage].fp32_adds},
                      {"bytes", report[stage].bytes},
                      {"skipped_macs", report[stage].skipped_macs}});
  }
  return stages;
}

}  // namespace fulgurite::app
