#include "command.hpp"

#include <CLI/CLI.hpp>
#include <optional>

namespace fulgurite::app {
namespace {

/// CLI::Range would let NaN pass.
std::string complain_outside_0_to_1(const std::string& text) {
  double value = -1;
  const bool is_number = CLI::detail::lexical_cast(text, value);
  return is_number && value >= 0 && value <= 1 ? "" : "expected 0 to 1, found " + text;
}

}  // namespace

Option& Option::required() {
  option_->required();
  return *this;
}
Option& Option::between(std::int64_t low, std::int64_t high) {
  option_->check(CLI::Range(low, high));
  return *this;
}
Option& Option::one_of(const std::vector<std::string>& words) {
  option_->check(CLI::IsMember(words));
  return *this;
}
Option& Option::one_of(std::initializer_list<int> numbers) {
  option_->check(CLI::IsMember(std::vector<int>(numbers)));
  return *this;
}
Option& Option::from_0_to_1() {
  option_->check(complain_outside_0_to_1);
  return *this;
}
Option& Option::not_negative() {
  option_->check(CLI::NonNegativeNumber);
  return *this;
}
Option& Option::one_value_each_time() {
  option_->allow_extra_args(false);
  return *this;
}
Option& Option::with_default() {
  option_->capture_default_str();
  return *this;
}

Command Command::add_verb(const std::string& name, const std::string& description) {
  return Command(app_->add_subcommand(name, description));
}
void Command::require_verb() { app_->require_subcommand(1); }
void Command::footer(const std::string& text) { app_->footer(text); }
bool Command::parsed() const { return app_->parsed(); }

template <class T>
Option Command::option(const std::string& name, T& value, const std::string& kind,
                       const std::string& description) {
  return Option(app_->add_option(name, value, description)->type_name(kind));
}
template Option Command::option(const std::string&, int&, const std::string&, const std::string&);
template Option Command::option(const std::string&, std::int64_t&, const std::string&,
                                const std::string&);
template Option Command::option(const std::string&, std::uint64_t&, const std::string&,
                                const std::string&);
template Option Command::option(const std::string&, double&, const std::string&,
                                const std::string&);
template Option Command::option(const std::string&, std::string&, const std::string&,
                                const std::string&);
template Option Command::option(const std::string&, std::vector<std::string>&, const std::string&,
                                const std::string&);
template Option Command::option(const std::string&, std::optional<std::int64_t>&,
                                const std::string&, const std::string&);

void Command::flag(const std::string& name, bool& value, const std::string& description) {
  app_->add_flag(name, value, description);
}

}  // namespace fulgurite::app
