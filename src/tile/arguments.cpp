#include "tile/arguments.hpp"

#include <algorithm>

namespace fulgurite::tile::detail {

void Arguments::refuse(const std::string& message, ErrorKind kind) const {
  const std::string path = call_.where.file();
  const std::string file = path.substr(path.find_last_of('/') + 1);
  throw Error(kind, call_.function + " at " + file + ":" + std::to_string(call_.where.line()) +
                        ": " + message);
}

void Arguments::expect_positional(std::size_t least, std::size_t most) const {
  const std::size_t found = call_.positional.size();
  if (found >= least && found <= most) return;
  std::string expected = std::to_string(most);
  if (least != most) expected = std::to_string(least) + " to " + expected;
  refuse("expected " + expected + " positional arguments, found " + std::to_string(found));
}

void Arguments::expect_keywords(std::initializer_list<std::string_view> allowed) const {
  for (const auto& [keyword, value] : call_.keywords) {
    if (std::find(allowed.begin(), allowed.end(), keyword) == allowed.end()) {
      refuse(keyword + ": unknown keyword");
    }
    const auto same = [&](const auto& other) { return other.first == keyword; };
    if (std::count_if(call_.keywords.begin(), call_.keywords.end(), same) > 1) {
      refuse(keyword + ": found twice");
    }
  }
}

const ArgumentValue* Arguments::find(std::string_view keyword) const {
  for (const auto& [name, value] : call_.keywords) {
    if (name == keyword) return &value;
  }
  return nullptr;
}

const ArgumentValue* Arguments::find(std::string_view keyword, std::size_t position) const {
  const ArgumentValue* by_keyword = find(keyword);
  if (position >= call_.positional.size()) return by_keyword;
  if (by_keyword != nullptr) refuse(std::string(keyword) + ": found twice");
  return &call_.positional[position];
}

std::string Arguments::text(std::string_view name, const ArgumentValue& value) const {
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  refuse(std::string(name) + ": expected a name");
}

Index Arguments::integer(std::string_view name, const ArgumentValue& value) const {
  if (const auto* integer = std::get_if<Index>(&value)) return *integer;
  refuse(std::string(name) + ": expected an integer" +
         (std::holds_alternative<bool>(value) ? ", found a BOOL" : ""));
}

double Arguments::number(std::string_view name, const ArgumentValue& value) const {
  if (const auto* real = std::get_if<double>(&value)) return *real;
  return static_cast<double>(integer(name, value));
}

Value Arguments::value(std::string_view name, const ArgumentValue& value) const {
  if (const auto* handle = std::get_if<Value>(&value)) return *handle;
  refuse(std::string(name) + ": expected a tile");
}

bool Arguments::flag(std::string_view name, const ArgumentValue& value) const {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag;
  refuse(std::string(name) + ": expected True or False");
}

bool Arguments::flag(std::string_view keyword) const {
  const ArgumentValue* value = find(keyword);
  return value != nullptr && flag(keyword, *value);
}

}  // namespace fulgurite::tile::detail
