// UdpServer: BEP 15 on one UDP socket of one worker, on its libuv loop: a batch of datagrams in by recvmmsg,
// their swarms prefetched, the announces worked, a batch of answers out by sendmmsg. No allocation, no log,
// no call into the kernel per packet. Worker's thread only.
// Under load the socket is taken out of epoll and read in every turn of the loop until it is empty: while
// epoll watches a socket, the kernel calls epoll's wake-up for each datagram received and sent, a tenth of
// all the work.

#pragma once

#include <uv.h>

#include <memory>
#include <span>
#include <vector>

#include "common/siphash.h"
#include "node/net/sockets.h"
#include "node/store/cluster_clock.h"
#include "node/tracker/tracker.h"
#include "node/tracker/worker_counters.h"

namespace shoal::node {

// Buffers of one batch; one object serves all UDP sockets of a worker.
struct UdpBatch;
struct UdpBatchDeleter {
  void operator()(UdpBatch* batch) const;
};
using UdpBatchPtr = std::unique_ptr<UdpBatch, UdpBatchDeleter>;
UdpBatchPtr make_udp_batch();

class UdpServer {
 public:
  // `keys`: connection ids are made with the first and accepted from all; this thread may change them between
  // two runs of the loop's callbacks. All references outlive the server.
  UdpServer(uv_loop_t* loop, FileDescriptor socket, UdpBatch& batch, Tracker& tracker,
            const ClusterClock& clock, const std::vector<common::SipKey>& keys, WorkerCounters& counters);
  ~UdpServer();
  UdpServer(const UdpServer&) = delete;
  UdpServer& operator=(const UdpServer&) = delete;

  // Stops receiving; the server must live until the loop has run the close callback.
  void stop();

 private:
  enum class Drained : uint8_t { yes, likely, no };
  static void on_readable(uv_poll_t* handle, int status, int events);
  static void on_turn(uv_idle_t* handle);
  Drained serve();
  void watch();
  size_t receive();
  void look_up(size_t count, uint64_t now_us);
  void answer(size_t index);
  size_t answer_announce(size_t index, std::span<uint8_t> out);
  size_t answer_scrape(size_t index, std::span<uint8_t> out);
  void send();

  FileDescriptor socket_;
  const common::Family family_;
  const bool wildcard_;       // answers name the address that was asked as their source
  const uint32_t peers_fit_;  // in one answer
  UdpBatch& batch_;
  Tracker& tracker_;
  const ClusterClock& clock_;
  const std::vector<common::SipKey>& keys_;
  UdpCounters& counters_;
  uv_poll_t poll_;      // active while the socket is watched
  uv_idle_t turns_;     // active while it is read in every turn
  int64_t unix_s_ = 0;  // read once per batch
  common::Tick tick_ = 0;
};

}  // namespace shoal::node
