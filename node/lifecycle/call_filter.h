// The system calls of a node, as a seccomp filter in the kernel's own words (BPF). Calls that are not listed
// fail with EPERM; those newer than this list with ENOSYS, as on an older kernel, so that libraries fall back
// to what they used before. Pure.
//
// No library makes it: the list is all there is to it, and libseccomp would have to be loaded to state it.

#pragma once

#include <linux/filter.h>

#include <vector>

namespace shoal::node {

// `shield`: with what a running shield (node/xdp/shield.h) needs of bpf(2): to read its counts and to change
// its bans; no program or map is made. Empty: for another processor than x86-64 and ARM64.
std::vector<sock_filter> call_filter(bool shield);

}  // namespace shoal::node
