// SyncSocket: the datagram side of the sync channel on a libuv loop: one unicast socket and one per multicast
// group. Control thread only. Everything goes out by the unicast socket, so that a node has one source
// address.

#pragma once

#include <uv.h>

#include <functional>
#include <memory>
#include <vector>

#include "common/counter.h"
#include "common/result.h"
#include "node/config/options.h"
#include "node/net/sockets.h"
#include "sync/cluster.h"

namespace shoal::node {

struct SyncSocketCounters {
  common::Counter dropped_send;     // the kernel did not take a datagram
  common::Counter dropped_receive;  // it had no room to keep one until it was read
};

class SyncSocket {
 public:
  using Receive = std::function<void(const sync::Received&)>;

  static common::Result<std::unique_ptr<SyncSocket>> open(const common::Endpoint& listen,
                                                          const std::vector<MulticastGroup>& groups);
  ~SyncSocket();
  SyncSocket(const SyncSocket&) = delete;
  SyncSocket& operator=(const SyncSocket&) = delete;

  // Starts to hand datagrams to `receive`, on the loop's thread.
  void start(uv_loop_t* loop, Receive receive);

  // Sends all that the kernel takes; the rest is counted and dropped: the protocol repairs losses.
  void send(const std::vector<sync::Send>& sends);

  // Stops receiving and frees the handles; the sockets close with this object, which must outlive the loop's
  // last run.
  void stop();

  common::Endpoint local() const { return local_endpoint(unicast_.get()); }
  const SyncSocketCounters& counters() const { return counters_; }

 private:
  struct Port;  // one socket polled for datagrams

  SyncSocket() = default;
  void send_batch(const sync::Send* sends, size_t count);

  common::Endpoint listen_;
  FileDescriptor unicast_;
  std::vector<MulticastGroup> groups_;
  std::vector<GroupSocket> group_sockets_;
  std::vector<std::unique_ptr<Port>> ports_;
  Receive receive_;
  SyncSocketCounters counters_;
};

}  // namespace shoal::node
