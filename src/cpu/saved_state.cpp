#include "fulgurite/saved_state.hpp"

#include <algorithm>
#include <string>

#include "core/checked.hpp"
#include "cpu/key_cache.hpp"
#include "cpu/step_access.hpp"
#include "fulgurite/error.hpp"
#include "io/saved_state.hpp"
#include "io/text.hpp"

namespace fulgurite {
namespace {

constexpr std::int64_t kScaleBytes = sizeof(float);

/// Both have the same sequences, and the rows are the cache's own.
void check_pair(const KeyCache::Impl& cache, const CompressorState& state) {
  if (!cache.owned()) {
    throw Error(ErrorKind::usage,
                "saved state: expected a cache with own memory, found an engine's block table");
  }
  if (cache.sequences() != state.sequences()) {
    throw Error(ErrorKind::usage,
                "saved state: expected a cache and a state of as many sequences, "
                "found " +
                    std::to_string(cache.sequences()) + " and " +
                    std::to_string(state.sequences()));
  }
}

io::SavedState collect(const KeyCache::Impl& cache, const CompressorState& state) {
  io::SavedState saved;
  saved.recipe = cache.recipe.name;
  saved.row_bytes = cache.row_bytes;
  saved.slots = state.slots();
  for (std::int64_t sequence = 0; sequence < state.sequences(); ++sequence) {
    const std::int64_t rows = cache.own_rows[static_cast<std::size_t>(sequence)];
    saved.lengths.push_back(state.length(sequence));
    saved.oldest.push_back(StepAccess::oldest(state, sequence));
    saved.rows.push_back(rows);
    for (std::int64_t row = 0; row < rows; ++row) {
      const auto* const codes = reinterpret_cast<const std::uint8_t*>(cache.codes(sequence, row));
      const auto* const scale = reinterpret_cast<const std::uint8_t*>(cache.scale(sequence, row));
      saved.codes.insert(saved.codes.end(), codes, codes + cache.row_bytes);
      saved.scales.insert(saved.scales.end(), scale, scale + kScaleBytes);
    }
  }
  const auto kv = state.kv().flat();
  const auto gate = state.gate().flat();
  saved.kv.assign(kv.begin(), kv.end());
  saved.gate.assign(gate.begin(), gate.end());
  return saved;
}

/// What `load` puts back must fit, and nothing must be in its way.
void check_fit(const std::string& path, const io::SavedState& saved, const KeyCache::Impl& cache,
               const CompressorState& state) {
  const auto refuse = [&](const std::string& what, const std::string& expected,
                          const std::string& found) {
    throw Error(ErrorKind::input,
                io::printable(path) + ": " + what + ": expected " + expected + ", found " + found);
  };
  bool is_alike = false;
  try {
    is_alike = cache.recipe.makes_keys_like(Recipe::named(saved.recipe));
  } catch (const Error&) {
    is_alike = false;
  }
  if (!is_alike || saved.row_bytes != cache.row_bytes) {
    refuse("metadata recipe", std::string(cache.recipe.name), io::in_quotes(saved.recipe));
  }
  const auto sequences = static_cast<std::int64_t>(saved.lengths.size());
  if (sequences != state.sequences()) {
    refuse("sequences", std::to_string(state.sequences()), std::to_string(sequences));
  }
  if (saved.slots != state.slots()) {
    refuse("slots", std::to_string(state.slots()), std::to_string(saved.slots));
  }
  std::int64_t pages = 0;
  for (std::int64_t sequence = 0; sequence < sequences; ++sequence) {
    const auto at = static_cast<std::size_t>(sequence);
    if (state.length(sequence) != 0 || cache.own_rows[at] != 0) {
      throw Error(ErrorKind::usage, "saved state: sequence " + std::to_string(sequence) +
                                        ": expected none of its tokens, found " +
                                        std::to_string(state.length(sequence)));
    }
    pages += core::divide_up(saved.rows[at], cache.memory.page_rows);
  }
  if (pages > static_cast<std::int64_t>(cache.free.size())) {
    refuse("key rows", "room in " + std::to_string(cache.free.size()) + " free pages",
           "rows for " + std::to_string(pages));
  }
}

}  // namespace

void save_state(const std::string& path, const KeyCache& keys, const CompressorState& state) {
  const KeyCache::Impl& cache = StepAccess::impl(keys);
  check_pair(cache, state);
  io::write_saved_state(path, collect(cache, state));
}

void load_state(const std::string& path, KeyCache& keys, CompressorState& state) {
  KeyCache::Impl& cache = StepAccess::impl(keys);
  check_pair(cache, state);
  const io::SavedState saved = io::read_saved_state(path);
  check_fit(path, saved, cache, state);
  Plan plan;
  for (std::size_t i = 0; i < saved.rows.size(); ++i) {
    plan.sequences.push_back({static_cast<std::int64_t>(i), 0, 0, saved.rows[i]});
  }
  cache.make_room(plan);
  const std::uint8_t* codes = saved.codes.data();
  const std::uint8_t* scales = saved.scales.data();
  for (std::size_t i = 0; i < saved.rows.size(); ++i) {
    const auto sequence = static_cast<std::int64_t>(i);
    cache.take(sequence, saved.rows[i]);
    for (std::int64_t row = 0; row < saved.rows[i]; ++row) {
      std::copy_n(codes, cache.row_bytes, cache.codes(sequence, row));
      std::copy_n(scales, kScaleBytes, reinterpret_cast<std::uint8_t*>(cache.scale(sequence, row)));
      codes += cache.row_bytes;
      scales += kScaleBytes;
    }
    StepAccess::set_length(state, sequence, saved.lengths[i], saved.oldest[i]);
  }
  std::copy(saved.kv.begin(), saved.kv.end(), StepAccess::kv(state).flat().begin());
  std::copy(saved.gate.begin(), saved.gate.end(), StepAccess::gate(state).flat().begin());
}

}  // namespace fulgurite
