#include "fulgurite/selection.hpp"

#include <new>
#include <string>

#include "core/checked.hpp"
#include "fulgurite/error.hpp"

namespace fulgurite {
namespace {

std::size_t places(const char* what, std::int64_t tokens, std::int64_t each) {
  if (tokens < 0 || each < 0) {
    throw Error(ErrorKind::input, std::string(what) + ": expected sizes of at least 0, found " +
                                      std::to_string(tokens) + " tokens of " +
                                      std::to_string(each));
  }
  const std::int64_t count = core::checked_multiply(what, tokens, each);
  core::checked_multiply(what, count, sizeof(float));
  return static_cast<std::size_t>(count);
}

}  // namespace

Selection::Selection(const ModelShape& shape, std::int64_t tokens, const SelectionOptions& options)
    : tokens_(tokens),
      width_(options.width != 0 ? options.width : shape.topk),
      logit_rows_(options.logit_rows),
      has_scores_(options.scores) {
  const std::size_t selected = places("selection", tokens, width_);
  const std::size_t all = places("selection: logits", tokens, logit_rows_);
  try {
    indices_.assign(selected, kNoRow);
    if (has_scores_) scores_.assign(selected, kUnseenScore);
    logits_.assign(all, kUnseenScore);
    counts_.assign(static_cast<std::size_t>(tokens), 0);
  } catch (const std::exception&) {
    throw Error(ErrorKind::system, "selection: no memory for " + std::to_string(tokens) +
                                       " tokens of " + std::to_string(width_) + " places");
  }
}

void Selection::check_token(std::int64_t token) const {
  if (token >= 0 && token < tokens_) return;
  throw Error(ErrorKind::usage, "selection: token: expected 0 to " + std::to_string(tokens_ - 1) +
                                    ", found " + std::to_string(token));
}

std::span<const std::int32_t> Selection::rows(std::int64_t token) const {
  check_token(token);
  return std::span(indices_).subspan(
      static_cast<std::size_t>(token * width_),
      static_cast<std::size_t>(counts_.at(static_cast<std::size_t>(token))));
}

std::span<const float> Selection::scores(std::int64_t token) const {
  check_token(token);
  if (!has_scores_) return {};
  return std::span(scores_).subspan(
      static_cast<std::size_t>(token * width_),
      static_cast<std::size_t>(counts_.at(static_cast<std::size_t>(token))));
}

std::span<const float> Selection::logits(std::int64_t token) const {
  check_token(token);
  return std::span(logits_).subspan(static_cast<std::size_t>(token * logit_rows_),
                                    static_cast<std::size_t>(logit_rows_));
}

}  // namespace fulgurite
