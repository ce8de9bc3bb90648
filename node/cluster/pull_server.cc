#include "node/cluster/pull_server.h"

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "common/check.h"
#include "node/limits/client_prefix.h"

namespace shoal::node {

using common::ByteSpan;
using common::Endpoint;

namespace {

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

// For the first bytes of a request from afar, too, to be there when the connection is.
FileDescriptor deferring(FileDescriptor listener, int seconds) {
  if (seconds > 0) setsockopt(listener.get(), IPPROTO_TCP, TCP_DEFER_ACCEPT, &seconds, sizeof seconds);
  return listener;
}

}  // namespace

struct PullServer::Connection {
  uv_tcp_t tcp;
  uv_shutdown_t shutdown;
  PullServer* server = nullptr;
  Endpoint from;
  std::vector<uint8_t> request;
  std::unique_ptr<sync::Donation> donation;  // null: the request is incomplete
  bool writing = false;
  bool all_given = false;
  int64_t late_us = kNever;   // when to drop it
  int64_t again_us = kNever;  // when to ask the donation for its next piece

  bool wants_more() const { return donation != nullptr && !writing && !all_given; }
};

struct PullServer::Piece {
  uv_write_t request;
  std::vector<uint8_t> bytes;
};

PullServer::PullServer(uv_loop_t* loop, FileDescriptor listener, const PullServerLimits& limits,
                       std::function<sync::Now()> now, Accept accept)
    : loop_(loop),
      limits_(limits),
      now_(std::move(now)),
      accept_(std::move(accept)),
      listener_(loop, deferring(std::move(listener), limits.defer_s),
                {.accepted = [this](FileDescriptor socket,
                                    const Endpoint& from) { accept_connection(std::move(socket), from); },
                 .tried = [this](int error) { counters_.accept_error.set(error); }}),
      timer_(loop, [this] { check_deadlines(); }) {}

PullServer::~PullServer() = default;

void PullServer::stop() {
  while (!connections_.empty()) close(*connections_.back());
  listener_.stop();
  timer_.close();
}

void PullServer::accept_connection(FileDescriptor socket, const Endpoint& from) {
  auto owned = std::make_unique<Connection>();
  owned->server = this;
  CHECK_INVARIANT(uv_tcp_init(loop_, &owned->tcp) == 0);
  Connection& connection = *owned.release();  // freed in its close callback
  connection.tcp.data = &connection;
  connection.late_us = now_us() + limits_.request_ms * 1000;
  connections_.push_back(&connection);
  counters_.connections.add();
  connection.from = from;
  const auto on_alloc = [](uv_handle_t* handle, size_t /*suggested*/, uv_buf_t* buffer) {
    auto& shared = static_cast<Connection*>(handle->data)->server->read_buffer_;
    *buffer = uv_buf_init(shared.data(), static_cast<unsigned>(shared.size()));
  };
  auto* stream = reinterpret_cast<uv_stream_t*>(&connection.tcp);
  if (uv_tcp_open(&connection.tcp, socket.get()) != 0) return drop(connection, counters_.dropped_broken);
  (void)socket.release();
  if (!read_at_once(connection)) return;
  if (uv_read_start(stream, on_alloc, &PullServer::on_read) != 0) {
    return drop(connection, counters_.dropped_broken);
  }
  if (!connection.donation) make_room(connection.from);
  set_timer();
}

bool PullServer::read_at_once(Connection& connection) {
  uv_os_fd_t fd = -1;
  CHECK_INVARIANT(uv_fileno(reinterpret_cast<uv_handle_t*>(&connection.tcp), &fd) == 0);
  const ssize_t size = recv(fd, read_buffer_.data(), read_buffer_.size(), MSG_DONTWAIT);
  // An end or an error comes again when the loop reads.
  if (size > 0) {
    received(connection,
             ByteSpan(reinterpret_cast<const uint8_t*>(read_buffer_.data()), static_cast<size_t>(size)));
  }
  return !uv_is_closing(reinterpret_cast<uv_handle_t*>(&connection.tcp));
}

// Called for each new connection, so at most one must be closed.
void PullServer::make_room(const Endpoint& from) {
  size_t waiting = 0, of_address = 0;
  Connection* oldest = nullptr;
  Connection* oldest_of_address = nullptr;
  for (Connection* connection : connections_) {
    if (connection->donation) continue;
    if (waiting++ == 0) oldest = connection;
    if (address_prefix(connection->from) != address_prefix(from)) continue;
    if (of_address++ == 0) oldest_of_address = connection;
  }
  if (of_address > limits_.waiting_per_address_max) {
    drop(*oldest_of_address, counters_.dropped_room);
  } else if (waiting > limits_.waiting_max) {
    drop(*oldest, counters_.dropped_room);
  }
}

void PullServer::on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
  Connection& connection = *static_cast<Connection*>(stream->data);
  PullServer& server = *connection.server;
  if (size < 0) {
    server.drop(connection, server.counters_.dropped_broken);
  } else if (size > 0) {
    const auto* data = reinterpret_cast<const uint8_t*>(buffer->base);
    server.received(connection, ByteSpan(data, static_cast<size_t>(size)));
  }
}

void PullServer::received(Connection& connection, ByteSpan bytes) {
  // No bytes may follow the request.
  if (connection.donation) return drop(connection, counters_.dropped_request);
  connection.request.insert(connection.request.end(), bytes.begin(), bytes.end());
  const auto missing = sync::pull_request_missing(connection.request);
  if (!missing) return drop(connection, counters_.dropped_request);
  if (*missing > 0) return;
  connection.donation = accept_(connection.from, connection.request);
  if (!connection.donation) return drop(connection, counters_.dropped_request);
  std::vector<uint8_t>().swap(connection.request);
  connection.late_us = kNever;
  send_piece(connection);
  set_timer();
}

// Sends one piece at a time, at most one per iteration of the loop. The kernel's buffer keeps the line busy
// while this thread does other work.
void PullServer::send_piece(Connection& connection) {
  auto piece = std::make_unique<Piece>();
  const sync::Donation::Next next = connection.donation->next(now_(), piece->bytes);
  connection.all_given = next.done;
  connection.again_us = next.again_us;
  if (!piece->bytes.empty() && !write(connection, std::move(piece))) return;
  if (next.done) finish(connection);
}

bool PullServer::write(Connection& connection, std::unique_ptr<Piece> piece) {
  const size_t size = piece->bytes.size();
  const uv_buf_t buffer =
      uv_buf_init(reinterpret_cast<char*>(piece->bytes.data()), static_cast<unsigned>(size));
  piece->request.data = piece.get();
  const auto on_written = [](uv_write_t* request, int status) {
    const std::unique_ptr<Piece> done(static_cast<Piece*>(request->data));
    if (status == UV_ECANCELED) return;  // closed by us
    Connection& of = *static_cast<Connection*>(request->handle->data);
    of.server->written(of, status);
  };
  auto* stream = reinterpret_cast<uv_stream_t*>(&connection.tcp);
  if (uv_write(&piece->request, stream, &buffer, 1, on_written) != 0) {
    drop(connection, counters_.dropped_broken);
    return false;
  }
  (void)piece.release();  // freed in its callback
  connection.writing = true;
  connection.late_us = now_us() + limits_.piece_ms * 1000;
  return true;
}

void PullServer::written(Connection& connection, int status) {
  if (status != 0) return drop(connection, counters_.dropped_broken);
  connection.writing = false;
  connection.late_us = kNever;
  if (connection.wants_more() && now_us() >= connection.again_us) send_piece(connection);
  set_timer();
}

void PullServer::finish(Connection& connection) {
  const auto on_shutdown = [](uv_shutdown_t* request, int status) {
    if (status == UV_ECANCELED) return;  // closed by us
    Connection& of = *static_cast<Connection*>(request->handle->data);
    if (status != 0) return of.server->drop(of, of.server->counters_.dropped_broken);
    of.server->close(of);
  };
  if (uv_shutdown(&connection.shutdown, reinterpret_cast<uv_stream_t*>(&connection.tcp), on_shutdown) != 0) {
    drop(connection, counters_.dropped_broken);
  }
}

// A broken connection may fail twice, in a read and in a write. Only the first counts.
void PullServer::drop(Connection& connection, common::Counter& reason) {
  if (close(connection)) reason.add();
}

bool PullServer::close(Connection& connection) {
  auto* handle = reinterpret_cast<uv_handle_t*>(&connection.tcp);
  if (uv_is_closing(handle)) return false;
  std::erase(connections_, &connection);
  const auto on_closed = [](uv_handle_t* closed) {
    const std::unique_ptr<Connection> freed(static_cast<Connection*>(closed->data));
  };
  // Nothing was said to a stranger that a reset could cut off.
  const bool stranger = connection.donation == nullptr;
  connection.donation.reset();
  if (!stranger || uv_tcp_close_reset(&connection.tcp, on_closed) != 0) uv_close(handle, on_closed);
  return true;
}

void PullServer::check_deadlines() {
  const int64_t now = now_us();
  // Checking a connection may close it, but no other one.
  for (size_t i = connections_.size(); i-- > 0;) {
    Connection& connection = *connections_[i];
    if (now >= connection.late_us) {
      drop(connection, connection.donation ? counters_.dropped_slow : counters_.dropped_late);
    } else if (connection.wants_more() && now >= connection.again_us) {
      send_piece(connection);
    }
  }
  set_timer();
}

void PullServer::set_timer() {
  int64_t earliest_us = kNever;
  for (const Connection* connection : connections_) {
    earliest_us = std::min(earliest_us, connection->late_us);
    if (connection->wants_more()) earliest_us = std::min(earliest_us, connection->again_us);
  }
  if (earliest_us == kNever) {
    timer_.stop();
    return;
  }
  // At least 1 ms: with 0 the loop would call the timer again before any other handle.
  const auto wait_ms = static_cast<uint64_t>(std::max<int64_t>(1, (earliest_us - now_us() + 999) / 1000));
  timer_.start(wait_ms);
}

}  // namespace shoal::node
