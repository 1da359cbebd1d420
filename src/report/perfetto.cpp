#include "report/perfetto.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace fulgurite::report {
namespace {

std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

}  // namespace

std::size_t PerfettoTrace::add_track(const std::string& group, const std::string& name) {
  const auto found = std::ranges::find(groups_, group);
  const auto number = static_cast<std::size_t>(found - groups_.begin());
  if (found == groups_.end()) groups_.push_back(group);
  tracks_.push_back({number, name});
  return tracks_.size() - 1;
}

std::size_t PerfettoTrace::add(Slice slice) {
  slices_.push_back(std::move(slice));
  return slices_.size() - 1;
}

void PerfettoTrace::add_flow(std::size_t from_slice, std::size_t to_slice,
                             const std::string& name) {
  flows_.push_back({from_slice, to_slice, name});
}

/// Process and thread of the format; 0 would be the idle process of a real system.
std::string PerfettoTrace::place(std::size_t track) const {
  return fmt::format(R"("pid":{},"tid":{})", tracks_[track].group + 1, track + 1);
}

std::string PerfettoTrace::json() const {
  std::string text = "{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n";
  const auto out = std::back_inserter(text);
  for (std::size_t group = 0; group < groups_.size(); ++group) {
    fmt::format_to(out, R"({{"ph":"M","pid":{},"name":"process_name","args":{{"name":{}}}}},)",
                   group + 1, quoted(groups_[group]));
    text += '\n';
    fmt::format_to(out, R"({{"ph":"M","pid":{},"name":"process_sort_index",)", group + 1);
    fmt::format_to(out, R"("args":{{"sort_index":{}}}}},)", group);
    text += '\n';
  }
  for (std::size_t track = 0; track < tracks_.size(); ++track) {
    fmt::format_to(out, R"({{"ph":"M",{},"name":"thread_name","args":{{"name":{}}}}},)",
                   place(track), quoted(tracks_[track].name));
    text += '\n';
    fmt::format_to(out, R"({{"ph":"M",{},"name":"thread_sort_index",)", place(track));
    fmt::format_to(out, R"("args":{{"sort_index":{}}}}},)", track);
    text += '\n';
  }
  for (const Slice& slice : slices_) {
    fmt::format_to(out, R"({{"ph":"X",{},"ts":{:.3f},"dur":{:.3f},"cat":{},"name":{})",
                   place(slice.track), slice.start_us, slice.end_us - slice.start_us,
                   quoted(slice.category), quoted(slice.name));
    if (!slice.details.is_null()) text += ",\"args\":" + slice.details.dump();
    text += "},\n";
  }
  // An end of an arrow belongs to the slice that is open on its track at its time: the middle.
  const auto middle_us = [&](std::size_t slice) {
    return (slices_[slice].start_us + slices_[slice].end_us) / 2;
  };
  for (std::size_t id = 0; id < flows_.size(); ++id) {
    const Flow& flow = flows_[id];
    fmt::format_to(out, R"({{"ph":"s",{},"ts":{:.3f},"cat":"flow","name":{},"id":{}}},)",
                   place(slices_[flow.from].track), middle_us(flow.from), quoted(flow.name), id);
    text += '\n';
    fmt::format_to(out, R"({{"ph":"f","bp":"e",{},"ts":{:.3f},"cat":"flow","name":{},"id":{}}},)",
                   place(slices_[flow.to].track), middle_us(flow.to), quoted(flow.name), id);
    text += '\n';
  }
  if (text.ends_with(",\n")) text.replace(text.size() - 2, 2, "\n");
  return text + "]}\n";
}

}  // namespace fulgurite::report
