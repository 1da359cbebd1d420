#include "npu/dependences.hpp"

#include <algorithm>
#include <tuple>

#include "npu/argument_regions.hpp"
#include "npu/directions.hpp"
#include "npu/regions.hpp"

namespace fulgurite::npu {
namespace {

using namespace tile;

/// The runtime's map from buffers to those who wrote them.
class TensorMap {
 public:
  TensorMap(const Trace& trace, WindowPolicy policy)
      : trace_(trace),
        regions_(argument_regions(trace, policy)),
        directions_(directions(trace)),
        writers_(trace.buffers.size()) {}

  /// The edges that submitting the task makes.
  void submit(TaskId id, std::vector<Edge>& edges) {
    const Task& task = trace_[id];
    const std::size_t first = edges.size();
    for (std::int32_t row = task.deps.first; row < task.deps.last; ++row) {
      edges.push_back(
          {trace_.deps[static_cast<std::size_t>(row)], id, EdgeKind::asked, {}, {}, {}});
    }
    for (std::int32_t row = task.arguments.first; row < task.arguments.last; ++row) {
      look_up(id, static_cast<std::size_t>(row), edges);
    }
    for (std::int32_t row = task.arguments.first; row < task.arguments.last; ++row) {
      add_writer(id, static_cast<std::size_t>(row));
    }
    keep_one_a_pair(edges, first);
  }

 private:
  struct Writer {
    TaskId task;
    Region region;
  };

  void look_up(TaskId id, std::size_t argument, std::vector<Edge>& edges) {
    const Direction direction = directions_[argument];
    if (direction == Direction::existing) return;
    const Region& region = regions_[argument];
    const EdgeKind kind = trace_.arguments[argument].is_read ? EdgeKind::read_after_write
                                                             : EdgeKind::write_after_write;
    std::vector<Writer>& writers = writers_[region.buffer.index()];
    std::erase_if(writers, [&](const Writer& writer) {
      const Overlap overlap = runtime_overlap(region, writer.region);
      if (overlap == Overlap::none) return false;
      edges.push_back({writer.task, id, kind, region.buffer, writer.region, region});
      return overlap == Overlap::covered && direction == Direction::in_out;
    });
  }

  void add_writer(TaskId id, std::size_t argument) {
    if (directions_[argument] == Direction::in) return;
    const Region& region = regions_[argument];
    writers_[region.buffer.index()].push_back({id, region});
  }

  static auto order(const Edge& edge) { return std::tuple(edge.from, edge.buffer, edge.kind); }

  /// In the order of `from`; of several edges through one buffer the first reader's stays.
  static void keep_one_a_pair(std::vector<Edge>& edges, std::size_t first) {
    const auto begin = edges.begin() + static_cast<std::ptrdiff_t>(first);
    std::stable_sort(begin, edges.end(),
                     [](const Edge& a, const Edge& b) { return order(a) < order(b); });
    const auto last = std::unique(begin, edges.end(), [](const Edge& a, const Edge& b) {
      return a.from == b.from && a.buffer == b.buffer;
    });
    edges.erase(last, edges.end());
  }

  const Trace& trace_;
  std::vector<Region> regions_;
  std::vector<Direction> directions_;
  std::vector<std::vector<Writer>> writers_;  ///< by buffer
};

}  // namespace

std::vector<Edge> dependences(const Trace& trace, WindowPolicy policy) {
  std::vector<Edge> edges;
  TensorMap map(trace, policy);
  for (std::size_t row = 0; row < trace.tasks.size(); ++row) {
    map.submit(TaskId{static_cast<std::int32_t>(row)}, edges);
  }
  return edges;
}

}  // namespace fulgurite::npu
