// PullServer: the giving side of pulls on a libuv loop: accepts TCP connections on the sync port, collects
// each one's request, and carries the donation that answers it, as fast as the other side takes it: of a
// donation never more than one piece waits here. Knows nothing of what the bytes mean. Control thread only.
//
// Whoever is out there may connect, so everything before an accepted request is bounded: connections in all
// and by address, size, time. Who is thrown out is counted, never answered.

#pragma once

#include <uv.h>

#include <array>
#include <functional>
#include <memory>
#include <vector>

#include "common/bytes.h"
#include "common/counter.h"
#include "common/endpoint.h"
#include "node/net/sockets.h"
#include "node/net/timer.h"
#include "sync/donation.h"

namespace shoal::node {

struct PullServerLimits {
  size_t waiting_max = 16;             // connections without a whole request; the oldest makes room
  size_t waiting_per_address_max = 4;  // of these from one address; its oldest makes room
  int64_t request_ms = 5'000;          // from the connection to the end of its request
  int64_t take_ms = 10'000;            // for the other side to take one piece
};

struct PullServerCounters {
  common::Counter connections;
  common::Counter dropped_room;     // closed to make room for a newer connection
  common::Counter dropped_late;     // the request was not there in time
  common::Counter dropped_request;  // what came was no request, or was refused
  common::Counter dropped_slow;     // the other side did not take what it had asked for
  common::Counter dropped_broken;   // closed or reset by the other side before all was given
};

class PullServer {
 public:
  using Accept =
      std::function<std::unique_ptr<sync::Donation>(const common::Endpoint& from, common::ByteSpan request)>;

  // `accept` decides about a whole request (null: refused); it and `now` are called on the loop's thread.
  PullServer(uv_loop_t* loop, FileDescriptor listener, const PullServerLimits& limits,
             std::function<sync::Now()> now, Accept accept);
  ~PullServer();
  PullServer(const PullServer&) = delete;
  PullServer& operator=(const PullServer&) = delete;

  const PullServerCounters& counters() const { return counters_; }

  // Closes everything and frees the donations; the object must live until the loop has run the close
  // callbacks.
  void stop();

 private:
  struct Connection;
  struct Piece;

  static void on_connection(uv_stream_t* listener, int status);
  static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer);

  void accept_connection();
  void make_room(const common::Endpoint& from);
  void received(Connection& connection, common::ByteSpan bytes);
  void give_piece(Connection& connection);
  bool write(Connection& connection, std::unique_ptr<Piece> piece);
  void written(Connection& connection, int status);
  void finish(Connection& connection);
  void drop(Connection& connection, common::Counter& reason);
  // False: it was closed already.
  bool close(Connection& connection);
  void look_at_deadlines();
  void plan();
  int64_t now_us() const { return now_().mono_us; }

  uv_loop_t* const loop_;
  const PullServerLimits limits_;
  const std::function<sync::Now()> now_;
  const Accept accept_;
  uv_tcp_t listener_;
  Timer timer_;                           // at the earliest deadline of all connections
  std::vector<Connection*> connections_;  // open ones, oldest first; freed in their close callbacks
  std::array<char, 2048> read_buffer_;
  PullServerCounters counters_;
};

}  // namespace shoal::node
