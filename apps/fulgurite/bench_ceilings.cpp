#include <fmt/core.h>

#include <cstdint>

#include "bench_part.hpp"
#include "cpu/ceilings.hpp"
#include "report/text.hpp"

namespace fulgurite::app {

BenchPart bench_ceilings(const BenchSetup& /*setup*/) {
  BenchPart part("ceilings", "What one core can do at most",
                 {{"of"}, {"ceiling", report::Align::right}, {"rate", report::Align::right}});
  const auto add = [&](std::string_view what, std::string_view ceiling, double rate,
                       std::string text) {
    part.add({std::string(what), std::string(ceiling), std::move(text)},
             {{"of", what}, {"ceiling", ceiling}, {"per_second", rate}});
  };
  for (const IsaStatus& status : isa_statuses()) {
    const std::string_view isa = name(status.isa);
    if (!status.available) {
      part.table.add({std::string(isa), status.reason});
      continue;
    }
    const double int8 = cpu::int8_macs_per_second(status.isa);
    const double bf16 = cpu::bf16_macs_per_second(status.isa);
    const double adds = cpu::fp32_adds_per_second(status.isa);
    add(isa, "int8 multiply-adds", int8, report::macs(int8) + "/s");
    add(isa, "bf16 multiply-adds", bf16, report::macs(bf16) + "/s");
    add(isa, "fp32 additions", adds, fmt::format("{:.3g} G/s", adds * 1e-9));
  }
  for (const int kib : {16, 512, 8192, 262'144}) {
    const double rate = cpu::read_bytes_per_second(std::int64_t{kib} << 10);
    add(fmt::format("reads of {} KiB", report::thousands(kib)), "bytes", rate,
        report::bytes(rate) + "/s");
  }
  return part;
}

}  // namespace fulgurite::app
