// oneDNN at two parts of the step, against ours, on one thread of one process:
//
// query           an int8 matmul with weights in oneDNN's own packed form, then dequantised to bf16
// score + select  int8 matmuls over chunks of rows that stay in the cache, relu, weights and the
//                 sum over heads by hand on AVX-512, then the best k of the array of scores
//
// Every head meets every row on both sides: pruning is off. Run with OMP_NUM_THREADS=1.

#include <immintrin.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <dnnl.hpp>
#include <unordered_map>
#include <vector>

#include "bench_data.hpp"
#include "bench_list.hpp"
#include "bench_timer.hpp"
#include "cpu/ceilings.hpp"
#include "cpu/isa.hpp"
#include "cpu/pack_weights.hpp"
#include "report/table.hpp"
#include "report/text.hpp"

namespace fulgurite::app {
namespace {

using dnnl::memory;
using Type = memory::data_type;
using Layout = memory::format_tag;

constexpr std::int64_t kHeads = ScoredRows::kHeads;
constexpr std::int64_t kPicks = 512;

dnnl::matmul::primitive_desc matmul(const memory::desc& a, const memory::desc& b,
                                    const memory::desc& c, const dnnl::engine& engine) {
#if DNNL_VERSION_MAJOR >= 3
  return {engine, a, b, c};
#else
  return {dnnl::matmul::desc(a, b, c), engine};
#endif
}

/// oneDNN's own engine and stream.
struct OneDnn {
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  dnnl::stream stream{engine};
};

/// The products of a query with `chunk` rows at a time, and what the step makes of them.
class PeerScore {
 public:
  PeerScore(OneDnn& peer, std::int64_t rows, std::int64_t chunk)
      : peer_(peer),
        rows_(rows),
        chunk_(chunk),
        query_({kHeads, kHeadDim}, Type::s8, Layout::ab),
        keys_({kHeadDim, chunk}, Type::s8, Layout::ba),
        dots_({kHeads, chunk}, Type::s32, Layout::ab),
        product_(matmul(query_, keys_, dots_, peer.engine)),
        products_(static_cast<std::size_t>(kHeads * chunk)),
        scores_(static_cast<std::size_t>(rows)),
        scales_(static_cast<std::size_t>(rows), 1e-3F) {
    RandomTensors tensors(3);
    query_codes_ = tensors.codes(kHeads * kHeadDim);
    key_codes_ = tensors.codes(rows * kHeadDim);
    weights_ = tensors.floats(kHeads, 0, 1);
  }

  void run(const cpu::Kernels& kernels, cpu::TopList list) {
    memory a(query_, peer_.engine, query_codes_.data());
    memory b(keys_, peer_.engine, nullptr);
    memory c(dots_, peer_.engine, products_.data());
    const std::unordered_map<int, memory> arguments{
        {DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, b}, {DNNL_ARG_DST, c}};
    for (std::int64_t row = 0; row < rows_; row += chunk_) {
      b.set_data_handle(key_codes_.data() + row * kHeadDim);
      product_.execute(peer_.stream, arguments);
      peer_.stream.wait();
      reduce(row);
    }
    select(kernels, list);
  }

 private:
  void reduce(std::int64_t first) {
    const __m512i zero = _mm512_setzero_si512();
    for (std::int64_t row = 0; row < chunk_; row += 16) {
      __m512 sum = _mm512_setzero_ps();
      for (std::int64_t head = 0; head < kHeads; ++head) {
        const __m512i dot = _mm512_loadu_si512(products_.data() + head * chunk_ + row);
        sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(_mm512_max_epi32(dot, zero)),
                              _mm512_set1_ps(weights_[static_cast<std::size_t>(head)]), sum);
      }
      const __m512 scale = _mm512_loadu_ps(scales_.data() + first + row);
      _mm512_storeu_ps(scores_.data() + first + row, _mm512_mul_ps(sum, scale));
    }
  }
  /// A threshold from 1,024 of the scores, a rank 4 deviations on the safe side; one pass that
  /// keeps what is above it; a selection of those, sorted.
  void select(const cpu::Kernels& kernels, cpu::TopList& list) {
    if (!filter(list, sampled_threshold())) filter(list, -INFINITY);
    kernels.select_top(list);
    kernels.sort_top(list.scores, list.rows, list.count);
  }
  [[nodiscard]] float sampled_threshold() const {
    constexpr std::int64_t kLines = 64;
    constexpr std::int64_t kSample = kLines * 16;
    float sample[kSample];
    const std::int64_t stride = rows_ / 16 / kLines;
    for (std::int64_t i = 0; i < kLines; ++i) {
      std::copy_n(scores_.data() + 16 * (i * stride + i * 13 % stride), 16, sample + 16 * i);
    }
    const double expected = static_cast<double>(kPicks * kSample) / static_cast<double>(rows_);
    const auto rank = static_cast<std::int64_t>(expected + 4 * std::sqrt(expected) + 4);
    if (rank >= kSample) return -INFINITY;
    std::nth_element(sample, sample + rank, sample + kSample, std::greater<>());
    return sample[rank];
  }
  /// Whether at least k scores are at least `least`.
  bool filter(cpu::TopList& list, float least) const {
    const __m512 threshold = _mm512_set1_ps(least);
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    list.count = 0;
    for (std::int64_t row = 0; row < rows_; row += 16) {
      const __m512 score = _mm512_loadu_ps(scores_.data() + row);
      const __mmask16 pass = _mm512_cmp_ps_mask(score, threshold, _CMP_GE_OQ);
      if (pass == 0) continue;
      const __m512i id = _mm512_add_epi32(lane, _mm512_set1_epi32(static_cast<int>(row)));
      _mm512_storeu_ps(list.scores + list.count, _mm512_maskz_compress_ps(pass, score));
      _mm512_storeu_si512(list.rows + list.count, _mm512_maskz_compress_epi32(pass, id));
      list.count += __builtin_popcount(pass);
    }
    return list.count >= kPicks;
  }

  OneDnn& peer_;
  std::int64_t rows_;
  std::int64_t chunk_;
  memory::desc query_, keys_, dots_;
  dnnl::matmul product_;
  std::vector<std::int32_t> products_;
  std::vector<float> scores_, scales_, weights_;
  std::vector<std::int8_t> query_codes_, key_codes_;
};

struct Pair {
  double peer_s;
  double ours_s;
};

Pair race_scores(OneDnn& peer, const cpu::Kernels& kernels, std::int64_t rows) {
  const ScoredRows data(kernels, RowKind::normal, rows, 1);
  SelectionMemory room_for_all(rows, rows, kHeads);
  SelectionMemory lists(rows, kPicks, kHeads);
  const auto ours = [&] {
    return measure([&] {
             cpu::TopList list = lists.list();
             score_all(kernels, data, 0, list);
             finish(kernels, list);
           })
        .median_s;
  };
  const double before = ours();
  double best = INFINITY;
  for (const std::int64_t chunk : {256, 512, 1024, 2048}) {
    PeerScore score(peer, rows, chunk);
    const auto run = [&] {
      cpu::TopList list = room_for_all.list();
      list.k = kPicks;
      score.run(kernels, list);
    };
    best = std::min(best, measure(run).median_s);
  }
  return {best, std::min(before, ours())};
}

/// The query projection of v4-flash for 128 tokens.
Pair race_query(OneDnn& peer, const cpu::Kernels& kernels) {
  constexpr std::int64_t kTokens = 128;
  constexpr std::int64_t kRank = 1024;
  constexpr std::int64_t kColumns = 8192;
  RandomTensors tensors(4);
  std::vector<std::int8_t> qr = tensors.codes(kTokens * kRank);
  std::vector<std::int8_t> weights = tensors.codes(kRank * kColumns);
  std::vector<float> column_scale(kColumns, 1e-3F);
  std::vector<float> row_scale(kTokens, 1e-3F);
  core::AlignedBuffer<std::uint16_t> out("q", kTokens * kColumns);

  const memory::desc a_desc({kTokens, kRank}, Type::s8, Layout::ab);
  const memory::desc any({kRank, kColumns}, Type::s8, Layout::any);
  const memory::desc c_desc({kTokens, kColumns}, Type::s32, Layout::ab);
  const auto described = matmul(a_desc, any, c_desc, peer.engine);
  dnnl::matmul product(described);
  memory plain({{kRank, kColumns}, Type::s8, Layout::ab}, peer.engine, weights.data());
  memory packed(described.weights_desc(), peer.engine);
  memory a(a_desc, peer.engine, qr.data());
  memory c(c_desc, peer.engine);
  dnnl::reorder(plain, packed).execute(peer.stream, plain, packed);
  peer.stream.wait();
  const auto peers = [&] {
    product.execute(peer.stream,
                    {{DNNL_ARG_SRC, a}, {DNNL_ARG_WEIGHTS, packed}, {DNNL_ARG_DST, c}});
    peer.stream.wait();
    const auto* x = static_cast<const std::int32_t*>(c.get_data_handle());
    for (std::int64_t token = 0; token < kTokens; ++token) {
      for (std::int64_t column = 0; column < kColumns; column += 16) {
        const std::int64_t at = token * kColumns + column;
        const __m512 scale = _mm512_mul_ps(_mm512_set1_ps(row_scale[0]),
                                           _mm512_loadu_ps(column_scale.data() + column));
        const __m512 value = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_loadu_si512(x + at)), scale);
        const __m512i rounded =
            _mm512_add_epi32(_mm512_castps_si512(value), _mm512_set1_epi32(0x7fff));
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(out.data() + at),
                            _mm512_cvtepi32_epi16(_mm512_srli_epi32(rounded, 16)));
      }
    }
  };
  core::AlignedBuffer<std::uint8_t> ours_packed("wq_b", kRank * kColumns);
  std::transform(weights.begin(), weights.end(), ours_packed.data(),
                 [](std::int8_t code) { return static_cast<std::uint8_t>(code + 128); });
  core::AlignedBuffer<std::byte> packed_qr("qr", cpu::packed_qr_bytes(kTokens, kRank));
  std::vector<std::int32_t> correction(kTokens);
  const auto ours = [&] {
    kernels.pack_qr(qr.data(), kTokens, kRank, packed_qr.data(), correction.data());
    kernels.query({.tokens = kTokens,
                   .query_rank = kRank,
                   .columns = kColumns,
                   .weights = ours_packed.data(),
                   .column_scale = column_scale.data(),
                   .activations = packed_qr.data(),
                   .correction = correction.data(),
                   .row_scale = row_scale.data(),
                   .out = out.data()},
                  0, kColumns);
  };
  const double before = measure(ours).median_s;
  const double theirs = measure(peers).median_s;
  return {theirs, std::min(before, measure(ours).median_s)};
}

void run() {
  const PinnedThread pinned;
  const cpu::Kernels& kernels = cpu::kernels_for(resolve_isa("avx512_vnni"));
  OneDnn peer;
  report::Table table({{"part"},
                       {"shape"},
                       {"oneDNN", report::Align::right},
                       {"fulgurite", report::Align::right},
                       {"oneDNN / fulgurite", report::Align::right}});
  const auto add = [&](const char* part, const std::string& shape, Pair pair) {
    char ratio[32];
    std::snprintf(ratio, sizeof ratio, "%.2f", pair.peer_s / pair.ours_s);
    table.add({part, shape, report::duration(pair.peer_s), report::duration(pair.ours_s), ratio});
  };
  add("query", "T 128", race_query(peer, kernels));
  for (const std::int64_t rows : {8192, 32'768, 131'072, 262'144}) {
    add("score + select", report::count_of(rows, "row"), race_scores(peer, kernels, rows));
  }
  std::fputs(table.text().c_str(), stdout);
}

}  // namespace
}  // namespace fulgurite::app

int main() {
  try {
    fulgurite::app::run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
