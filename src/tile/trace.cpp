#include "tile/trace.hpp"

namespace fulgurite::tile {
namespace {

struct OpFacts {
  std::string_view name;
  Unit unit;
};

/// In the order of OpCode.
constexpr std::array<OpFacts, 43> kOpFacts{{
    {"create_tensor", Unit::none},
    {"reshape", Unit::none},
    {"slice", Unit::none},
    {"read", Unit::scalar},
    {"min", Unit::scalar},
    {"cast", Unit::scalar},
    {"//", Unit::scalar},
    {"%", Unit::scalar},
    {"get_block_idx", Unit::scalar},
    {"load", Unit::data},
    {"slice", Unit::none},
    {"store", Unit::data},
    {"insert", Unit::data},
    {"keep", Unit::data},
    {"write", Unit::scalar},
    {"full", Unit::vector},
    {"arange", Unit::vector},
    {"matmul", Unit::cube},
    {"matmul_acc", Unit::cube},
    {"add", Unit::vector},
    {"sub", Unit::vector},
    {"mul", Unit::vector},
    {"div", Unit::vector},
    {"maximum", Unit::vector},
    {"neg", Unit::vector},
    {"exp", Unit::vector},
    {"recip", Unit::vector},
    {"sqrt", Unit::vector},
    {"abs", Unit::vector},
    {"row_max", Unit::vector},
    {"row_sum", Unit::vector},
    {"row_expand_mul", Unit::vector},
    {"col_expand_mul", Unit::vector},
    {"col_expand", Unit::vector},
    {"set_validshape", Unit::none},
    {"fillpad", Unit::vector},
    {"sort32", Unit::vector},
    {"mrgsort", Unit::vector},
    {"mrgsort", Unit::vector},
    {"gather", Unit::vector},
    {"gather", Unit::vector},
    {"scatter", Unit::vector},
    {"cast", Unit::vector},
}};
static_assert(static_cast<std::size_t>(OpCode::cast) + 1 == kOpFacts.size());

const OpFacts& facts(OpCode code) { return kOpFacts[static_cast<std::size_t>(code)]; }

}  // namespace

std::string_view name(OpCode code) { return facts(code).name; }
Unit unit(OpCode code) { return facts(code).unit; }

std::string_view name(SplitMode mode) {
  constexpr std::array<std::string_view, 3> kNames{"NONE", "UP_DOWN", "LEFT_RIGHT"};
  return kNames[static_cast<std::size_t>(mode)];
}

std::string_view name(Round mode) {
  constexpr std::array<std::string_view, 7> kNames{"none", "rint",  "round", "floor",
                                                   "ceil", "trunc", "odd"};
  return kNames[static_cast<std::size_t>(mode)];
}

std::string_view name(PadValue value) {
  constexpr std::array<std::string_view, 4> kNames{"null", "zero", "max", "min"};
  return kNames[static_cast<std::size_t>(value)];
}

std::string_view name(MaskPattern pattern) {
  constexpr std::array<std::string_view, 8> kNames{"?",     "P0101", "P1010", "P0001",
                                                   "P0010", "P0100", "P1000", "P1111"};
  const auto row = static_cast<std::size_t>(pattern);
  return kNames[row < kNames.size() ? row : 0];
}

std::string_view name(LoopKind kind) {
  constexpr std::array<std::string_view, 5> kNames{"range", "parallel", "pipeline", "unroll",
                                                   "spmd"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view name(TaskKind kind) {
  constexpr std::array<std::string_view, 3> kNames{"cube", "vector", "mixed"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::string_view name(Side side) {
  constexpr std::array<std::string_view, 4> kNames{"none", "cube", "vector", "both"};
  return kNames[static_cast<std::size_t>(side)];
}

std::string_view name(FindingKind kind) {
  constexpr std::array<std::string_view, 5> kNames{"undefined_output", "undefined_scalar",
                                                   "conversion", "negative_dividend",
                                                   "straight_and_transposed"};
  return kNames[static_cast<std::size_t>(kind)];
}

std::array<Index, 2> Region::bytes(DType dtype) const {
  const Index size = element_bytes(dtype);
  if (empty()) return {offset * size, offset * size};
  Index last = offset;
  for (std::size_t axis = 0; axis < extent.rank(); ++axis) {
    last += (extent[axis] - 1) * strides[axis];
  }
  return {offset * size, (last + 1) * size};
}

Region region(const Trace& trace, const View& view) {
  static_cast<void>(trace);
  return {view.buffer, view.offset, view.shape, view.strides};
}

Region region(const Trace& trace, const Access& access) {
  const View& view = trace[access.view];
  Index offset = view.offset;
  for (std::size_t axis = 0; axis < access.start.rank(); ++axis) {
    offset += access.start[axis] * view.strides[axis];
  }
  return {view.buffer, offset, access.extent, view.strides};
}

std::string full_name(const Trace& trace, ScopeId scope) {
  std::string text = trace[scope].name;
  for (CallId call = trace[scope].call; call.valid(); call = trace[call].caller) {
    text.insert(0, 1, '/').insert(0, trace[call].name);
  }
  return text;
}

std::string to_string(const Location& location) {
  return location.file + ':' + std::to_string(location.line);
}

namespace {

/// A line of a listing, word by word.
class Line {
 public:
  Line& operator<<(std::string_view word) {
    text_.append(word);
    return *this;
  }
  Line& operator<<(std::int64_t number) { return *this << std::to_string(number); }
  Line& operator<<(const Shape& shape) { return *this << to_string(shape); }
  [[nodiscard]] const std::string& text() const { return text_; }

 private:
  std::string text_;
};

void list_tile(Line& line, const Trace& trace, TileId id) {
  const TileRecord& tile = trace[id];
  line << "%" << id.value;
  if (!tile.name.empty()) line << "(" << tile.name << ")";
  line << " " << name(tile.dtype) << tile.shape;
}

void list_op(Line& line, const Trace& trace, const Op& op, IterationId outside) {
  for (IterationId at = op.iteration; at.valid() && at != outside;
       at = trace[trace[at].loop].enclosing) {
    line << name(trace[trace[at].loop].kind) << "=" << trace[at].value << " ";
  }
  if (op.result.valid()) {
    list_tile(line, trace, op.result);
    line << " = ";
  }
  line << name(op.code);
  for (std::int32_t slot = 0; slot < op.operand_count; ++slot) {
    line << " ";
    list_tile(line, trace, op.operands[static_cast<std::size_t>(slot)]);
  }
  if (op.settings.has_number) line << " " << std::to_string(op.settings.number);
  if (op.access.valid()) {
    const Access& access = trace[op.access];
    line << " " << trace[trace[access.view].buffer].name << " " << access.start << " +"
         << access.extent;
  }
  if (op.window.valid()) {
    line << " window " << trace[op.window].start << " +" << trace[op.window].extent;
  }
  line << " [" << name(op.side) << "] " << to_string(trace[op.location]);
}

}  // namespace

std::string dump(const Trace& trace, TaskId id) {
  const Task& task = trace[id];
  Line listing;
  listing << "task " << id.value << " " << full_name(trace, task.scope) << ": " << name(task.kind)
          << "\n";
  for (std::int32_t row = task.ops.first; row < task.ops.last; ++row) {
    listing << "  ";
    list_op(listing, trace, trace[OpId{row}], task.iteration);
    listing << "\n";
  }
  return listing.text();
}

}  // namespace fulgurite::tile
