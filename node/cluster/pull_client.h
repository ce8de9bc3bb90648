// PullClient: the requesting side of pulls on a libuv loop. It connects to a member, sends the request, and
// passes on the bytes of the answer until the other side closes. It does not know what they mean. Control
// thread only.

#pragma once

#include <uv.h>

#include <array>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/bytes.h"
#include "common/counter.h"
#include "common/endpoint.h"
#include "node/net/timer.h"
#include "sync/cluster.h"

namespace shoal::node {

struct PullClientLimits {
  size_t pulls_max = 16;  // further pulls fail at once
  uint64_t connect_ms = 5'000;
  uint64_t idle_ms = 15'000;  // between two reads
};

struct PullClientCounters {
  common::Counter connections;
  common::Counter dropped_connect;  // refused, unreachable, or not connected in time
  common::Counter dropped_idle;     // the other side stopped sending
  common::Counter dropped_broken;   // reset, or another error
};

class PullClient {
 public:
  struct Events {
    std::function<void(uint64_t pull, common::ByteSpan)> received;
    // The pull ended or failed. `trouble`: why it did not connect; empty: it did. Not called after abort().
    std::function<void(uint64_t pull, const std::string& trouble)> closed;
  };

  // Connects from the address `source` unless that is a wildcard; ignores its port. Events happen on the
  // loop's thread, never inside a call of this class, and may call start() and abort().
  PullClient(uv_loop_t* loop, const common::Endpoint& source, const PullClientLimits& limits, Events events);
  ~PullClient();
  PullClient(const PullClient&) = delete;
  PullClient& operator=(const PullClient&) = delete;

  void start(const sync::PullStart& pull);
  void abort(uint64_t pull);

  const PullClientCounters& counters() const { return counters_; }

  // Closes all connections without events. The object must live until the loop has run the close callbacks.
  void stop();

 private:
  struct Connection;

  Connection* find(uint64_t pull);
  bool connect(Connection& connection, const common::Endpoint& to);
  void connected(Connection& connection, int status);
  void read_on();
  bool start_reading(Connection& connection);
  static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer);
  void end(Connection& connection);
  void fail(Connection& connection, common::Counter& reason);
  void close(Connection& connection);
  void check_deadlines();
  void set_timer();

  uv_loop_t* const loop_;
  const std::optional<common::Endpoint> source_;
  const PullClientLimits limits_;
  const Events events_;
  Timer timer_;                           // fires at the earliest deadline
  Timer next_turn_;                       // reads on
  std::vector<Connection*> connections_;  // the open ones; freed in their close callbacks
  // One read of it in each turn of the loop, so it bounds what is merged in one: at most
  // proto::kPullRatioMax times as many bytes of records.
  std::array<char, 16 << 10> read_buffer_;
  PullClientCounters counters_;
};

}  // namespace shoal::node
