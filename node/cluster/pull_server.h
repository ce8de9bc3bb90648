// PullServer: the donating side of pulls on a libuv loop. It accepts TCP connections on the sync port,
// collects each one's request, and sends the donation that answers it as fast as the other side reads. At
// most one piece of a donation waits here. It does not know what the bytes mean. Control thread only.
//
// Anyone may connect, so everything before an accepted request is bounded: connections (accepted in one turn
// of the loop, waiting in total and per address), size and time. A request that has arrived is judged before
// anything else, so that no crowd of connections shuts it out. Dropped connections are counted, get no
// answer, and are reset, so that nothing of them stays in the kernel.

#pragma once

#include <uv.h>

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "common/bytes.h"
#include "common/counter.h"
#include "common/endpoint.h"
#include "node/net/listener.h"
#include "node/net/timer.h"
#include "node/os/lasting_error.h"
#include "sync/donation.h"

namespace shoal::node {

struct PullServerLimits {
  size_t waiting_max = 16;             // connections without a complete request; beyond it, closes the oldest
  size_t waiting_per_address_max = 4;  // of these, from one IPv4 address or IPv6 /64; likewise
  int64_t request_ms = 5'000;          // from accepting to the end of the request
  int defer_s = 2;                     // so long the kernel keeps a connection that says nothing to itself
  int64_t piece_ms = 10'000;           // for the other side to read one piece
};

struct PullServerCounters {
  common::Counter connections;
  common::Counter dropped_room;     // closed to make room for a newer connection
  common::Counter dropped_late;     // the request did not arrive in time
  common::Counter dropped_request;  // invalid or refused request
  common::Counter dropped_slow;     // the other side did not read the donation in time
  common::Counter dropped_broken;   // closed or reset by the other side before the end
  LastingError accept_error;
};

class PullServer {
 public:
  using Accept =
      std::function<std::unique_ptr<sync::Donation>(const common::Endpoint& from, common::ByteSpan request)>;

  // `accept` decides on a complete request (null: refused). It and `now` are called on the loop's thread.
  PullServer(uv_loop_t* loop, FileDescriptor listener, const PullServerLimits& limits,
             std::function<sync::Now()> now, Accept accept);
  ~PullServer();
  PullServer(const PullServer&) = delete;
  PullServer& operator=(const PullServer&) = delete;

  const PullServerCounters& counters() const { return counters_; }

  // Closes all connections and frees their donations. The object must live until the loop has run the close
  // callbacks.
  void stop();

 private:
  struct Connection;
  struct Piece;

  static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer);

  void accept_connection(FileDescriptor socket, const common::Endpoint& from);
  // Judges what has arrived; false: the connection is closed.
  bool read_at_once(Connection& connection);
  void make_room(const common::Endpoint& from);
  void received(Connection& connection, common::ByteSpan bytes);
  void send_piece(Connection& connection);
  bool write(Connection& connection, std::unique_ptr<Piece> piece);
  void written(Connection& connection, int status);
  void finish(Connection& connection);
  void drop(Connection& connection, common::Counter& reason);
  // False: it was already closed.
  bool close(Connection& connection);
  void check_deadlines();
  void set_timer();
  int64_t now_us() const { return now_().mono_us; }

  uv_loop_t* const loop_;
  const PullServerLimits limits_;
  const std::function<sync::Now()> now_;
  const Accept accept_;
  Listener listener_;
  Timer timer_;                           // fires at the earliest deadline
  std::vector<Connection*> connections_;  // the open ones, oldest first; freed in their close callbacks
  std::array<char, 2048> read_buffer_;
  PullServerCounters counters_;
};

}  // namespace shoal::node
