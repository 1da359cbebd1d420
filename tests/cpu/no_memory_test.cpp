#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <new>
#include <optional>
#include <string>
#include <vector>

#include "../io/files.hpp"
#include "support/decoders.hpp"
#include "support/snapshot.hpp"

// What happens when memory is refused at the n-th allocation of a call, once or from then on.

namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
thread_local std::int64_t granted = kNever;  ///< allocations that still succeed
thread_local bool refuses_once = false;

bool is_refused() {
  if (granted == kNever) return false;
  if (granted-- > 0) return false;
  granted = refuses_once ? kNever : 0;
  return true;
}

}  // namespace

extern "C" {
void* __real_aligned_alloc(std::size_t alignment, std::size_t bytes);   // NOLINT
void* __wrap_aligned_alloc(std::size_t alignment, std::size_t bytes) {  // NOLINT
  return is_refused() ? nullptr : __real_aligned_alloc(alignment, bytes);
}
}

// Not inlined, or GCC 12 sees malloc meet delete.
[[gnu::noinline]] void* operator new(std::size_t bytes) {
  if (!is_refused()) {
    if (void* const memory = std::malloc(bytes == 0 ? 1 : bytes); memory != nullptr) return memory;
  }
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t /*bytes*/) noexcept {
  std::free(memory);
}

namespace fulgurite {
namespace {

using testing::CpuDecoder;
using testing::Random;
using testing::Snapshot;
using testing::TestBatch;
using testing::TestTokens;
using testing::TestWeights;
using testing::Values;

constexpr ModelShape kShape{.hidden = 32, .query_rank = 16, .heads = 8, .topk = 5};

/// Whether the call succeeds. If not, it must say that memory is short: by Error(system), or by
/// std::bad_alloc where there is not even enough for that sentence.
template <class Call>
bool succeeds(std::int64_t allocations, bool once, const Call& call) {
  refuses_once = once;
  granted = allocations;
  try {
    call();
    granted = kNever;
    return true;
  } catch (const Error& error) {
    granted = kNever;
    EXPECT_EQ(error.kind(), ErrorKind::system) << error.what();
  } catch (const std::bad_alloc&) {
    granted = kNever;
  }
  return false;
}

/// Calls `call` with 0, 1, 2, .. allocations granted until it succeeds. Whenever it fails, what
/// `snapshot` gives must be as it was. `prepare` comes before each call. Returns how many failed.
template <class Prepare, class Call, class Take>
std::int64_t refuse_each(const Prepare& prepare, const Call& call, const Take& snapshot) {
  for (std::int64_t count = 0; count < 10'000; ++count) {
    for (const bool once : {true, false}) {
      prepare();
      const Snapshot before = snapshot();
      if (succeeds(count, once, call)) return count;
      EXPECT_EQ(before, snapshot()) << "at allocation " << count;
    }
  }
  ADD_FAILURE() << "it never succeeds";
  return 0;
}

class NoMemory : public ::testing::TestWithParam<const char*> {
 protected:
  NoMemory() {
    TestBatch first(kShape);
    first.add(0, tokens_, 0, 22);
    first.add(1, tokens_, 0, 7);
    cpu_.decode(first.views());
  }
  [[nodiscard]] Snapshot snapshot() const { return {cpu_.keys, cpu_.state}; }

  Random random_{71};
  TestWeights weights_{kShape, random_, Values::normal, false, Recipe::named(GetParam())};
  TestTokens tokens_{kShape, 60, random_, Values::normal};
  CpuDecoder cpu_{weights_,
                  {.sequences = 3, .pages = 40, .page_rows = 2},
                  16,
                  resolve_isa(),
                  make_thread_pool(1)};
};

TEST_P(NoMemory, AStepThatCannotHaveItLeavesEverythingAsItWas) {
  TestBatch batch(kShape);
  batch.add(0, tokens_, 22, 30);
  batch.add(1, tokens_, 7, 2);
  batch.add(2, tokens_, 0, 9);
  const DecodeBatch views = batch.views();
  Selection picks(kShape, batch.views().tokens(), {.scores = true, .logit_rows = 20});
  std::optional<Indexer> indexer;
  const std::int64_t failed = refuse_each(
      [&] {  // one that has no memory yet
        indexer.emplace(kShape, weights_.views(),
                        IndexerOptions{.recipe = weights_.recipe, .executor = make_thread_pool(1)});
      },
      [&] { indexer->decode(views, cpu_.keys, cpu_.state, picks); },
      [&] { return Snapshot(cpu_.keys, cpu_.state, &picks); });
  EXPECT_GT(failed, 5);

  CpuDecoder other(weights_, {.sequences = 3, .pages = 40, .page_rows = 2}, 16, resolve_isa(),
                   make_thread_pool(1));
  TestBatch first(kShape);
  first.add(0, tokens_, 0, 22);
  first.add(1, tokens_, 0, 7);
  other.decode(first.views());
  const Selection expected = other.decode(views);
  for (std::int64_t token = 0; token < picks.tokens(); ++token) {
    EXPECT_TRUE(std::ranges::equal(expected.rows(token), picks.rows(token)));
  }
}

TEST_P(NoMemory, AnIndexerOnceStartedTakesStepsInTheEnginesMemoryOrLeavesItAsItWas) {
  constexpr std::int64_t kPages = 12;
  const std::int64_t row_bytes = weights_.recipe.row_format == RowFormat::fp32 ? 512 : 128;
  std::vector<std::int8_t> codes(static_cast<std::size_t>(kPages * 2 * row_bytes), 3);
  std::vector<float> scales(kPages * 2, 1);
  const std::vector<std::int32_t> table{3, 1, 4, 0, 5, 9, 2, 6, 7, 8};
  KeyCache keys({.codes = codes.data(), .scales = scales.data(), .pages = kPages, .page_rows = 2},
                {table.data(), {2, 5}}, weights_.recipe);
  CompressorState state({.sequences = 2});
  TestBatch batch(kShape);
  batch.add(0, tokens_, 0, 33);
  batch.add(1, tokens_, 0, 40);
  const DecodeBatch views = batch.views();
  Selection picks(kShape, 73);
  refuse_each([] {}, [&] { cpu_.indexer.decode(views, keys, state, picks); },
              [&] { return Snapshot(keys, state, &picks); });
  EXPECT_EQ(state.length(1), 40);
}

TEST_P(NoMemory, AForkARewindOrARowThatIsStoredIsDoneOrNot) {
  const std::vector<Bf16> rows(20 * kHeadDim);
  refuse_each([] {}, [&] { fork(cpu_.keys, cpu_.state, 0, 2); }, [&] { return snapshot(); });
  refuse_each([] {}, [&] { rewind(cpu_.keys, cpu_.state, 2, 17); }, [&] { return snapshot(); });
  refuse_each([] {}, [&] { release(cpu_.keys, cpu_.state, 0); }, [&] { return snapshot(); });
  refuse_each([] {}, [&] { cpu_.keys.store(0, 0, {rows.data(), {20, kHeadDim}}); },
              [&] { return snapshot(); });
}

TEST_P(NoMemory, AStateIsSavedAndLoadedOrNot) {
  const io::test::TemporaryFolder folder;
  const std::string path = (folder / "state.safetensors").string();
  refuse_each([&] { EXPECT_EQ(folder.files(), 0U); },
              [&] { save_state(path, cpu_.keys, cpu_.state); }, [&] { return snapshot(); });
  EXPECT_EQ(folder.files(), 1U);
  CpuDecoder later(weights_, {.sequences = 3, .pages = 40, .page_rows = 3}, 16, resolve_isa(),
                   make_thread_pool(1));
  refuse_each([] {}, [&] { load_state(path, later.keys, later.state); },
              [&] { return Snapshot(later.keys, later.state); });
  EXPECT_EQ(later.state.length(0), 22);
}

TEST_P(NoMemory, ACacheIsMadeOrNot) {
  std::optional<KeyCache> made;
  refuse_each([] {}, [&] { made.emplace(KeyCacheOptions{.sequences = 2, .pages = 9}); },
              [&] { return snapshot(); });
  std::optional<CompressorState> state;
  refuse_each([] {}, [&] { state.emplace(CompressorStateOptions{.sequences = 2}); },
              [&] { return snapshot(); });
  std::optional<Selection> picks;
  refuse_each([] {}, [&] { picks.emplace(kShape, 4); }, [&] { return snapshot(); });
}

INSTANTIATE_TEST_SUITE_P(, NoMemory, ::testing::Values("seed-int8", "deepseek", "fp8", "exact"),
                         [](const auto& test) {
                           std::string name(test.param);
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace fulgurite
