#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "npu/bounds.hpp"
#include "study/path_runs.hpp"
#include "study/scope_times.hpp"

// The parts of a schedule as people and programs read them.
namespace fulgurite::app {

/// A line for each scope: tasks, cores, kernel time and what its pipes do.
std::string kernels_text(const std::vector<study::ScopeTimes>& scopes);
/// A line for each scope: where the time of a task goes, and what of the makespan it is.
std::string shares_text(const std::vector<study::ScopeTimes>& scopes, double makespan_us);
/// "makespan 692 us: orchestrator 45 us (7 %), scheduler ..."
std::string composition_text(const npu::Schedule& schedule);
std::string path_text(const std::vector<study::PathRun>& runs);
std::string bounds_text(const npu::Bounds& bounds);

nlohmann::ordered_json scopes_json(const std::vector<study::ScopeTimes>& scopes);
nlohmann::ordered_json path_json(const std::vector<study::PathRun>& runs);
nlohmann::ordered_json bounds_json(const npu::Bounds& bounds);
/// {"orchestrator": us, "scheduler": us, "waiting": us, "compute": us}
nlohmann::ordered_json spent_json(const std::array<double, npu::kSpent>& spent_us);

}  // namespace fulgurite::app
