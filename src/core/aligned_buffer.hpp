#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

#include "core/checked.hpp"

namespace fulgurite::core {

/// A cache line, and the widest vector.
inline constexpr std::size_t kLineBytes = 64;
inline constexpr std::size_t kHugePageBytes = std::size_t{2} << 20;

namespace detail {
struct FreeMemory {
  void operator()(void* memory) const noexcept;
};
using Memory = std::unique_ptr<void, FreeMemory>;

/// `bytes` bytes, aligned as AlignedBuffer promises; throws Error(system) that names `what`.
Memory allocate(std::string_view what, std::int64_t bytes);
}  // namespace detail

/// An array of plain values, aligned to 64 bytes; one of 2 MiB or more is aligned to 2 MiB and asks
/// for huge pages, which spares a sweep over it most of its TLB misses.
///
/// Throws Error(input) "what: .." if a size is negative or its bytes overflow, and Error(system) if
/// the machine refuses the memory.
template <class T>
class AlignedBuffer {
  static_assert(std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>);
  static_assert(alignof(T) <= kLineBytes);

 public:
  AlignedBuffer() = default;

  /// `size` values that are not initialised.
  AlignedBuffer(std::string_view what, std::int64_t size)
      : memory_(detail::allocate(what, checked_multiply(what, size, sizeof(T)))), size_(size) {}

  /// `size` values whose bytes are all 0.
  static AlignedBuffer zeroed(std::string_view what, std::int64_t size) {
    AlignedBuffer buffer(what, size);
    if (size != 0) std::memset(buffer.memory_.get(), 0, static_cast<std::size_t>(size) * sizeof(T));
    return buffer;
  }

  AlignedBuffer(AlignedBuffer&& other) noexcept
      : memory_(std::move(other.memory_)), size_(std::exchange(other.size_, 0)) {}
  AlignedBuffer& operator=(AlignedBuffer&& other) noexcept {
    memory_ = std::move(other.memory_);
    size_ = std::exchange(other.size_, 0);
    return *this;
  }
  AlignedBuffer(const AlignedBuffer&) = delete;
  AlignedBuffer& operator=(const AlignedBuffer&) = delete;
  ~AlignedBuffer() = default;

  /// Makes room for at least `size` values; it never shrinks. If it grows, the values are lost.
  void ensure(std::string_view what, std::int64_t size) {
    if (size > size_) *this = AlignedBuffer(what, size);
  }

  [[nodiscard]] T* data() { return static_cast<T*>(memory_.get()); }
  [[nodiscard]] const T* data() const { return static_cast<const T*>(memory_.get()); }
  [[nodiscard]] std::int64_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] T& operator[](std::int64_t index) { return data()[index]; }
  [[nodiscard]] const T& operator[](std::int64_t index) const { return data()[index]; }
  [[nodiscard]] std::span<T> span() { return {data(), static_cast<std::size_t>(size_)}; }
  [[nodiscard]] std::span<const T> span() const {
    return {data(), static_cast<std::size_t>(size_)};
  }

 private:
  detail::Memory memory_;
  std::int64_t size_ = 0;
};

}  // namespace fulgurite::core
