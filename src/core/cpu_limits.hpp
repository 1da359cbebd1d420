#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

namespace fulgurite::core {

/// CPUs in the affinity mask of the calling thread, which the threads it starts inherit. At
/// least 1.
int affinity_cpus();

/// CPUs that a quota pays for, rounded up, at least 1; nothing if there is no quota or the text is
/// not understood. Version 2 is the file cpu.max: "150000 100000", or "max 100000". Version 1 is
/// the pair cpu.cfs_quota_us and cpu.cfs_period_us, where -1 is no quota.
std::optional<int> quota_cpus_v2(std::string_view cpu_max);
std::optional<int> quota_cpus_v1(std::string_view quota_us, std::string_view period_us);

/// The least that any cgroup from this process's own up to the mounted root pays for, over both
/// versions; nothing if none has a quota. `root` stands before /proc/self and before every mount
/// point, so that a test can lay out a folder of its own.
std::optional<int> cgroup_cpus(const std::filesystem::path& root = "/");

}  // namespace fulgurite::core
