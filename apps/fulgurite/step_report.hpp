#pragma once

#include <nlohmann/json.hpp>
#include <string_view>

#include "fulgurite/indexer.hpp"

namespace fulgurite::app {

/// The stage's name in tables and JSON.
std::string_view stage_name(Stage stage);

/// [{"stage": .., "seconds": .., "int8_macs": .., "bf16_macs": .., "bytes": ..,
///   "skipped_macs": ..}, ..]
nlohmann::ordered_json stages_json(const StepReport& report);

}  // namespace fulgurite::app
