#pragma once

#if defined(FULGURITE_ZMM_VOCABULARY)
#include "cpu/select_avx512-inl.hpp"
#else
#include "cpu/select.hpp"

// Selection where no instruction helps: one compiled function for all such ISAs.

namespace fulgurite::cpu {
namespace {

FULGURITE_INLINE void select_top(TopList& list) { select_top_plain(list); }
constexpr auto sort_top = sort_top_plain;

}  // namespace
}  // namespace fulgurite::cpu
#endif
