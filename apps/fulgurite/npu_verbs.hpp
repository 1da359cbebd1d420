#pragma once

#include "verbs.hpp"

// The verbs of `fulgurite npu`, a file each.
namespace fulgurite::app {

Verb add_npu_run(CLI::App& npu);
Verb add_npu_memory(CLI::App& npu);
Verb add_npu_hazards(CLI::App& npu);
Verb add_npu_schedule(CLI::App& npu);
Verb add_npu_compare(CLI::App& npu);
Verb add_npu_constants(CLI::App& npu);

}  // namespace fulgurite::app
