#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/kernels.hpp"

// Selection and sorting without any instruction set in particular, for the ISAs that have no kernel
// of their own for them and for the lists that such a kernel hands on. One total order throughout:
// score descending, then row ascending; +0 equals -0; no NaN. This header is included by files
// compiled with -m flags: declarations only.

namespace fulgurite::cpu {

/// What TopList::scratch needs.
std::int64_t list_scratch_bytes(std::int64_t capacity);

/// Kernels::select_top.
void select_top_plain(TopList& list);

/// Kernels::sort_top.
void sort_top_plain(float* scores, std::uint32_t* rows, std::int64_t count);

/// Brings the best `keep` of the `count` pairs to the front, in no order. `keys` has room for
/// `count`.
void keep_best(float* scores, std::uint32_t* rows, std::int64_t count, std::int64_t keep,
               std::uint64_t* keys);

/// Brings the lowest `keep` of the rows to the front, in no order.
void keep_lowest(std::uint32_t* rows, std::int64_t count, std::int64_t keep);

}  // namespace fulgurite::cpu
