#include "study/settings.hpp"

#include <initializer_list>

namespace fulgurite::study {
namespace {

using npu::Chip;
using npu::Constant;

/// "0.35": as short as it can be.
std::string text_of(double value) {
  std::string text = std::to_string(value);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

bool is_given(const Chip& chip, double Chip::* member) { return chip.*member != Chip().*member; }

/// A budget decides what fits, not how long it takes.
bool is_time(const Constant& constant) { return constant.member != &Chip::vec_bytes; }

enum class End { low, high };

double end_of(const Constant& constant, End end) {
  return end == End::low ? constant.low : constant.high;
}

const Constant& constant_of(double Chip::* member) {
  const auto all = npu::constants();
  std::size_t i = 0;
  while (all[i].member != member) ++i;
  return all[i];
}

struct Corner {
  const char* name;
  End orchestrator;
  End schedulers;
};

Setting corner_of(const Chip& chip, const Corner& corner) {
  Setting setting{corner.name, chip};
  const auto move = [&](double Chip::* member, End end) {
    if (!is_given(chip, member)) setting.chip.*member = end_of(constant_of(member), end);
  };
  move(&Chip::orchestrator_us, corner.orchestrator);
  for (double Chip::* const member : {&Chip::dispatch_us, &Chip::completion_us, &Chip::start_us}) {
    move(member, corner.schedulers);
  }
  return setting;
}

}  // namespace

std::vector<Setting> settings(const Chip& chip) {
  std::vector<Setting> result{{"as given", chip}};
  for (const Constant& constant : npu::constants()) {
    if (!is_time(constant) || is_given(chip, constant.member)) continue;
    for (const End end : {End::low, End::high}) {
      const double value = end_of(constant, end);
      if (value == chip.*constant.member) continue;
      result.push_back({std::string(constant.name) + "=" + text_of(value), chip});
      result.back().chip.*constant.member = value;
    }
  }
  for (const Corner& corner :
       {Corner{"cheap runtime", End::low, End::low}, Corner{"dear runtime", End::high, End::high},
        Corner{"dear orchestrator, cheap schedulers", End::high, End::low},
        Corner{"cheap orchestrator, dear schedulers", End::low, End::high}}) {
    result.push_back(corner_of(chip, corner));
  }
  return result;
}

}  // namespace fulgurite::study
