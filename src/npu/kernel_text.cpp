#include "npu/kernel_text.hpp"

#include <map>
#include <memory>
#include <tuple>
#include <unordered_map>

namespace fulgurite::npu {

using namespace tile;

namespace {

struct Node;

/// What makes two executions one statement: the same call, as often met before in its iteration.
struct Key {
  LocationId location;
  OpCode code = OpCode::full;
  const Node* moved = nullptr;  ///< of a move: who made the tile
  Index iteration = -1;         ///< of an unrolled loop, whose iterations are text of their own
  std::int32_t occurrence = 0;
  bool is_loop = false;

  [[nodiscard]] auto order() const {
    return std::tie(location, code, moved, iteration, occurrence, is_loop);
  }
  friend bool operator==(const Key& a, const Key& b) { return a.order() == b.order(); }
  friend bool operator<(const Key& a, const Key& b) { return a.order() < b.order(); }
};

/// A statement or a loop with its body.
struct Node {
  Key key;
  OpId op;
  LoopId loop;
  std::vector<std::unique_ptr<Node>> body;
  std::int32_t statement = -1;
};

bool repeats(LoopKind kind) { return kind != LoopKind::unroll && kind != LoopKind::spmd; }

bool is_statement(const Op& op) {
  switch (op.code) {
    case OpCode::slice:
    case OpCode::reshape:
    case OpCode::set_validshape:
      return false;
    default:
      return op.side != Side::none;
  }
}

/// Where the run of one iteration stands in the body that it shares with the others.
struct Cursor {
  Node* body = nullptr;
  std::size_t next = 0;
  std::map<Key, std::int32_t> met;
};

class Reader {
 public:
  Reader(const Trace& trace, TaskId id) : trace_(trace), task_(trace[id]) {
    cursors_[task_.iteration.value].body = &root_;
  }

  KernelText read() {
    for (std::int32_t row = task_.ops.first; row < task_.ops.last; ++row) read_op(OpId{row});
    for (const auto& load : loads_) number(*load, -1, 0);
    for (const auto& node : root_.body) number(*node, -1, 0);
    for (const auto& [load, op] : load_executions_) {
      text_.executions.push_back({op, load->statement, {}});
    }
    for (const Pending& run : executions_) {
      text_.executions.push_back({run.op, run.node->statement, run.moved});
    }
    return std::move(text_);
  }

 private:
  struct Pending {
    const Node* node;
    OpId op;
    TileId moved;
  };

  void read_op(OpId id) {
    const Op& op = trace_[id];
    if (is_whole_load(trace_, op)) {
      loads_.push_back(std::make_unique<Node>());
      loads_.back()->op = id;
      maker_[op.result.value] = loads_.back().get();
      load_executions_.emplace_back(loads_.back().get(), id);
      return;
    }
    Cursor* const cursor = cursor_of(op.iteration);
    if (cursor == nullptr) return;  // another block
    if (!is_statement(op)) {
      // A view is made by the operation itself, so that windows of one tile cross one by one.
      if (op.result.valid()) {
        Node& view = views_[{cursor->body, key_of(*cursor, op)}];
        maker_[op.result.value] = &view;
      }
      return;
    }
    for (std::int32_t at = 0; at < op.operand_count; ++at) {
      const TileId operand = op.operands[static_cast<std::size_t>(at)];
      if (operand.valid() && needs_move(trace_, op, operand)) move(*cursor, op, id, operand);
    }
    Node& node = place(*cursor, key_of(*cursor, op));
    if (!node.op.valid()) node.op = id;
    executions_.push_back({&node, id, {}});
    if (op.result.valid()) maker_[op.result.value] = &node;
  }

  void move(Cursor& cursor, const Op& op, OpId id, TileId operand) {
    const auto block = std::make_pair(operand.value, op.iteration.value);
    if (!moved_.emplace(block, true).second) return;
    const Node* const maker = maker_.at(operand.value);
    Key key{.location = {}, .code = OpCode::load, .moved = maker};
    key.occurrence = cursor.met[key]++;
    Node& node = place(cursor, key);
    if (!node.op.valid()) node.op = id;
    executions_.push_back({&node, id, operand});
  }

  static Key key_of(Cursor& cursor, const Op& op) {
    Key key{.location = op.location, .code = op.code};
    key.occurrence = cursor.met[key]++;
    return key;
  }

  /// The node of this key in the cursor's body, a new one at the cursor if it is not there.
  static Node& place(Cursor& cursor, const Key& key) {
    auto& body = cursor.body->body;
    for (std::size_t at = 0; at < body.size(); ++at) {
      if (!(body[at]->key == key)) continue;
      if (at >= cursor.next) cursor.next = at + 1;
      return *body[at];
    }
    auto node = std::make_unique<Node>();
    node->key = key;
    Node& placed = *node;
    body.insert(body.begin() + static_cast<std::ptrdiff_t>(cursor.next++), std::move(node));
    return placed;
  }

  /// Of an iteration of the kernel; null for all blocks of an spmd but the first.
  Cursor* cursor_of(IterationId id) {
    const auto known = cursors_.find(id.value);
    if (known != cursors_.end()) return &known->second;
    const Iteration& iteration = trace_[id];
    const Loop& loop = trace_[iteration.loop];
    if (loop.kind == LoopKind::spmd && iteration.ordinal != 0) return nullptr;
    Cursor* const outer = cursor_of(loop.enclosing);
    if (outer == nullptr) return nullptr;
    Node& node = loop_node(*outer, iteration);
    Cursor& cursor = cursors_[id.value];
    cursor.body = &node;
    return &cursor;
  }

  Node& loop_node(Cursor& outer, const Iteration& iteration) {
    const Loop& loop = trace_[iteration.loop];
    const bool is_unrolled = !repeats(loop.kind);
    const auto at = std::make_pair(iteration.loop.value, is_unrolled ? iteration.ordinal : -1);
    const auto known = loops_.find(at);
    if (known != loops_.end()) return *known->second;
    Key key{.location = loop.location, .iteration = at.second, .is_loop = true};
    key.occurrence = outer.met[key]++;
    Node& node = place(outer, key);
    node.loop = iteration.loop;
    loops_[at] = &node;
    return node;
  }

  void number(Node& node, std::int32_t loop, int depth) {
    if (!node.key.is_loop) {
      node.statement = static_cast<std::int32_t>(text_.statements.size());
      text_.statements.push_back({node.op, depth, node.key.moved != nullptr});
      text_.loop_of.push_back(loop);
      return;
    }
    const Loop& source = trace_[node.loop];
    auto inner = loop;
    if (repeats(source.kind)) {
      inner = static_cast<std::int32_t>(text_.loops.size());
      text_.loops.push_back({source.kind, source.stage, loop, 0, 0});
    }
    const auto first = static_cast<std::int32_t>(text_.statements.size());
    for (const auto& child : node.body) number(*child, inner, depth + (inner == loop ? 0 : 1));
    if (inner == loop) return;
    TextLoop& range = text_.loops[static_cast<std::size_t>(inner)];
    range.first = first;
    range.last = static_cast<std::int32_t>(text_.statements.size()) - 1;
  }

  const Trace& trace_;
  const Task& task_;
  KernelText text_;
  Node root_;
  std::vector<std::unique_ptr<Node>> loads_;
  std::vector<std::pair<const Node*, OpId>> load_executions_;
  std::map<std::pair<const Node*, Key>, Node> views_;
  std::unordered_map<std::int32_t, Cursor> cursors_;  ///< by iteration
  std::map<std::pair<std::int32_t, Index>, Node*> loops_;
  std::unordered_map<std::int32_t, const Node*> maker_;  ///< by tile
  std::map<std::pair<std::int32_t, std::int32_t>, bool> moved_;
  std::vector<Pending> executions_;
};

}  // namespace

KernelText kernel_text(const Trace& trace, TaskId task) { return Reader(trace, task).read(); }

bool needs_move(const Trace& trace, const Op& op, TileId operand) {
  const Side home = trace[operand].side;
  return (home == Side::cube && op.side == Side::vector) ||
         (home == Side::vector && op.side == Side::cube);
}

bool is_whole_load(const Trace& trace, const Op& op) {
  return op.code == OpCode::load && op.access.valid() && trace[op.access].is_whole;
}

}  // namespace fulgurite::npu
