#include "tile/loop.hpp"

#include "tile/recorder.hpp"

namespace fulgurite::tile {

Iterations::~Iterations() {
  if (is_open_) recorder_.end_loop();
}

bool Iterations::next() {
  if (!is_open_) return false;
  value_ += step_;
  if (value_ < stop_) {
    recorder_.next_iteration(value_);
  } else {
    recorder_.end_loop();
    is_open_ = false;
  }
  return is_open_;
}

namespace {

using detail::Recorder;

void expect_step(const Recorder& recorder, const char* what, Index step, const Where& where) {
  if (step <= 0) {
    recorder.fail(what, where, "step: expected a positive integer, found " + std::to_string(step));
  }
}

void expect_scope(const Recorder& recorder, const char* what, const Where& where) {
  if (!recorder.in_scope()) recorder.fail(what, where, "expected to stand inside a scope");
}

}  // namespace

Iterations Program::range(Index stop, Where where) { return range(0, stop, 1, where); }
Iterations Program::range(Index start, Index stop, Where where) {
  return range(start, stop, 1, where);
}
Iterations Program::range(Index start, Index stop, Index step, Where where) {
  expect_step(*recorder_, "range", step, where);
  return recorder_->begin_loop(LoopKind::range, start, stop, step, 0, where);
}

Iterations Program::parallel(Index stop, Where where) { return parallel(0, stop, 1, where); }
Iterations Program::parallel(Index start, Index stop, Where where) {
  return parallel(start, stop, 1, where);
}
Iterations Program::parallel(Index start, Index stop, Index step, Where where) {
  expect_step(*recorder_, "parallel", step, where);
  if (recorder_->in_scope()) {
    recorder_->fail("parallel", where, "a parallel loop cannot stand inside a scope");
  }
  return recorder_->begin_loop(LoopKind::parallel, start, stop, step, 0, where);
}

Iterations Program::pipeline(Index stop, PipelineOptions options, Where where) {
  return pipeline(0, stop, 1, options, where);
}
Iterations Program::pipeline(Index start, Index stop, PipelineOptions options, Where where) {
  return pipeline(start, stop, 1, options, where);
}
Iterations Program::pipeline(Index start, Index stop, Index step, PipelineOptions options,
                             Where where) {
  expect_step(*recorder_, "pipeline", step, where);
  expect_scope(*recorder_, "pipeline", where);
  if (options.stage <= 0) {
    recorder_->fail("pipeline", where,
                    "stage: expected a positive integer, found " + std::to_string(options.stage));
  }
  return recorder_->begin_loop(LoopKind::pipeline, start, stop, step, options.stage, where);
}

Iterations Program::unroll(Index n, Where where) {
  expect_scope(*recorder_, "unroll", where);
  return recorder_->begin_loop(LoopKind::unroll, 0, n, 1, 0, where);
}

}  // namespace fulgurite::tile
