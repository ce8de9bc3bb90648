// OwnAddresses: the addresses of this machine (node/net/address_dump.h says which), kept up to date by
// routing netlink on a libuv loop: asked for at start and whenever the kernel says that one came or went, or
// that an interface changed. Only root changes these; even so, a request is made at most every kPauseMs, and
// a fixed number of datagrams is read in a turn of the loop. The loop's thread only.

#pragma once

#include <uv.h>

#include <cstdint>
#include <functional>
#include <vector>

#include "common/result.h"
#include "node/net/address_dump.h"
#include "node/net/timer.h"
#include "node/os/file_descriptor.h"

namespace shoal::node {

class OwnAddresses {
 public:
  static constexpr uint64_t kPauseMs = 100;
  // An answer that does not come is asked for again.
  static constexpr uint64_t kPatienceMs = 5'000;

  // The netlink socket; fails where the system does not grant one.
  static common::Result<FileDescriptor> open();

  // `changed` is called from the loop when the addresses are known for the first time, when they differ from
  // those before, and when an interface has changed.
  OwnAddresses(uv_loop_t* loop, FileDescriptor socket, std::function<void()> changed);
  ~OwnAddresses() { close(); }
  OwnAddresses(const OwnAddresses&) = delete;
  OwnAddresses& operator=(const OwnAddresses&) = delete;

  // Empty until the kernel has answered.
  const MachineAddresses& addresses() const { return known_; }

  // `changed` will not be called any more. The object may go once the loop has run.
  void close();

 private:
  struct Poll;  // libuv's, which frees it in its close callback

  void on_readable();
  void ask();
  void ask_soon();

  FileDescriptor socket_;
  const std::function<void()> changed_;
  Poll* poll_;  // null: closed
  Timer ask_timer_;
  AddressDump dump_;
  MachineAddresses known_;
  uint32_t sequence_ = 0;
  bool answered_ = false;      // `changed` was called
  bool under_way_ = false;     // a request is not answered yet
  bool ask_again_ = false;     // after that answer
  bool link_changed_ = false;  // since `changed` was last called
  int64_t asked_ms_ = 0;       // by monotonic_ms()
};

}  // namespace shoal::node
