#include "core/cpu_limits.hpp"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

#include <fstream>
#include <string>
#include <thread>

#include "fulgurite/executor.hpp"

namespace fulgurite::core {
namespace {

namespace fs = std::filesystem;

TEST(CpuLimits, AVersion2QuotaIsRoundedUpToWholeCpus) {
  EXPECT_EQ(quota_cpus_v2("200000 100000\n"), 2);
  EXPECT_EQ(quota_cpus_v2("200001 100000\n"), 3);
  EXPECT_EQ(quota_cpus_v2("1000 100000\n"), 1);
}

TEST(CpuLimits, NoQuotaAndTextThatIsNotUnderstoodAreNoLimit) {
  for (const char* text : {"max 100000\n", "", "\n", "100000", "-1 100000", "0 100000", "100000 0",
                           "1 2 3", "1e5 100000", "99999999999999999999 100000"}) {
    EXPECT_EQ(quota_cpus_v2(text), std::nullopt) << text;
  }
  EXPECT_EQ(quota_cpus_v1("-1\n", "100000\n"), std::nullopt);
  EXPECT_EQ(quota_cpus_v1("", ""), std::nullopt);
  EXPECT_EQ(quota_cpus_v1("150000\n", "100000\n"), 2);
}

TEST(CpuLimits, AQuotaBeyondAnIntDoesNotWrap) {
  EXPECT_EQ(quota_cpus_v2("9223372036854775807 1"), std::numeric_limits<int>::max());
}

/// A folder that looks like the root of a machine.
class CgroupFolder : public testing::Test {
 protected:
  CgroupFolder() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    root_ = fs::temp_directory_path() /
            ("fulgurite-" + std::string(test->name()) + "-" + std::to_string(getpid()));
    fs::create_directories(root_);
  }
  ~CgroupFolder() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << text;
  }

  fs::path root_;
};

const char* const kUnifiedMount =
    "30 23 0:27 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

TEST_F(CgroupFolder, AMachineWithoutCgroupsHasNoLimit) {
  EXPECT_EQ(cgroup_cpus(root_), std::nullopt);
}

TEST_F(CgroupFolder, TheTightestAncestorLimitsVersion2) {
  write("proc/self/cgroup", "0::/user.slice/job\n");
  write("proc/self/mountinfo", kUnifiedMount);
  write("sys/fs/cgroup/user.slice/job/cpu.max", "800000 100000\n");
  EXPECT_EQ(cgroup_cpus(root_), 8);
  write("sys/fs/cgroup/user.slice/cpu.max", "300000 100000\n");
  EXPECT_EQ(cgroup_cpus(root_), 3);
  write("sys/fs/cgroup/cpu.max", "150000 100000\n");
  EXPECT_EQ(cgroup_cpus(root_), 2);
}

TEST_F(CgroupFolder, AnotherProcesssQuotaIsNotOurs) {
  write("proc/self/cgroup", "0::/mine\n");
  write("proc/self/mountinfo", kUnifiedMount);
  write("sys/fs/cgroup/mine/cpu.max", "max 100000\n");
  write("sys/fs/cgroup/other/cpu.max", "100000 100000\n");
  EXPECT_EQ(cgroup_cpus(root_), std::nullopt);
}

TEST_F(CgroupFolder, Version1IsReadFromTheControllerNamedCpu) {
  write("proc/self/cgroup", "7:memory:/pod\n5:cpu,cpuacct:/pod\n3:cpuset:/\n0::/\n");
  write("proc/self/mountinfo",
        "31 23 0:1 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
        "32 23 0:2 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n");
  write("sys/fs/cgroup/cpu,cpuacct/pod/cpu.cfs_quota_us", "250000\n");
  write("sys/fs/cgroup/cpu,cpuacct/pod/cpu.cfs_period_us", "100000\n");
  write("sys/fs/cgroup/cpuset/pod/cpu.cfs_quota_us", "100000\n");
  write("sys/fs/cgroup/cpuset/pod/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_cpus(root_), 3);
}

TEST_F(CgroupFolder, AContainerSeesItsOwnCgroupAtTheMountPoint) {
  write("proc/self/cgroup", "4:cpu:/docker/4fa8\n");
  write("proc/self/mountinfo",
        "32 23 0:2 /docker/4fa8 /sys/fs/cgroup/cpu ro - cgroup cgroup rw,cpu\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_quota_us", "400000\n");
  write("sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(cgroup_cpus(root_), 4);
  // A path from outside of what is mounted.
  write("proc/self/cgroup", "4:cpu:/elsewhere\n");
  EXPECT_EQ(cgroup_cpus(root_), 4);
}

TEST_F(CgroupFolder, AMountPointWithABlankIsFound) {
  write("proc/self/cgroup", "0::/a\n");
  write("proc/self/mountinfo", "30 23 0:27 / /my\\040groups rw - cgroup2 cgroup2 rw\n");
  write("my groups/a/cpu.max", "100000 100000\n");
  EXPECT_EQ(cgroup_cpus(root_), 1);
}

TEST_F(CgroupFolder, BrokenFilesAreNoLimit) {
  write("proc/self/cgroup", "\n:\n0:\nnonsense\n0::\n");
  write("proc/self/mountinfo", "\n-\n1 2 3 - cgroup2\n1 2 3 / - cgroup2 x y\n\\\n");
  EXPECT_EQ(cgroup_cpus(root_), std::nullopt);
}

TEST(CpuLimits, TheAffinityMaskOfTheCallingThreadCounts) {
  EXPECT_GE(affinity_cpus(), 1);
  int pinned_cpus = 0;
  int pinned_usable = 0;
  std::thread([&] {
    cpu_set_t all;
    sched_getaffinity(0, sizeof(all), &all);
    std::size_t first = 0;
    while (!CPU_ISSET(first, &all)) ++first;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(first, &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof(one), &one), 0);
    pinned_cpus = affinity_cpus();
    pinned_usable = usable_threads();
  }).join();
  EXPECT_EQ(pinned_cpus, 1);
  EXPECT_EQ(pinned_usable, 1);
}

TEST(CpuLimits, UsableThreadsNeverExceedTheMask) {
  EXPECT_GE(usable_threads(), 1);
  EXPECT_LE(usable_threads(), affinity_cpus());
}

}  // namespace
}  // namespace fulgurite::core
