#include "core/aligned_buffer.hpp"

#include <sys/mman.h>

#include <cstdlib>
#include <limits>
#include <string>

#include "fulgurite/error.hpp"

namespace fulgurite::core::detail {

void FreeMemory::operator()(void* memory) const noexcept { std::free(memory); }

Memory allocate(std::string_view what, std::int64_t bytes) {
  if (bytes < 0) {
    throw Error(ErrorKind::input, std::string(what) + ": expected a size of at least 0, found " +
                                      std::to_string(bytes) + " bytes");
  }
  if (bytes == 0) return nullptr;
  const auto wanted = static_cast<std::size_t>(bytes);
  const bool huge = wanted >= kHugePageBytes;
  const std::size_t alignment = huge ? kHugePageBytes : kLineBytes;
  // aligned_alloc wants a multiple of the alignment. A size of at most 2^63 - 1 leaves room for it.
  Memory memory(std::aligned_alloc(alignment, (wanted + alignment - 1) / alignment * alignment));
  if (memory == nullptr) {
    throw Error(ErrorKind::system, std::string(what) + ": expected " + std::to_string(bytes) +
                                       " bytes of memory, found that the machine refuses them");
  }
  // A hint: where huge pages are off, small ones do.
  if (huge) madvise(memory.get(), wanted, MADV_HUGEPAGE);
  return memory;
}

}  // namespace fulgurite::core::detail
