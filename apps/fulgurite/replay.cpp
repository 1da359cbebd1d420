#include <fmt/core.h>

#include <chrono>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "io/recording.hpp"
#include "io/safetensors_writer.hpp"
#include "io/text.hpp"
#include "progress_bar.hpp"
#include "replay_run.hpp"
#include "report/text.hpp"
#include "run_options.hpp"
#include "verbs.hpp"

namespace fulgurite::app {
namespace {

constexpr const char* kReplayFooter =
    R"(A recording is a decode of several requests over many steps: their hidden states and query
latents, which tokens were accepted after each step, and what each request had before. It is a
safetensors file; docs/command-line.md describes it. The weights are a layer's own, BF16.
The result has topk [N,K]: row numbers without offset, padded with -1; with --scores also score
[N,C], and with --state rows [R,C,128], kv and gate [R,8,256] as they are at the end.
No byte of it depends on --isa, --threads, --page-size or --split.

Examples:
  fulgurite replay decode.safetensors --weights layer3.safetensors --output result.safetensors
  fulgurite replay decode.safetensors --weights layer3.safetensors --output result.safetensors \
    --scores --state --split 1 --page-size 16)";

struct ReplayOptions {
  std::string recording;
  std::string weights;
  std::string output;
  bool scores = false;
  bool state = false;
  std::int64_t page_size = 64;
  std::int64_t split = 0;
  RunOptions run;
};

void write(const ReplayOptions& options, const io::Recording& recording,
           const ReplayResult& result) {
  std::vector<io::Tensor> tensors;
  const auto add = [&](const char* name, std::vector<std::int64_t> shape, const auto& values) {
    using Value = typename std::remove_cvref_t<decltype(values)>::value_type;
    tensors.push_back(
        {name, io::kDtypeOf<Value>, std::move(shape), std::as_bytes(std::span(values))});
  };
  const std::int64_t requests = recording.requests();
  add("topk", {recording.tokens(), recording.topk}, result.topk);
  if (options.scores) add("score", {recording.tokens(), result.columns}, result.score);
  if (options.state) {
    add("rows", {requests, result.columns, kHeadDim}, result.rows);
    add("kv", {requests, kWindowSlots, kStateWidth}, result.kv);
    add("gate", {requests, kWindowSlots, kStateWidth}, result.gate);
  }
  io::write_safetensors(options.output, tensors, {{"recipe", std::string(recording.recipe.name)}});
}

int run_replay(const ReplayOptions& options) {
  const Isa isa = resolve_isa(options.run.isa);
  const io::Recording recording = io::Recording::open(options.recording);
  const io::WeightsFile weights = io::WeightsFile::open(options.weights);
  const std::shared_ptr<Executor> executor = make_executor(options.run);
  const auto start = std::chrono::steady_clock::now();
  ReplayResult result;
  {
    ProgressBar bar;
    result =
        replay(options.recording, recording, weights,
               {.isa = isa,
                .executor = executor,
                .page_size = options.page_size,
                .split = options.split,
                .progress = [&](std::int64_t done, std::int64_t total) { bar.show(done, total); }});
  }
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  write(options, recording, result);
  if (options.run.json) {
    const nlohmann::ordered_json json{{"output", options.output},
                                      {"recipe", std::string(recording.recipe.name)},
                                      {"isa", std::string(name(isa))},
                                      {"threads", executor->threads()},
                                      {"requests", recording.requests()},
                                      {"steps", recording.steps()},
                                      {"calls", result.calls},
                                      {"tokens", recording.tokens()},
                                      {"seconds", elapsed.count()}};
    fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return kDone;
  }
  using report::count_of;
  fmt::print("{}: {}, {} of {} in {}, {}, {}, {}\n", io::printable(options.output),
             recording.recipe.name, count_of(recording.tokens(), "token"),
             count_of(recording.requests(), "request"), count_of(recording.steps(), "step"),
             name(isa), count_of(executor->threads(), "thread"), report::duration(elapsed.count()));
  return kDone;
}

}  // namespace

Verb add_replay(Command tool) {
  Command command =
      tool.add_verb("replay", "Run a recorded decode of several requests, file to file");
  const auto options = std::make_shared<ReplayOptions>();
  command.option("recording", options->recording, "RECORDING", "safetensors file to read")
      .required();
  command.option("--weights", options->weights, "FILE", "safetensors file with the layer's weights")
      .required();
  command.option("--output", options->output, "FILE", "safetensors file to write").required();
  command.flag("--scores", options->scores, "write the score of every visible row, too");
  command.flag("--state", options->state,
               "write the key rows and compressor states at the end, too");
  command
      .option("--page-size", options->page_size, "P", "rows of a page, 1 to 256; the default is 64")
      .between(1, 256);
  command
      .option("--split", options->split, "N",
              "at most N tokens of a request in one call; 0: whole steps")
      .between(0, std::numeric_limits<std::int64_t>::max());
  add_run_options(command, options->run);
  command.footer(kReplayFooter);
  return {command, [options] { return run_replay(*options); }};
}

}  // namespace fulgurite::app
