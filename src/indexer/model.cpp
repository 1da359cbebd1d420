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

Recipe Recipe::deepseek() {
  return {.name = "deepseek",
          .row_format = RowFormat::e2m1,
          .rotated_query = Rounding::bf16,
          .weight_dot = Rounding::bf16,
          .weight = Rounding::bf16};
}

Recipe Recipe::deepseek_bf16score() {
  Recipe recipe = deepseek();
  recipe.name = "deepseek-bf16score";
  recipe.score = Rounding::bf16;
  recipe.heads_in_order = true;
  return recipe;
}

Recipe Recipe::fp8() {
  return {.name = "fp8",
          .row_format = RowFormat::e4m3,
          .rotate_queries = false,
          .pooled = Rounding::none,
          .normed = Rounding::none,
          .rotate_keys = false,
          .weight_dot = Rounding::bf16};
}

Recipe Recipe::fp8_f32scale() {
  Recipe recipe = fp8();
  recipe.name = "fp8-f32scale";
  recipe.scale_rule = ScaleRule::ratio;
  return recipe;
}

Recipe Recipe::fp8_rot() {
  Recipe recipe = fp8();
  recipe.name = "fp8-rot";
  recipe.rotate_queries = true;
  recipe.rotated_query = Rounding::bf16;
  recipe.rotate_keys = true;
  return recipe;
}

Recipe Recipe::exact() {
  return {.name = "exact",
          .row_format = RowFormat::fp32,
          .query = Rounding::none,
          .rotate_queries = false,
          .pooled = Rounding::none,
          .normed = Rounding::none,
          .turned = Rounding::none,
          .rotate_keys = false,
          .key = Rounding::none,
          .heads_in_order = true};
}

Recipe Recipe::exact_bf16() {
  Recipe recipe = exact();
  recipe.name = "exact-bf16";
  recipe.key = Rounding::bf16;
  return recipe;
}

Recipe Recipe::named(std::string_view name) {
  std::string names;
  for (const Recipe& recipe : {seed_int8(), deepseek(), deepseek_bf16score(), fp8(), fp8_f32scale(),
                               fp8_rot(), exact(), exact_bf16()}) {
    if (recipe.name == name) return recipe;
    names += std::string(recipe.name) + (recipe.name == "exact" ? " or " : ", ");
  }
  names.resize(names.size() - 2);
  throw Error(ErrorKind::usage, "recipe: expected " + names + ", found " + std::string(name));
}

bool Recipe::makes_keys_like(const Recipe& other) const {
  return row_format == other.row_format && scale_rule == other.scale_rule &&
         pooled == other.pooled && normed == other.normed && turned == other.turned &&
         rotate_keys == other.rotate_keys && key == other.key;
}

}  // namespace fulgurite
