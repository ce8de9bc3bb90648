// PullClient: the asking side of pulls on a libuv loop: connects to a member, sends the request, and hands on
// what comes until the other side ends it. Knows nothing of what the bytes mean. Control thread only.

#pragma once

#include <uv.h>

#include <array>
#include <functional>
#include <optional>
#include <vector>

#include "common/bytes.h"
#include "common/counter.h"
#include "common/endpoint.h"
#include "node/net/timer.h"
#include "sync/cluster.h"

namespace shoal::node {

struct PullClientLimits {
  size_t pulls_max = 16;  // more are closed as soon as they begin
  uint64_t connect_ms = 5'000;
  uint64_t idle_ms = 15'000;  // between two reads
};

struct PullClientCounters {
  common::Counter connections;
  common::Counter dropped_connect;  // no connection in time
  common::Counter dropped_idle;     // the other side fell silent
  common::Counter dropped_broken;   // reset, or failed otherwise
};

class PullClient {
 public:
  struct Events {
    std::function<void(uint64_t pull, common::ByteSpan)> received;
    // Ended, or failed, once connected or before; not after abort().
    std::function<void(uint64_t pull, bool connected)> closed;
  };

  // Connections come from `source` if that is no wildcard; its port does not matter. Events happen on the
  // loop's thread, never inside a call of this class, and may call start() and abort().
  PullClient(uv_loop_t* loop, const common::Endpoint& source, const PullClientLimits& limits, Events events);
  ~PullClient();
  PullClient(const PullClient&) = delete;
  PullClient& operator=(const PullClient&) = delete;

  void start(const sync::PullStart& pull);
  void abort(uint64_t pull);

  const PullClientCounters& counters() const { return counters_; }

  // Closes everything without events; the object must live until the loop has run the close callbacks.
  void stop();

 private:
  struct Connection;

  Connection* find(uint64_t pull);
  bool connect(Connection& connection, const common::Endpoint& to);
  void connected(Connection& connection, int status);
  static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer);
  void end(Connection& connection);
  void fail(Connection& connection, common::Counter& reason);
  void close(Connection& connection);
  void look_at_deadlines();
  void plan();

  uv_loop_t* const loop_;
  const std::optional<common::Endpoint> source_;
  const PullClientLimits limits_;
  const Events events_;
  Timer timer_;                           // at the earliest deadline of all connections
  std::vector<Connection*> connections_;  // open ones; freed in their close callbacks
  std::array<char, 32 << 10> read_buffer_;
  PullClientCounters counters_;
};

}  // namespace shoal::node
