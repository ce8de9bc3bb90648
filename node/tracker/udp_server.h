// UdpServer: BEP 15 on one UDP socket of one worker, on its libuv loop. It receives a batch of datagrams with
// recvmmsg, prefetches their swarms, handles the requests, and sends a batch of answers with sendmmsg. No
// allocation, no log line and no system call per packet. Worker's thread only. Under load it removes the
// socket from epoll and reads it in every iteration of the loop until it is empty. While epoll watches a
// socket, the kernel calls epoll's wake-up for each datagram received and sent, a tenth of all the work.
//
// Where recvmmsg or sendmmsg are refused (a system call filter), it falls back to recvmsg and sendmsg for
// good. While receiving fails altogether it tries again ten times a second.

#pragma once

#include <uv.h>

#include <memory>
#include <span>
#include <vector>

#include "common/siphash.h"
#include "node/limits/stale_id_answers.h"
#include "node/net/datagrams.h"
#include "node/net/timer.h"
#include "node/os/file_descriptor.h"
#include "node/store/cluster_clock.h"
#include "node/tracker/tracker.h"
#include "node/tracker/worker_counters.h"
#include "proto/udp_tracker.h"

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
  // two runs of the loop's callbacks. `stale_ids` is the worker's. All references outlive the server.
  UdpServer(uv_loop_t* loop, FileDescriptor socket, UdpBatch& batch, Tracker& tracker,
            const ClusterClock& clock, const std::vector<common::SipKey>& keys, StaleIdAnswers& stale_ids,
            WorkerCounters& counters);
  ~UdpServer();
  UdpServer(const UdpServer&) = delete;
  UdpServer& operator=(const UdpServer&) = delete;

  // Stops receiving. The server must live until the loop has run the close callback.
  void stop();

 private:
  enum class Drained : uint8_t { yes, likely, no };
  static void on_readable(uv_poll_t* handle, int status, int events);
  static void on_turn(uv_idle_t* handle);
  Drained serve();
  void watch();
  size_t receive();
  void look_up(size_t count, uint64_t now_us);
  bool refuses_banned(const common::Endpoint& client);
  void refuse_connection_id(proto::UdpRequest& request, const common::Endpoint& client, uint64_t now_us);
  void answer(size_t index);
  size_t answer_announce(size_t index, std::span<uint8_t> out);
  size_t answer_scrape(size_t index, std::span<uint8_t> out);
  void send();

  FileDescriptor socket_;
  const common::Family family_;
  const bool wildcard_;       // answers need the source address that the request was sent to
  const uint32_t peers_fit_;  // in one answer
  UdpBatch& batch_;
  Tracker& tracker_;
  const ClusterClock& clock_;
  const std::vector<common::SipKey>& keys_;
  StaleIdAnswers& stale_ids_;
  UdpCounters& counters_;
  uv_poll_t poll_;   // active while the socket is watched
  uv_idle_t turns_;  // active while it is read in every iteration
  Datagrams datagrams_;
  Timer pause_;         // active while receiving fails
  int64_t unix_s_ = 0;  // read once per batch
  int64_t unix_ms_ = 0;
  uint64_t now_us_ = 0;
  AnnounceMoments moments_;
};

}  // namespace shoal::node
