// The kernels `query` and `project` on one thread, at the shapes of v4-flash: time, rate, and share
// of this core's ceiling, measured before and after in the same run. T = 1 and 2 are bound by
// reading the weights, so their share is of the read bandwidth, too.
//
//   kernels [--isa NAME]    all that this machine has by default

#include <cstdio>
#include <cstring>
#include <random>
#include <string_view>
#include <vector>

#include "core/aligned_buffer.hpp"
#include "cpu/ceilings.hpp"
#include "cpu/isa.hpp"
#include "cpu/pack_weights.hpp"
#include "fulgurite/error.hpp"
#include "timing.hpp"

namespace fulgurite::cpu {
namespace {

constexpr std::int64_t kQueryRank = 1024;
constexpr std::int64_t kQueryColumns = 64 * 128;
constexpr std::int64_t kHidden = 4096;
constexpr std::int64_t kHiddenColumns = 576;
constexpr std::int64_t kMaxTokens = 128;

/// Seeded data, and room for what the kernels write.
struct Data {
  Data() {
    std::mt19937 engine(1);
    for (auto& code : weights.span()) code = static_cast<std::uint8_t>(engine());
    for (auto& code : qr) code = static_cast<std::int8_t>(engine());
    std::normal_distribution<float> normal;
    for (auto& value : hidden_weights.span()) value = to_bf16(normal(engine) * 0.02F).bits;
    for (auto& value : x) value = to_bf16(normal(engine)).bits;
    exponents.assign(exponents.size(), {.smallest = -40, .largest = 0});
  }
  core::AlignedBuffer<std::uint8_t> weights{"weights", kQueryColumns* kQueryRank};
  core::AlignedBuffer<std::uint16_t> hidden_weights{"weights", kHiddenColumns* kHidden};
  std::vector<ExponentRange> exponents = std::vector<ExponentRange>(kHiddenColumns / kColumnBlock);
  std::vector<std::int8_t> qr = std::vector<std::int8_t>(kMaxTokens * kQueryRank);
  std::vector<std::uint16_t> x = std::vector<std::uint16_t>(kMaxTokens * kHidden);
  std::vector<float> row_scale = std::vector<float>(kMaxTokens, 1e-3F);
  std::vector<float> column_scale = std::vector<float>(kQueryColumns, 1e-3F);
  std::vector<std::int32_t> correction = std::vector<std::int32_t>(kMaxTokens);
  core::AlignedBuffer<std::byte> packed_qr{"qr", packed_qr_bytes(kMaxTokens, kQueryRank)};
  core::AlignedBuffer<std::byte> packed_x{"x", packed_x_bytes(kMaxTokens, kHidden)};
  core::AlignedBuffer<std::uint16_t> q{"q", kMaxTokens* kQueryColumns};
  core::AlignedBuffer<float> projected{"projected", kMaxTokens* kHiddenColumns};
};

/// A stage: packing the activations, and the product.
struct Stage {
  const char* name;
  double macs_per_token;
  double weight_bytes;
  double (*ceiling)(Isa);
  void (*pack)(const Kernels&, Data&, std::int64_t tokens);
  void (*multiply)(const Kernels&, Data&, std::int64_t tokens);
};

void pack_query(const Kernels& kernels, Data& data, std::int64_t tokens) {
  kernels.pack_qr(data.qr.data(), tokens, kQueryRank, data.packed_qr.data(),
                  data.correction.data());
}
void multiply_query(const Kernels& kernels, Data& data, std::int64_t tokens) {
  kernels.query({.tokens = tokens,
                 .query_rank = kQueryRank,
                 .columns = kQueryColumns,
                 .weights = data.weights.data(),
                 .column_scale = data.column_scale.data(),
                 .activations = data.packed_qr.data(),
                 .correction = data.correction.data(),
                 .row_scale = data.row_scale.data(),
                 .out = data.q.data()},
                0, kQueryColumns);
}
void pack_hidden(const Kernels& kernels, Data& data, std::int64_t tokens) {
  kernels.pack_x(data.x.data(), tokens, kHidden, data.packed_x.data());
}
void multiply_hidden(const Kernels& kernels, Data& data, std::int64_t tokens) {
  kernels.project({.tokens = tokens,
                   .hidden = kHidden,
                   .columns = kHiddenColumns,
                   .weights = data.hidden_weights.data(),
                   .weight_exponents = data.exponents.data(),
                   .activations = data.packed_x.data(),
                   .out = data.projected.data()},
                  0, kHiddenColumns);
}

constexpr Stage kStages[] = {
    {"query", double{kQueryRank} * kQueryColumns, double{kQueryRank} * kQueryColumns,
     int8_macs_per_second, pack_query, multiply_query},
    {"project", double{kHidden} * kHiddenColumns, 2.0 * kHidden* kHiddenColumns,
     bf16_macs_per_second, pack_hidden, multiply_hidden},
};

void run(Isa isa, const Stage& stage, Data& data) {
  const Kernels& kernels = kernels_for(isa);
  for (const std::int64_t tokens : {1, 2, 8, 128}) {
    const double ceiling_before = stage.ceiling(isa);
    const double read = read_bytes_per_second(static_cast<std::int64_t>(stage.weight_bytes));
    const auto pack = bench::measure([&] { stage.pack(kernels, data, tokens); }, 21, 0.02);
    const auto multiply = bench::measure([&] { stage.multiply(kernels, data, tokens); });
    const double ceiling = std::max(ceiling_before, stage.ceiling(isa));
    const double rate = stage.macs_per_token * static_cast<double>(tokens) / multiply.median_s;
    std::printf("%-12s %-8s %4d %10.1f %8.1f %8.1f %9.1f %7.1f %5d\n", name(isa).data(), stage.name,
                static_cast<int>(tokens), multiply.median_s * 1e6, pack.median_s * 1e6, rate * 1e-9,
                100 * rate / ceiling, 100 * stage.weight_bytes / multiply.median_s / read,
                multiply.dropped);
  }
}

void run_all(std::string_view wanted) {
  Data data;
  std::printf("%-12s %-8s %4s %10s %8s %8s %9s %7s %5s\n", "isa", "stage", "T", "us", "pack us",
              "GMAC/s", "% of MACs", "% read", "lost");
  for (const IsaStatus& status : isa_statuses()) {
    if (!status.available || (!wanted.empty() && name(status.isa) != wanted)) continue;
    for (const Stage& stage : kStages) run(status.isa, stage, data);
  }
}

}  // namespace
}  // namespace fulgurite::cpu

int main(int argc, char** argv) {
  using namespace fulgurite;
  try {
    std::string_view wanted;
    if (argc == 3 && std::string_view(argv[1]) == "--isa") {
      wanted = name(resolve_isa(argv[2]));
    } else if (argc != 1) {
      std::fprintf(stderr, "usage: %s [--isa NAME]\n", argv[0]);
      return 2;
    }
    bench::pin_to_this_cpu();
    cpu::run_all(wanted);
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 2;
  }
}
