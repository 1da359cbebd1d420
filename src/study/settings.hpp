#pragma once

#include <string>
#include <vector>

#include "npu/chip.hpp"

namespace fulgurite::study {

/// The chip with some constants elsewhere in their documented ranges.
struct Setting {
  std::string name;  ///< "as given", "orchestrator_us=1.3", "dear schedulers"
  npu::Chip chip;
};

/// The chip as given; then each constant on which times depend and sources disagree, at each end of
/// its range; then corners of the runtime's costs. Constants that are not at their defaults are
/// held: whoever set them knows them.
std::vector<Setting> settings(const npu::Chip& chip);

}  // namespace fulgurite::study
