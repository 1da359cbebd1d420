#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "fulgurite/error.hpp"
#include "programs/forms.hpp"

// Options by their names.

namespace fulgurite::programs {
namespace {

using tile::SplitMode;

/// "name=value"; without an equals sign the value is empty.
struct Assignment {
  std::string_view name;
  std::string_view value;
};

Assignment parse(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return {text, {}};
  return {text.substr(0, equals), text.substr(equals + 1)};
}

[[noreturn]] void refuse(const Assignment& change, const std::string& expected) {
  throw Error(ErrorKind::usage, std::string(change.name) + ": expected " + expected + ", found '" +
                                    std::string(change.value) + "'");
}

void read(const Assignment& change, Index& value) {
  const char* const end = change.value.data() + change.value.size();
  const auto [stop, error] = std::from_chars(change.value.data(), end, value);
  if (error != std::errc() || stop != end) refuse(change, "a whole number");
}

void read(const Assignment& change, bool& value) {
  if (change.value != "yes" && change.value != "no") refuse(change, "yes or no");
  value = change.value == "yes";
}

void read(const Assignment& change, SplitMode& value) {
  if (change.value == "none") {
    value = SplitMode::none;
  } else if (change.value == "up_down") {
    value = SplitMode::up_down;
  } else if (change.value == "left_right") {
    value = SplitMode::left_right;
  } else {
    refuse(change, "none, up_down or left_right");
  }
}

template <class T>
bool set_pair(Pairs<T>& pairs, const std::string& prefix, const Assignment& change) {
  const auto is_meant = [&](const PairField<T>& pair) {
    return change.name == prefix + std::string(pair.name);
  };
  const auto found = std::find_if(kPairs<T>.begin(), kPairs<T>.end(), is_meant);
  if (found == kPairs<T>.end()) return false;
  read(change, pairs.*found->field);
  return true;
}

[[noreturn]] void refuse_name(const Assignment& change) {
  std::string names;
  for (const TilingParameter& parameter : kTilingParameters) {
    names += std::string(parameter.name) + ", ";
  }
  std::string pairs;
  for (const PairField<bool>& pair : kPairs<bool>) {
    pairs += (pairs.empty() ? "" : ", ") + std::string(pair.name);
  }
  throw Error(ErrorKind::usage, "option of a program: expected " + names +
                                    "fuse.PAIR or split.PAIR (PAIR: " + pairs + "), found '" +
                                    std::string(change.name) + "'");
}

}  // namespace

void set(ProgramOptions& options, std::string_view assignment) {
  const Assignment change = parse(assignment);
  for (const TilingParameter& parameter : kTilingParameters) {
    if (parameter.name == change.name) return read(change, options.tiling.*parameter.field);
  }
  if (set_pair(options.fused, "fuse.", change) || set_pair(options.split, "split.", change)) return;
  refuse_name(change);
}

}  // namespace fulgurite::programs
