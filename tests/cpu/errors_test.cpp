#include <gtest/gtest.h>

#include <limits>

#include "fulgurite/error.hpp"
#include "support/decoders.hpp"

namespace fulgurite {
namespace {

using testing::CpuDecoder;
using testing::Random;
using testing::TestBatch;
using testing::TestTokens;
using testing::TestWeights;
using testing::Values;

constexpr ModelShape kCheckedShape{.hidden = 32, .query_rank = 16, .heads = 8, .topk = 4};

/// A decoder with some history, and everything of it that a failed step must not change.
class Errors : public ::testing::Test {
 protected:
  Errors() {
    TestBatch first(kCheckedShape);
    first.add(0, tokens_, 0, 10);
    first.add(1, tokens_, 0, 7);
    cpu_.decode(first.views());
  }

  [[nodiscard]] std::vector<float> snapshot() const {
    std::vector<float> all;
    for (const auto& view : {cpu_.state.kv(), cpu_.state.gate()}) {
      all.insert(all.end(), view.flat().begin(), view.flat().end());
    }
    for (const auto& [sequence, rows] : {std::pair{0, 2}, std::pair{1, 1}}) {
      all.push_back(static_cast<float>(cpu_.state.length(sequence)));
      for (int row = 0; row < rows; ++row) {
        for (const std::int8_t code : cpu_.keys.codes(sequence, row)) all.push_back(code);
        all.push_back(cpu_.keys.scale(sequence, row));
      }
    }
    all.push_back(static_cast<float>(cpu_.keys.free_pages()));
    return all;
  }

  void expect_refused(const DecodeBatch& batch, Selection& picks, const std::string& message) {
    const std::vector<float> before = snapshot();
    const std::vector<std::int32_t> rows(picks.indices().begin(), picks.indices().end());
    try {
      cpu_.indexer.decode(batch, cpu_.keys, cpu_.state, picks);
      FAIL() << "no error, expected: " << message;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::input);
      EXPECT_EQ(error.what(), message);
    }
    EXPECT_TRUE(std::ranges::equal(before, snapshot(), testing::same_bits));
    EXPECT_TRUE(std::ranges::equal(rows, picks.indices()));
  }

  void expect_refused(const DecodeBatch& batch, const std::string& message) {
    Selection picks(kCheckedShape, batch.tokens());
    expect_refused(batch, picks, message);
  }

  TestBatch batch(std::int64_t sequence, std::int64_t first, std::int64_t count) {
    TestBatch step(kCheckedShape);
    step.add(sequence, tokens_, first, count);
    return step;
  }

  Random random_{31};
  TestWeights weights_{kCheckedShape, random_, Values::normal};
  TestTokens tokens_{kCheckedShape, 40, random_, Values::normal};
  CpuDecoder cpu_{weights_,
                  {.sequences = 2, .pages = 5, .page_rows = 1},
                  16,
                  resolve_isa(),
                  make_thread_pool(1)};
};

TEST_F(Errors, APositionThatJumpsOrRepeatsIsRefused) {
  expect_refused(batch(0, 11, 1).views(),
                 "sequence 0: expected position 10, the next one of its state, found 11");
  expect_refused(batch(1, 0, 2).views(),
                 "sequence 1: expected position 7, the next one of its state, found 0");
}

TEST_F(Errors, CountsThatNoArrayHasAreRefused) {
  constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  const TestBatch step = batch(0, 10, 2);
  DecodeBatch views = step.views();
  views.sequences[0].unselected = kLeast;
  Selection picks(kCheckedShape, 2);
  expect_refused(views, picks,
                 "sequence 0: expected 0 to 2 tokens that select nothing, found "
                 "-9223372036854775808");
  views.sequences[0].unselected = 3;
  expect_refused(views, picks, "sequence 0: expected 0 to 2 tokens that select nothing, found 3");
  views.sequences[0] = {.sequence = 0, .position = 10, .tokens = 2};
  views.sequences.push_back({.sequence = 1, .position = 7, .tokens = kLeast});
  expect_refused(views, picks,
                 "sequence 1: expected 0 to 1048576 tokens, found -9223372036854775808");
}

TEST_F(Errors, ASequenceThatDoesNotExistIsRefused) {
  expect_refused(batch(2, 0, 1).views(), "compressor state: sequence: expected 0 to 1, found 2");
}

TEST_F(Errors, AStepBeyondTheCachesPagesIsRefused) {
  expect_refused(batch(0, 10, 18).views(),
                 "key cache: expected 5 free pages for this step, found 2");
}

TEST_F(Errors, RowsThatTheCacheNeverGotAreMissed) {
  cpu_.state.resume(0, 30);
  expect_refused(batch(0, 30, 1).views(),
                 "key cache: sequence 0: expected 7 rows before this step, found 2");
}

TEST_F(Errors, InputsOfTheWrongShapeAreNamed) {
  const TestBatch step = batch(0, 10, 2);
  DecodeBatch views = step.views();
  views.x = {views.x.data(), {1, 32}};
  expect_refused(views, "x: expected shape [2,32], found [1,32]");
  views = step.views();
  views.qr = {views.qr.data(), {2, 8}};
  expect_refused(views, "qr: expected shape [2,16], found [2,8]");
  views = step.views();
  views.qr_scale = {nullptr, {2}};
  expect_refused(views, "qr_scale: expected data, found null");
  views = step.views();
  views.x = TensorView<const Bf16, 2>::strided(views.x.data(), {2, 32}, {1, 2});
  expect_refused(views, "x: expected contiguous rows");
}

TEST_F(Errors, MoreTokensThatSelectNothingThanThereAreAreRefused) {
  const TestBatch step = batch(0, 10, 2);
  DecodeBatch views = step.views();
  for (const std::int64_t unselected : {std::int64_t{-1}, std::int64_t{3}}) {
    views.sequences[0].unselected = unselected;
    Selection picks(kCheckedShape, 2);
    expect_refused(views, picks,
                   "sequence 0: expected 0 to 2 tokens that select nothing, found " +
                       std::to_string(unselected));
  }
  views.sequences[0].unselected = 1;
  Selection picks(kCheckedShape, 2);
  expect_refused(views, picks, "selection: expected 1 tokens, found 2");
}

TEST_F(Errors, ARowMaskThatDoesNotFitIsRefused) {
  const TestBatch step = batch(0, 10, 2);
  const std::vector<std::uint8_t> mask(8, 1);
  DecodeBatch views = step.views();
  views.row_mask = {mask.data(), {2, 2}};
  expect_refused(views, "row mask: expected at least 3 entries a token, found 2");
  views.row_mask = {mask.data(), {1, 3}};
  expect_refused(views, "row mask: expected shape [2,3], found [1,3]");
  views.row_mask = TensorView<const std::uint8_t, 2>::strided(mask.data(), {2, 3}, {1, 2});
  expect_refused(views, "row mask: expected contiguous rows");
  views.row_mask = {mask.data(), {2, 2}};
  views.mask_rows = 0;
  expect_refused(views, "row mask: expected entries of 1 to 65536 rows, found 0");
  views.mask_rows = 2;
  Selection picks(kCheckedShape, 2);
  EXPECT_NO_THROW(cpu_.indexer.decode(views, cpu_.keys, cpu_.state, picks));
}

TEST_F(Errors, AnOffsetThatWouldOverflowOrLookLikePaddingIsRefused) {
  const TestBatch step = batch(0, 10, 2);
  DecodeBatch views = step.views();
  views.offset = -1;
  expect_refused(views, "offset: expected 0 to 2147483644, found -1");
  views.offset = std::numeric_limits<std::int32_t>::max();
  expect_refused(views, "offset: expected 0 to 2147483644, found 2147483647");
}

TEST_F(Errors, ASelectionThatIsTooSmallIsRefused) {
  const TestBatch step = batch(0, 10, 2);
  Selection narrow(kCheckedShape, 2, {.width = 2});
  expect_refused(step.views(), narrow, "selection: expected at least 3 places a token, found 2");
  Selection few(kCheckedShape, 1);
  expect_refused(step.views(), few, "selection: expected 2 tokens, found 1");
  Selection logits(kCheckedShape, 2, {.logit_rows = 1});
  expect_refused(step.views(), logits,
                 "selection: logits: expected at least 3 rows a token, found 1");
}

TEST_F(Errors, ACacheOfAnotherRecipeIsRefused) {
  Recipe recipe = Recipe::seed_int8();
  recipe.rotate_keys = false;
  KeyCache other({.sequences = 2, .pages = 5, .page_rows = 1}, recipe);
  Selection picks(kCheckedShape, 1);
  const TestBatch step = batch(0, 10, 1);
  EXPECT_THROW(cpu_.indexer.decode(step.views(), other, cpu_.state, picks), Error);
}

/// A block table that is wrong, in the engine's own memory.
class BorrowedErrors : public ::testing::Test {
 protected:
  void expect_refused(std::vector<std::int32_t> table, const std::string& message,
                      std::int64_t tokens = 12) {
    std::vector<std::int8_t> codes(4 * 2 * 128);
    std::vector<float> scales(4 * 2);
    KeyCache keys({.codes = codes.data(), .scales = scales.data(), .pages = 4, .page_rows = 2},
                  {table.data(), {2, 2}});
    CompressorState state({.sequences = 2});
    TestBatch step(kCheckedShape);
    step.add(0, tokens_, 0, tokens);
    step.add(1, tokens_, 0, 12);
    Selection picks(kCheckedShape, tokens + 12);
    try {
      indexer_.decode(step.views(), keys, state, picks);
      FAIL() << "no error, expected: " << message;
    } catch (const Error& error) {
      EXPECT_EQ(error.what(), message);
    }
    EXPECT_EQ(codes, std::vector<std::int8_t>(4 * 2 * 128));
    EXPECT_EQ(state.length(0), 0);
  }

  Random random_{32};
  TestWeights weights_{kCheckedShape, random_, Values::normal};
  TestTokens tokens_{kCheckedShape, 20, random_, Values::normal};
  Indexer indexer_{kCheckedShape, weights_.views(), {.executor = make_thread_pool(1)}};
};

TEST_F(BorrowedErrors, APageOutOfRangeIsNamed) {
  expect_refused({0, 1, 2, 4}, "key cache: sequence 1: block 1: expected page 0 to 3, found 4");
  expect_refused({0, -1, 2, 3}, "key cache: sequence 0: block 1: expected page 0 to 3, found -1");
}

TEST_F(BorrowedErrors, APageThatTwoSequencesWriteIsNamed) {
  expect_refused({0, 1, 2, 1},
                 "key cache: sequence 0: block 1: page 1 is written by sequence 1 as block 1 in "
                 "the same step");
}

TEST_F(BorrowedErrors, APageThatASequenceHasTwiceIsNamed) {
  expect_refused({0, 0, 2, 3},
                 "key cache: sequence 0: block 0: page 0 is written by sequence 0 as block 1 in "
                 "the same step");
}

TEST_F(BorrowedErrors, ABlockTableThatIsTooShortIsNamed) {
  expect_refused({0, 1, 2, 3}, "key cache: sequence 0: expected a block table of 3 blocks, found 2",
                 20);
}

TEST_F(BorrowedErrors, PageNumbersFarOutsideAreNamed) {
  expect_refused({0, 1, 2, std::numeric_limits<std::int32_t>::max()},
                 "key cache: sequence 1: block 1: expected page 0 to 3, found 2147483647");
  expect_refused({std::numeric_limits<std::int32_t>::min(), 1, 2, 3},
                 "key cache: sequence 0: block 0: expected page 0 to 3, found -2147483648");
}

TEST_F(BorrowedErrors, PagesThatOverlapAreRefused) {
  std::vector<std::int8_t> codes(4 * 2 * 128);
  std::vector<float> scales(4 * 2);
  const std::vector<std::int32_t> table(4);
  const auto make = [&](std::int64_t code_stride, std::int64_t scale_stride) {
    const KeyCache keys({.codes = codes.data(),
                         .scales = scales.data(),
                         .pages = 4,
                         .page_rows = 2,
                         .code_stride = code_stride,
                         .scale_stride = scale_stride},
                        {table.data(), {2, 2}});
  };
  EXPECT_NO_THROW(make(256, 2));
  EXPECT_THROW(make(255, 2), Error);
  EXPECT_THROW(make(256, 1), Error);
  EXPECT_THROW(make(std::numeric_limits<std::int64_t>::max(), 2), Error);
}

TEST(Indexer, ARecipeThatIsNotComputedIsRefused) {
  Random random(34);
  const TestWeights weights(kCheckedShape, random, Values::normal);
  Recipe recipe = Recipe::seed_int8();
  recipe.pooled = Rounding::none;
  try {
    const Indexer indexer(kCheckedShape, weights.views(), {.recipe = recipe});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
  }
}

TEST(KeyCache, SizesThatCannotBeAreRefused) {
  EXPECT_THROW(KeyCache({.sequences = 0, .pages = 1}), Error);
  EXPECT_THROW(KeyCache({.sequences = 1, .pages = 0}), Error);
  EXPECT_THROW(KeyCache({.sequences = 1, .pages = 1, .page_rows = 0}), Error);
  EXPECT_THROW(KeyCache({.sequences = 1, .pages = std::numeric_limits<std::int64_t>::max()}),
               Error);
  EXPECT_THROW(CompressorState({.sequences = 0}), Error);
  EXPECT_THROW(CompressorState({.sequences = 1, .slots = 7}), Error);
  EXPECT_THROW(Selection(kCheckedShape, -1), Error);
  EXPECT_THROW(Selection(kCheckedShape, std::numeric_limits<std::int64_t>::max()), Error);
}

TEST(CompressorState, AnOfficialStateWithoutDataOrOfAnotherShapeIsRefused) {
  CompressorState state({.sequences = 1});
  std::vector<float> values(8 * 256);
  const TensorView<float, 2> whole(values.data(), {8, 256});
  const TensorView<float, 2> null(nullptr, {8, 256});
  const TensorView<float, 2> short_one(values.data(), {4, 256});
  EXPECT_NO_THROW(state.import_official(0, 8, whole, whole));
  for (const TensorView<float, 2>& wrong : {null, short_one}) {
    EXPECT_THROW(state.import_official(0, 3, whole, wrong), Error);
    EXPECT_THROW(state.import_official(0, 3, wrong, whole), Error);
    EXPECT_THROW(state.export_official(0, wrong, whole), Error);
    EXPECT_EQ(state.length(0), 8);
  }
}

TEST(KeyCache, RowsThatWereMadeElsewhereAreTakenOver) {
  Random random(33);
  KeyCache keys({.sequences = 2, .pages = 4, .page_rows = 3});
  const std::vector<Bf16> rows = random.bf16s(5 * 128, Values::extreme);
  keys.store(1, 0, {rows.data(), {5, 128}});
  for (std::int64_t row = 0; row < 5; ++row) {
    reference::Row values;
    for (std::size_t i = 0; i < 128; ++i) {
      values[i] = to_float(rows[static_cast<std::size_t>(row) * 128 + i]);
    }
    const reference::EncodedRow expected = reference::quantize(values);
    EXPECT_TRUE(std::ranges::equal(keys.codes(1, row), expected.codes));
    EXPECT_TRUE(testing::same_bits(keys.scale(1, row), expected.scale));
  }
  EXPECT_EQ(keys.free_pages(), 2);
  EXPECT_THROW(keys.store(1, 6, {rows.data(), {1, 128}}), Error);
  EXPECT_THROW(keys.store(0, 0, {rows.data(), {5, 64}}), Error);
  EXPECT_THROW(static_cast<void>(keys.codes(1, 6)), Error);
  EXPECT_THROW(static_cast<void>(keys.codes(0, 0)), Error);
}

}  // namespace
}  // namespace fulgurite
