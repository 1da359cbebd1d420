#include "cpu/portions.hpp"

#include <algorithm>

#include "core/checked.hpp"

namespace fulgurite::cpu {
namespace {

/// Portions as equal as they can be, of full tiles of tokens.
std::int64_t portion_size(std::int64_t tokens, std::int64_t most) {
  if (tokens <= most) return most;
  const std::int64_t even = core::divide_up(tokens, core::divide_up(tokens, most));
  return std::min(most, core::round_up(even, kLeastPortionTokens));
}

}  // namespace

Portions::Portions(const DecodeBatch& batch, std::int64_t most_tokens)
    : batch_(batch), size_(portion_size(batch.tokens(), most_tokens)) {}

bool Portions::next(Portion& portion) {
  portion.first_token += portion.tokens;
  portion.first_selected += portion.selected;
  portion.tokens = 0;
  portion.selected = 0;
  portion.sequences.clear();
  if (entry_ == 0 && taken_ == 0) portion.first_token = portion.first_selected = 0;
  while (entry_ < batch_.sequences.size()) {
    const SequenceTokens& entry = batch_.sequences[entry_];
    const std::int64_t left = entry.tokens - taken_;
    const std::int64_t room = size_ - portion.tokens;
    const bool is_whole = batch_.policy == Policy::seed;
    if (left > 0 && (room == 0 || (is_whole && left > room && portion.tokens > 0))) break;
    const std::int64_t count = is_whole ? left : std::min(left, room);
    if (count > 0) {
      const std::int64_t unselected = std::clamp<std::int64_t>(entry.unselected - taken_, 0, count);
      portion.sequences.push_back({.sequence = entry.sequence,
                                   .position = entry.position + taken_,
                                   .tokens = count,
                                   .unselected = unselected});
      portion.tokens += count;
      portion.selected += count - unselected;
    }
    taken_ += count;
    if (taken_ < entry.tokens) break;
    ++entry_;
    taken_ = 0;
  }
  return portion.tokens > 0;
}

}  // namespace fulgurite::cpu
