#include "fulgurite/model.hpp"

#include <cmath>
#include <string>

#include "fulgurite/error.hpp"

namespace fulgurite {
namespace {

void require(bool holds, const char* field, const std::string& expected, const std::string& found) {
  if (holds) return;
  throw Error(ErrorKind::unsupported,
              std::string("model shape: ") + field + ": expected " + expected + ", found " + found);
}

void require_multiple(const char* field, std::int64_t value, std::int64_t step, std::int64_t most) {
  require(value >= step && value <= most && value % step == 0, field,
          "a multiple of " + std::to_string(step) + " up to " + std::to_string(most),
          std::to_string(value));
}

void require_constant(const char* field, std::int64_t value, std::int64_t constant) {
  require(value == constant, field, std::to_string(constant), std::to_string(value));
}

}  // namespace

ModelShape ModelShape::v4_flash() {
  return {.hidden = 4096, .query_rank = 1024, .heads = 64, .topk = 512};
}

ModelShape ModelShape::v4_pro() {
  return {.hidden = 7168, .query_rank = 1536, .heads = 64, .topk = 1024};
}

ModelShape ModelShape::preset(std::string_view name) {
  if (name == "v4-flash") return v4_flash();
  if (name == "v4-pro") return v4_pro();
  throw Error(ErrorKind::usage, "preset: expected v4-flash or v4-pro, found " + std::string(name));
}

void ModelShape::validate() const {
  require_multiple("heads", heads, 8, 128);
  require_multiple("hidden", hidden, 16, 1 << 20);
  require_multiple("query rank", query_rank, 16, 65'536);  // beyond, an int8 dot overflows int32
  require(topk >= 1, "topk", "at least 1", std::to_string(topk));
  require_constant("head dim", head_dim, kHeadDim);
  require_constant("rope dim", rope_dim, kRopeDim);
  require_constant("ratio", ratio, kRatio);
  require(max_positions >= 1 && max_positions <= 1 << 30, "max positions", "1 to 1073741824",
          std::to_string(max_positions));
  require(std::isfinite(norm_eps) && norm_eps >= 0, "norm eps", "a finite number of at least 0",
          std::to_string(norm_eps));
}

Recipe Recipe::seed_int8() { return {.name = "seed-int8"}; }

}  // namespace fulgurite
