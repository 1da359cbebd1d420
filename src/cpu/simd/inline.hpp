#pragma once

// Kernels are built from small functions that must disappear into their caller: a vector that
// crosses a call goes through memory, and no symbol of an ISA's file may reach the linker.
#define FULGURITE_INLINE [[maybe_unused, gnu::always_inline]] inline
#define FULGURITE_INLINE_LAMBDA __attribute__((always_inline))
