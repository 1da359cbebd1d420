#include "tile/recorder.hpp"

#include <algorithm>

#include "core/checked.hpp"

namespace fulgurite::tile::detail {
namespace {

std::string_view without_folders(std::string_view path) {
  const std::size_t slash = path.find_last_of("/\\");
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

}  // namespace

void Recorder::fail(std::string_view what, const Where& where, const std::string& message,
                    ErrorKind kind) const {
  std::string text(what);
  text += in_scope() ? " in scope " + full_name(trace, trace[task_].scope) : " outside scopes";
  text += " at " + std::string(without_folders(where.file())) + ":" + std::to_string(where.line()) +
          ": " + message;
  throw Error(kind, text);
}

LocationId Recorder::locate(const Where& where) {
  const auto [place, is_new] = locations_.try_emplace({where.file(), where.line(), where.column()},
                                                      LocationId{size_of(trace.locations)});
  if (is_new) {
    trace.locations.push_back({std::string(without_folders(where.file())), where.function(),
                               where.line(), where.column()});
  }
  return place->second;
}

const char* Recorder::intern(std::string_view text) {
  return texts_.insert(std::string(text)).first->c_str();
}

Iterations Recorder::begin_loop(LoopKind kind, Index start, Index stop, Index step, Index stage,
                                const Where& where) {
  open_loops_.push_back(LoopId{size_of(trace.loops)});
  trace.loops.push_back({kind, start, stop, step, stage, iteration_, task_, locate(where)});
  return {*this, start, stop, step};
}

void Recorder::next_iteration(Index value) {
  const LoopId loop = open_loops_.back();
  const Loop& record = trace[loop];
  iteration_ = IterationId{size_of(trace.iterations)};
  trace.iterations.push_back({loop, value, (value - record.start) / record.step});
}

void Recorder::end_loop() noexcept {
  iteration_ = trace[open_loops_.back()].enclosing;
  open_loops_.pop_back();
}

void Recorder::begin_call(std::string_view name) {
  const Call call{std::string(name), call_};
  const auto found = std::find(trace.calls.begin(), trace.calls.end(), call);
  call_ = CallId{static_cast<std::int32_t>(found - trace.calls.begin())};
  if (found == trace.calls.end()) trace.calls.push_back(call);
}

bool Recorder::in_spmd() const { return in_scope() && trace[trace[task_].scope].is_spmd; }

Index Recorder::block() const {
  for (IterationId at = iteration_; at.valid(); at = trace[trace[at].loop].enclosing) {
    if (trace[trace[at].loop].kind == LoopKind::spmd) return trace[at].value;
  }
  return 0;
}

OpId Recorder::add(const Op& op) {
  trace.ops.push_back(op);
  trace.ops.back().task = task_;
  trace.ops.back().iteration = iteration_;
  return OpId{size_of(trace.ops) - 1};
}

NodePtr Recorder::add_buffer(Buffer buffer, BufferStorage storage) {
  const BufferId id{size_of(trace.buffers)};
  buffer.iteration = iteration_;
  buffer.whole = ViewId{size_of(trace.views)};
  const View whole{id, 0, buffer.shape, row_major_strides(buffer.shape)};
  const DType dtype = buffer.dtype;
  trace.buffers.push_back(std::move(buffer));
  storages_.push_back(std::move(storage));
  return add_view(id, dtype, whole);
}

NodePtr Recorder::add_view(BufferId buffer, DType dtype, View view) {
  view.buffer = buffer;
  auto node = std::make_shared<Node>();
  node->recorder = this;
  node->dtype = dtype;
  node->shape = view.shape;
  node->valid = view.shape;
  node->view = ViewId{size_of(trace.views)};
  trace.views.push_back(view);
  return node;
}

NodePtr Recorder::add_tile(TileRecord record) {
  auto node = std::make_shared<Node>();
  node->recorder = this;
  node->dtype = record.dtype;
  node->shape = record.shape;
  node->valid = record.valid;
  node->tile = TileId{size_of(trace.tiles)};
  node->storage = std::make_shared<TileStorage>();
  if (computes()) {
    node->storage->bytes = core::AlignedBuffer<std::byte>(
        "tile", record.shape.elements() * element_bytes(record.dtype));
  }
  record.task = task_;
  trace.tiles.push_back(std::move(record));
  return node;
}

AccessId Recorder::add_access(Access access) {
  trace.accesses.push_back(access);
  return AccessId{size_of(trace.accesses) - 1};
}

WindowId Recorder::add_window(const Shape& start, const Shape& extent) {
  trace.windows.push_back({start, extent});
  return WindowId{size_of(trace.windows) - 1};
}

void Recorder::find(FindingKind kind, OpId op, BufferId buffer, std::int64_t count,
                    const std::string& message) {
  const auto [place, is_new] =
      findings_.try_emplace({kind, trace[op].location, buffer}, trace.findings.size());
  if (!is_new) {
    trace.findings[place->second].count += count;
    return;
  }
  std::string text(name(trace[op].code));
  text += in_scope() ? " in scope " + full_name(trace, trace[task_].scope) : " outside scopes";
  text += " at " + to_string(trace[trace[op].location]) + ": " + message;
  trace.findings.push_back({kind, op, buffer, count, text});
}

BufferStorage Recorder::undefined_storage(std::string_view name, DType dtype, const Shape& shape,
                                          bool with_numbers) {
  const Index elements = shape.elements();
  const auto zeroed = [&](Index bytes) {
    void* memory = std::calloc(static_cast<std::size_t>(std::max<Index>(bytes, 1)), 1);
    if (memory == nullptr) {
      throw Error(ErrorKind::system,
                  std::string(name) + ": no memory for " + std::to_string(bytes) + " bytes");
    }
    return memory;
  };
  BufferStorage storage;
  storage.defined.reset(static_cast<std::uint8_t*>(zeroed(elements)));
  if (with_numbers) {
    storage.owned.reset(zeroed(elements * element_bytes(dtype)));
    storage.data = static_cast<std::byte*>(storage.owned.get());
  }
  return storage;
}

void Recorder::forget_loads(BufferId buffer) {
  std::erase_if(whole_loads, [&](const auto& load) { return trace[load.first].buffer == buffer; });
}

void Recorder::note_orientation(OpId op, TileId operand, bool transposed) {
  while (trace[operand].view_of.valid()) operand = trace[operand].view_of;
  const Op& producer = trace[trace[operand].producer];
  if (producer.code != OpCode::load) return;
  const BufferId buffer = trace[trace[producer.access].view].buffer;
  unsigned& seen = orientations_[buffer];
  seen |= transposed ? 2U : 1U;
  if (seen == 3U) {
    find(FindingKind::straight_and_transposed, op, buffer, 1,
         trace[buffer].name + " is used both straight and transposed in this scope");
    seen |= 4U;  // said once for each scope's run
  }
}

}  // namespace fulgurite::tile::detail
