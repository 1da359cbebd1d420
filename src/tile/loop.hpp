#pragma once

#include "tile/shape.hpp"

namespace fulgurite::tile {

namespace detail {
class Recorder;
}

/// A loop that is running: for (const Index i : pl.range(n)) { ... }, or, for other front ends,
///   while (loop.next()) use(loop.value());
/// The loop ends with the object.
class [[nodiscard]] Iterations {
 public:
  Iterations(const Iterations&) = delete;
  Iterations& operator=(const Iterations&) = delete;
  ~Iterations();

  /// Goes to the next iteration, at first to the first. False after the last.
  bool next();
  [[nodiscard]] Index value() const { return value_; }

  struct End {};
  class Iterator {
   public:
    explicit Iterator(Iterations& loop) : loop_(&loop), is_open_(loop.next()) {}
    Index operator*() const { return loop_->value(); }
    Iterator& operator++() {
      is_open_ = loop_->next();
      return *this;
    }
    bool operator==(End) const { return !is_open_; }

   private:
    Iterations* loop_;
    bool is_open_;
  };
  Iterator begin() { return Iterator(*this); }
  static End end() { return {}; }

 private:
  friend class detail::Recorder;
  friend class Program;
  Iterations(detail::Recorder& recorder, Index start, Index stop, Index step)
      : recorder_(recorder), value_(start - step), stop_(stop), step_(step) {}

  detail::Recorder& recorder_;
  Index value_;
  Index stop_;
  Index step_;
  bool is_open_ = true;
};

}  // namespace fulgurite::tile
