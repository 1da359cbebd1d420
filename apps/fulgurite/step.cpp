#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

#include "cpu/seed_step.hpp"
#include "fulgurite/error.hpp"
#include "fulgurite/platform.hpp"
#include "indexer/seed_contract.hpp"
#include "io/seed_file.hpp"
#include "io/text.hpp"
#include "programs/seed_program.hpp"
#include "progress_bar.hpp"
#include "report/text.hpp"
#include "run_options.hpp"
#include "step_report.hpp"
#include "verbs.hpp"

namespace fulgurite::app {
namespace {

constexpr const char* kStepFooter =
    R"(The input is a safetensors file with the tensors of the seed contract:
  x [B,S,D], weights_proj [D,H], inner_wkv and inner_wgate [D,256], hadamard [128,128],
  idx_kv_cache [B,L,128] and, if you like, even_select and odd_select [64,32]: BF16
  qr [B*S,Q] and wq_b [Q,H*128]: I8
  qr_scale [B*S,1], wq_b_scale [H*128], cos and sin [1,32], inner_ape [4,256],
  inner_norm_w [128], inner_kv_state and inner_score_state [B,8,256] and, if you like,
  inner_kv [B,S,128]: F32
  start_pos and offset []: I32; inner_rotate []: BOOL; metadata topk, 512 if absent
B sequences of S tokens, D hidden, Q query rank, H heads, L rows of key cache.
The output has idx_kv_cache, score, topk_idxs, inner_kv, inner_kv_state and inner_score_state.
It appears under its name only when it is complete; it may replace the input.

Examples:
  fulgurite step --input in.safetensors --output out.safetensors
  fulgurite step --input in.safetensors --output slow.safetensors --platform reference
  fulgurite check out.safetensors slow.safetensors
  fulgurite step --input in.safetensors --output npu.safetensors --platform a2a3 --form baseline
  fulgurite step --input in.safetensors --output out.safetensors --threads 1 --json)";

struct StepOptions {
  std::string input;
  std::string output;
  std::string platform = "cpu";
  std::string form;  ///< of platform a2a3; empty: merged
  RunOptions run;
};

/// What a step was run on, and how long it took.
struct StepRun {
  SeedOutput output;
  StepReport report;
  std::string platform;  ///< "cpu avx2", "reference" or "a2a3 merged"
  int threads = 1;
  nlohmann::ordered_json json;
};

StepRun run_reference(const SeedInput& input) {
  const auto start = std::chrono::steady_clock::now();
  StepRun run{.output = reference::seed_step(input),
              .report = {},
              .platform = "reference",
              .threads = 1,
              .json = {{"platform", "reference"}}};
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  run.report.seconds = elapsed.count();
  return run;
}

StepRun run_cpu(const SeedInput& input, Isa isa, const RunOptions& options) {
  const std::shared_ptr<Executor> executor = make_executor(options);
  cpu::SeedStep step(input, isa, executor);
  ProgressBar bar;
  const StepReport report =
      step.run([&](std::int64_t done, std::int64_t total) { bar.show(done, total); });
  const std::string isa_name(name(isa));
  return {.output = step.output(),
          .report = report,
          .platform = "cpu " + isa_name,
          .threads = executor->threads(),
          .json = {{"platform", "cpu"}, {"isa", isa_name}, {"stages", stages_json(report)}}};
}

/// What the run of a tile program found fishy, one line each.
nlohmann::ordered_json findings_json(const tile::Trace& trace) {
  auto findings = nlohmann::ordered_json::array();
  for (const tile::Finding& finding : trace.findings) {
    findings.push_back({{"kind", std::string(tile::name(finding.kind))},
                        {"count", finding.count},
                        {"message", finding.message}});
  }
  return findings;
}

StepRun run_a2a3(const SeedInput& input, programs::Form form) {
  const auto start = std::chrono::steady_clock::now();
  programs::SeedRun result = programs::run(input, form);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  const std::string form_name(programs::name(form));
  StepRun run{.output = std::move(result.output),
              .report = {},
              .platform = "a2a3 " + form_name,
              .threads = 1,
              .json = {{"platform", "a2a3"},
                       {"form", form_name},
                       {"tasks", result.trace.tasks.size()},
                       {"findings", findings_json(result.trace)}}};
  run.report.seconds = elapsed.count();
  return run;
}

StepRun run_on(const StepOptions& options, const SeedInput& input, Isa isa, programs::Form form) {
  if (options.platform == "reference") return run_reference(input);
  if (options.platform == "a2a3") return run_a2a3(input, form);
  return run_cpu(input, isa, options.run);
}

/// The form that was asked for; it is a matter of platform a2a3.
programs::Form form_of(const StepOptions& options) {
  if (options.form.empty()) return programs::Form::merged;
  if (options.platform != "a2a3") {
    throw Error(ErrorKind::usage,
                "--form: expected --platform a2a3, found --platform " + options.platform);
  }
  return programs::form_of(options.form);
}

/// Tokens of which a row that they see has the score NaN.
std::int64_t tokens_with_nan(const SeedInput& input, const SeedOutput& output) {
  std::int64_t tokens = 0;
  const auto rows = static_cast<std::ptrdiff_t>(input.cache_rows());
  for (auto row = output.score.begin(); row != output.score.end(); row += rows) {
    tokens += std::any_of(row, row + rows, is_nan) ? 1 : 0;
  }
  return tokens;
}

void print_step_json(const StepOptions& options, const SeedInput& input, const StepRun& run) {
  nlohmann::ordered_json json = run.json;
  json["output"] = options.output;
  json["threads"] = run.threads;
  json["sequences"] = input.batch();
  json["tokens_each"] = input.tokens_each();
  json["visible_rows"] = input.visible_rows();
  json["topk"] = input.topk;
  json["tokens_with_nan"] = tokens_with_nan(input, run.output);
  json["seconds"] = run.report.seconds;
  fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_line(const StepOptions& options, const SeedInput& input, const StepRun& run) {
  using report::count_of;
  using report::thousands;
  const std::int64_t rows = input.visible_rows();
  fmt::print("{}: {} x {}, {} visible, {} selected for each token; {}, {}, {}\n",
             io::printable(options.output), count_of(input.batch(), "sequence"),
             count_of(input.tokens_each(), "token"), count_of(rows, "row"),
             thousands(std::min(input.topk, rows)), run.platform, count_of(run.threads, "thread"),
             report::duration(run.report.seconds));
  const std::int64_t with_nan = tokens_with_nan(input, run.output);
  if (with_nan != 0) {
    fmt::print("{} met a score of NaN, which ranks last\n", count_of(with_nan, "token"));
  }
}

int run_step(const StepOptions& options) {
  const Isa isa = resolve_isa(options.run.isa);
  const programs::Form form = form_of(options);
  const io::SeedFile file = io::SeedFile::open(options.input);
  const StepRun run = run_on(options, file.input(), isa, form);
  io::write_seed_output(options.output, file.input(), run.output);
  (options.run.json ? print_step_json : print_line)(options, file.input(), run);
  return kDone;
}

}  // namespace

Verb add_step(Command tool) {
  Command command = tool.add_verb("step", "Run one step, file to file");
  const auto options = std::make_shared<StepOptions>();
  command.option("--input", options->input, "FILE", "safetensors file to read").required();
  command.option("--output", options->output, "FILE", "safetensors file to write").required();
  command
      .option("--platform", options->platform, "NAME",
              "cpu; reference: plain loops on one thread, the same bits;\n"
              "or a2a3: tile programs for that NPU, other roundings")
      .one_of({"cpu", "reference", "a2a3"});
  command.option("--form", options->form, "NAME",
                 "of platform a2a3, which kernels are fused: merged (the default),\n"
                 "rope, rope_slice, baseline or per_token; all give the same bits");
  add_run_options(command, options->run);
  command.footer(kStepFooter);
  return {command, [options] { return run_step(*options); }};
}

}  // namespace fulgurite::app
