#include "tile/keywords.hpp"

#include <algorithm>
#include <cmath>

#include "tile/arguments.hpp"

namespace fulgurite::tile {
namespace {

using detail::Arguments;

std::vector<Optimization> optimizations_of(const Arguments& arguments) {
  const ArgumentValue* value = arguments.find("optimizations");
  if (value == nullptr) return {};
  const List* list = std::get_if<List>(value);
  if (list == nullptr) arguments.refuse("optimizations: expected a list");
  std::vector<Optimization> result;
  for (const ListEntry& entry : *list) {
    const auto* optimization = std::get_if<Optimization>(&entry);
    if (optimization == nullptr) {
      const auto* text = std::get_if<std::string>(&entry);
      arguments.refuse("optimizations: expected auto_chunk or split(mode), found " +
                       (text != nullptr ? *text : std::string("a task")));
    }
    const bool is_twice = std::any_of(result.begin(), result.end(), [&](const Optimization& other) {
      return other.kind == optimization->kind;
    });
    if (is_twice) {
      const bool is_split = optimization->kind == Optimization::Kind::split;
      arguments.refuse(std::string("optimizations: found ") + (is_split ? "split" : "auto_chunk") +
                       " twice");
    }
    result.push_back(*optimization);
  }
  return result;
}

std::vector<TaskId> deps_of(const Arguments& arguments) {
  const ArgumentValue* value = arguments.find("deps");
  if (value == nullptr) return {};
  const List* list = std::get_if<List>(value);
  if (list == nullptr) arguments.refuse("deps: expected a list of tasks");
  std::vector<TaskId> result;
  for (const ListEntry& entry : *list) {
    const auto* task = std::get_if<TaskId>(&entry);
    if (task == nullptr) arguments.refuse("deps: expected tasks");
    result.push_back(*task);
  }
  return result;
}

/// Spellings of options that were accepted once, and did nothing.
void refuse_old_spellings(const Arguments& arguments) {
  const bool has_old = arguments.find("optimization") != nullptr;
  if (has_old && arguments.find("optimizations") != nullptr) {
    arguments.refuse("optimization and optimizations: expected the second alone");
  }
  for (const char* old : {"optimization", "split"}) {
    if (arguments.find(old) != nullptr) {
      arguments.refuse(std::string(old) + ": use optimizations=[..]");
    }
  }
}

DType dtype_of(const Arguments& arguments, std::string_view name, const ArgumentValue& value) {
  const std::string text = arguments.text(name, value);
  const std::optional<DType> dtype = find_dtype(text);
  if (!dtype.has_value()) {
    arguments.refuse(std::string(name) + ": expected a type, found " + text);
  }
  return *dtype;
}

template <class Enum>
Enum enum_of(const Arguments& arguments, std::string_view what, const std::string& text, Enum first,
             Enum last) {
  for (int row = static_cast<int>(first); row <= static_cast<int>(last); ++row) {
    if (name(static_cast<Enum>(row)) == text) return static_cast<Enum>(row);
  }
  arguments.refuse(std::string(what) + ": unknown, found " + text);
}

}  // namespace

std::optional<DType> find_dtype(std::string_view text) {
  for (int row = 0; row <= static_cast<int>(DType::boolean); ++row) {
    if (name(static_cast<DType>(row)) == text) return static_cast<DType>(row);
  }
  return std::nullopt;
}

WrittenScope parse_at(const WrittenCall& call) {
  const Arguments arguments(call);
  arguments.expect_positional(0, 2);
  refuse_old_spellings(arguments);
  arguments.expect_keywords({"level", "role", "optimizations", "name_hint", "deps"});
  const ArgumentValue* level = arguments.find("level", 0);
  if (level == nullptr) arguments.refuse("level: missing");
  const std::string level_name = arguments.text("level", *level);
  const bool is_core_group = level_name == "CORE_GROUP";
  if (arguments.find("role", 1) != nullptr) {
    arguments.refuse(is_core_group ? "role: not with level CORE_GROUP" : "role: not known here");
  }
  WrittenScope scope{"", {optimizations_of(arguments), deps_of(arguments)}};
  if (!is_core_group && !scope.options.optimizations.empty()) {
    arguments.refuse("optimizations: split and auto_chunk are for level CORE_GROUP, found " +
                     level_name);
  }
  if (!is_core_group) {
    arguments.refuse("level: expected CORE_GROUP, found " + level_name, ErrorKind::unsupported);
  }
  const ArgumentValue* hint = arguments.find("name_hint");
  scope.name_hint = hint != nullptr ? arguments.text("name_hint", *hint) : "scope";
  return scope;
}

WrittenSpmd parse_spmd(const WrittenCall& call) {
  const Arguments arguments(call);
  for (const char* loop_option : {"step", "stage", "chunk", "init_values"}) {
    if (arguments.find(loop_option) != nullptr) {
      arguments.refuse(std::string(loop_option) + ": an option of loops, not of spmd");
    }
  }
  arguments.expect_positional(1, 1);
  refuse_old_spellings(arguments);
  arguments.expect_keywords({"name_hint", "optimizations", "deps"});
  WrittenSpmd spmd;
  spmd.n = arguments.integer("n", call.positional[0]);
  if (spmd.n <= 0) {
    arguments.refuse("n: expected a positive integer, found " + std::to_string(spmd.n));
  }
  spmd.options = {optimizations_of(arguments), deps_of(arguments)};
  for (const Optimization& entry : spmd.options.optimizations) {
    if (entry.kind == Optimization::Kind::auto_chunk) {
      arguments.refuse("optimizations: auto_chunk is not for spmd");
    }
  }
  const ArgumentValue* hint = arguments.find("name_hint");
  spmd.name_hint = hint != nullptr ? arguments.text("name_hint", *hint) : "spmd";
  return spmd;
}

Optimization parse_split(const WrittenCall& call) {
  const Arguments arguments(call);
  if (!call.keywords.empty()) {
    arguments.refuse(call.keywords[0].first + ": split takes its mode without a keyword");
  }
  if (call.positional.size() != 1) arguments.refuse("mode: expected one, split(SplitMode.X)");
  const std::string mode = arguments.text("mode", call.positional[0]);
  return split(enum_of(arguments, "mode", mode, SplitMode::none, SplitMode::left_right));
}

WrittenLoop parse_loop(LoopKind kind, const WrittenCall& call) {
  const Arguments arguments(call);
  const bool is_pipeline = kind == LoopKind::pipeline;
  if (is_pipeline && arguments.find("chunk") != nullptr) {
    arguments.refuse("chunk: not with pipeline");
  }
  if (is_pipeline) {
    arguments.expect_keywords({"stage"});
  } else {
    arguments.expect_keywords({});
  }
  arguments.expect_positional(1, kind == LoopKind::unroll ? 1 : 3);
  std::vector<Index> bounds;
  for (const ArgumentValue& value : call.positional) {
    bounds.push_back(arguments.integer("bounds", value));
  }
  WrittenLoop loop;
  loop.stop = bounds.size() == 1 ? bounds[0] : bounds[1];
  if (bounds.size() > 1) loop.start = bounds[0];
  if (bounds.size() > 2) loop.step = bounds[2];
  if (loop.step <= 0) {
    arguments.refuse("step: expected a positive integer, found " + std::to_string(loop.step));
  }
  if (!is_pipeline) return loop;
  const ArgumentValue* stage = arguments.find("stage");
  if (stage == nullptr) arguments.refuse("stage: missing");
  loop.stage = arguments.integer("stage", *stage);
  if (loop.stage <= 0) {
    arguments.refuse("stage: expected a positive integer, found " + std::to_string(loop.stage));
  }
  return loop;
}

WrittenCast parse_cast(const WrittenCall& call, bool is_scalar) {
  const Arguments arguments(call);
  arguments.expect_positional(0, 2);
  arguments.expect_keywords({"target_type", "mode"});
  const ArgumentValue* target = arguments.find("target_type", 0);
  if (target == nullptr) arguments.refuse("target_type: missing");
  WrittenCast cast{dtype_of(arguments, "target_type", *target), Round::round};
  const ArgumentValue* mode = arguments.find("mode", 1);
  if (mode == nullptr) return cast;
  if (is_scalar) arguments.refuse("mode: a scalar is cast without one");
  cast.mode = enum_of(arguments, "mode", arguments.text("mode", *mode), Round::none, Round::odd);
  return cast;
}

PadValue parse_fillpad(const WrittenCall& call) {
  const Arguments arguments(call);
  arguments.expect_positional(0, 1);
  arguments.expect_keywords({"pad_value"});
  const ArgumentValue* value = arguments.find("pad_value", 0);
  if (value == nullptr) return PadValue::zero;
  if (const auto* text = std::get_if<std::string>(value)) {
    const PadValue pad = enum_of(arguments, "pad_value", *text, PadValue::null, PadValue::min);
    if (pad == PadValue::null) {
      arguments.refuse("pad_value: expected zero, max or min, found null");
    }
    return pad;
  }
  const double number = arguments.number("pad_value", *value);
  if (number == 0) return PadValue::zero;
  if (!std::isinf(number)) {
    arguments.refuse("pad_value: expected 0, +inf or -inf, found " + std::to_string(number));
  }
  return number > 0 ? PadValue::max : PadValue::min;
}

WrittenGather parse_gather(const WrittenCall& call) {
  const Arguments arguments(call);
  arguments.expect_positional(0, 0);
  arguments.expect_keywords({"mask_pattern", "output_dtype", "dim", "index"});
  const ArgumentValue* pattern = arguments.find("mask_pattern");
  const ArgumentValue* dtype = arguments.find("output_dtype");
  const ArgumentValue* dim = arguments.find("dim");
  const ArgumentValue* index = arguments.find("index");
  const bool by_index = dim != nullptr || index != nullptr;
  if (pattern != nullptr && by_index) {
    arguments.refuse("mask_pattern, dim and index: expected the first or the other two");
  }
  WrittenGather gather;
  if (by_index) {
    if (dtype != nullptr) arguments.refuse("output_dtype: not with an index");
    if (dim == nullptr || index == nullptr) arguments.refuse("dim and index: expected both");
    gather.dim = arguments.integer("dim", *dim);
    gather.index = arguments.value("index", *index);
    return gather;
  }
  if (pattern == nullptr) arguments.refuse("mask_pattern: missing");
  if (const auto* number = std::get_if<Index>(pattern)) {
    if (*number < 1 || *number > 7) {
      arguments.refuse("mask_pattern: expected 1 .. 7, found " + std::to_string(*number));
    }
    gather.mask_pattern = static_cast<MaskPattern>(*number);
  } else {
    gather.mask_pattern =
        enum_of(arguments, "mask_pattern", arguments.text("mask_pattern", *pattern),
                MaskPattern::P0101, MaskPattern::P1111);
  }
  if (dtype != nullptr && !std::holds_alternative<std::monostate>(*dtype)) {
    gather.output_dtype = dtype_of(arguments, "output_dtype", *dtype);
  }
  return gather;
}

WrittenMrgsort parse_mrgsort(const WrittenCall& call) {
  const Arguments arguments(call);
  arguments.expect_positional(0, 3);
  arguments.expect_keywords({"block_len", "exhausted"});
  const ArgumentValue* block_len = arguments.find("block_len");
  if (block_len != nullptr && !call.positional.empty()) {
    arguments.refuse("block_len: not with further lists");
  }
  if (block_len == nullptr && call.positional.empty()) {
    arguments.refuse("block_len: expected it, or further lists");
  }
  if (const ArgumentValue* exhausted = arguments.find("exhausted")) {
    if (arguments.flag("exhausted", *exhausted)) {
      arguments.refuse("exhausted: expected False", ErrorKind::unsupported);
    }
    if (block_len != nullptr) arguments.refuse("exhausted: not with block_len");
  }
  WrittenMrgsort sort;
  if (block_len != nullptr) sort.block_len = arguments.integer("block_len", *block_len);
  for (const ArgumentValue& value : call.positional) {
    sort.lists.push_back(arguments.value("list", value));
  }
  return sort;
}

MatmulOptions parse_matmul(const WrittenCall& call) {
  const Arguments arguments(call);
  arguments.expect_positional(0, 0);
  arguments.expect_keywords({"out_dtype", "a_trans", "b_trans", "c_matrix_nz"});
  MatmulOptions options;
  if (const ArgumentValue* dtype = arguments.find("out_dtype")) {
    options.out_dtype = dtype_of(arguments, "out_dtype", *dtype);
  }
  options.a_trans = arguments.flag("a_trans");
  options.b_trans = arguments.flag("b_trans");
  options.c_matrix_nz = arguments.flag("c_matrix_nz");
  return options;
}

MatmulAccOptions parse_matmul_acc(const WrittenCall& call) {
  const Arguments arguments(call);
  arguments.expect_positional(0, 0);
  arguments.expect_keywords({"a_trans", "b_trans"});
  return {arguments.flag("a_trans"), arguments.flag("b_trans")};
}

void check_inline_call(const WrittenCall& call, std::size_t expected) {
  const Arguments arguments(call);
  if (!call.keywords.empty()) {
    arguments.refuse(call.keywords[0].first + ": an inline function takes no keywords");
  }
  arguments.expect_positional(expected, expected);
}

void check_keywords(const WrittenCall& call, std::initializer_list<std::string_view> allowed) {
  Arguments(call).expect_keywords(allowed);
}

}  // namespace fulgurite::tile
