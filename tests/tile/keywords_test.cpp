#include "tile/keywords.hpp"

#include "fixture.hpp"

namespace fulgurite::tile {
namespace {

using Keywords = std::vector<std::pair<std::string, ArgumentValue>>;

WrittenCall call(const std::string& function, std::vector<ArgumentValue> positional,
                 Keywords keywords) {
  return {function, std::move(positional), std::move(keywords), Where::line("kernel.py", 7)};
}

const ArgumentValue kLevel = std::string("CORE_GROUP");
const List kSplit{split(SplitMode::up_down)};

TEST(KeywordsOfAt, GiveTheScope) {
  const WrittenScope scope = parse_at(
      call("at", {},
           {{"level", kLevel}, {"optimizations", kSplit}, {"name_hint", std::string("qr_proj")}}));
  EXPECT_EQ(scope.name_hint, "qr_proj");
  ASSERT_EQ(scope.options.optimizations.size(), 1U);
  EXPECT_EQ(scope.options.optimizations[0].mode, SplitMode::up_down);
}

TEST(KeywordsOfAt, AreRefusedByName) {
  const auto refuse = [](const std::string& text, Keywords keywords,
                         ErrorKind kind = ErrorKind::input) {
    expect_error(text, [&] { parse_at(call("at", {}, keywords)); }, kind);
  };
  refuse("at at kernel.py:7: nam_hint: unknown keyword",
         {{"level", kLevel}, {"nam_hint", std::string("x")}});
  refuse("level: missing", {});
  refuse("optimization: use optimizations=[..]", {{"level", kLevel}, {"optimization", kSplit}});
  refuse("split: use optimizations=[..]", {{"level", kLevel}, {"split", std::string("NONE")}});
  refuse("optimization and optimizations: expected the second alone",
         {{"level", kLevel}, {"optimization", kSplit}, {"optimizations", kSplit}});
  refuse("role: not with level CORE_GROUP", {{"level", kLevel}, {"role", std::string("AIV")}});
  refuse("split and auto_chunk are for level CORE_GROUP, found HOST",
         {{"level", std::string("HOST")}, {"optimizations", kSplit}});
  refuse("level: expected CORE_GROUP, found HOST", {{"level", std::string("HOST")}},
         ErrorKind::unsupported);
  refuse("optimizations: expected a list", {{"level", kLevel}, {"optimizations", true}});
  refuse("optimizations: expected auto_chunk or split(mode), found unroll",
         {{"level", kLevel}, {"optimizations", List{std::string("unroll")}}});
  refuse("optimizations: found split twice",
         {{"level", kLevel}, {"optimizations", List{kSplit[0], split(SplitMode::none)}}});
  refuse("name_hint: found twice",
         {{"level", kLevel}, {"name_hint", std::string("a")}, {"name_hint", std::string("b")}});
  expect_error("expected 0 to 2 positional arguments, found 3",
               [] { parse_at(call("at", {kLevel, Index{1}, Index{2}}, {})); });
  expect_error("level: found twice", [] { parse_at(call("at", {kLevel}, {{"level", kLevel}})); });
}

TEST(KeywordsOfSplit, AreRefusedByName) {
  EXPECT_EQ(parse_split(call("split", {std::string("NONE")}, {})).mode, SplitMode::none);
  expect_error("mode: split takes its mode without a keyword",
               [] { parse_split(call("split", {}, {{"mode", std::string("NONE")}})); });
  expect_error("mode: expected one", [] { parse_split(call("split", {}, {})); });
  expect_error("mode: unknown, found SIDEWAYS",
               [] { parse_split(call("split", {std::string("SIDEWAYS")}, {})); });
}

TEST(KeywordsOfSpmd, AreRefusedByName) {
  EXPECT_EQ(parse_spmd(call("spmd", {Index{4}}, {{"name_hint", std::string("s")}})).n, 4);
  const auto refuse = [](const std::string& text, std::vector<ArgumentValue> positional,
                         Keywords keywords) {
    expect_error(text, [&] { parse_spmd(call("spmd", positional, keywords)); });
  };
  refuse("n: expected a positive integer, found 0", {Index{0}}, {});
  refuse("n: expected an integer, found a BOOL", {true}, {});
  refuse("stage: an option of loops, not of spmd", {Index{2}}, {{"stage", Index{2}}});
  refuse("init_values: an option of loops", {Index{2}}, {{"init_values", Index{2}}});
  refuse("auto_chunk is not for spmd", {Index{2}}, {{"optimizations", List{auto_chunk}}});
  refuse("level: unknown keyword", {Index{2}}, {{"level", kLevel}});
}

TEST(KeywordsOfLoops, AreRefusedByName) {
  const WrittenLoop loop = parse_loop(
      LoopKind::pipeline, call("pipeline", {Index{0}, Index{8}, Index{2}}, {{"stage", Index{2}}}));
  EXPECT_EQ(loop.stop, 8);
  EXPECT_EQ(loop.step, 2);
  EXPECT_EQ(loop.stage, 2);
  EXPECT_EQ(parse_loop(LoopKind::range, call("range", {Index{5}}, {})).stop, 5);
  const auto refuse = [](const std::string& text, LoopKind kind,
                         std::vector<ArgumentValue> positional, Keywords keywords) {
    expect_error(text, [&] { parse_loop(kind, call("loop", positional, keywords)); });
  };
  refuse("stage: missing", LoopKind::pipeline, {Index{8}}, {});
  refuse("stage: expected a positive integer, found 0", LoopKind::pipeline, {Index{8}},
         {{"stage", Index{0}}});
  refuse("stage: expected an integer", LoopKind::pipeline, {Index{8}}, {{"stage", 2.0}});
  refuse("chunk: not with pipeline", LoopKind::pipeline, {Index{8}},
         {{"stage", Index{2}}, {"chunk", Index{2}}});
  refuse("stage: unknown keyword", LoopKind::range, {Index{8}}, {{"stage", Index{2}}});
  refuse("expected 1 to 3 positional arguments, found 0", LoopKind::parallel, {}, {});
  refuse("expected 1 to 3 positional arguments, found 4", LoopKind::range,
         {Index{1}, Index{1}, Index{1}, Index{1}}, {});
}

TEST(KeywordsOfOperations, GiveTheirOptions) {
  const ArgumentValue half = std::string("FP16");
  EXPECT_EQ(parse_cast(call("cast", {half}, {}), false).mode, Round::round);
  EXPECT_EQ(
      parse_cast(call("cast", {}, {{"target_type", half}, {"mode", std::string("trunc")}}), false)
          .mode,
      Round::trunc);
  EXPECT_EQ(parse_fillpad(call("fillpad", {}, {})), PadValue::zero);
  EXPECT_EQ(
      parse_fillpad(call("fillpad", {}, {{"pad_value", -std::numeric_limits<double>::infinity()}})),
      PadValue::min);
  EXPECT_EQ(parse_gather(call("gather", {}, {{"mask_pattern", Index{2}}})).mask_pattern,
            MaskPattern::P1010);
  EXPECT_EQ(parse_mrgsort(call("mrgsort", {}, {{"block_len", Index{64}}})).block_len, 64);
  EXPECT_TRUE(parse_matmul(call("matmul", {}, {{"b_trans", true}})).b_trans);
  EXPECT_TRUE(parse_matmul_acc(call("matmul_acc", {}, {{"a_trans", true}})).a_trans);
}

TEST(KeywordsOfOperations, AreRefusedByName) {
  const ArgumentValue half = std::string("FP16");
  expect_error("mode: unknown, found nearest", [&] {
    parse_cast(call("cast", {half}, {{"mode", std::string("nearest")}}), false);
  });
  expect_error("mode: a scalar is cast without one",
               [&] { parse_cast(call("cast", {half}, {{"mode", std::string("rint")}}), true); });
  expect_error("target_type: expected a type, found FP8",
               [] { parse_cast(call("cast", {std::string("FP8")}, {}), false); });
  expect_error("pad_value: expected 0, +inf or -inf, found 1.0",
               [] { parse_fillpad(call("fillpad", {}, {{"pad_value", 1.0}})); });
  expect_error("found null",
               [] { parse_fillpad(call("fillpad", {}, {{"pad_value", std::string("null")}})); });
  expect_error("mask_pattern, dim and index: expected the first or the other two", [] {
    parse_gather(call("gather", {}, {{"mask_pattern", Index{1}}, {"dim", Index{-1}}}));
  });
  expect_error("mask_pattern: expected 1 .. 7, found 8",
               [] { parse_gather(call("gather", {}, {{"mask_pattern", Index{8}}})); });
  expect_error("output_dtype: not with an index", [&] {
    parse_gather(call("gather", {}, {{"dim", Index{-1}}, {"output_dtype", half}}));
  });
  expect_error("block_len: not with further lists",
               [] { parse_mrgsort(call("mrgsort", {Value()}, {{"block_len", Index{64}}})); });
  expect_error("block_len: expected it, or further lists",
               [] { parse_mrgsort(call("mrgsort", {}, {})); });
  expect_error(
      "exhausted: expected False",
      [] { parse_mrgsort(call("mrgsort", {Value()}, {{"exhausted", true}})); },
      ErrorKind::unsupported);
  expect_error("trans_b: unknown keyword",
               [] { parse_matmul(call("matmul", {}, {{"trans_b", true}})); });
  expect_error("b_trans: expected True or False",
               [] { parse_matmul(call("matmul", {}, {{"b_trans", Index{1}}})); });
}

TEST(InlineCalls, TakeTheExactNumberOfPositionalArguments) {
  check_inline_call(call("compressor", {Index{1}}, {}), 1);
  expect_error("compressor at kernel.py:7: expected 2 positional arguments, found 1",
               [] { check_inline_call(call("compressor", {Index{1}}, {}), 2); });
  expect_error("x: an inline function takes no keywords",
               [] { check_inline_call(call("compressor", {}, {{"x", Index{1}}}), 0); });
  expect_error("dtyp: unknown keyword",
               [] { check_keywords(call("full", {}, {{"dtyp", Index{1}}}), {"dtype", "value"}); });
}

}  // namespace
}  // namespace fulgurite::tile
