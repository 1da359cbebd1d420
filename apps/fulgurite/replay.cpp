#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "core/checked.hpp"
#include "fulgurite/error.hpp"
#include "fulgurite/indexer.hpp"
#include "fulgurite/sequences.hpp"
#include "io/recording.hpp"
#include "io/safetensors_writer.hpp"
#include "io/text.hpp"
#include "report/text.hpp"
#include "run_options.hpp"
#include "verbs.hpp"

namespace fulgurite::app {
namespace {

constexpr const char* kFooter =
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

constexpr std::int64_t kOfficialStates = kWindowSlots * std::int64_t{kStateWidth};

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

ModelShape shape_of(const io::Recording& recording, const io::WeightsFile& weights) {
  return {.hidden = weights.hidden(),
          .query_rank = weights.query_rank(),
          .heads = weights.heads(),
          .topk = recording.topk,
          .norm_eps = recording.norm_eps};
}

/// The most tokens that a request ever has.
std::int64_t longest(const io::Recording& recording) {
  std::int64_t most = 0;
  for (std::int64_t r = 0; r < recording.requests(); ++r) {
    most = std::max<std::int64_t>(most, recording.length(r));
  }
  for (std::int64_t n = 0; n < recording.tokens(); ++n) {
    most = std::max<std::int64_t>(most, recording.position(n) + 1);
  }
  return most;
}

/// Slots of the compressor state that all rewinds of the recording need.
int slots_of(const io::Recording& recording) {
  std::int64_t deepest = 0;
  for (std::int64_t n = 0; n < recording.tokens(); ++n) {
    const std::int64_t kept = recording.after(recording.step(n), recording.request(n));
    deepest = std::max(deepest, recording.position(n) + 1 - kept);
  }
  return static_cast<int>(std::max<std::int64_t>(16, deepest + kWindowSlots - 1));
}

KeyCacheOptions cache_options(const io::Recording& recording, std::int64_t page_size) {
  const std::int64_t rows = std::max<std::int64_t>(longest(recording) / kRatio, 1);
  return {
      .sequences = std::max<std::int64_t>(recording.requests(), 1),
      .pages = std::max<std::int64_t>(recording.requests(), 1) * core::divide_up(rows, page_size),
      .page_rows = page_size};
}

class Replay {
 public:
  Replay(const io::Recording& recording, const io::WeightsFile& weights,
         const ReplayOptions& options)
      : recording_(recording),
        options_(options),
        indexer_(shape_of(recording, weights), weights.weights(),
                 {.recipe = recording.recipe,
                  .isa = resolve_isa(options.run.isa),
                  .executor = make_executor(options.run)}),
        keys_(cache_options(recording, options.page_size), recording.recipe),
        state_({.sequences = keys_.sequences(), .slots = slots_of(recording)}),
        columns_(longest(recording) / kRatio),
        topk_(static_cast<std::size_t>(recording.tokens() * recording.topk), kNoRow) {
    check_inputs();
    if (options.scores) {
      score_.assign(static_cast<std::size_t>(recording.tokens() * columns_), kUnseenScore);
    }
    for (std::int64_t request = 0; request < recording.requests(); ++request) begin(request);
  }

  void run() {
    std::int64_t token = 0;
    for (std::int64_t step = 0; step < recording_.steps(); ++step) {
      std::int64_t end = token;
      while (end < recording_.tokens() && recording_.step(end) == step) ++end;
      run_step(token, end);
      for (std::int64_t request = 0; request < recording_.requests(); ++request) {
        rewind(keys_, state_, request, recording_.after(step, request));
      }
      token = end;
    }
  }

  void write() const {
    std::vector<io::Tensor> tensors;
    const auto add = [&](const char* name, std::vector<std::int64_t> shape, const auto& values) {
      using Value = typename std::remove_cvref_t<decltype(values)>::value_type;
      tensors.push_back(
          {name, io::kDtypeOf<Value>, std::move(shape), std::as_bytes(std::span(values))});
    };
    const std::int64_t requests = recording_.requests();
    const std::vector<float> rows = options_.state ? key_rows() : std::vector<float>();
    const std::vector<float> kv = options_.state ? states(false) : std::vector<float>();
    const std::vector<float> gate = options_.state ? states(true) : std::vector<float>();
    add("topk", {recording_.tokens(), recording_.topk}, topk_);
    if (options_.scores) add("score", {recording_.tokens(), columns_}, score_);
    if (options_.state) {
      add("rows", {requests, columns_, kHeadDim}, rows);
      add("kv", {requests, kWindowSlots, kStateWidth}, kv);
      add("gate", {requests, kWindowSlots, kStateWidth}, gate);
    }
    io::write_safetensors(options_.output, tensors,
                          {{"recipe", std::string(recording_.recipe.name)}});
  }

  [[nodiscard]] const Indexer& indexer() const { return indexer_; }
  [[nodiscard]] std::int64_t calls() const { return calls_; }

 private:
  /// Tokens first .. first + count - 1 of the recording, of one request.
  struct Part {
    std::int64_t first;
    std::int64_t count;
  };

  void check_inputs() const {
    if (recording_.x.extent(1) != indexer_.shape().hidden ||
        recording_.qr.extent(1) != indexer_.shape().query_rank) {
      throw Error(ErrorKind::input,
                  fmt::format("{}: x and qr: expected {} and {} columns, as the weights have, "
                              "found {} and {}",
                              io::printable(options_.recording), indexer_.shape().hidden,
                              indexer_.shape().query_rank, recording_.x.extent(1),
                              recording_.qr.extent(1)));
    }
  }

  void begin(std::int64_t request) {
    const std::int64_t length = recording_.length(request);
    state_.import_official(request, length, recording_.kv[request], recording_.gate[request]);
    const std::int64_t rows = length / kRatio;
    if (rows == 0) return;
    if (recording_.pages.empty()) {
      keys_.store(request, 0,
                  TensorView<const float, 2>(&recording_.rows(request, 0, 0), {rows, kHeadDim}));
    } else {
      store_pages(request, rows);
    }
  }

  /// Rows in an engine's layout: a page's codes, then its scales.
  void store_pages(std::int64_t request, std::int64_t rows) {
    const std::int64_t page_bytes = recording_.pages.extent(1);
    const std::int64_t row_bytes = recording_.recipe.row_format == RowFormat::e2m1 ? 64 : kHeadDim;
    if (page_bytes != recording_.page_rows * (row_bytes + 4)) {
      throw Error(
          ErrorKind::input,
          fmt::format("{}: init.pages: expected pages of {} rows of {} bytes, found {} bytes",
                      io::printable(options_.recording), recording_.page_rows, row_bytes + 4,
                      page_bytes));
    }
    std::vector<float> memory(static_cast<std::size_t>(recording_.pages.size()) / sizeof(float));
    std::memcpy(memory.data(), recording_.pages.data(), memory.size() * sizeof(float));
    auto* const codes = reinterpret_cast<std::int8_t*>(memory.data());
    const KeyCache given(
        {.codes = codes,
         .scales = reinterpret_cast<float*>(codes + recording_.page_rows * row_bytes),
         .pages = recording_.pages.extent(0),
         .page_rows = recording_.page_rows,
         .code_stride = page_bytes,
         .scale_stride = page_bytes / static_cast<int>(sizeof(float))},
        recording_.block_table, recording_.recipe);
    keys_.store(request, 0, given, request, rows);
  }

  void run_step(std::int64_t first, std::int64_t last) {
    std::vector<Part> left;
    for (std::int64_t token = first; token < last; ++token) {
      if (left.empty() || recording_.request(token) != recording_.request(left.back().first)) {
        left.push_back({token, 0});
      }
      ++left.back().count;
    }
    while (!left.empty()) {
      std::vector<Part> now = left;
      left.clear();
      for (Part& part : now) {
        const std::int64_t taken =
            options_.split == 0 ? part.count : std::min(part.count, options_.split);
        if (taken < part.count) left.push_back({part.first + taken, part.count - taken});
        part.count = taken;
      }
      decode(now);
    }
  }

  void decode(const std::vector<Part>& parts) {
    DecodeBatch batch;
    std::vector<Bf16> x;
    std::vector<Bf16> qr;
    std::vector<std::int64_t> tokens;
    for (const Part& part : parts) {
      batch.sequences.push_back({.sequence = recording_.request(part.first),
                                 .position = recording_.position(part.first),
                                 .tokens = part.count});
      for (std::int64_t token = part.first; token < part.first + part.count; ++token) {
        const auto row = recording_.x[token].flat();
        const auto latent = recording_.qr[token].flat();
        x.insert(x.end(), row.begin(), row.end());
        qr.insert(qr.end(), latent.begin(), latent.end());
        tokens.push_back(token);
      }
    }
    const auto count = static_cast<std::int64_t>(tokens.size());
    batch.x = {x.data(), {count, recording_.x.extent(1)}};
    batch.qr_bf16 = {qr.data(), {count, recording_.qr.extent(1)}};
    Selection picks(indexer_.shape(), count, {.logit_rows = options_.scores ? columns_ : 0});
    indexer_.decode(batch, keys_, state_, picks);
    ++calls_;
    for (std::int64_t t = 0; t < count; ++t) {
      const std::int64_t token = tokens[static_cast<std::size_t>(t)];
      std::ranges::copy(picks.rows(t), topk_.begin() + token * recording_.topk);
      if (options_.scores) {
        std::ranges::copy(picks.logits(t), score_.begin() + token * columns_);
      }
    }
  }

  /// [R, C, 128], zero where a request has no row.
  [[nodiscard]] std::vector<float> key_rows() const {
    std::vector<float> rows(static_cast<std::size_t>(recording_.requests() * columns_ * kHeadDim));
    for (std::int64_t request = 0; request < recording_.requests(); ++request) {
      for (std::int64_t row = 0; row < state_.length(request) / kRatio; ++row) {
        float* const at = rows.data() + (request * columns_ + row) * kHeadDim;
        keys_.read(request, row, std::span<float, kHeadDim>(at, kHeadDim));
      }
    }
    return rows;
  }

  /// [R, 8, 256] in the official layout.
  [[nodiscard]] std::vector<float> states(bool gate) const {
    std::vector<float> wanted(static_cast<std::size_t>(recording_.requests() * kOfficialStates));
    std::vector<float> other(kOfficialStates);
    for (std::int64_t request = 0; request < recording_.requests(); ++request) {
      const TensorView<float, 2> here(wanted.data() + request * kOfficialStates,
                                      {kWindowSlots, kStateWidth});
      const TensorView<float, 2> there(other.data(), {kWindowSlots, kStateWidth});
      state_.export_official(request, gate ? there : here, gate ? here : there);
    }
    return wanted;
  }

  const io::Recording& recording_;
  const ReplayOptions& options_;
  Indexer indexer_;
  KeyCache keys_;
  CompressorState state_;
  std::int64_t columns_;  ///< rows that any token may see
  std::vector<std::int32_t> topk_;
  std::vector<float> score_;
  std::int64_t calls_ = 0;
};

int run_replay(const ReplayOptions& options) {
  static_cast<void>(resolve_isa(options.run.isa));
  const io::Recording recording = io::Recording::open(options.recording);
  const io::WeightsFile weights = io::WeightsFile::open(options.weights);
  Replay replay(recording, weights, options);
  const auto start = std::chrono::steady_clock::now();
  replay.run();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  replay.write();
  if (options.run.json) {
    const nlohmann::ordered_json json{{"output", options.output},
                                      {"recipe", std::string(recording.recipe.name)},
                                      {"isa", std::string(name(replay.indexer().isa()))},
                                      {"threads", replay.indexer().threads()},
                                      {"requests", recording.requests()},
                                      {"steps", recording.steps()},
                                      {"calls", replay.calls()},
                                      {"tokens", recording.tokens()},
                                      {"seconds", elapsed.count()}};
    fmt::print("{}\n", json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace));
    return kDone;
  }
  using report::count_of;
  fmt::print("{}: {}, {} of {} in {}, {}, {}, {}\n", io::printable(options.output),
             recording.recipe.name, count_of(recording.tokens(), "token"),
             count_of(recording.requests(), "request"), count_of(recording.steps(), "step"),
             name(replay.indexer().isa()), count_of(replay.indexer().threads(), "thread"),
             report::duration(elapsed.count()));
  return kDone;
}

}  // namespace

Verb add_replay(CLI::App& tool) {
  CLI::App* const command =
      tool.add_subcommand("replay", "Run a recorded decode of several requests, file to file");
  const auto options = std::make_shared<ReplayOptions>();
  command->add_option("recording", options->recording, "safetensors file to read")
      ->required()
      ->type_name("RECORDING");
  command->add_option("--weights", options->weights, "safetensors file with the layer's weights")
      ->required()
      ->type_name("FILE");
  command->add_option("--output", options->output, "safetensors file to write")
      ->required()
      ->type_name("FILE");
  command->add_flag("--scores", options->scores, "write the score of every visible row, too");
  command->add_flag("--state", options->state,
                    "write the key rows and compressor states at the end, too");
  command
      ->add_option("--page-size", options->page_size, "rows of a page, 1 to 256; the default is 64")
      ->check(CLI::Range(1, 256))
      ->type_name("P");
  command
      ->add_option("--split", options->split,
                   "at most N tokens of a request in one call; 0, the default: whole steps")
      ->check(CLI::Range(std::int64_t{0}, std::numeric_limits<std::int64_t>::max()))
      ->type_name("N");
  add_run_options(*command, options->run);
  command->footer(kFooter);
  return {command, [options] { return run_replay(*options); }};
}

}  // namespace fulgurite::app
