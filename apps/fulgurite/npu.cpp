#include <array>

#include "npu_verbs.hpp"

namespace fulgurite::app {
namespace {

constexpr const char* kNpuFooter =
    R"(The model says which program is faster and roughly by how much, not how many microseconds
it takes: sources of its constants disagree, and devices scatter. The program is the decode step as
tile programs, the chip an Ascend A2/A3 with the compiler of May 2026.

Examples:
  fulgurite npu run                           the fused kernels of the seed on one page
  fulgurite npu compare baseline merged       what the fusion gains, and why
  fulgurite npu memory --tile rope_row_chunk=256     does not fit; says what would
  fulgurite npu schedule --trace step.json    for https://ui.perfetto.dev)";

}  // namespace

Verb add_npu(Command tool) {
  Command command = tool.add_verb("npu", "The step as tile programs on a model of the a2a3 NPU");
  command.require_verb();
  command.footer(kNpuFooter);
  const std::array verbs{add_npu_run(command),     add_npu_memory(command),
                         add_npu_hazards(command), add_npu_schedule(command),
                         add_npu_compare(command), add_npu_constants(command)};
  return {command, [verbs]() -> int {
            for (const Verb& verb : verbs) {
              if (verb.command.parsed()) return verb.run();
            }
            return kUsage;
          }};
}

}  // namespace fulgurite::app
