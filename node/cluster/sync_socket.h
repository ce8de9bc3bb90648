// SyncSocket: the datagrams of the sync channel on a libuv loop: one unicast socket, and one socket per
// multicast group. It sends everything through the unicast socket, so that a node has one source address.
// A group is joined again when its interface comes back as a new one. Control thread only.

#pragma once

#include <uv.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "common/counter.h"
#include "common/result.h"
#include "node/config/options.h"
#include "node/net/datagrams.h"
#include "node/net/sockets.h"
#include "node/net/timer.h"
#include "node/os/pages.h"
#include "sync/cluster.h"

namespace shoal::node {

struct SyncSocketCounters {
  common::Counter dropped_send;     // the kernel refused a datagram
  common::Counter dropped_receive;  // the kernel had no room for a datagram
  DatagramErrors call_errors;
};

class SyncSocket {
 public:
  using Receive = std::function<void(const sync::Received&)>;

  static common::Result<std::unique_ptr<SyncSocket>> open(const common::Endpoint& listen,
                                                          const std::vector<MulticastGroup>& groups);
  ~SyncSocket();
  SyncSocket(const SyncSocket&) = delete;
  SyncSocket& operator=(const SyncSocket&) = delete;

  // Starts to pass datagrams to `receive`, on the loop's thread.
  void start(uv_loop_t* loop, Receive receive);

  // Sends what the kernel accepts; drops and counts the rest. The protocol repairs losses.
  void send(const std::vector<sync::Send>& sends);

  // Stops receiving and closes the handles. The sockets close with this object, which must live until the
  // loop has run the close callbacks.
  void stop();

  common::Endpoint local() const { return local_endpoint(unicast_.get()); }
  const SyncSocketCounters& counters() const { return counters_; }

 private:
  struct Port;  // one socket polled for datagrams

  // A multicast group, and its socket while it is joined.
  struct Group {
    MulticastGroup group;
    GroupSocket socket;
    Port* port = nullptr;     // null: not polled
    bool complained = false;  // that it cannot be joined
  };

  static constexpr size_t kReceiveBatch = 16;
  // Ours are at most 1200 bytes; longer ones arrive truncated and are refused.
  static constexpr size_t kDatagramMax = 2048;

  SyncSocket() = default;
  void send_batch(const sync::Send* sends, size_t count);
  Port* poll(int fd, std::optional<size_t> group);
  void unpoll(Port* port);
  // Interfaces may have gone or come.
  void check_groups();
  void leave_group(Group& group);

  common::Endpoint listen_;
  FileDescriptor unicast_;
  std::vector<Group> groups_;
  std::vector<unsigned> interfaces_;  // as last seen
  uv_loop_t* loop_ = nullptr;
  std::optional<Timer> check_timer_;
  std::vector<std::unique_ptr<Port>> ports_;
  Receive receive_;
  const Pages<std::array<uint8_t, kDatagramMax>> buffers_{kReceiveBatch};  // of one batch of any port
  SyncSocketCounters counters_;
  Datagrams sender_{counters_.call_errors};
};

}  // namespace shoal::node
