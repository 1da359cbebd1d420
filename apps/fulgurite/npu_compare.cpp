#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>

#include "npu_options.hpp"
#include "npu_schedule_text.hpp"
#include "npu_verbs.hpp"
#include "report/table.hpp"
#include "report/text.hpp"
#include "study/compare.hpp"
#include "study/kv_product.hpp"
#include "study/published.hpp"

namespace fulgurite::app {
namespace {

using report::Align;
using study::Comparison;
using study::PublishedRange;
using study::Reading;
using study::VariantTime;

constexpr const char* kNpuCompareFooter =
    R"(FORM is baseline, rope_slice, rope, merged or per_token, perhaps with changes, as --tile
takes them: merged:hadamard_row_chunk=64,split.score=up_down. By default baseline, rope_slice, rope
and merged are compared. Each is scheduled on the model as given, and again with every uncertain
constant at both ends of its documented range: the range in the table, and whether the order of the
forms holds all over it. Two more published changes of the kernels are shown below the table.

Examples:
  fulgurite npu compare
  fulgurite npu compare merged merged:rope_row_chunk=32       what would smaller chunks do?
  fulgurite npu compare baseline merged --start-pos 8189      with 2,047 rows visible
  fulgurite npu compare baseline merged --set orchestrator_us=1.3 --json)";

struct FormOptions {
  NpuOptions npu;
  std::vector<std::string> forms{"baseline", "rope_slice", "rope", "merged"};
};

/// All that is printed.
struct Report {
  programs::ProgramShape shape;
  npu::Rules rules;
  Comparison forms;
  std::optional<Comparison> grouping;  ///< per_token and baseline, of the seed's step
  std::array<study::KvProductTime, 3> product;
};

std::string range_text(double low, double high) {
  const std::string first = fmt::format("{:.0f}", low);
  const std::string last = fmt::format("{:.0f}", high);
  return first == last ? first : first + "-" + last;
}
std::string range_text(const PublishedRange& range) {
  return range_text(range.low_us, range.high_us);
}

/// "-12.3 %"
std::string change_text(double ratio) { return fmt::format("{:+.1f} %", 100 * (ratio - 1)); }

std::string published_text(const VariantTime& time, Reading reading) {
  if (time.variant.name != programs::name(time.variant.form)) return "";
  const auto range = study::published(time.variant.form, reading);
  if (!range) return "";
  return (range->is_derived ? "about " : "") + range_text(*range);
}

std::string forms_text(const Report& report) {
  const auto& times = report.forms.variants;
  const bool is_seed = study::is_seed(report.shape);
  std::vector<report::Column> columns{{"form"},
                                      {"tasks", Align::right},
                                      {"subtasks", Align::right},
                                      {"MIX", Align::right},
                                      {"predicted us", Align::right},
                                      {"range", Align::right},
                                      {"change", Align::right}};
  if (is_seed) {
    columns.push_back({"published (text)", Align::right});
    columns.push_back({"(diff)", Align::right});
  }
  report::Table table(columns);
  for (const VariantTime& time : times) {
    std::vector<std::string> cells{
        time.variant.name,
        report::thousands(time.tasks),
        report::thousands(time.subtasks),
        report::thousands(time.mix_tasks),
        fmt::format("{:.0f}", time.makespan_us.front()),
        range_text(time.low_us, time.high_us),
        &time == &times.front()
            ? ""
            : change_text(time.makespan_us.front() / times.front().makespan_us.front())};
    if (is_seed) {
      cells.push_back(published_text(time, Reading::text));
      cells.push_back(published_text(time, Reading::diff));
    }
    table.add(cells);
  }
  return table.text();
}

std::string errors_text(const Comparison& comparison) {
  std::string text;
  for (const VariantTime& time : comparison.variants) {
    if (time.errors == 0) continue;
    text += fmt::format("{} does not fit or races: fulgurite npu hazards says where.\n",
                        time.variant.name);
  }
  return text;
}

std::string ranking_text(const Comparison& comparison) {
  if (comparison.variants.size() < 2) return "";
  std::vector<const VariantTime*> order;
  for (const VariantTime& time : comparison.variants) order.push_back(&time);
  std::ranges::sort(order, {}, [](const VariantTime* time) { return time->makespan_us.front(); });
  std::string names;
  for (const VariantTime* time : order) {
    names += (names.empty() ? "" : ", ") + time->variant.name;
  }
  const std::size_t settings = comparison.settings.size();
  if (comparison.reversals.empty()) {
    return report::wrapped(fmt::format("The order {} (the fastest first) holds in all {} settings "
                                       "of the uncertain constants.",
                                       names, settings),
                           100);
  }
  std::string text;
  std::size_t broken = 0;
  for (std::size_t setting = 1; setting < settings; ++setting) {
    std::string pairs;
    for (const study::Reversal& reversal : comparison.reversals) {
      if (reversal.setting != setting) continue;
      const VariantTime& faster = comparison.variants[reversal.faster];
      const VariantTime& slower = comparison.variants[reversal.slower];
      pairs += fmt::format("{}{} is slower than {} ({})", pairs.empty() ? "" : "; ",
                           faster.variant.name, slower.variant.name,
                           change_text(faster.makespan_us[setting] / slower.makespan_us[setting]));
    }
    if (pairs.empty()) continue;
    ++broken;
    text += report::wrapped(comparison.settings[setting].name + ": " + pairs, 100, 2);
  }
  return report::wrapped(fmt::format("The order {} (the fastest first) holds in {} of {} settings "
                                     "of the uncertain constants. It breaks at",
                                     names, settings - broken, settings),
                         100) +
         text;
}

std::string composition_table(const Comparison& comparison) {
  report::Table table({{"form"},
                       {"orchestrator", Align::right},
                       {"scheduler", Align::right},
                       {"waiting", Align::right},
                       {"compute", Align::right},
                       {"submissions", Align::right},
                       {"compressor at", Align::right},
                       {"score_store at", Align::right}});
  const auto us = [](std::optional<double> value) {
    return value ? fmt::format("{:.0f}", *value) : "";
  };
  for (const VariantTime& time : comparison.variants) {
    table.add({time.variant.name, us(time.spent_us[0]), us(time.spent_us[1]), us(time.spent_us[2]),
               us(time.spent_us[3]), us(time.submission_us), us(time.compressor_start_us),
               us(time.score_start_us)});
  }
  return table.text();
}

/// "12 us less", "3 us more"
std::string more_text(double difference_us) {
  return fmt::format("{:.0f} us {}", std::abs(difference_us), difference_us < 0 ? "less" : "more");
}

/// Why the last form differs from the first.
std::string why_text(const Comparison& comparison) {
  if (comparison.variants.size() < 2) return "";
  const VariantTime& first = comparison.variants.front();
  const VariantTime& last = comparison.variants.back();
  const std::int64_t tasks = first.tasks - last.tasks;
  std::string text = fmt::format(
      "Why: {} submits {} {} than {}, {:.0f} us of the serial "
      "orchestrator. ",
      last.variant.name, report::count_of(std::abs(tasks), "task"), tasks < 0 ? "more" : "less",
      first.variant.name, std::abs(first.submission_us - last.submission_us));
  const auto start = [&](const char* what, std::optional<double> a, std::optional<double> b) {
    if (!a || !b) return;
    text += fmt::format("Its {} starts {:.0f} us {}. ", what, std::abs(*b - *a),
                        *b < *a ? "earlier" : "later");
  };
  start("compressor", first.compressor_start_us, last.compressor_start_us);
  start("score_store", first.score_start_us, last.score_start_us);
  text += fmt::format(
      "On the critical path, {} goes to the orchestrator, {} to the schedulers, {} "
      "to waiting for a core, {} to compute.",
      more_text(last.spent_us[0] - first.spent_us[0]),
      more_text(last.spent_us[1] - first.spent_us[1]),
      more_text(last.spent_us[2] - first.spent_us[2]),
      more_text(last.spent_us[3] - first.spent_us[3]));
  return report::wrapped(text, 100);
}

double ratio_of(const Comparison& comparison) {
  return comparison.variants.back().makespan_us.front() /
         comparison.variants.front().makespan_us.front();
}

std::string grouping_text(const Comparison& grouping) {
  const VariantTime& before = grouping.variants.front();
  const VariantTime& after = grouping.variants.back();
  report::Table table({{"form"},
                       {"tasks", Align::right},
                       {"predicted us", Align::right},
                       {"range", Align::right},
                       {"published", Align::right},
                       {"rope window us", Align::right},
                       {"published", Align::right}});
  const auto add = [&](const VariantTime& time, const PublishedRange& total,
                       const PublishedRange& window) {
    table.add({time.variant.name, report::thousands(time.tasks),
               fmt::format("{:.0f}", time.makespan_us.front()),
               range_text(time.low_us, time.high_us), range_text(total),
               fmt::format("{:.0f}", time.rope_window_us), range_text(window)});
  };
  add(before, study::kPerTokenTotal, study::kPerTokenWindow);
  add(after, study::kGroupedTotal, study::kGroupedWindow);
  table.add({"ratio", "", fmt::format("{:.2f}", ratio_of(grouping)), "", "0.49-0.68",
             fmt::format("{:.2f}", after.rope_window_us / std::max(before.rope_window_us, 1e-9)),
             "0.09-0.15"});
  return table.text();
}

std::string product_text(const std::array<study::KvProductTime, 3>& times) {
  report::Table table({{"stage", Align::right},
                       {"predicted us", Align::right},
                       {"published", Align::right},
                       {"ratio", Align::right},
                       {"published", Align::right}});
  const study::KvProductTime& first = times.front();
  for (const study::KvProductTime& time : times) {
    table.add({std::to_string(time.stage), fmt::format("{:.1f}", time.us),
               fmt::format("{:.1f}", time.published_us), fmt::format("{:.2f}", time.us / first.us),
               fmt::format("{:.2f}", time.published_us / first.published_us)});
  }
  return table.text();
}

void print_compare_text(const Report& report) {
  fmt::print("{}", forms_text(report));
  if (study::is_seed(report.shape)) {
    fmt::print(
        "Published: totals on the device, pypto-lib PR #371, on average -15 %. Its text fuses the "
        "rope\n"
        "pairs and gives -14 % to the first alone, which the model does not reproduce; its diff "
        "fuses\n"
        "all pairs.\n");
  }
  fmt::print("{}\n{}\nWhat the makespan consists of, us:\n{}", errors_text(report.forms),
             ranking_text(report.forms), composition_table(report.forms));
  fmt::print("{}\n", why_text(report.forms));
  if (report.grouping) {
    fmt::print("Groups of tokens instead of one token for each iteration (PR #358):\n{}\n",
               grouping_text(*report.grouping));
  }
  fmt::print("The product of the score alone, 16 iterations on one cube core (PR #741):\n{}",
             product_text(report.product));
}

nlohmann::ordered_json optional_json(const std::optional<double>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

nlohmann::ordered_json published_json(const Report& report, const VariantTime& time,
                                      Reading reading) {
  const bool is_plain = time.variant.name == programs::name(time.variant.form);
  if (!study::is_seed(report.shape) || !is_plain) return nullptr;
  const auto range = study::published(time.variant.form, reading);
  if (!range) return nullptr;
  return {range->low_us, range->high_us};
}

nlohmann::ordered_json forms_json(const Report& report, const Comparison& comparison) {
  auto forms = nlohmann::ordered_json::array();
  for (const VariantTime& time : comparison.variants) {
    forms.push_back(
        {{"form", time.variant.name},
         {"tasks", time.tasks},
         {"subtasks", time.subtasks},
         {"mix_tasks", time.mix_tasks},
         {"makespan_us", time.makespan_us.front()},
         {"range_us", {time.low_us, time.high_us}},
         {"ratio", time.makespan_us.front() / comparison.variants.front().makespan_us.front()},
         {"errors", time.errors},
         {"spent_us", spent_json(time.spent_us)},
         {"submission_us", time.submission_us},
         {"compressor_start_us", optional_json(time.compressor_start_us)},
         {"score_start_us", optional_json(time.score_start_us)},
         {"rope_window_us", time.rope_window_us},
         {"published_us",
          {{"text", published_json(report, time, Reading::text)},
           {"diff", published_json(report, time, Reading::diff)}}}});
  }
  return forms;
}

nlohmann::ordered_json ranking_json(const Comparison& comparison) {
  auto breaks = nlohmann::ordered_json::array();
  for (const study::Reversal& reversal : comparison.reversals) {
    breaks.push_back({{"setting", comparison.settings[reversal.setting].name},
                      {"faster", comparison.variants[reversal.faster].variant.name},
                      {"slower", comparison.variants[reversal.slower].variant.name}});
  }
  return {{"settings", comparison.settings.size()},
          {"holds", comparison.reversals.empty()},
          {"breaks", breaks}};
}

void print_compare_json(const Report& report) {
  nlohmann::ordered_json json = header_json(report.shape, report.rules);
  json["forms"] = forms_json(report, report.forms);
  json["ranking"] = ranking_json(report.forms);
  json["pr_358"] = nullptr;
  if (report.grouping) {
    json["pr_358"] = {{"forms", forms_json(report, *report.grouping)},
                      {"ratio", ratio_of(*report.grouping)}};
  }
  auto stages = nlohmann::ordered_json::array();
  for (const study::KvProductTime& time : report.product) {
    stages.push_back({{"stage", time.stage}, {"us", time.us}, {"published_us", time.published_us}});
  }
  json["pr_741"] = {{"stages", stages}, {"ratio", report.product[1].us / report.product[0].us}};
  print(json);
}

int run_compare(const FormOptions& options) {
  Report report;
  report.shape = shape_of(options.npu);
  report.rules = rules_of(options.npu);
  const npu::Chip chip = chip_of(options.npu);
  std::vector<study::Variant> variants;
  for (const std::string& form : options.forms) {
    variants.push_back(study::variant_of(form, report.shape));
  }
  report.forms = study::compare(report.shape, variants, chip, report.rules);
  if (study::is_seed(report.shape)) {
    const std::vector<study::Variant> grouping{study::variant_of("per_token", report.shape),
                                               study::variant_of("baseline", report.shape)};
    report.grouping = study::compare(report.shape, grouping, chip, report.rules);
  }
  report.product = study::kv_product_times(chip, report.rules);
  (options.npu.json ? print_compare_json : print_compare_text)(report);
  const bool all_fit = std::ranges::all_of(
      report.forms.variants, [](const VariantTime& time) { return time.errors == 0; });
  return all_fit ? kDone : kDoesNotFit;
}

}  // namespace

Verb add_npu_compare(Command npu) {
  Command command =
      npu.add_verb("compare", "What a change gains, beside what its authors measured, and why");
  const auto options = std::make_shared<FormOptions>();
  command.option("FORM", options->forms, "FORM", "programs to compare, the first with all others");
  add_step_options(command, options->npu);
  add_chip_options(command, options->npu);
  add_json_option(command, options->npu);
  command.footer(kNpuCompareFooter);
  return {command, [options] { return run_compare(*options); }};
}

}  // namespace fulgurite::app
