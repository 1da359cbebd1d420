// Arbitrary bytes as what an engine does: pages and block tables, batches, rewinds and forks. A
// call either does what the definition says, to the bit, or ends with one Error after which every
// cache, state and output is as it was.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fulgurite/fulgurite.hpp"
#include "support/decoders.hpp"
#include "support/snapshot.hpp"

namespace {

using namespace fulgurite;
using testing::difference;
using testing::Snapshot;

constexpr ModelShape kShape{.hidden = 16, .query_rank = 16, .heads = 8, .topk = 3};
constexpr std::int64_t kSequences = 3;
constexpr std::int64_t kBlocks = 5;
constexpr std::int64_t kMostTokens = 40;  ///< of a step

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

void require_same(const std::string& difference) {
  require(difference.empty(), difference.c_str());
}

class Bytes {
 public:
  explicit Bytes(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  std::uint8_t next() {
    if (bytes_.empty()) return 0;
    const std::uint8_t byte = bytes_.front();
    bytes_ = bytes_.subspan(1);
    return byte;
  }
  /// 0 .. count - 1
  std::int64_t below(std::int64_t count) { return next() % count; }
  /// Mostly small; else a number at the end of a range.
  std::int64_t number(std::int64_t least, std::int64_t most) {
    constexpr std::array kFar{std::numeric_limits<std::int64_t>::min(),
                              std::numeric_limits<std::int64_t>::max(),
                              std::int64_t{std::numeric_limits<std::int32_t>::max()},
                              std::int64_t{1'048'575}, std::int64_t{1} << 40};
    const std::uint8_t byte = next();
    if (byte >= 250) return kFar[static_cast<std::size_t>(byte - 250) % kFar.size()];
    return least + byte % (most - least + 1);
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

/// The models, once: int8 rows, and rows that are none.
struct Models {
  explicit Models(const Recipe& recipe)
      : random(7),
        weights(kShape, random, testing::Values::grid, false, recipe),
        tokens(kShape, 2 * kMostTokens, random, testing::Values::grid),
        indexer(kShape, weights.views(), {.recipe = recipe, .executor = make_thread_pool(1)}) {}

  testing::Random random;
  testing::TestWeights weights;
  testing::TestTokens tokens;
  Indexer indexer;
};

class Engine {
 public:
  explicit Engine(Bytes bytes) : bytes_(bytes) {
    is_engine_ = bytes_.below(2) == 1;
    page_rows_ = 1 + bytes_.below(3);
    pages_ = 1 + bytes_.below(12);
    slots_ = static_cast<int>(8 + bytes_.below(6));
    static const Models int8(Recipe::seed_int8());
    static const Models e4m3(Recipe::fp8());
    models_ = is_engine_ || bytes_.below(2) == 0 ? &int8 : &e4m3;
    reference_.emplace(models_->weights, kSequences, slots_);
    state_.emplace(CompressorStateOptions{.sequences = kSequences, .slots = slots_});
    if (!is_engine_) {
      keys_.emplace(
          KeyCacheOptions{.sequences = kSequences, .pages = pages_, .page_rows = page_rows_},
          models_->weights.recipe);
      return;
    }
    codes_.resize(static_cast<std::size_t>(pages_ * page_rows_ * kHeadDim));
    scales_.resize(static_cast<std::size_t>(pages_ * page_rows_));
    for (std::int32_t& page : table_) page = any_page();
    keys_.emplace(KeyPages{.codes = codes_.data(),
                           .scales = scales_.data(),
                           .pages = pages_,
                           .page_rows = page_rows_},
                  TensorView<const std::int32_t, 2>(table_.data(), {kSequences, kBlocks}));
  }

  void run() {
    constexpr int kMostCalls = 12;
    for (int call = 0; call < kMostCalls && !bytes_.empty(); ++call) act();
  }

 private:
  std::int32_t any_page() {
    return static_cast<std::int32_t>(std::clamp<std::int64_t>(
        bytes_.number(-1, pages_), std::numeric_limits<std::int32_t>::min(),
        std::numeric_limits<std::int32_t>::max()));
  }

  void act() {
    const std::int64_t sequence = bytes_.number(0, kSequences - 1);
    switch (bytes_.below(12)) {
      case 0:
        return take_back(sequence);
      case 1:
        return split(sequence);
      case 2:
        if (is_done([&] { release(*keys_, *state_, sequence); })) rows(sequence).clear();
        return;
      case 3:
        if (is_done([&] { keys_->clear(sequence); })) rows(sequence).clear();
        return;
      case 4:
        is_done([&] { state_->reset(sequence); });
        return;
      case 5:
        is_done([&] { state_->resume(sequence, bytes_.number(0, 30)); });
        return;
      case 6:
        table_[static_cast<std::size_t>(bytes_.below(kSequences * kBlocks))] = any_page();
        return;
      default:
        return step();
    }
  }

  std::vector<reference::EncodedRow>& rows(std::int64_t sequence) {
    return reference_->state(sequence).rows;
  }

  template <class Call>
  bool is_done(const Call& call, const Selection* picks = nullptr) {
    const Snapshot before(*keys_, *state_, picks);
    try {
      call();
      return true;
    } catch (const Error& error) {
      const std::string_view text = error.what();
      require(error.kind() != ErrorKind::internal && error.kind() != ErrorKind::system,
              "a wrong call is not a fault of the library or the machine");
      require(!text.empty() && text.size() < 300 && text.find('\n') == text.npos,
              "an error is one sentence");
    }
    require(before == Snapshot(*keys_, *state_, picks), "after an error nothing has changed");
    return false;
  }

  void take_back(std::int64_t sequence) {
    const std::int64_t length = bytes_.number(0, 30);
    if (!is_done([&] { rewind(*keys_, *state_, sequence, length); })) return;
    const auto left = static_cast<std::size_t>(length / kRatio);
    if (rows(sequence).size() > left) rows(sequence).resize(left);
  }

  void split(std::int64_t from) {
    const std::int64_t to = bytes_.number(0, kSequences - 1);
    if (!is_done([&] { fork(*keys_, *state_, from, to); })) return;
    const reference::SequenceState copy = reference_->state(from);
    reference_->state(to) = copy;
  }

  [[nodiscard]] std::int64_t length_of(std::int64_t sequence) const {
    return sequence >= 0 && sequence < kSequences ? state_->length(sequence) : 0;
  }

  std::vector<SequenceTokens> any_sequences() {
    std::vector<SequenceTokens> sequences;
    const std::int64_t count = bytes_.below(5);
    for (std::int64_t i = 0; i < count; ++i) {
      SequenceTokens entry;
      entry.sequence = bytes_.number(0, kSequences - 1);
      entry.tokens = bytes_.number(0, 12);
      const std::uint8_t odd = bytes_.next();
      entry.position = odd % 16 == 0 ? bytes_.number(-1, 40) : length_of(entry.sequence);
      if (odd / 16 == 0) entry.unselected = bytes_.number(-1, 12);
      sequences.push_back(entry);
    }
    return sequences;
  }

  /// The rows of the step's arrays, if its counts are such that there can be any.
  static std::int64_t tokens_of(const std::vector<SequenceTokens>& sequences, bool selected) {
    std::int64_t tokens = 0;
    for (const SequenceTokens& entry : sequences) {
      const std::int64_t count = std::clamp<std::int64_t>(entry.tokens, 0, kMostTokens);
      const std::int64_t quiet = std::clamp<std::int64_t>(entry.unselected, 0, count);
      tokens = std::min(tokens + count - (selected ? quiet : 0), kMostTokens);
    }
    return tokens;
  }

  void step() {
    DecodeBatch batch;
    batch.sequences = any_sequences();
    const std::int64_t tokens = tokens_of(batch.sequences, false);
    std::int64_t selected = tokens_of(batch.sequences, true);
    const testing::TestTokens& from = models_->tokens;
    const std::int64_t first = bytes_.below(kMostTokens);
    batch.x = {from.x.data() + first * kShape.hidden, {tokens, kShape.hidden}};
    batch.qr = {from.qr.data() + first * kShape.query_rank, {tokens, kShape.query_rank}};
    batch.qr_scale = {from.qr_scale.data() + first, {tokens}};
    batch.qr_bf16 = {from.qr_bf16.data() + first * kShape.query_rank, {tokens, kShape.query_rank}};
    SelectionOptions options{.scores = true, .logit_rows = 30};
    spoil(batch, selected, options);
    Selection picks(kShape, selected, options);
    const Snapshot before(*keys_, *state_);
    if (!is_done([&] { models_->indexer.decode(batch, *keys_, *state_, picks); }, &picks)) return;
    compare(batch, before, picks);
  }

  /// Makes one thing wrong, or strange, now and then.
  void spoil(DecodeBatch& batch, std::int64_t& selected, SelectionOptions& options) {
    const std::int64_t tokens = batch.x.extent(0);
    switch (bytes_.below(24)) {
      case 0:
        batch.x = {batch.x.data(), {std::max<std::int64_t>(tokens - 1, 0), kShape.hidden}};
        return;
      case 1:
        batch.qr = {nullptr, {tokens, kShape.query_rank}};
        batch.qr_bf16 = {nullptr, {tokens, kShape.query_rank}};
        return;
      case 2:
        batch.qr_scale = {batch.qr_scale.data(), {tokens + 1}};
        return;
      case 3:
        batch.offset = bytes_.number(-1, 100);
        return;
      case 4:
        selected = bytes_.below(kMostTokens);
        return;
      case 5:
        options.width = 1 + bytes_.below(4);
        return;
      case 6:
        options.logit_rows = bytes_.below(8);
        return;
      case 7:
        mask_.assign(static_cast<std::size_t>(kMostTokens * 32), 0);
        for (std::size_t i = 0; i < mask_.size(); ++i) mask_[i] = i % 3 == 0 ? 1 : 0;
        batch.mask_rows = bytes_.number(0, 3);
        batch.row_mask = {mask_.data(), {selected, 1 + bytes_.below(32)}};
        return;
      default:
        return;
    }
  }

  void compare(const DecodeBatch& batch, const Snapshot& before, const Selection& picks) {
    for (const SequenceTokens& entry : batch.sequences) {
      if (is_engine_) read_rows(entry, before);
    }
    require_same(difference(reference_->decode(batch), picks, batch.offset));
    for (const SequenceTokens& entry : batch.sequences) {
      require(state_->length(entry.sequence) == entry.position + entry.tokens,
              "a sequence has grown by its tokens");
      if (is_engine_) compare_rows(entry.sequence);
    }
    if (is_engine_) return;
    for (std::int64_t sequence = 0; sequence < kSequences; ++sequence) compare_rows(sequence);
  }

  void compare_rows(std::int64_t sequence) {
    require_same(difference(reference_->state(sequence), *keys_, *state_, sequence));
  }

  /// What an engine's pages hold is the engine's matter: the rows that the step found there.
  void read_rows(const SequenceTokens& entry, const Snapshot& before) {
    std::vector<reference::EncodedRow> found(static_cast<std::size_t>(entry.position / kRatio));
    for (std::size_t row = 0; row < found.size(); ++row) {
      const auto page_rows = static_cast<std::size_t>(page_rows_);
      const auto block = static_cast<std::size_t>(entry.sequence * kBlocks) + row / page_rows;
      const std::size_t at = static_cast<std::size_t>(table_[block]) * page_rows + row % page_rows;
      std::memcpy(found[row].codes.data(), before.codes.data() + at * kHeadDim, kHeadDim);
      std::memcpy(&found[row].scale, before.scales.data() + at * sizeof(float), sizeof(float));
    }
    rows(entry.sequence) = std::move(found);
  }

  Bytes bytes_;
  bool is_engine_ = false;
  std::int64_t page_rows_ = 1;
  std::int64_t pages_ = 1;
  int slots_ = 8;
  const Models* models_ = nullptr;
  std::optional<testing::ReferenceDecoder> reference_;
  std::vector<std::int8_t> codes_;
  std::vector<float> scales_;
  std::array<std::int32_t, kSequences * kBlocks> table_{};
  std::vector<std::uint8_t> mask_;
  std::optional<KeyCache> keys_;
  std::optional<CompressorState> state_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Engine(Bytes(std::span(data, size))).run();
  return 0;
}
