#pragma once

#include <memory>

#include "fulgurite/indexer.hpp"
#include "indexer/seed_contract.hpp"

namespace fulgurite::cpu {

/// The seed contract on platform cpu: weights packed and cache rows quantised once, then run as
/// often as one likes. A thin adapter over the public types.
class SeedStep {
 public:
  /// Validates the input, whose memory must outlive this. isa and executor as for an Indexer.
  SeedStep(const SeedInput& input, Isa isa, std::shared_ptr<Executor> executor);
  ~SeedStep();

  /// Runs the step from the input's state and cache; each run starts from them anew.
  StepReport run(const Progress& progress = {});

  /// The output of the last run.
  [[nodiscard]] SeedOutput output() const;

  [[nodiscard]] const Indexer& indexer() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace fulgurite::cpu
