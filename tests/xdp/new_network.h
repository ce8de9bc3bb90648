// NewNetwork: while it lives, the calling thread is in a network namespace of its own, in which there is only
// an idle loopback device. Sockets opened in it stay in it. Needs root.

#pragma once

#include <fcntl.h>
#include <sched.h>

#include "common/check.h"
#include "node/os/file_descriptor.h"

namespace shoal::test {

class NewNetwork {
 public:
  NewNetwork() : before_(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) {
    is_new_ = before_.is_open() && unshare(CLONE_NEWNET) == 0;
  }
  ~NewNetwork() {
    if (is_new_) CHECK_INVARIANT(setns(before_.get(), CLONE_NEWNET) == 0);
  }
  NewNetwork(const NewNetwork&) = delete;
  NewNetwork& operator=(const NewNetwork&) = delete;
  bool is_new() const { return is_new_; }

 private:
  node::FileDescriptor before_;
  bool is_new_ = false;
};

}  // namespace shoal::test
