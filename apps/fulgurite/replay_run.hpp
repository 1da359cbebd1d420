#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "fulgurite/indexer.hpp"
#include "io/recording.hpp"

namespace fulgurite::app {

/// How a recording is run; none of it changes a bit of what comes out.
struct ReplaySettings {
  Isa isa = resolve_isa();
  std::shared_ptr<Executor> executor;
  std::int64_t page_size = 64;
  std::int64_t split = 0;  ///< most tokens of a request in one call; 0: whole steps
  Progress progress = {};
};

/// N tokens, R requests, C columns: the rows that any token may see.
struct ReplayResult {
  std::int64_t columns = 0;
  std::vector<std::int32_t> topk;     ///< [N, K], padded with -1
  std::vector<float> score;           ///< [N, C], padded with kUnseenScore
  std::vector<std::int64_t> lengths;  ///< [R]: tokens at the end
  std::vector<float> rows;            ///< [R, C, 128]: values of the key rows at the end, then 0
  std::vector<float> kv, gate;        ///< [R, 8, 256]: official states at the end
  std::int64_t calls = 0;
};

/// Runs a recording through the library. `path` is FILE in errors.
ReplayResult replay(const std::string& path, const io::Recording& recording,
                    const io::WeightsFile& weights, const ReplaySettings& settings);

}  // namespace fulgurite::app
