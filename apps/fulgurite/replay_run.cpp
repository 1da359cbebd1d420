#include "replay_run.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "core/checked.hpp"
#include "cpu/packed_row.hpp"
#include "fulgurite/error.hpp"
#include "fulgurite/sequences.hpp"
#include "io/text.hpp"

namespace fulgurite::app {
namespace {

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
  Replay(const std::string& path, const io::Recording& recording, const io::WeightsFile& weights,
         const ReplaySettings& settings)
      : path_(path),
        recording_(recording),
        settings_(settings),
        indexer_(shape_of(recording, weights), weights.weights(),
                 {.recipe = recording.recipe, .isa = settings.isa, .executor = settings.executor}),
        keys_(cache_options(recording, settings.page_size), recording.recipe),
        state_({.sequences = keys_.sequences(), .slots = slots_of(recording)}),
        columns_(longest(recording) / kRatio) {
    check_inputs();
    result_.columns = columns_;
    result_.topk.assign(static_cast<std::size_t>(recording.tokens() * recording.topk), kNoRow);
    result_.score.assign(static_cast<std::size_t>(recording.tokens() * columns_), kUnseenScore);
    for (std::int64_t request = 0; request < recording.requests(); ++request) begin(request);
  }

  ReplayResult run() {
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
    finish();
    return std::move(result_);
  }

 private:
  /// Tokens first .. first + count - 1 of the recording, of one request.
  struct Part {
    std::int64_t first;
    std::int64_t count;
  };

  void check_inputs() const {
    if (recording_.x.extent(1) != indexer_.shape().hidden ||
        recording_.qr.extent(1) != indexer_.shape().query_rank) {
      throw Error(
          ErrorKind::input,
          fmt::format("{}: x and qr: expected {} and {} columns, as the weights have, "
                      "found {} and {}",
                      io::printable(path_), indexer_.shape().hidden, indexer_.shape().query_rank,
                      recording_.x.extent(1), recording_.qr.extent(1)));
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
    const std::int64_t row_bytes = cpu::code_bytes(recording_.recipe.row_format);
    if (page_bytes != recording_.page_rows * (row_bytes + 4)) {
      throw Error(
          ErrorKind::input,
          fmt::format("{}: init.pages: expected pages of {} rows of {} bytes, found {} bytes",
                      io::printable(path_), recording_.page_rows, row_bytes + 4, page_bytes));
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
            settings_.split == 0 ? part.count : std::min(part.count, settings_.split);
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
    Selection picks(indexer_.shape(), count, {.logit_rows = columns_});
    indexer_.decode(batch, keys_, state_, picks, [&](std::int64_t done, std::int64_t) {
      if (settings_.progress) settings_.progress(done_ + done, recording_.tokens());
    });
    done_ += count;
    ++result_.calls;
    for (std::int64_t t = 0; t < count; ++t) {
      const std::int64_t token = tokens[static_cast<std::size_t>(t)];
      std::ranges::copy(picks.rows(t), result_.topk.begin() + token * recording_.topk);
      std::ranges::copy(picks.logits(t), result_.score.begin() + token * columns_);
    }
  }

  /// Key rows and states as they are at the end.
  void finish() {
    constexpr std::array<std::int64_t, 2> kOfficial{kWindowSlots, kStateWidth};
    constexpr std::int64_t kOfficialValues = kWindowSlots * std::int64_t{kStateWidth};
    const std::int64_t requests = recording_.requests();
    result_.rows.resize(static_cast<std::size_t>(requests * columns_ * kHeadDim));
    result_.kv.resize(static_cast<std::size_t>(requests * kOfficialValues));
    result_.gate.resize(static_cast<std::size_t>(requests * kOfficialValues));
    for (std::int64_t request = 0; request < requests; ++request) {
      result_.lengths.push_back(state_.length(request));
      for (std::int64_t row = 0; row < state_.length(request) / kRatio; ++row) {
        float* const at = result_.rows.data() + (request * columns_ + row) * kHeadDim;
        keys_.read(request, row, std::span<float, kHeadDim>(at, kHeadDim));
      }
      state_.export_official(request, {result_.kv.data() + request * kOfficialValues, kOfficial},
                             {result_.gate.data() + request * kOfficialValues, kOfficial});
    }
  }

  const std::string& path_;
  const io::Recording& recording_;
  const ReplaySettings& settings_;
  Indexer indexer_;
  KeyCache keys_;
  CompressorState state_;
  std::int64_t columns_;   ///< rows that any token may see
  std::int64_t done_ = 0;  ///< tokens
  ReplayResult result_;
};

}  // namespace

ReplayResult replay(const std::string& path, const io::Recording& recording,
                    const io::WeightsFile& weights, const ReplaySettings& settings) {
  return Replay(path, recording, weights, settings).run();
}

}  // namespace fulgurite::app
