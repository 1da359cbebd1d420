# What every file of the project is compiled with. ISA flags are set per file, in src/.
add_library(fulgurite_flags INTERFACE)
target_compile_features(fulgurite_flags INTERFACE cxx_std_20)
target_compile_options(fulgurite_flags INTERFACE
  # Both sums and products of the definition are rounded; a contraction changes the bits.
  -ffp-contract=off -fno-math-errno
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-qual -Wconversion
  -Wsign-conversion -Wdouble-promotion -Wimplicit-fallthrough
  # libstdc++ 12 uses a function of its own that it deprecates, in stable_sort; clang reports that.
  $<$<CXX_COMPILER_ID:Clang>:-Wno-deprecated-declarations>)
if(FULGURITE_DEVELOPER)
  target_compile_options(fulgurite_flags INTERFACE -Werror)
endif()

# fulgurite_hardly_optimised(TARGET): for what tests call and what they are made of. To optimise it
# takes longer than its runs then save. With sanitizers it is not optimised at all.
function(fulgurite_hardly_optimised target)
  if(FULGURITE_SANITIZE)
    target_compile_options(${target} PRIVATE -O0)
  else()
    target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
  endif()
endfunction()

if(FULGURITE_SANITIZE)
  target_compile_options(fulgurite_flags INTERFACE
    -fsanitize=${FULGURITE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(fulgurite_flags INTERFACE -fsanitize=${FULGURITE_SANITIZE})
endif()
