#pragma once

#include "verbs.hpp"

// The verbs of `fulgurite npu`, a file each.
namespace fulgurite::app {

Verb add_npu_run(Command npu);
Verb add_npu_memory(Command npu);
Verb add_npu_hazards(Command npu);
Verb add_npu_schedule(Command npu);
Verb add_npu_compare(Command npu);
Verb add_npu_constants(Command npu);

}  // namespace fulgurite::app
