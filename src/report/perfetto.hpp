#pragma once

#include <cstddef>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace fulgurite::report {

/// A run over time, for https://ui.perfetto.dev and chrome://tracing: slices on tracks, tracks in
/// groups, arrows from slice to slice. Tracks and groups are shown in the order of their first use.
class PerfettoTrace {
 public:
  /// What is shown of a slice when it is selected.
  using Details = nlohmann::ordered_json;
  struct Slice {
    std::size_t track = 0;
    std::string name;  ///< equal names get equal colours
    std::string category;
    double start_us = 0;
    double end_us = 0;
    Details details;  ///< an object, or nothing
  };

  /// Returns the number of the new track.
  std::size_t add_track(const std::string& group, const std::string& name);
  /// Slices of a track do not overlap. Returns the number of the new slice.
  std::size_t add(Slice slice);
  /// An arrow. The first slice ends before the second one starts.
  void add_flow(std::size_t from_slice, std::size_t to_slice, const std::string& name);

  /// Trace Event Format, one event a line; times in microseconds to the nanosecond.
  [[nodiscard]] std::string json() const;

 private:
  struct Track {
    std::size_t group;
    std::string name;
  };
  struct Flow {
    std::size_t from;
    std::size_t to;
    std::string name;
  };
  [[nodiscard]] std::string place(std::size_t track) const;

  std::vector<std::string> groups_;
  std::vector<Track> tracks_;
  std::vector<Slice> slices_;
  std::vector<Flow> flows_;
};

}  // namespace fulgurite::report
