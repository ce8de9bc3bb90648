// MadeUpFiles: a folder that stands for "/" in tests of code that reads what the kernel says of a process.
// Goes with the object.

#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace shoal::test {

class MadeUpFiles {
 public:
  MadeUpFiles() {
    char name[] = "/tmp/shoal-test-XXXXXX";
    REQUIRE(mkdtemp(name) != nullptr);
    root_ = name;
  }
  ~MadeUpFiles() { std::filesystem::remove_all(root_); }
  MadeUpFiles(const MadeUpFiles&) = delete;
  MadeUpFiles& operator=(const MadeUpFiles&) = delete;

  const std::string& root() const { return root_; }

  // `path` begins with a slash; its folders are made.
  void write(const std::string& path, std::string_view text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + path).parent_path());
    std::ofstream(root_ + path, std::ios::binary) << text;
  }

  // As a process in `group` of version 2 sees it, where the whole hierarchy is mounted.
  void in_cgroup_v2(std::string_view group) {
    write("/proc/self/cgroup", "0::" + std::string(group) + "\n");
    write("/proc/self/mountinfo",
          "22 1 0:21 / /proc rw,nosuid - proc proc rw\n"
          "30 22 0:26 / /sys/fs/cgroup rw,nosuid,nodev shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
  }

 private:
  std::string root_;
};

}  // namespace shoal::test
