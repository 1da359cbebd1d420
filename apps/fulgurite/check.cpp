#include <fmt/core.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "compare_outputs.hpp"
#include "io/text.hpp"
#include "report/table.hpp"
#include "report/text.hpp"
#include "step_output.hpp"
#include "verbs.hpp"

namespace fulgurite::app {
namespace {

constexpr const char* kCheckFooter =
    R"(A and B are outputs of `fulgurite step`, or files of another implementation with the same six
tensors. Equal bits are always the same. Where bits differ:
  values agree if they differ by at most rtol * the largest magnitude in their row (for score: of
  the token's scores); bf16 values may differ by one step of bf16 more;
  selections agree if, place by place, the two rows' scores differ by at most twice that: so the
  order may differ among ties, and other rows may be selected that tie with the k-th.
Implementations that sum in another order: about --rtol 1e-5 for most steps, 2e-2 if a rounding
of the new key row or of the query fell to the other side.

Examples:
  fulgurite check mine.safetensors theirs.safetensors
  fulgurite check mine.safetensors theirs.safetensors --rtol 2e-2
  fulgurite check a.safetensors b.safetensors --rtol 0 --json     equal but for the order of ties)";

struct CheckOptions {
  std::string a;
  std::string b;
  CompareOptions compare;
  bool json = false;
};

/// Of the first element that differs.
std::vector<std::int64_t> first_index(const TensorCheck& check) {
  std::size_t flat = check.values.first.value_or(0);
  std::vector<std::int64_t> index(check.a->shape.size());
  for (std::size_t axis = index.size(); axis-- > 0;) {
    const auto extent = static_cast<std::size_t>(check.a->shape[axis]);
    index[axis] = static_cast<std::int64_t>(flat % extent);
    flat /= extent;
  }
  return index;
}

std::string verdict(const TensorCheck& check, const CheckResult& result) {
  if (!check.comparable) return "other shape or dtype";
  if (check.values.equal()) return "equal";
  if (check.name == "topk_idxs") {
    if (!result.selection) return "not compared";
    return result.selection->same() ? "same selection" : "DIFFERENT";
  }
  return check.values.within() ? "within tolerance" : "DIFFERENT";
}

/// "44 %", "879 times"
std::string share_text(double share) {
  return share < 10 ? report::percent(share) : fmt::format("{:.3g} times", share);
}

std::vector<std::string> table_row(const TensorCheck& check, const CheckResult& result) {
  const std::string name(check.name);
  if (!check.comparable) return {name, "", "", "", "", verdict(check, result)};
  const ValueComparison& values = check.values;
  std::vector<std::string> row{
      name, describe(*check.a),
      report::thousands(values.differing) + " of " + report::thousands(values.elements)};
  const bool numbers = !values.equal() && check.a->dtype != io::Dtype::i32;
  row.push_back(numbers ? fmt::format("{:.2e}", values.largest_difference) : "");
  row.push_back(numbers ? share_text(values.largest_share) : "");
  row.push_back(verdict(check, result));
  return row;
}

void print_differences(const CheckResult& result) {
  for (const TensorCheck& check : result.tensors) {
    if (!check.comparable) {
      fmt::print("{}: {} in A, {} in B\n", check.name, describe(*check.a), describe(*check.b));
    } else if (!check.values.equal()) {
      fmt::print("{} first differs at {}: {} in A, {} in B\n", check.name,
                 report::shape_text(first_index(check)), check.first_a, check.first_b);
    }
  }
  if (result.selection && !result.selection->same()) {
    fmt::print("selection first differs at {}\n", result.selection->first_difference);
  }
}

void print_check_text(const CheckOptions& options, const CheckResult& result) {
  fmt::print("A: {}\nB: {}\n\n", io::printable(options.a), io::printable(options.b));
  report::Table table({{"tensor"},
                       {"dtype and shape"},
                       {"differing", report::Align::right},
                       {"largest |d|", report::Align::right},
                       {"of tolerance", report::Align::right},
                       {"verdict"}});
  for (const TensorCheck& check : result.tensors) table.add(table_row(check, result));
  fmt::print("{}\n", table.text());
  print_differences(result);
  if (result.selection) {
    const SelectionComparison& selection = *result.selection;
    fmt::print(
        "{}: {} select the same rows in the same order, {} in another order among ties, {} "
        "other rows that tie, {} differ\n",
        report::count_of(selection.tokens, "token"), report::thousands(selection.equal),
        report::thousands(selection.reordered), report::thousands(selection.other_rows),
        report::thousands(selection.different));
  }
  fmt::print("the same selection within rtol {:g}: {}\n", options.compare.rtol,
             result.same() ? "yes" : "NO");
}

nlohmann::ordered_json to_json(const TensorCheck& check, const CheckResult& result) {
  nlohmann::ordered_json json{{"tensor", check.name},
                              {"a", describe(*check.a)},
                              {"b", describe(*check.b)},
                              {"verdict", verdict(check, result)}};
  if (!check.comparable) return json;
  json["elements"] = check.values.elements;
  json["differing"] = check.values.differing;
  if (check.values.equal()) return json;
  json["largest_difference"] = check.values.largest_difference;
  if (check.a->dtype != io::Dtype::i32) json["share_of_tolerance"] = check.values.largest_share;
  json["first"] = {{"index", first_index(check)}, {"a", check.first_a}, {"b", check.first_b}};
  return json;
}

void print_check_json(const CheckOptions& options, const CheckResult& result) {
  nlohmann::ordered_json json{
      {"same", result.same()}, {"a", options.a}, {"b", options.b}, {"rtol", options.compare.rtol}};
  json["tensors"] = nlohmann::ordered_json::array();
  for (const TensorCheck& check : result.tensors) json["tensors"].push_back(to_json(check, result));
  if (result.selection) {
    const SelectionComparison& selection = *result.selection;
    json["selection"] = {
        {"tokens", selection.tokens},       {"equal", selection.equal},
        {"reordered", selection.reordered}, {"other_rows", selection.other_rows},
        {"different", selection.different}, {"first_difference", selection.first_difference}};
  }
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

int run_check(const CheckOptions& options) {
  const io::SafetensorsFile a = open_step_output(options.a);
  const io::SafetensorsFile b = open_step_output(options.b);
  const CheckResult result = compare_outputs(a, b, options.compare);
  (options.json ? print_check_json : print_check_text)(options, result);
  return result.same() ? kDone : kDifferent;
}

}  // namespace

Verb add_check(Command tool) {
  Command command =
      tool.add_verb("check", "Are two outputs the same selection, given ties and tolerances?");
  const auto options = std::make_shared<CheckOptions>();
  command.option("A", options->a, "FILE", "output of a step").required();
  command.option("B", options->b, "FILE", "the output to compare it with").required();
  command.option("--rtol", options->compare.rtol, "R", "tolerance, 1e-5 by default; 0: only ties")
      .from_0_to_1();
  command.option("--offset", options->compare.offset, "N",
                 "what was added to selected rows; by default it follows from A");
  command.flag("--json", options->json, "print JSON");
  command.footer(kCheckFooter);
  return {command, [options] { return run_check(*options); }};
}

}  // namespace fulgurite::app
