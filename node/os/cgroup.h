// What the kernel's control groups allow this process: the values of one file in the process's own group and
// in each group around it, up to the outermost that this process can see. All of them hold, so the tightest
// counts.
//
// Finds the groups by /proc/self/cgroup and /proc/self/mountinfo: versions 1 and 2, with and without a cgroup
// namespace. `root` goes before every path: "" on a real machine, a folder of made-up files in tests. A root
// that the process has entered by chroot may have none of these files: ask before. Any thread.

#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace shoal::node {

// From the innermost group outwards, without spaces and line feeds around; empty: that group has no such
// file. None at all: there is no such hierarchy.
std::vector<std::string> cgroup_v2_values(const std::string& root, std::string_view file);
std::vector<std::string> cgroup_v1_values(const std::string& root, std::string_view controller,
                                          std::string_view file);

}  // namespace shoal::node
