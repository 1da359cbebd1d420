#pragma once

#include <cstdint>
#include <cstdio>
#include <string>

namespace fulgurite::app {

/// "[######--------------------] 23 %, 940 of 4,096 tokens, 12 s left"
std::string progress_text(std::int64_t done, std::int64_t total, double seconds);

/// How far a long run is, in a line on a terminal that it takes away at the end. Nothing in the
/// first two seconds, and nothing at all where standard error is no terminal.
class ProgressBar {
 public:
  /// Seconds that have passed since any one moment.
  using Clock = double (*)();

  ProgressBar();
  /// For tests.
  ProgressBar(std::FILE* out, bool is_terminal, Clock clock);
  ~ProgressBar();
  ProgressBar(const ProgressBar&) = delete;
  ProgressBar& operator=(const ProgressBar&) = delete;

  /// `done` of `total` tokens, total at least 1.
  void show(std::int64_t done, std::int64_t total);

 private:
  std::FILE* out_;
  bool is_terminal_;
  Clock clock_;
  double start_;
  double shown_ = 0;  ///< when a line was written last
  bool is_shown_ = false;
};

}  // namespace fulgurite::app
