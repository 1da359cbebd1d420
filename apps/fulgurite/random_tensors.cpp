#include "random_tensors.hpp"

#include <cmath>
#include <cstddef>

namespace fulgurite::app {

std::vector<float> RandomTensors::floats(std::int64_t count, float mean, float deviation) {
  Normal normal(seed_, ++stream_);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = mean + deviation * normal.next();
  return values;
}

std::vector<Bf16> RandomTensors::bf16s(std::int64_t count, float deviation) {
  Normal normal(seed_, ++stream_);
  std::vector<Bf16> values(static_cast<std::size_t>(count));
  for (Bf16& value : values) value = to_bf16(deviation * normal.next());
  return values;
}

std::vector<std::int8_t> RandomTensors::codes(std::int64_t count) {
  Normal normal(seed_, ++stream_);
  std::vector<std::int8_t> values(static_cast<std::size_t>(count));
  for (auto& value : values) value = static_cast<std::int8_t>(kCodeDeviation * normal.next());
  return values;
}

float inverse_root(std::int64_t count) { return 1 / std::sqrt(static_cast<float>(count)); }

}  // namespace fulgurite::app
