#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "tile/options.hpp"
#include "tile/trace.hpp"
#include "tile/value.hpp"
#include "tile/where.hpp"

// For front ends whose calls carry keywords that no compiler checks: a misspelt option must not be
// accepted and do nothing. Each function takes a call as it was written and returns what the C++
// call of that name takes, or throws Error(input) or Error(unsupported) that names the option.
// Enumerators and types come by the names that kernels write: "rint", "UP_DOWN", "FP32".

namespace fulgurite::tile {

/// An entry of a list; a text stands for whatever else the list holds.
using ListEntry = std::variant<std::string, Optimization, TaskId>;
using List = std::vector<ListEntry>;
/// The value of an argument; monostate is None.
using ArgumentValue = std::variant<std::monostate, bool, Index, double, std::string, List, Value>;

/// A call as it was written. The handle that an operation works on is not among the arguments.
struct WrittenCall {
  std::string function;
  std::vector<ArgumentValue> positional;
  std::vector<std::pair<std::string, ArgumentValue>> keywords;
  Where where;
};

struct WrittenScope {
  std::string name_hint;
  ScopeOptions options;
};
/// at(level="CORE_GROUP", optimizations=[..], name_hint="..", deps=[..])
WrittenScope parse_at(const WrittenCall& call);

struct WrittenSpmd {
  Index n = 0;
  std::string name_hint;
  SpmdOptions options;
};
/// spmd(n, name_hint=, optimizations=, deps=)
WrittenSpmd parse_spmd(const WrittenCall& call);

/// split("UP_DOWN"), as an entry of optimizations.
Optimization parse_split(const WrittenCall& call);

struct WrittenLoop {
  Index start = 0;
  Index stop = 0;
  Index step = 1;
  Index stage = 0;
};
/// range, parallel, pipeline and unroll.
WrittenLoop parse_loop(LoopKind kind, const WrittenCall& call);

/// cast(type, mode=) of a tile or, without a mode, of a scalar.
struct WrittenCast {
  DType target = DType::f32;
  Round mode = Round::round;
};
WrittenCast parse_cast(const WrittenCall& call, bool is_scalar);

/// fillpad(pad_value=): a name, or 0, +inf, -inf.
PadValue parse_fillpad(const WrittenCall& call);

/// gather(mask_pattern=, output_dtype=) or gather(dim=, index=): one of the two is set.
struct WrittenGather {
  std::optional<MaskPattern> mask_pattern;
  std::optional<DType> output_dtype;
  Index dim = -1;
  Value index;
};
WrittenGather parse_gather(const WrittenCall& call);

/// mrgsort(block_len=) or mrgsort(y, .., exhausted=False): one of the two is set.
struct WrittenMrgsort {
  std::optional<Index> block_len;
  std::vector<Value> lists;
};
WrittenMrgsort parse_mrgsort(const WrittenCall& call);

MatmulOptions parse_matmul(const WrittenCall& call);
MatmulAccOptions parse_matmul_acc(const WrittenCall& call);

/// An inline function takes exactly `expected` positional arguments and no keywords.
void check_inline_call(const WrittenCall& call, std::size_t expected);
/// Refuses keywords other than these: for every call that has no function above.
void check_keywords(const WrittenCall& call, std::initializer_list<std::string_view> allowed);

std::optional<DType> find_dtype(std::string_view name);

}  // namespace fulgurite::tile
