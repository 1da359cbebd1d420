#include "core/cpu_limits.hpp"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <limits>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "fulgurite/executor.hpp"

namespace fulgurite {
namespace core {
namespace {

namespace fs = std::filesystem;

std::string read_text(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> words(std::string_view text) {
  std::istringstream stream{std::string(text)};
  return {std::istream_iterator<std::string>(stream), {}};
}

std::optional<std::int64_t> to_integer(std::string_view text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed, status] = std::from_chars(text.data(), end, value);
  if (status != std::errc() || parsed != end) return std::nullopt;
  return value;
}

std::optional<int> quota_cpus(const std::string& quota_us, const std::string& period_us) {
  const std::optional<std::int64_t> quota = to_integer(quota_us);
  const std::optional<std::int64_t> period = to_integer(period_us);
  if (!quota || !period || *quota <= 0 || *period <= 0) return std::nullopt;
  const std::int64_t cpus = (*quota - 1) / *period + 1;
  return static_cast<int>(std::min<std::int64_t>(cpus, std::numeric_limits<int>::max()));
}

std::optional<int> least(std::optional<int> a, std::optional<int> b) {
  if (!a || !b) return a ? a : b;
  return std::min(*a, *b);
}

/// mountinfo writes a blank, a tab, a newline and a backslash as \ooo.
std::string unescape(const std::string& text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    unsigned code = 0;
    const char* const digits = text.data() + at + 1;
    if (text[at] == '\\' && at + 3 < text.size() &&
        std::from_chars(digits, digits + 3, code, 8).ptr == digits + 3) {
      plain += static_cast<char>(code);
      at += 3;
    } else {
      plain += text[at];
    }
  }
  return plain;
}

bool lists(const std::string& names, std::string_view name) {
  std::istringstream stream(names);
  for (std::string each; std::getline(stream, each, ',');) {
    if (each == name) return true;
  }
  return false;
}

/// One version of the cpu controller: this process's cgroup in it, and where it is mounted.
struct Hierarchy {
  fs::path cgroup;       ///< as /proc/self/cgroup names it; empty: none
  fs::path mount_root;   ///< the cgroup that the mount point shows
  fs::path mount_point;  ///< empty: not mounted
};

struct Hierarchies {
  Hierarchy v1;
  Hierarchy v2;
};

/// Lines of /proc/self/cgroup: number:controllers:path; version 2 has the number 0, no controllers.
void read_own_cgroups(const fs::path& root, Hierarchies& found) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (controllers.empty()) found.v2.cgroup = line.substr(second + 1);
    if (lists(controllers, "cpu")) found.v1.cgroup = line.substr(second + 1);
  }
}

/// Lines of mountinfo: id parent device ROOT POINT options.. - TYPE source SUPER_OPTIONS.
void read_mounts(const fs::path& root, Hierarchies& found) {
  std::ifstream file(root / "proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> field = words(line);
    const auto dash = std::find(field.begin(), field.end(), "-");
    if (field.size() < 6 || std::distance(dash, field.end()) < 4) continue;
    Hierarchy* hierarchy = nullptr;
    if (dash[1] == "cgroup2") hierarchy = &found.v2;
    if (dash[1] == "cgroup" && lists(dash[3], "cpu")) hierarchy = &found.v1;
    if (hierarchy == nullptr || !hierarchy->mount_point.empty()) continue;
    hierarchy->mount_root = unescape(field[3]);
    hierarchy->mount_point = unescape(field[4]);
  }
}

/// The least quota from the process's cgroup up to the mount point.
template <class QuotaOf>
std::optional<int> least_quota(const fs::path& root, const Hierarchy& hierarchy,
                               const QuotaOf& quota_of) {
  if (hierarchy.mount_point.empty() || hierarchy.cgroup.empty()) return std::nullopt;
  const fs::path top = root / hierarchy.mount_point.relative_path();
  fs::path below = hierarchy.cgroup.lexically_relative(hierarchy.mount_root);
  // A container may see a mount of its own cgroup, but a path from the host's root.
  if (below.empty() || *below.begin() == "..") below = ".";
  std::optional<int> cpus = quota_of(top);
  fs::path folder = top;
  for (const fs::path& part : below) {
    folder /= part;
    cpus = least(cpus, quota_of(folder));
  }
  return cpus;
}

}  // namespace

int affinity_cpus() {
  // The kernel refuses a mask smaller than its own, and does not say how large that is.
  for (std::size_t cpus = 1024; cpus <= std::size_t{1} << 20; cpus *= 2) {
    const auto free_mask = [](cpu_set_t* mask) { CPU_FREE(mask); };
    const std::unique_ptr<cpu_set_t, decltype(free_mask)> mask(CPU_ALLOC(cpus), free_mask);
    const std::size_t bytes = CPU_ALLOC_SIZE(cpus);
    if (mask != nullptr && sched_getaffinity(0, bytes, mask.get()) == 0) {
      return std::max(1, CPU_COUNT_S(bytes, mask.get()));
    }
  }
  return 1;
}

std::optional<int> quota_cpus_v2(std::string_view cpu_max) {
  const std::vector<std::string> field = words(cpu_max);
  if (field.size() != 2) return std::nullopt;
  return quota_cpus(field[0], field[1]);
}

std::optional<int> quota_cpus_v1(std::string_view quota_us, std::string_view period_us) {
  const std::vector<std::string> quota = words(quota_us);
  const std::vector<std::string> period = words(period_us);
  if (quota.size() != 1 || period.size() != 1) return std::nullopt;
  return quota_cpus(quota[0], period[0]);
}

std::optional<int> cgroup_cpus(const fs::path& root) {
  Hierarchies found;
  read_own_cgroups(root, found);
  read_mounts(root, found);
  const auto v1 = [](const fs::path& folder) {
    return quota_cpus_v1(read_text(folder / "cpu.cfs_quota_us"),
                         read_text(folder / "cpu.cfs_period_us"));
  };
  const auto v2 = [](const fs::path& folder) {
    return quota_cpus_v2(read_text(folder / "cpu.max"));
  };
  return least(least_quota(root, found.v1, v1), least_quota(root, found.v2, v2));
}

}  // namespace core

int usable_threads() {
  const int cpus = core::affinity_cpus();
  return std::min(cpus, core::cgroup_cpus().value_or(cpus));
}

}  // namespace fulgurite
