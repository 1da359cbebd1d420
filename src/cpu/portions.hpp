#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fulgurite/decode_batch.hpp"

// A step goes through its stages portion by portion, which bounds the memory of a long prompt.
// Since tokens that come together leave what they leave one by one, no result depends on it.

namespace fulgurite::cpu {

/// Most tokens of a portion; and the fewest that it is worth to cut them down to.
inline constexpr std::int64_t kMostPortionTokens = 128;
inline constexpr std::int64_t kLeastPortionTokens = 8;

/// Tokens of a batch that follow one another.
struct Portion {
  std::vector<SequenceTokens> sequences;  ///< what each brings; none without tokens
  std::int64_t first_token = 0;           ///< in the batch
  std::int64_t tokens = 0;
  std::int64_t first_selected = 0;  ///< its first token that selects, among those of the batch
  std::int64_t selected = 0;        ///< how many do
};

/// Cuts a batch into portions of at most `most_tokens`, about equal ones. Sequences of policy
/// `seed` stay whole, however many tokens they have, for theirs share what they see.
class Portions {
 public:
  Portions(const DecodeBatch& batch, std::int64_t most_tokens);

  /// The next one into `portion`, whose memory is reused; false, and no tokens, after the last.
  bool next(Portion& portion);

 private:
  const DecodeBatch& batch_;
  std::int64_t size_;
  std::size_t entry_ = 0;   ///< the next sequence of the batch
  std::int64_t taken_ = 0;  ///< of its tokens
};

}  // namespace fulgurite::cpu
