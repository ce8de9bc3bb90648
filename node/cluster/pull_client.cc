#include "node/cluster/pull_client.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include "common/check.h"
#include "node/net/socket_address.h"

namespace shoal::node {

using common::ByteSpan;
using common::Endpoint;

struct PullClient::Connection {
  uv_tcp_t tcp;
  uv_connect_t connect;
  uv_write_t write;
  PullClient* client = nullptr;
  uint64_t pull = 0;
  std::shared_ptr<const std::vector<uint8_t>> request;
  bool connected = false;
  bool answered = false;  // something has arrived
  bool paused = false;    // until the loop's next turn
  std::string trouble;    // why it does not connect
  uint64_t late_ms = 0;   // loop time at which the client gives up
};

PullClient::PullClient(uv_loop_t* loop, const Endpoint& source, const PullClientLimits& limits, Events events)
    : loop_(loop),
      source_(common::is_wildcard(source) ? std::nullopt : std::optional(source)),
      limits_(limits),
      events_(std::move(events)),
      timer_(loop, [this] { check_deadlines(); }),
      next_turn_(loop, [this] { read_on(); }) {}

PullClient::~PullClient() = default;

void PullClient::stop() {
  while (!connections_.empty()) close(*connections_.back());
  timer_.close();
  next_turn_.close();
}

void PullClient::start(const sync::PullStart& pull) {
  auto owned = std::make_unique<Connection>();
  owned->client = this;
  owned->pull = pull.pull;
  owned->request = pull.request;
  CHECK_INVARIANT(uv_tcp_init(loop_, &owned->tcp) == 0);
  Connection& connection = *owned.release();  // freed in its close callback
  connection.tcp.data = &connection;
  counters_.connections.add();
  const bool room = connections_.size() < limits_.pulls_max;
  if (!room) connection.trouble = "too many pulls at once";
  const bool begun = room && connect(connection, pull.to);
  if (begun) connection.trouble = "no connection within " + std::to_string(limits_.connect_ms) + " ms";
  // The timer reports an immediate failure: no event happens inside this call.
  connection.late_ms = uv_now(loop_) + (begun ? limits_.connect_ms : 0);
  connections_.push_back(&connection);
  set_timer();
}

bool PullClient::connect(Connection& connection, const Endpoint& to) {
  sockaddr_storage address;
  if (source_ && source_->family == to.family) {
    Endpoint source = *source_;
    source.port = 0;
    to_sockaddr(source, address);
    if (const int error = uv_tcp_bind(&connection.tcp, reinterpret_cast<sockaddr*>(&address), 0)) {
      connection.trouble = uv_strerror(error);
      return false;
    }
  }
  to_sockaddr(to, address);
  const auto on_connect = [](uv_connect_t* request, int status) {
    Connection& of = *static_cast<Connection*>(request->handle->data);
    if (status != UV_ECANCELED) of.client->connected(of, status);
  };
  const int error =
      uv_tcp_connect(&connection.connect, &connection.tcp, reinterpret_cast<sockaddr*>(&address), on_connect);
  if (error != 0) connection.trouble = uv_strerror(error);
  return error == 0;
}

void PullClient::connected(Connection& connection, int status) {
  if (status != 0) {
    connection.trouble = uv_strerror(status);
    return fail(connection, counters_.dropped_connect);
  }
  connection.connected = true;
  connection.trouble.clear();
  connection.late_ms = uv_now(loop_) + limits_.idle_ms;
  auto* stream = reinterpret_cast<uv_stream_t*>(&connection.tcp);
  const std::vector<uint8_t>& request = *connection.request;
  const uv_buf_t buffer = uv_buf_init(reinterpret_cast<char*>(const_cast<uint8_t*>(request.data())),
                                      static_cast<unsigned>(request.size()));
  const auto on_written = [](uv_write_t* write, int write_status) {
    Connection& of = *static_cast<Connection*>(write->handle->data);
    if (write_status != 0 && write_status != UV_ECANCELED)
      of.client->fail(of, of.client->counters_.dropped_broken);
  };
  if (uv_write(&connection.write, stream, &buffer, 1, on_written) != 0 || !start_reading(connection)) {
    return fail(connection, counters_.dropped_broken);
  }
  set_timer();
}

bool PullClient::start_reading(Connection& connection) {
  const auto on_alloc = [](uv_handle_t* handle, size_t /*suggested*/, uv_buf_t* out) {
    auto& shared = static_cast<Connection*>(handle->data)->client->read_buffer_;
    *out = uv_buf_init(shared.data(), static_cast<unsigned>(shared.size()));
  };
  return uv_read_start(reinterpret_cast<uv_stream_t*>(&connection.tcp), on_alloc, &PullClient::on_read) == 0;
}

void PullClient::on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
  Connection& connection = *static_cast<Connection*>(stream->data);
  PullClient& client = *connection.client;
  // A donor that does not know us, or is busy, says nothing and resets the connection.
  if (size == UV_EOF || (size == UV_ECONNRESET && !connection.answered)) return client.end(connection);
  if (size < 0) return client.fail(connection, client.counters_.dropped_broken);
  if (size == 0) return;  // a false alarm
  // libuv would read on until the socket is empty.
  uv_read_stop(stream);
  connection.answered = true;
  connection.paused = true;
  client.next_turn_.start(0);
  connection.late_ms = uv_now(client.loop_) + client.limits_.idle_ms;  // the timer rechecks it when it fires
  client.events_.received(
      connection.pull, ByteSpan(reinterpret_cast<const uint8_t*>(buffer->base), static_cast<size_t>(size)));
}

void PullClient::read_on() {
  const std::vector<Connection*> open = connections_;
  for (Connection* connection : open) {
    if (!std::exchange(connection->paused, false)) continue;
    if (!start_reading(*connection)) fail(*connection, counters_.dropped_broken);
  }
}

void PullClient::abort(uint64_t pull) {
  if (Connection* connection = find(pull)) close(*connection);
}

PullClient::Connection* PullClient::find(uint64_t pull) {
  const auto found = std::find_if(connections_.begin(), connections_.end(),
                                  [pull](const Connection* connection) { return connection->pull == pull; });
  return found == connections_.end() ? nullptr : *found;
}

void PullClient::end(Connection& connection) {
  const uint64_t pull = connection.pull;
  const std::string trouble = connection.trouble;
  close(connection);
  events_.closed(pull, trouble);
}

// A broken connection may fail twice, in a read and in a write. Only the first counts.
void PullClient::fail(Connection& connection, common::Counter& reason) {
  if (uv_is_closing(reinterpret_cast<uv_handle_t*>(&connection.tcp))) return;
  reason.add();
  end(connection);
}

void PullClient::close(Connection& connection) {
  std::erase(connections_, &connection);
  uv_close(reinterpret_cast<uv_handle_t*>(&connection.tcp), [](uv_handle_t* closed) {
    const std::unique_ptr<Connection> freed(static_cast<Connection*>(closed->data));
  });
}

void PullClient::check_deadlines() {
  // Collects numbers, not pointers: an event may start and abort other pulls.
  std::vector<uint64_t> late;
  for (const Connection* connection : connections_) {
    if (uv_now(loop_) >= connection->late_ms) late.push_back(connection->pull);
  }
  for (const uint64_t pull : late) {
    Connection* connection = find(pull);
    if (connection == nullptr) continue;
    fail(*connection, connection->connected ? counters_.dropped_idle : counters_.dropped_connect);
  }
  set_timer();
}

void PullClient::set_timer() {
  if (connections_.empty()) {
    timer_.stop();
    return;
  }
  uint64_t earliest_ms = std::numeric_limits<uint64_t>::max();
  for (const Connection* connection : connections_) earliest_ms = std::min(earliest_ms, connection->late_ms);
  // At least 1 ms: with 0 the loop would call the timer again before any other handle.
  const uint64_t wait_ms = earliest_ms > uv_now(loop_) ? earliest_ms - uv_now(loop_) : 1;
  timer_.start(wait_ms);
}

}  // namespace shoal::node
