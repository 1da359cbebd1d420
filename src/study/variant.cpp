#include "study/variant.hpp"

#include <algorithm>
#include <string>

#include "fulgurite/error.hpp"

namespace fulgurite::study {
namespace {

using programs::Form;
using tile::Index;

/// So that a run takes seconds, and memory that most machines have.
constexpr double kMostEdges = 4e6;
constexpr double kMostScores = 0x1p18;  ///< tokens times tiles of the cache

double quotient(Index a, Index b) { return static_cast<double>(a) / static_cast<double>(b); }

/// Tasks that read a whole tensor wait for all tasks that write it.
double estimated_edges(const Variant& variant, const programs::ProgramShape& shape) {
  const programs::Tiling& tiling = variant.options.tiling;
  const double projections = quotient(shape.features(), tiling.query_columns);
  const double ropes = quotient(shape.tokens(), tiling.rope_group);
  const double tiles = quotient(shape.start_pos + shape.tokens_each, kRatio * tiling.cache_tile);
  const double scores = quotient(shape.sequences, tiling.batch_group) * (tiles + 1);
  const double kernels = variant.form == Form::per_token ? 4 : 1;
  return (projections + ropes) * ropes * kernels +
         scores * (scores + static_cast<double>(shape.tokens()));
}

void check_size(const Variant& variant, const programs::ProgramShape& shape) {
  const Index visible = (shape.start_pos + shape.tokens_each) / kRatio;
  const double scores =
      static_cast<double>(shape.tokens()) * quotient(visible, variant.options.tiling.cache_tile);
  if (estimated_edges(variant, shape) <= kMostEdges && scores <= kMostScores) return;
  throw Error(ErrorKind::usage, variant.name +
                                    ": expected a step that can be analysed in seconds, "
                                    "found " +
                                    std::to_string(shape.tokens()) + " tokens with " +
                                    std::to_string(visible) + " visible rows each");
}

}  // namespace

Variant variant_of(std::string_view name, const programs::ProgramShape& shape) {
  const std::size_t colon = std::min(name.find(':'), name.size());
  Variant variant;
  variant.name = name;
  variant.form = programs::form_of(name.substr(0, colon));
  variant.options = programs::options_of(variant.form, shape);
  std::string_view changes = name.substr(std::min(colon + 1, name.size()));
  while (!changes.empty()) {
    const std::size_t comma = std::min(changes.find(','), changes.size());
    programs::set(variant.options, changes.substr(0, comma));
    changes.remove_prefix(std::min(comma + 1, changes.size()));
  }
  variant.options.validate(shape);
  check_size(variant, shape);
  return variant;
}

}  // namespace fulgurite::study
