#include "fixture.hpp"

namespace fulgurite::tile {
namespace {

using testing::ElementsAre;

/// A small program with all that a trace can hold.
void small_program(Program& pl, const std::vector<Bf16>& a, const std::vector<Bf16>& b,
                   const std::vector<std::int32_t>& table, std::vector<float>& out) {
  const Tensor left = pl.input("left", DType::bf16, {32, 8}, a.data());
  const Tensor right = pl.input("right", DType::bf16, {8, 16}, b.data());
  const Tensor count = pl.input("count", DType::i32, {1}, table.data());
  const Tensor result = pl.parameter("result", Mark::out, DType::f32, {2, 16, 16}, out.data());
  const Tensor flat = reshape(result, {32, 16});
  const Tensor scratch = pl.create_tensor("scratch", {32, 16}, DType::f32);
  const Tensor total = pl.at("zero", [&] {
    scratch(all, all) = pl.full({32, 16}, DType::f32, 1);
    return keep("total", pl.full({1, 16}, DType::f32, 0.5));
  });
  for (const Index row : pl.parallel(0, 32, 16)) {
    pl.at("product", {.optimizations = {split(SplitMode::up_down)}}, [&] {
      Tile acc;
      for (const Index k : pl.pipeline(0, 8, 4, {.stage = 2})) {
        const Tile x = left({row, 16}, {k, 4});
        const Tile y = right({k, 4}, all);
        acc = k == 0 ? matmul(x, y, {.out_dtype = DType::f32}) : matmul_acc(acc, x, y);
      }
      for (const Index r : pl.range(0, 16, 8)) {
        const Tile part = acc({r, 8}, all);
        const Tile sum = add(part, scratch({row + r, 8}, all));
        flat({row + r, 8}, all) = col_expand_mul(exp(sum), total);
      }
    });
  }
  if (Index{read(count, {0})} > 1) {
    pl.at("sort", [&] {
      const Tile x = reshape(flat({0, 2}, all), {1, 32});
      const Tile pairs =
          sort32(fillpad(set_validshape(x, 1, 30)), pl.arange(0, {1, 32}, DType::u32));
      Tile values = gather(pairs, MaskPattern::P0101);
      write(values, {0, 0}, read(values, {0, 1}));
      flat({0, 1}, all) = values(all, {0, 16});
    });
  }
}

Trace trace_of(Mode mode, int count = 2) {
  const std::vector<Bf16> a(32 * 8, to_bf16(0.25F));
  const std::vector<Bf16> b(8 * 16, to_bf16(-0.5F));
  const std::vector<std::int32_t> table{count};
  std::vector<float> out(32 * 16);
  Program pl(mode);
  small_program(pl, a, b, table, out);
  return pl.finish();
}

const Op& op_of(const Trace& trace, TaskId task, OpCode code) {
  const Range ops = trace[task].ops;
  for (std::int32_t row = ops.first; row < ops.last; ++row) {
    if (trace[OpId{row}].code == code) return trace[OpId{row}];
  }
  throw Error(ErrorKind::internal, "no such operation in the task");
}

TEST(TileTrace, IsTheSameWithAndWithoutNumbers) {
  EXPECT_EQ(trace_of(Mode::compute), trace_of(Mode::shape_only));
}

TEST(TileTrace, TablesThatSteerAreReadWithoutNumbersToo) {
  EXPECT_EQ(trace_of(Mode::shape_only, 2).tasks.size(), 4U);
  EXPECT_EQ(trace_of(Mode::shape_only, 1).tasks.size(), 3U);
}

TEST(TileTrace, ARunWithoutNumbersComputesNothing) {
  std::vector<float> out(32 * 16, 7.F);
  Program pl(Mode::shape_only);
  small_program(pl, std::vector<Bf16>(256), std::vector<Bf16>(128), {0}, out);
  EXPECT_EQ(out, std::vector<float>(32 * 16, 7.F));
}

TEST(TileTrace, ARunWithoutNumbersDoesNotFollowWhatItDoesNotKnow) {
  Program pl(Mode::shape_only);
  const Tensor x = pl.parameter("x", Mark::unmarked, DType::i32, {1, 1}, nullptr);
  pl.at("s", [&] { x(all, all) = pl.full({1, 1}, DType::i32, 3); });
  expect_error(
      "cannot follow a value that a kernel computes", [&] { return Index{read(x, {0, 0})}; },
      ErrorKind::unsupported);
}

TEST(TileTrace, SaysWhichSideEachOperationRunsOn) {
  const Trace trace = trace_of(Mode::shape_only);
  EXPECT_EQ(trace.tasks[0].kind, TaskKind::vector);
  EXPECT_EQ(trace.tasks[1].kind, TaskKind::mixed);
  EXPECT_EQ(trace.tasks[3].kind, TaskKind::vector);
  const TaskId product{1};
  const Op& load = op_of(trace, product, OpCode::load);
  EXPECT_EQ(load.side, Side::cube);
  EXPECT_EQ(trace[load.result].side, Side::cube);
  const Op& slice = op_of(trace, product, OpCode::slice);
  EXPECT_EQ(slice.side, Side::cube);
  EXPECT_TRUE(trace[slice.result].crosses()) << "the window crosses, not the accumulator";
  EXPECT_FALSE(trace[slice.operands[0]].crosses());
  EXPECT_EQ(op_of(trace, product, OpCode::store).side, Side::vector);
  EXPECT_EQ(op_of(trace, product, OpCode::exp).side, Side::vector);
}

TEST(TileTrace, AProductThatIsOnlyStoredIsACubeKernel) {
  Program pl(Mode::shape_only);
  const Tensor x = pl.input("x", DType::bf16, {16, 16}, nullptr);
  const Tensor out = pl.parameter("out", Mark::out, DType::f32, {16, 16}, nullptr);
  pl.at("s", [&] { out(all, all) = matmul(x, x, {.out_dtype = DType::f32}); });
  pl.at("move", [&] { out(all, {0, 8}) = out(all, {8, 8}); });
  EXPECT_EQ(pl.trace().tasks[0].kind, TaskKind::cube);
  EXPECT_EQ(pl.trace().tasks[1].kind, TaskKind::vector);
}

TEST(TileTrace, ALoadGoesWhereTheReadersOfItsViewsAre) {
  Program pl(Mode::shape_only);
  const Tensor x = pl.input("x", DType::bf16, {32, 16}, nullptr);
  pl.at("s", [&] {
    const Tile all_rows = x(all, all);
    const Tile half = all_rows({0, 16}, all);
    matmul(half, reshape(Tile(x({16, 16}, all)), {16, 16}), {.out_dtype = DType::f32});
    const Tile both = x({0, 16}, all);
    matmul(both, both, {.out_dtype = DType::f32});
    cast(both, DType::f32);
  });
  const Trace& trace = pl.trace();
  EXPECT_EQ(trace.tiles[0].side, Side::cube);
  EXPECT_EQ(trace.tiles[2].side, Side::cube);
  EXPECT_EQ(op_of(trace, TaskId{0}, OpCode::reshape).side, Side::cube);
  EXPECT_EQ(trace.tiles[5].side, Side::both);
  EXPECT_FALSE(trace.tiles[5].crosses());
}

TEST(TileTrace, AVectorValueThatTheCubeReadsCrosses) {
  Program pl(Mode::shape_only);
  const Tensor x = pl.input("x", DType::f32, {16, 16}, nullptr);
  Tile narrow;
  pl.at("s", [&] {
    narrow = cast(x, DType::bf16, Round::rint);
    matmul(narrow, narrow, {.out_dtype = DType::f32});
  });
  EXPECT_TRUE(pl.trace()[narrow.id()].crosses());
}

TEST(TileTrace, HoldsTheWindowsThatATaskTouchesAndTheTensorsThatItIsCalledWith) {
  const Trace trace = trace_of(Mode::shape_only);
  const Task& task = trace.tasks[2];
  std::vector<std::string> arguments;
  for (std::int32_t row = task.arguments.first; row < task.arguments.last; ++row) {
    const Argument& argument = trace.arguments[static_cast<std::size_t>(row)];
    arguments.push_back(trace[trace[argument.view].buffer].name +
                        (argument.is_read ? " read" : "") +
                        (argument.is_written ? " written" : ""));
  }
  EXPECT_THAT(arguments, ElementsAre("left read", "right read", "scratch read", "total read",
                                     "result written"));
  const Op& store = op_of(trace, TaskId{2}, OpCode::store);
  const Region region = tile::region(trace, trace[store.access]);
  EXPECT_EQ(region.offset, 16 * 16);
  EXPECT_EQ(region.extent, (Shape{8, 16}));
  EXPECT_THAT(region.bytes(DType::f32), ElementsAre(1024, 1024 + 8 * 16 * 4));
  EXPECT_NE(trace[store.access].view, trace[region.buffer].whole) << "it is the reshaped view";
}

TEST(TileTrace, APartlyValidStoreTouchesItsValidPartOnly) {
  Program pl(Mode::shape_only);
  const Tensor x = pl.parameter("x", Mark::out, DType::f32, {4, 4}, nullptr);
  pl.at("s", [&] {
    x({1, 2}, all) = set_validshape(pl.full({2, 4}, DType::f32, 0), 1, 3);
    x({1, 2}, all) = set_validshape(pl.full({2, 4}, DType::f32, 0), 0, 3);
  });
  const Trace& trace = pl.trace();
  EXPECT_EQ(trace.accesses[0].extent, (Shape{1, 3}));
  EXPECT_TRUE(region(trace, trace.accesses[1]).empty());
}

TEST(TileTrace, HoldsTheLoopNestOfEachOperation) {
  const Trace trace = trace_of(Mode::shape_only);
  const Op& product = op_of(trace, TaskId{2}, OpCode::matmul_acc);
  const Iteration& inner = trace[product.iteration];
  EXPECT_EQ(inner.value, 4);
  EXPECT_EQ(inner.ordinal, 1);
  const Loop& pipeline = trace[inner.loop];
  EXPECT_EQ(pipeline.kind, LoopKind::pipeline);
  EXPECT_EQ(pipeline.stage, 2);
  EXPECT_EQ(pipeline.task, TaskId{2});
  const Iteration& outer = trace[pipeline.enclosing];
  EXPECT_EQ(outer.value, 16);
  EXPECT_EQ(trace[outer.loop].kind, LoopKind::parallel);
  EXPECT_FALSE(trace[outer.loop].task.valid());
  EXPECT_EQ(trace[product.operands[0]].shape, (Shape{16, 16}));
  EXPECT_EQ(trace[product.result].replaces, product.operands[0]);
}

TEST(TileTrace, EachOperationKnowsItsLine) {
  const Trace trace = trace_of(Mode::shape_only);
  const Location& location = trace[op_of(trace, TaskId{1}, OpCode::exp).location];
  EXPECT_EQ(location.file, "trace_test.cpp");
  EXPECT_GT(location.line, 30U);
  EXPECT_THAT(location.function, testing::HasSubstr("small_program"));
}

TEST(TileTrace, ATensorIsMadeOncePerExecutionOfItsLine) {
  Program pl(Mode::shape_only);
  std::vector<BufferId> made;
  for (const Index i : pl.parallel(2)) {
    static_cast<void>(i);
    made.push_back(Tensor(pl.create_tensor("pair", {1, 1}, DType::f32)).buffer());
  }
  EXPECT_NE(made[0], made[1]);
  EXPECT_EQ(pl.trace()[made[1]].name, "pair");
  EXPECT_EQ(pl.trace()[pl.trace()[made[1]].iteration].value, 1);
}

TEST(TileTrace, DumpsAsOneLineAnOperation) {
  const Trace trace = trace_of(Mode::shape_only);
  const std::string text = dump(trace, TaskId{1});
  EXPECT_THAT(text, testing::HasSubstr("task 1 product: mixed\n"));
  EXPECT_THAT(text, testing::HasSubstr("pipeline=4 "));
  EXPECT_THAT(text, testing::HasSubstr("load left [0, 4] +[16, 4] [cube] trace_test.cpp:"));
}

}  // namespace
}  // namespace fulgurite::tile
