#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

#include "fixture.hpp"

namespace fulgurite::tile {
namespace {

using testing::ElementsAre;

class Scopes : public TileTest {};

TEST_F(Scopes, EachExecutionIsATaskOfTheSameScope) {
  for (const Index i : pl.parallel(0, 6, 2)) {
    pl.at("fill", [&] { pl.full({1, 1}, DType::f32, static_cast<double>(i)); });
  }
  EXPECT_EQ(pl.trace().scopes.size(), 1U);
  EXPECT_EQ(pl.trace().tasks.size(), 3U);
  const Iteration& last = pl.trace()[pl.trace().tasks[2].iteration];
  EXPECT_EQ(last.value, 4);
  EXPECT_EQ(last.ordinal, 2);
  EXPECT_EQ(pl.trace()[last.loop].kind, LoopKind::parallel);
}

TEST_F(Scopes, ANameIsALabelAndNotAKey) {
  pl.at("rope_slice", [] {});
  pl.at("rope_slice", [] {});
  pl.call("compressor", [&] { pl.at("rope_slice", [] {}); });
  ASSERT_EQ(pl.trace().scopes.size(), 3U);
  EXPECT_EQ(full_name(pl.trace(), ScopeId{2}), "compressor/rope_slice");
}

TEST_F(Scopes, OneLineCalledFromTwoFunctionsIsTwoScopes) {
  const auto rope = [&] { pl.at("rope", [] {}); };
  for (int run = 0; run < 2; ++run) {
    pl.call("query", rope);
    pl.call("key", rope);
  }
  EXPECT_EQ(pl.trace().scopes.size(), 2U);
  EXPECT_EQ(pl.trace().tasks.size(), 4U);
}

TEST_F(Scopes, AtReturnsWhatItsBodyDoesOrElseTheTask) {
  const TaskId first = pl.at("a", [] {});
  const Tensor kept = pl.at("b", [&] { return keep("b_out", pl.full({1, 1}, DType::f32, 2)); });
  pl.at("c", {.deps = {first}}, [&] { EXPECT_THAT(elements<float>(neg(kept)), ElementsAre(-2)); });
  const Task& last = pl.trace().tasks[2];
  ASSERT_EQ(last.deps.size(), 1);
  EXPECT_EQ(pl.trace().deps[static_cast<std::size_t>(last.deps.first)], first);
}

TEST_F(Scopes, AKeptTileIsAStoreAndThenALoadOncePerScope) {
  const Tensor x = tensor<float>({2, 2}, {1, 2, 3, 4});
  Tensor sum;
  pl.at("first", [&] { sum = keep("sum", add(x, x)); });
  pl.at("second", [&] {
    EXPECT_THAT(elements<float>(mul(sum, sum)), ElementsAre(4, 16, 36, 64));
    EXPECT_THAT(elements<float>(Tile(sum({1, 1}, all))), ElementsAre(6, 8));
  });
  const Trace& trace = pl.trace();
  const Buffer& buffer = trace[sum.buffer()];
  EXPECT_EQ(buffer.kind, BufferKind::kept);
  EXPECT_EQ(buffer.name, "sum");
  EXPECT_EQ(trace[buffer.creator].code, OpCode::keep);
  const Task& second = trace.tasks[1];
  ASSERT_EQ(second.accesses.size(), 2);
  EXPECT_TRUE(trace.accesses[static_cast<std::size_t>(second.accesses.first)].is_whole);
  EXPECT_FALSE(trace.accesses[static_cast<std::size_t>(second.accesses.first) + 1].is_whole);
}

TEST_F(Scopes, AWholeTensorIsLoadedAgainAfterItWasWritten) {
  const Tensor x = tensor<float>({1, 1}, {1});
  in_scope([&] {
    add(x, x);
    x(all, all) = pl.full({1, 1}, DType::f32, 5);
    EXPECT_THAT(elements<float>(neg(x)), ElementsAre(-5));
  });
}

TEST_F(Scopes, ATileDoesNotLeaveItsScopeWithoutAName) {
  Tile lost;
  pl.at("maker", [&] { lost = named("total", pl.full({1, 1}, DType::f32, 0)); });
  expect_refusal("x: total belongs to scope maker (made at scope_test.cpp:", [&] { neg(lost); });
  expect_refusal("keep() it at that scope's end", [&] { Tile(lost(0)); });
}

TEST_F(Scopes, SpmdIsOneTaskOfSeveralBlocks) {
  std::vector<Index> blocks;
  pl.spmd("work", 3, {.optimizations = {split(SplitMode::up_down)}},
          [&](Index block) { blocks.push_back(block); });
  pl.spmd("work", 2, {}, [&] { blocks.push_back(pl.get_block_idx()); });
  EXPECT_THAT(blocks, ElementsAre(0, 1, 2, 0, 1));
  ASSERT_EQ(pl.trace().tasks.size(), 2U);
  EXPECT_EQ(pl.trace().tasks[0].blocks, 3);
  EXPECT_EQ(pl.trace().scopes[0].split, SplitMode::up_down);
  EXPECT_TRUE(pl.trace().scopes[0].is_spmd);
}

TEST_F(Scopes, LoopsGiveTheirValuesInOrder) {
  std::vector<Index> seen;
  for (const Index i : pl.range(3)) seen.push_back(i);
  for (const Index i : pl.range(5, 3)) seen.push_back(i);
  for (const Index i : pl.parallel(4, 6)) seen.push_back(i);
  in_scope([&] {
    for (const Index i : pl.range(10, 21, 5)) seen.push_back(i);
    for (const Index i : pl.pipeline(2, {.stage = 2})) seen.push_back(i);
    for (const Index i : pl.unroll(2)) seen.push_back(i);
  });
  EXPECT_THAT(seen, ElementsAre(0, 1, 2, 4, 5, 10, 15, 20, 0, 1, 0, 1));
}

TEST_F(Scopes, ALoopThatIsLeftEarlyIsClosed) {
  for (const Index i : pl.range(3)) {
    if (i == 1) break;
  }
  in_scope([] {});
  EXPECT_FALSE(pl.trace().tasks[0].iteration.valid());
}

TEST_F(Scopes, TheSameWithoutCallables) {
  const Where here = Where::line(pl.intern("kernel.py"), 12, "main");
  const TaskId task = pl.begin_scope("work", {}, here);
  {
    Iterations loop = pl.range(0, 2, here);
    while (loop.next()) pl.full({1, 1}, DType::f32, static_cast<double>(loop.value()), here);
  }
  EXPECT_EQ(pl.end_scope(here), task);
  EXPECT_EQ(to_string(pl.trace()[pl.trace().ops[0].location]), "kernel.py:12");
  EXPECT_EQ(pl.trace().ops.size(), 2U);
  expect_error("end of scope outside scopes at kernel.py:12: no scope is open",
               [&] { pl.end_scope(here); });
}

TEST_F(Scopes, RefusesByName) {
  expect_refusal("at in scope test at scope_test.cpp:", [&] { pl.at("inner", [] {}); });
  expect_refusal("a scope cannot stand inside a scope", [&] { pl.at("inner", [] {}); });
  expect_refusal("a parallel loop cannot stand inside a scope", [&] { (void)pl.parallel(2); });
  expect_refusal("stage: expected a positive integer, found 0",
                 [&] { (void)pl.pipeline(2, PipelineOptions{}); });
  expect_error("name_hint: expected an identifier, found \"qr proj\"",
               [&] { pl.at("qr proj", [] {}); });
  expect_error("name_hint", [&] { pl.at("1st", [] {}); });
  expect_error("optimizations: found split twice", [&] {
    pl.at("s", {.optimizations = {split(SplitMode::none), split(SplitMode::up_down)}}, [] {});
  });
  expect_error("optimizations: found auto_chunk twice",
               [&] { pl.at("s", {.optimizations = {auto_chunk, auto_chunk}}, [] {}); });
  expect_error("optimizations: auto_chunk is not for spmd",
               [&] { pl.spmd("s", 2, {.optimizations = {auto_chunk}}, [] {}); });
  expect_error("spmd outside scopes at scope_test.cpp:", [&] { pl.spmd("s", 0, {}, [] {}); });
  expect_error("deps: expected earlier tasks, found 77",
               [&] { pl.at("s", {.deps = {TaskId{77}}}, [] {}); });
  expect_error("step: expected a positive integer, found 0", [&] { (void)pl.range(0, 2, 0); });
  expect_error("pipeline outside scopes", [&] { (void)pl.pipeline(2, {.stage = 2}); });
  expect_error("unroll outside scopes", [&] { (void)pl.unroll(2); });
  expect_error("expected to stand inside an spmd", [&] { pl.get_block_idx(); });
}

TEST_F(Scopes, NothingIsComputedOrStoredOutside) {
  const Tensor x = tensor<float>({1, 2}, {1, 2});
  expect_error("add outside scopes at scope_test.cpp:", [&] { add(x, x); });
  expect_error("expected to stand inside a scope", [&] { pl.full({1, 1}, DType::f32, 0); });
  expect_error("expected to stand inside a scope", [&] { pl.arange(0, {1, 2}, DType::i32); });
  expect_error("store outside scopes", [&] { x(all, {0, 1}) = x(all, {1, 1}); });
  expect_error("keep outside scopes", [&] { keep("x", x); });
  EXPECT_TRUE(pl.trace().tasks.empty());
}

TEST_F(Scopes, CreationRefusesByName) {
  expect_error("shape: expected positive extents, found [2, 0]",
               [&] { pl.create_tensor("t", {2, 0}, DType::f32); });
  expect_error("dtype: expected a type of tensors, found BOOL",
               [&] { pl.create_tensor("t", {2}, DType::boolean); });
  expect_refusal("shape: expected [1, n] with n > 1, found [1, 1]",
                 [&] { pl.arange(0, {1, 1}, DType::i32); });
  expect_refusal("shape: expected [1, n] with n > 1, found [2, 4]",
                 [&] { pl.arange(0, {2, 4}, DType::i32); });
  expect_refusal("dtype: expected INT16, INT32, UINT16 or UINT32, found FP32",
                 [&] { pl.arange(0, {1, 4}, DType::f32); });
  expect_refusal("does not fit UINT16", [&] { pl.arange(65530, {1, 8}, DType::u16); });
  expect_refusal("value: expected one of INT8, found 128.0",
                 [&] { pl.full({1, 1}, DType::i8, 128); });
  expect_error("x: expected data, found a null pointer",
               [&] { pl.input("x", DType::f32, {1}, nullptr); });
  expect_error("x: expected a type of tensors, found INDEX",
               [&] { pl.input("x", DType::index, {1}, this); });
}

TEST_F(Scopes, FullAndArangeFillEveryType) {
  in_scope([&] {
    EXPECT_THAT(elements<std::uint16_t>(pl.full({1, 2}, DType::bf16, 1.5)),
                ElementsAre(0x3fc0, 0x3fc0));
    EXPECT_THAT(elements<std::int8_t>(pl.full({2, 1}, DType::i8, -7)), ElementsAre(-7, -7));
    EXPECT_THAT(elements<float>(pl.full({1, 1}, DType::f32, -3.4028234663852886e38)),
                ElementsAre(std::numeric_limits<float>::lowest()));
    EXPECT_THAT(elements<std::int16_t>(pl.arange(-1, {1, 3}, DType::i16)), ElementsAre(-1, 0, 1));
  });
}

TEST(Programs, DoNotMix) {
  Program a;
  Program b;
  float number = 0;
  const Tensor x = a.input("x", DType::f32, {1, 1}, &number);
  const Tensor y = b.input("y", DType::f32, {1, 1}, &number);
  a.at("s", [&] { expect_error("y: belongs to another program", [&] { add(x, y); }); });
}

TEST(Programs, ACallersFlushToZeroDoesNotReachTheNumbers) {
#if defined(__x86_64__)
  const unsigned before = _mm_getcsr();
  _mm_setcsr(before | 0x8040);
  Program pl;
  const float tiny = 0x1p-126F;
  const Tensor x = pl.input("x", DType::f32, {1, 1}, &tiny);
  std::uint32_t result = 0;
  pl.at("s", [&] { result = float_bits(mul(x, 0.5))[0]; });
  _mm_setcsr(before);
  EXPECT_EQ(result, 0x00400000U);
#endif
}

TEST(Programs, FinishTakesTheTraceOut) {
  Program pl;
  pl.at("s", [] {});
  Trace trace = pl.finish();
  EXPECT_EQ(trace.tasks.size(), 1U);
  Program open;
  Iterations loop = open.range(1);
  expect_error("finish: a scope or a loop is still running", [&] { (void)open.finish(); });
}

}  // namespace
}  // namespace fulgurite::tile
