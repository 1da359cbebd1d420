#include "demo_check.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <exception>
#include <mutex>
#include <span>
#include <vector>

#include "core/checked.hpp"
#include "core/parallel.hpp"
#include "report/text.hpp"

namespace fulgurite::app {
namespace {

/// "12 of 64 sequences", on one line of the terminal that is cleared at the end.
class CheckProgress {
 public:
  explicit CheckProgress(std::int64_t sequences) : sequences_(sequences) {}
  ~CheckProgress() {
    if (shown_) std::fputs("\r\033[K", stderr);
  }
  CheckProgress(const CheckProgress&) = delete;
  CheckProgress& operator=(const CheckProgress&) = delete;

  /// From any thread.
  void add(std::int64_t sequences) {
    constexpr std::chrono::seconds kPatience{2};
    const std::lock_guard lock(mutex_);
    done_ += sequences;
    if (!terminal_ || std::chrono::steady_clock::now() - start_ < kPatience) return;
    shown_ = true;
    std::fprintf(stderr, "\rchecking against the reference: %lld of %lld sequences",
                 static_cast<long long>(done_), static_cast<long long>(sequences_));
    std::fflush(stderr);
  }

 private:
  const std::int64_t sequences_;
  const bool terminal_ = ::isatty(STDERR_FILENO) != 0;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::mutex mutex_;
  std::int64_t done_ = 0;
  bool shown_ = false;
};

/// Compares the values of sequences first .. of `all` with `part`, which has only theirs. `shape`
/// is that of `all`. Returns "NAME at [index]" of the first difference, or nothing.
template <class T>
std::string difference(const char* name, const std::vector<T>& all, const std::vector<T>& part,
                       std::int64_t first, const std::array<std::int64_t, 3>& shape) {
  const std::int64_t start = first * shape[1] * shape[2];
  const std::span<const T> ours =
      std::span(all).subspan(static_cast<std::size_t>(start), part.size());
  if (std::memcmp(ours.data(), part.data(), part.size() * sizeof(T)) == 0) return "";
  std::int64_t at = 0;
  while (std::memcmp(&ours[static_cast<std::size_t>(at)], &part[static_cast<std::size_t>(at)],
                     sizeof(T)) == 0) {
    ++at;
  }
  const std::int64_t flat = start + at;
  const std::array index{flat / shape[2] / shape[1], flat / shape[2] % shape[1], flat % shape[2]};
  return std::string(name) + " at " + report::shape_text(index);
}

/// The first of the six tensors that differs.
std::string difference(const SeedInput& input, const SeedOutput& all, const SeedOutput& part,
                       std::int64_t first) {
  const std::int64_t b = input.batch();
  const std::int64_t s = input.tokens_each();
  const std::int64_t l = input.cache_rows();
  const std::array<std::int64_t, 3> states{b, kWindowSlots, kStateWidth};
  const std::array differences{
      difference("inner_kv_state", all.inner_kv_state, part.inner_kv_state, first, states),
      difference("inner_score_state", all.inner_score_state, part.inner_score_state, first, states),
      difference("inner_kv", all.inner_kv, part.inner_kv, first, {b, s, kHeadDim}),
      difference("idx_kv_cache", all.idx_kv_cache, part.idx_kv_cache, first, {b, l, kHeadDim}),
      difference("score", all.score, part.score, first, {b, s, l}),
      difference("topk_idxs", all.topk_idxs, part.topk_idxs, first, {b, s, l}),
  };
  for (const std::string& each : differences) {
    if (!each.empty()) return each;
  }
  return "";
}

}  // namespace

std::string difference_from_reference(const DemoData& data, const SeedOutput& output,
                                      Executor& executor) {
  const SeedInput input = data.input();
  // Each part copies the weights, so a part should be worth that; but threads should end together.
  constexpr std::int64_t kPartsPerThread = 4;
  const std::int64_t most = core::divide_up(input.batch(), kPartsPerThread * executor.threads());
  const auto parts = static_cast<int>(core::divide_up(input.batch(), most));
  std::vector<std::string> differences(static_cast<std::size_t>(parts));
  std::vector<std::exception_ptr> failures(differences.size());
  CheckProgress progress(input.batch());
  core::for_each_task(executor, parts, [&](int part) {
    const auto at = static_cast<std::size_t>(part);
    const std::int64_t first = part * most;
    const std::int64_t count = std::min(most, input.batch() - first);
    try {
      const SeedOutput expected = reference::seed_step(data.part(first, count));
      differences[at] = difference(input, output, expected, first);
    } catch (...) {
      failures[at] = std::current_exception();
    }
    progress.add(count);
  });
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
  for (const std::string& each : differences) {
    if (!each.empty()) return each;
  }
  return "";
}

}  // namespace fulgurite::app
