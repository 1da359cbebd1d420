#include "tile/program.hpp"

#include <algorithm>
#include <cstring>

#include "tile/operation.hpp"

namespace fulgurite::tile {
namespace {

using detail::BufferStorage;
using detail::Operation;

bool is_identifier(std::string_view text) {
  const auto is_letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  };
  const auto may_follow = [&](char c) { return is_letter(c) || (c >= '0' && c <= '9'); };
  return !text.empty() && is_letter(text[0]) && std::all_of(text.begin(), text.end(), may_follow);
}

}  // namespace

Program::Program(Mode mode) : recorder_(std::make_unique<detail::Recorder>(mode)) {}
Program::~Program() = default;
Mode Program::mode() const { return recorder_->mode(); }
const Trace& Program::trace() const { return recorder_->trace; }

Trace Program::finish() {
  if (!recorder_->at_top()) {
    throw Error(ErrorKind::input, "finish: a scope or a loop is still running");
  }
  return std::move(recorder_->trace);
}

Tensor Program::input(std::string_view name, DType dtype, const Shape& shape, const void* data) {
  return parameter(name, Mark::input, dtype, shape, const_cast<void*>(data));
}

Tensor Program::parameter(std::string_view name, Mark mark, DType dtype, const Shape& shape,
                          void* data) {
  const std::string label(name);
  if (!recorder_->at_top()) {
    throw Error(ErrorKind::input, label + ": a parameter is declared before the program begins");
  }
  if (recorder_->computes() && data == nullptr) {
    throw Error(ErrorKind::input, label + ": expected data, found a null pointer");
  }
  for (const Index extent : shape) {
    if (extent <= 0) {
      throw Error(ErrorKind::input,
                  label + ": expected positive extents, found " + to_string(shape));
    }
  }
  if (dtype == DType::index || dtype == DType::boolean) {
    throw Error(ErrorKind::input,
                label + ": expected a type of tensors, found " + std::string(tile::name(dtype)));
  }
  Buffer buffer;
  buffer.name = label;
  buffer.kind = BufferKind::parameter;
  buffer.mark = mark;
  buffer.dtype = dtype;
  buffer.shape = shape;
  BufferStorage storage;
  storage.data = static_cast<std::byte*>(data);
  return Tensor(recorder_->add_buffer(std::move(buffer), std::move(storage)));
}

Value Program::create_tensor(std::string_view name, const Shape& shape, DType dtype, Where where) {
  Operation operation(*recorder_, OpCode::create_tensor, where);
  operation.expect_extents(shape);
  if (dtype == DType::index || dtype == DType::boolean) {
    operation.refuse("dtype: expected a type of tensors, found " + std::string(tile::name(dtype)));
  }
  if (!recorder_->in_scope()) {
    Buffer buffer;
    buffer.name = name;
    buffer.kind = BufferKind::created;
    buffer.dtype = dtype;
    buffer.shape = shape;
    buffer.creator = OpId{static_cast<std::int32_t>(recorder_->trace.ops.size())};
    const auto node = recorder_->add_buffer(
        std::move(buffer),
        detail::Recorder::undefined_storage(name, dtype, shape, recorder_->computes()));
    operation.op().view = node->view;
    operation.finish();
    return Value(node);
  }
  const auto node = operation.finish(dtype, shape);
  recorder_->trace.tiles.back().name = name;
  const auto elements = static_cast<std::size_t>(shape.elements());
  std::memset(node->make_undefined(), 1, elements);
  if (node->has_numbers()) {
    std::memset(node->data<std::byte>(), 0,
                elements * static_cast<std::size_t>(element_bytes(dtype)));
  }
  return Value(node);
}

TaskId Program::begin_scope(std::string_view name_hint, const ScopeOptions& options, Where where) {
  return recorder_->open_scope("at", name_hint, options.optimizations, options.deps, 0, where);
}

Iterations Program::begin_spmd(std::string_view name_hint, Index n, const SpmdOptions& options,
                               Where where) {
  if (n <= 0) {
    recorder_->fail("spmd", where, "n: expected a positive integer, found " + std::to_string(n));
  }
  recorder_->open_scope("spmd", name_hint, options.optimizations, options.deps, n, where);
  return recorder_->begin_loop(LoopKind::spmd, 0, n, 1, 0, where);
}

TaskId Program::end_scope(Where where) { return recorder_->end_scope(where); }
void Program::abandon_scope() noexcept { recorder_->abandon_scope(); }
void Program::begin_call(std::string_view name) { recorder_->begin_call(name); }
void Program::end_call() noexcept { recorder_->end_call(); }
const char* Program::intern(std::string_view text) { return recorder_->intern(text); }

namespace detail {

TaskId Recorder::open_scope(std::string_view what, std::string_view name_hint,
                            const std::vector<Optimization>& optimizations,
                            const std::vector<TaskId>& deps, Index blocks, const Where& where) {
  if (in_scope()) fail(what, where, "a scope cannot stand inside a scope");
  if (!is_identifier(name_hint)) {
    fail(what, where, "name_hint: expected an identifier, found \"" + std::string(name_hint) + '"');
  }
  Scope scope;
  scope.name = name_hint;
  scope.is_spmd = blocks > 0;
  for (const Optimization& entry : optimizations) {
    const bool is_split = entry.kind == Optimization::Kind::split;
    if (!is_split && scope.is_spmd) fail(what, where, "optimizations: auto_chunk is not for spmd");
    bool& seen = is_split ? scope.has_split : scope.auto_chunk;
    if (seen) {
      fail(what, where,
           std::string("optimizations: found ") + (is_split ? "split" : "auto_chunk") + " twice");
    }
    seen = true;
    if (is_split) scope.split = entry.mode;
  }
  for (const TaskId dep : deps) {
    if (!dep.valid() || dep.index() >= trace.tasks.size()) {
      fail(what, where, "deps: expected earlier tasks, found " + std::to_string(dep.value));
    }
  }
  return begin_scope(std::move(scope), std::max<Index>(blocks, 1), deps, where);
}

}  // namespace detail

}  // namespace fulgurite::tile
