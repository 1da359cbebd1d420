#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

// The command line, as the verbs see it. CLI11 stands behind it, but no verb reads its headers: a
// compiler needs five seconds for them.

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace fulgurite::app {

/// An option or an argument that is being described. Each call returns the same option.
class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}

  Option& required();
  /// `low` and `high` are allowed, too.
  Option& between(std::int64_t low, std::int64_t high);
  Option& one_of(const std::vector<std::string>& words);
  Option& one_of(std::initializer_list<int> numbers);
  /// A number from 0 to 1, and not NaN.
  Option& from_0_to_1();
  Option& not_negative();
  /// Each value needs the option's name before it; what follows is not taken for another value.
  Option& one_value_each_time();
  /// Help shows the value that the variable has now.
  Option& with_default();

 private:
  CLI::Option* option_;
};

/// The tool or a verb of it: a handle, which does not own what it describes.
class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}

  Command add_verb(const std::string& name, const std::string& description);
  /// One of the verbs must follow.
  void require_verb();
  /// What help says at its end.
  void footer(const std::string& text);

  /// "--name", or "NAME" for an argument. Parsing writes `value`, which must outlive it; `kind` is
  /// what help calls a value. T: int, int64, uint64, double, std::string, std::vector<std::string>
  /// or std::optional<int64>.
  template <class T>
  Option option(const std::string& name, T& value, const std::string& kind,
                const std::string& description);
  void flag(const std::string& name, bool& value, const std::string& description);

  /// Whether this is the verb that was asked for.
  [[nodiscard]] bool parsed() const;

 private:
  CLI::App* app_;
};

}  // namespace fulgurite::app
