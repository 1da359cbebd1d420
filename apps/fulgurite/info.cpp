#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "core/cpu_limits.hpp"
#include "fulgurite/error.hpp"
#include "fulgurite/executor.hpp"
#include "fulgurite/platform.hpp"
#include "fulgurite/version.hpp"
#include "report/table.hpp"
#include "report/text.hpp"
#include "system_facts.hpp"
#include "verbs.hpp"

namespace fulgurite::app {
namespace {

constexpr const char* kInfoFooter = R"(Examples:
  fulgurite info
  FULGURITE_ISA=avx2 fulgurite info     how to force an ISA without changing a command line
  fulgurite info --json)";

std::string threads_reason() {
  const int affinity = core::affinity_cpus();
  const std::optional<int> quota = core::cgroup_cpus();
  std::string reason = "affinity mask: " + report::count_of(affinity, "CPU");
  reason += quota ? "; cgroup quota: " + report::count_of(*quota, "CPU") : "; no cgroup quota";
  return reason;
}

/// Nothing if FULGURITE_ISA names one that cannot be had: then the list is what one needs.
std::optional<Isa> chosen_isa() {
  try {
    return resolve_isa();
  } catch (const Error&) {
    return std::nullopt;
  }
}

void print_info_json() {
  nlohmann::ordered_json json;
  json["version"] = version();
  json["compiler"] = compiler();
  json["cpu"] = cpu_model();
  json["threads"] = {{"usable", usable_threads()},
                     {"affinity_cpus", core::affinity_cpus()},
                     {"cgroup_cpus", nullptr}};
  if (const std::optional<int> quota = core::cgroup_cpus()) json["threads"]["cgroup_cpus"] = *quota;
  json["available_memory_bytes"] = nullptr;
  if (const auto memory = available_memory()) json["available_memory_bytes"] = *memory;
  json["huge_pages"] = huge_page_mode();
  json["isas"] = nlohmann::ordered_json::array();
  for (const IsaStatus& status : isa_statuses()) {
    json["isas"].push_back(
        {{"isa", name(status.isa)}, {"available", status.available}, {"reason", status.reason}});
  }
  json["chosen_isa"] = nullptr;
  if (const std::optional<Isa> chosen = chosen_isa()) json["chosen_isa"] = name(*chosen);
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

std::string huge_page_line() {
  const std::string mode = huge_page_mode();
  if (mode == "never") {
    return "never; `madvise` in /sys/kernel/mm/transparent_hugepage/enabled would be faster";
  }
  return mode.empty() ? "unknown" : mode;
}

void print_info_text() {
  const std::optional<Isa> chosen = chosen_isa();
  const auto memory = available_memory();
  fmt::print("fulgurite   {}\n", version());
  fmt::print("compiler    {}\n", compiler());
  fmt::print("CPU         {}\n", cpu_model());
  fmt::print("threads     {} ({})\n", usable_threads(), threads_reason());
  fmt::print("memory      {}\n",
             memory ? report::bytes(static_cast<double>(*memory)) + " available" : "unknown");
  fmt::print("huge pages  {}\n\n", huge_page_line());
  report::Table table({{"ISA, best first"}, {"available"}, {"note"}});
  for (const IsaStatus& status : isa_statuses()) {
    std::string note = status.reason;
    if (status.isa == chosen) note = note.empty() ? "chosen" : "chosen; " + note;
    table.add({std::string(name(status.isa)), status.available ? "yes" : "no", note});
  }
  fmt::print("{}", table.text());
}

}  // namespace

Verb add_info(Command tool) {
  Command command =
      tool.add_verb("info", "What this machine offers and what is used of it, and why");
  const auto json = std::make_shared<bool>(false);
  command.flag("--json", *json, "print JSON");
  command.footer(kInfoFooter);
  return {command, [json] {
            (*json ? print_info_json : print_info_text)();
            static_cast<void>(resolve_isa());  // says what is wrong with FULGURITE_ISA
            return kDone;
          }};
}

}  // namespace fulgurite::app
