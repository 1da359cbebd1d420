#include "progress_bar.hpp"

#include <fmt/core.h>
#include <unistd.h>

#include <chrono>
#include <cmath>

#include "report/text.hpp"

namespace fulgurite::app {
namespace {

constexpr double kQuietSeconds = 2;
constexpr double kSecondsBetween = 0.1;
constexpr const char* kClearLine = "\r\x1b[K";

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

}  // namespace

std::string progress_text(std::int64_t done, std::int64_t total, double seconds) {
  constexpr std::size_t kWidth = 26;
  const double share = static_cast<double>(done) / static_cast<double>(total);
  const auto full = static_cast<std::size_t>(share * kWidth);
  const double left = done == 0 ? 0 : seconds * (1 - share) / share;
  return fmt::format("[{}{}] {}, {} of {}, {:.0f} s left", std::string(full, '#'),
                     std::string(kWidth - full, '-'), report::percent(share),
                     report::thousands(done), report::count_of(total, "token"), std::ceil(left));
}

ProgressBar::ProgressBar() : ProgressBar(stderr, isatty(fileno(stderr)) != 0, steady_seconds) {}

ProgressBar::ProgressBar(std::FILE* out, bool is_terminal, Clock clock)
    : out_(out), is_terminal_(is_terminal), clock_(clock), start_(clock()) {}

ProgressBar::~ProgressBar() {
  if (!is_shown_) return;
  std::fputs(kClearLine, out_);
  std::fflush(out_);
}

void ProgressBar::show(std::int64_t done, std::int64_t total) {
  if (!is_terminal_) return;
  const double now = clock_();
  if (now - start_ < kQuietSeconds || (is_shown_ && now - shown_ < kSecondsBetween)) return;
  shown_ = now;
  is_shown_ = true;
  std::fputs(kClearLine, out_);
  std::fputs(progress_text(done, total, now - start_).c_str(), out_);
  std::fflush(out_);
}

}  // namespace fulgurite::app
