#include "io/recording.hpp"

#include <array>
#include <charconv>
#include <utility>

#include "fulgurite/error.hpp"
#include "indexer/small_floats.hpp"
#include "io/tensor_reader.hpp"
#include "io/text.hpp"

namespace fulgurite::io {
namespace {

double number(const SafetensorsFile& file, const std::string& name) {
  const std::string& text = metadata(file, name);
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, status] = std::from_chars(text.data(), end, value);
  if (status != std::errc() || parsed != end) {
    refuse(file, "metadata " + name, "a number", in_quotes(text));
  }
  return value;
}

/// What the rope table and the kernels are built for.
void check_model(const SafetensorsFile& file) {
  constexpr std::array<std::pair<const char*, double>, 8> kFixed{{{"head_dim", kHeadDim},
                                                                  {"rope_dim", kRopeDim},
                                                                  {"ratio", kRatio},
                                                                  {"theta", 160'000},
                                                                  {"yarn_factor", 16},
                                                                  {"original", 65'536},
                                                                  {"beta_fast", 32},
                                                                  {"beta_slow", 1}}};
  for (const auto& [name, expected] : kFixed) {
    if (!file.metadata().contains(name) || number(file, name) == expected) continue;
    throw Error(ErrorKind::unsupported, printable(file.name()) + ": metadata " + name +
                                            ": expected " +
                                            std::to_string(static_cast<std::int64_t>(expected)) +
                                            ", found " + printable(metadata(file, name)));
  }
}

Recipe recipe_of(const SafetensorsFile& file) {
  try {
    return Recipe::named(metadata(file, "recipe"));
  } catch (const Error& error) {
    throw Error(ErrorKind::unsupported, printable(file.name()) + ": metadata " + error.what());
  }
}

/// BF16, or E4M3 with scales of F32 or E8M0.
void read_query_weights(const SafetensorsFile& file, TensorReader& reader,
                        IndexerWeights& weights) {
  const Tensor* const matrix = file.find("wq_b");
  if (matrix == nullptr || matrix->dtype != Dtype::f8_e4m3) {
    reader.read_finite(weights.wq_b_bf16, "wq_b", "[H*128,Q]");
    return;
  }
  reader.read_numbers(weights.wq_b_e4m3, "wq_b", "[H*128,Q]", Dtype::f8_e4m3, is_e4m3_nan);
  const Tensor* const scale = file.find("wq_b_scale");
  if (scale != nullptr && scale->dtype == Dtype::f8_e8m0) {
    reader.read_numbers(weights.wq_b_block_exponent, "wq_b_scale", "[H,Q/128]", Dtype::f8_e8m0,
                        is_e8m0_nan);
  } else {
    reader.read_finite(weights.wq_b_block_scale, "wq_b_scale", "[H,Q/128]");
  }
}

}  // namespace

std::int64_t WeightsFile::query_rank() const {
  return weights_.wq_b_e4m3.empty() ? weights_.wq_b_bf16.extent(1) : weights_.wq_b_e4m3.extent(1);
}

WeightsFile WeightsFile::open(const std::filesystem::path& path) {
  WeightsFile result(SafetensorsFile::open(path));
  TensorReader reader(result.file_, result.data_);
  IndexerWeights& weights = result.weights_;
  read_query_weights(result.file_, reader, weights);
  reader.read_finite(weights.wkv, "wkv", "[256,D]");
  reader.read_finite(weights.wgate, "wgate", "[256,D]");
  reader.read_finite(weights.weights_proj, "weights_proj", "[H,D]");
  reader.read_finite(weights.ape, "ape", "[4,256]");
  reader.read_finite(weights.norm, "norm", "[128]");
  return result;
}

Recording Recording::open(const std::filesystem::path& path) {
  Recording recording(SafetensorsFile::open(path));
  recording.read();
  recording.check();
  return recording;
}

void Recording::read() {
  check_model(file_);
  recipe = recipe_of(file_);
  topk = metadata_count(file_, "topk");
  norm_eps = static_cast<float>(number(file_, "eps"));
  TensorReader reader(file_, data_);
  reader.read(x, "x", "[N,D]");
  reader.read(qr, "qr", "[N,Q]");
  reader.read(step, "token.step", "[N]");
  reader.read(request, "token.request", "[N]");
  reader.read(position, "token.pos", "[N]");
  reader.read(before, "length.before", "[steps,R]");
  reader.read(after, "length.after", "[steps,R]");
  reader.read(length, "init.length", "[R]");
  reader.read(rows, "init.rows", "[R,C0,128]");
  reader.read(kv, "init.kv", "[R,8,256]");
  reader.read(gate, "init.gate", "[R,8,256]");
  reader.read_optional(pages, "init.pages", "[pages,bytes]");
  reader.read_optional(block_table, "init.block_table", "[R,blocks]");
  if (file_.metadata().contains("block")) page_rows = metadata_count(file_, "block");
}

/// Steps, positions and lengths follow from each other.
void Recording::check() const {
  const std::int64_t n = tokens();
  const std::int64_t r = requests();
  expect_shape(file_, "qr", qr.shape(), {n, qr.extent(1)});
  expect_shape(file_, "token.step", step.shape(), {n});
  expect_shape(file_, "token.request", request.shape(), {n});
  expect_shape(file_, "token.pos", position.shape(), {n});
  expect_shape(file_, "length.before", before.shape(), {steps(), r});
  expect_shape(file_, "length.after", after.shape(), {steps(), r});
  expect_shape(file_, "init.rows", rows.shape(), {r, rows.extent(1), kHeadDim});
  expect_shape(file_, "init.kv", kv.shape(), {r, kWindowSlots, kStateWidth});
  expect_shape(file_, "init.gate", gate.shape(), {r, kWindowSlots, kStateWidth});

  std::vector<std::int64_t> now(static_cast<std::size_t>(r));
  for (std::int64_t i = 0; i < r; ++i) {
    const std::int64_t tokens_of_request = length(i);
    if (tokens_of_request < 0 || tokens_of_request / kRatio > rows.extent(1)) {
      refuse(file_, "init.length", "0 to " + std::to_string(rows.extent(1) * kRatio + kRatio - 1),
             std::to_string(tokens_of_request));
    }
    now[static_cast<std::size_t>(i)] = tokens_of_request;
  }
  std::int64_t token = 0;
  for (std::int64_t s = 0; s < steps(); ++s) {
    for (std::int64_t i = 0; i < r; ++i) {
      std::int64_t& at = now[static_cast<std::size_t>(i)];
      if (before(s, i) != at) {
        refuse(file_, "length.before of step " + std::to_string(s), std::to_string(at),
               std::to_string(before(s, i)));
      }
      for (; token < n && step(token) == s && request(token) == i; ++token, ++at) {
        if (position(token) == at) continue;
        refuse(file_, "token.pos of token " + std::to_string(token), std::to_string(at),
               std::to_string(position(token)));
      }
      if (after(s, i) < 0 || after(s, i) > at) {
        refuse(file_, "length.after of step " + std::to_string(s), "0 to " + std::to_string(at),
               std::to_string(after(s, i)));
      }
      at = after(s, i);
    }
  }
  if (token != n) {
    refuse(file_, "tokens", "an order by step, then request, of known ones",
           "token " + std::to_string(token) + " of step " + std::to_string(step(token)) +
               " and request " + std::to_string(request(token)));
  }
}

}  // namespace fulgurite::io
