#include "fulgurite/model.hpp"

#include <gtest/gtest.h>

#include "fulgurite/error.hpp"
#include "fulgurite/weights.hpp"
#include "support/decoders.hpp"

namespace fulgurite {
namespace {

void expect_unsupported(const ModelShape& shape, const std::string& message) {
  try {
    shape.validate();
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::unsupported);
    EXPECT_EQ(error.what(), message);
  }
}

TEST(ModelShape, ThePresetsAreThePublishedModels) {
  EXPECT_EQ(ModelShape::preset("v4-flash"), ModelShape::v4_flash());
  EXPECT_EQ(ModelShape::preset("v4-pro").query_rank, 1536);
  EXPECT_THROW(ModelShape::preset("v5"), Error);
  EXPECT_NO_THROW(ModelShape::v4_flash().validate());
  EXPECT_NO_THROW(ModelShape::v4_pro().validate());
}

TEST(ModelShape, WhatIsNotComputedIsNamed) {
  const auto changed = [](auto change) {
    ModelShape shape = ModelShape::v4_flash();
    change(shape);
    return shape;
  };
  expect_unsupported(changed([](ModelShape& s) { s.heads = 12; }),
                     "model shape: heads: expected a multiple of 8 up to 128, found 12");
  expect_unsupported(changed([](ModelShape& s) { s.heads = 136; }),
                     "model shape: heads: expected a multiple of 8 up to 128, found 136");
  expect_unsupported(changed([](ModelShape& s) { s.hidden = 24; }),
                     "model shape: hidden: expected a multiple of 16 up to 1048576, found 24");
  expect_unsupported(changed([](ModelShape& s) { s.query_rank = 0; }),
                     "model shape: query rank: expected a multiple of 16 up to 65536, found 0");
  expect_unsupported(changed([](ModelShape& s) { s.topk = 0; }),
                     "model shape: topk: expected at least 1, found 0");
  expect_unsupported(changed([](ModelShape& s) { s.head_dim = 64; }),
                     "model shape: head dim: expected 128, found 64");
  expect_unsupported(changed([](ModelShape& s) { s.rope_dim = 32; }),
                     "model shape: rope dim: expected 64, found 32");
  expect_unsupported(changed([](ModelShape& s) { s.ratio = 2; }),
                     "model shape: ratio: expected 4, found 2");
  EXPECT_THROW(changed([](ModelShape& s) { s.norm_eps = -1.F; }).validate(), Error);
  EXPECT_THROW(changed([](ModelShape& s) { s.max_positions = 0; }).validate(), Error);
}

void expect_input_error(const ModelShape& shape, const IndexerWeights& weights,
                        const std::string& message) {
  try {
    validate(shape, weights);
    FAIL() << "no error: " << message;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::input);
    EXPECT_EQ(error.what(), message);
  }
}

TEST(Weights, EachTensorIsCheckedForShapeAndFiniteness) {
  testing::Random random(5);
  const ModelShape shape{.hidden = 32, .query_rank = 16, .heads = 8, .topk = 4};
  testing::TestWeights weights(shape, random, testing::Values::normal, true);
  EXPECT_NO_THROW(validate(shape, weights.views()));

  const auto expect_refused = [&](const IndexerWeights& refused, const std::string& message) {
    expect_input_error(shape, refused, message);
  };
  IndexerWeights views = weights.views();
  views.wkv = views.wkv.transposed();
  expect_refused(views, "wkv: expected shape [256,32], found [32,256]");
  views = weights.views();
  views.wq_b = {nullptr, {1024, 16}};
  expect_refused(views, "wq_b: expected data, found none");
  weights.norm[7] = std::numeric_limits<float>::infinity();
  expect_refused(weights.views(), "norm: expected finite values, found NaN or infinity at [7]");
  weights.norm[7] = 1;
  weights.weights_proj[35] = Bf16{0x7f80};
  expect_refused(weights.views(),
                 "weights_proj: expected finite values, found NaN or infinity at [1,3]");
  weights.weights_proj[35] = Bf16{0};
  weights.hadamard[128] = Bf16{0xffc0};
  expect_refused(weights.views(),
                 "hadamard: expected finite values, found NaN or infinity at [1,0]");
}

TEST(Weights, ScalesOfBlocksAreChecked) {
  testing::Random random(6);
  const ModelShape shape{.hidden = 32, .query_rank = 144, .heads = 8, .topk = 4};
  testing::TestWeights weights(shape, random, testing::Values::normal);
  const testing::TestWeights codes = weights;
  weights.use_block_scales(random, false);
  EXPECT_NO_THROW(validate(shape, weights.views()));
  const auto expect_refused = [&](const IndexerWeights& refused, const std::string& message) {
    expect_input_error(shape, refused, message);
  };
  IndexerWeights views = weights.views();
  views.wq_b = codes.views().wq_b;
  expect_refused(views, "wq_b: expected INT8, BF16 or E4M3 weights, found several");
  views = weights.views();
  views.wq_b_block_scale = {};
  expect_refused(views, "wq_b_block_scale: expected shape [8,2], found [0,0]");
  views = weights.views();
  views.wq_b_block_scale = {weights.block_scales.data(), {8, 1}};
  expect_refused(views, "wq_b_block_scale: expected shape [8,2], found [8,1]");
  std::vector<std::uint8_t> exponents(16, 127);
  views = weights.views();
  views.wq_b_block_exponent = {exponents.data(), {8, 2}};
  expect_refused(views, "wq_b_block_scale: expected F32 or E8M0 scales, found both");
  views.wq_b_block_scale = {};
  EXPECT_NO_THROW(validate(shape, views));
  exponents[3] = 255;
  expect_refused(views,
                 "wq_b_block_exponent: expected finite values, found NaN or infinity at [1,1]");
  weights.wq_b_e4m3[145] = 0xff;
  expect_refused(weights.views(), "wq_b: expected finite values, found NaN or infinity at [1,1]");
  weights.wq_b_e4m3[145] = 0;
  weights.block_scales[1] = std::numeric_limits<float>::quiet_NaN();
  expect_refused(weights.views(),
                 "wq_b_block_scale: expected finite values, found NaN or infinity at [0,1]");
}

}  // namespace
}  // namespace fulgurite
