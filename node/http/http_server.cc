#include "node/http/http_server.h"

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "node/http/streamed_answer_pump.h"
#include "node/net/socket_address.h"
#include "node/os/monotonic.h"
#include "proto/http_answer.h"
#include "proto/proxy_protocol.h"

namespace shoal::node {

using common::bytes_of;
using common::ByteSpan;

namespace {

constexpr size_t kReadBufferBytes = 64 << 10;
constexpr size_t kOutKeptBytes = 256 << 10;  // a larger answer buffer is given back
constexpr uint64_t kLongAnswerMs = 600'000;  // for us to make a piece
constexpr uint64_t kLingerMs = 1'000;  // after an error, for the client to read the answer before we close

}  // namespace

struct HttpServer::Listener {
  uv_tcp_t tcp;
  HttpServer* server = nullptr;
};

struct HttpServer::Connection {
  uv_tcp_t tcp;
  uv_write_t write;
  HttpServer* server = nullptr;
  Connection* previous = nullptr;
  Connection* next = nullptr;
  uint64_t since_ms = 0;  // when the present wait began
  common::Endpoint client;
  std::string partial;                                  // the beginning of a request
  std::string unsent;                                   // the end of an answer
  std::unique_ptr<StreamedAnswerPump> streamed_answer;  // being made; null: none
  Wait wait = Wait::request;
  proto::HttpRules rules;
  bool proxy_header_due = false;
  bool closing = false;
  bool counted = false;      // in limits_.per_address
  bool last_answer = false;  // close when it is sent
  bool linger =
      false;  // the client may still be sending: do not close at once, a reset would lose the answer
};

HttpServer::HttpServer(uv_loop_t* loop, const HttpLimits& limits, HttpHandler& handler,
                       HttpCounters& counters)
    : loop_(loop),
      limits_(limits),
      handler_(handler),
      counters_(counters),
      timer_(loop, [this] { close_expired(); }),
      read_buffer_(kReadBufferBytes) {
  timer_.start(1'000, 1'000);
}

HttpServer::~HttpServer() = default;

void HttpServer::listen(FileDescriptor socket) {
  auto listener = std::make_unique<Listener>();
  listener->server = this;
  CHECK_INVARIANT(uv_tcp_init(loop_, &listener->tcp) == 0);
  CHECK_INVARIANT(uv_tcp_open(&listener->tcp, socket.release()) == 0);
  listener->tcp.data = listener.get();
  CHECK_INVARIANT(
      uv_listen(reinterpret_cast<uv_stream_t*>(&listener->tcp), SOMAXCONN, &HttpServer::on_connection) == 0);
  listeners_.push_back(std::move(listener));
}

void HttpServer::stop() {
  timer_.close();
  for (const auto& listener : listeners_) uv_close(reinterpret_cast<uv_handle_t*>(&listener->tcp), nullptr);
  for (const Queue& queue : queues_) {
    while (queue.front != nullptr) close(*queue.front);
  }
}

void HttpServer::on_connection(uv_stream_t* listener, int status) {
  if (status == 0) static_cast<Listener*>(listener->data)->server->accept(listener);
}

void HttpServer::accept(uv_stream_t* listener) {
  const bool full = connections_ >= limits_.connections_max;
  auto owned = std::make_unique<Connection>();
  owned->server = this;
  CHECK_INVARIANT(uv_tcp_init(loop_, &owned->tcp) == 0);
  Connection& connection = *owned.release();  // freed in its close callback
  connection.tcp.data = &connection;
  ++connections_;
  counters_.connections_accepted.add();

  auto* stream = reinterpret_cast<uv_stream_t*>(&connection.tcp);
  sockaddr_storage peer{};
  int size = sizeof peer;
  if (uv_accept(listener, stream) != 0 ||
      uv_tcp_getpeername(&connection.tcp, reinterpret_cast<sockaddr*>(&peer), &size) != 0) {
    close(connection);
    return;
  }
  connection.client = from_sockaddr(reinterpret_cast<sockaddr*>(&peer));
  const bool proxy = trusted(connection.client);
  connection.rules = limits_.rules;
  if (proxy) connection.rules.bare_lf = false;
  connection.proxy_header_due = proxy_header_ && proxy;
  // A refused connection must not displace another.
  if (!connection.proxy_header_due && !admit(connection)) return;
  if (full) make_room();
  wait_for(connection, Wait::request);
  if (uv_read_start(stream, &HttpServer::on_alloc, &HttpServer::on_read) != 0) close(connection);
}

// Counts a connection once its client's address is known; false: it was one too many and is closed.
bool HttpServer::admit(Connection& connection) {
  if (limits_.per_address == nullptr) return true;
  if (trusted(connection.client)) return true;
  const AddressConnections::Entry entry = limits_.per_address->enter(connection.client);
  connection.counted = entry == AddressConnections::Entry::counted;
  if (entry != AddressConnections::Entry::refused) return true;
  counters_.refused_per_address.add();
  close(connection);
  return false;
}

void HttpServer::on_alloc(uv_handle_t* handle, size_t /*suggested*/, uv_buf_t* buffer) {
  std::vector<char>& shared = static_cast<Connection*>(handle->data)->server->read_buffer_;
  *buffer = uv_buf_init(shared.data(), static_cast<unsigned>(shared.size()));
}

void HttpServer::on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
  Connection& connection = *static_cast<Connection*>(stream->data);
  if (size < 0) {
    connection.server->close(connection);
  } else if (size > 0) {
    const auto* data = reinterpret_cast<const uint8_t*>(buffer->base);
    connection.server->received(connection, ByteSpan(data, static_cast<size_t>(size)));
  }
}

void HttpServer::received(Connection& connection, ByteSpan bytes) {
  if (connection.wait == Wait::client_to_close) return;
  counters_.bytes_received.add(bytes.size());
  const bool had_partial = !connection.partial.empty();
  if (had_partial) {
    connection.partial.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    bytes = bytes_of(connection.partial);
  }
  answer_input(connection, bytes, had_partial);
}

// `bytes` may lie in connection.partial.
void HttpServer::answer_input(Connection& connection, ByteSpan bytes, bool had_partial) {
  out_.clear();
  const ByteSpan rest = answer_all(connection, bytes);
  const bool answered = rest.size() != bytes.size();
  if (rest.empty()) {
    std::string().swap(connection.partial);
    wait_for(connection, Wait::request);
  } else if (!had_partial || answered) {
    connection.partial = std::string(reinterpret_cast<const char*>(rest.data()), rest.size());
    wait_for(connection, Wait::rest_of_request);  // a later byte of the same request does not extend the time
  }
  if (!out_.empty()) {
    send_answers(connection);
  } else if (connection.streamed_answer) {
    all_sent(connection);
  }
}

// Answers the complete requests of `input`, up to one with a long answer; returns what is left: the beginning
// of a request, or nothing, or whatever stands behind that one.
ByteSpan HttpServer::answer_all(Connection& connection, ByteSpan input) {
  if (connection.proxy_header_due && !take_proxy_header(connection, input)) return input;
  while (!input.empty() && !connection.last_answer && !connection.streamed_answer) {
    proto::HttpRequest request = proto::parse_http_request(input, connection.rules);
    if (request.state == proto::HttpState::need_more) return input;
    if (request.state == proto::HttpState::bad) {
      refuse(connection, request.status);
      break;
    }
    const bool more = request.consumed < input.size();
    if (draining_ != nullptr && !more && draining_->load(std::memory_order_relaxed))
      request.keep_alive = false;
    const int64_t start_us = monotonic_us();
    auto streamed_answer = handler_.answer(request, connection.client, out_);
    counters_.request_time.add(static_cast<uint64_t>(monotonic_us() - start_us));
    if (streamed_answer && request.version_minor == 0) request.keep_alive = false;
    if (streamed_answer) begin_long_answer(connection, std::move(streamed_answer));
    input = input.subspan(request.consumed);
    connection.last_answer = !request.keep_alive;
    connection.linger = connection.last_answer && !input.empty();
  }
  return connection.last_answer ? ByteSpan{} : input;
}

void HttpServer::refuse(Connection& connection, int status) {
  counters_.bad_requests.add();
  proto::append_http_error(out_, status);
  connection.last_answer = true;
  connection.linger = true;
}

// Reads the proxy's header, which says whose connection it is. False: not complete yet, or the connection is
// over; `input` is what remains.
bool HttpServer::take_proxy_header(Connection& connection, ByteSpan& input) {
  const proto::ProxyHeader header = proto::parse_proxy_header(input);
  if (header.state == proto::ProxyState::need_more) return false;
  if (header.state == proto::ProxyState::bad) {
    refuse(connection, 400);
    input = {};
    return false;
  }
  connection.proxy_header_due = false;
  if (header.client) {
    connection.client = *header.client;
    if (!admit(connection)) {
      input = {};
      return false;
    }
  }
  input = input.subspan(header.consumed);
  return true;
}

void HttpServer::begin_long_answer(Connection& connection, std::unique_ptr<StreamedAnswer> answer) {
  connection.streamed_answer = std::make_unique<StreamedAnswerPump>(
      loop_, std::move(answer),
      [this, &connection](std::string piece, bool more) { piece_made(connection, std::move(piece), more); });
}

void HttpServer::piece_made(Connection& connection, std::string piece, bool more) {
  connection.unsent = std::move(piece);
  if (!more) connection.streamed_answer.reset();
  if (connection.unsent.empty()) {
    all_sent(connection);
  } else {
    send_unsent(connection);
  }
}

void HttpServer::send_answers(Connection& connection) {
  auto* stream = reinterpret_cast<uv_stream_t*>(&connection.tcp);
  uv_buf_t buffer = uv_buf_init(out_.data(), static_cast<unsigned>(out_.size()));
  const int written = uv_try_write(stream, &buffer, 1);
  if (written < 0 && written != UV_EAGAIN) {
    close(connection);
    return;
  }
  const size_t sent = written > 0 ? static_cast<size_t>(written) : 0;
  counters_.bytes_sent.add(sent);
  if (sent == out_.size()) {
    all_sent(connection);
  } else {
    connection.unsent.assign(out_, sent);
    send_unsent(connection);
  }
  if (out_.capacity() > kOutKeptBytes) std::string().swap(out_);
}

void HttpServer::send_unsent(Connection& connection) {
  auto* stream = reinterpret_cast<uv_stream_t*>(&connection.tcp);
  uv_buf_t rest = uv_buf_init(connection.unsent.data(), static_cast<unsigned>(connection.unsent.size()));
  uv_read_stop(stream);
  wait_for(connection, Wait::client_to_read);
  if (uv_write(&connection.write, stream, &rest, 1, &HttpServer::on_written) != 0) close(connection);
}

void HttpServer::on_written(uv_write_t* request, int status) {
  Connection& connection = *static_cast<Connection*>(request->handle->data);
  HttpServer& server = *connection.server;
  if (connection.closing) return;
  if (status != 0) {
    server.close(connection);
    return;
  }
  server.counters_.bytes_sent.add(connection.unsent.size());
  std::string().swap(connection.unsent);
  server.all_sent(connection);
}

// The client has been sent all that has been made.
void HttpServer::all_sent(Connection& connection) {
  if (connection.streamed_answer) {
    uv_read_stop(reinterpret_cast<uv_stream_t*>(&connection.tcp));
    wait_for(connection, Wait::streamed_answer);
    connection.streamed_answer->make();
  } else if (connection.last_answer) {
    close_in_order(connection);
  } else if (connection.wait == Wait::client_to_read || connection.wait == Wait::streamed_answer) {
    read_on(connection);
  }
}

void HttpServer::read_on(Connection& connection) {
  uv_read_start(reinterpret_cast<uv_stream_t*>(&connection.tcp), &HttpServer::on_alloc, &HttpServer::on_read);
  wait_for(connection, Wait::request);
  if (connection.partial.empty()) return;
  // More complete requests may follow one with a streamed answer.
  const std::string input = std::exchange(connection.partial, {});
  answer_input(connection, bytes_of(input), false);
}

void HttpServer::close_in_order(Connection& connection) {
  if (!connection.linger) {
    close(connection);
    return;
  }
  std::string().swap(connection.partial);
  auto* stream = reinterpret_cast<uv_stream_t*>(&connection.tcp);
  uv_os_fd_t fd = -1;
  if (uv_fileno(reinterpret_cast<uv_handle_t*>(&connection.tcp), &fd) == 0) shutdown(fd, SHUT_WR);
  uv_read_start(stream, &HttpServer::on_alloc, &HttpServer::on_read);
  wait_for(connection, Wait::client_to_close);
}

void HttpServer::close(Connection& connection) {
  if (connection.closing) return;
  connection.closing = true;
  connection.streamed_answer.reset();
  unlink(connection);
  if (connection.counted) limits_.per_address->leave(connection.client);
  --connections_;
  counters_.connections_closed.add();
  uv_close(reinterpret_cast<uv_handle_t*>(&connection.tcp), [](uv_handle_t* handle) {
    const std::unique_ptr<Connection> freed(static_cast<Connection*>(handle->data));
  });
}

// Closes the connection that has kept us waiting longest, idle or in the middle of a request: otherwise
// clients that never finish a request would outlive all others. Closes one that is being answered only if
// there is no such connection.
void HttpServer::make_room() {
  Connection* oldest = queues_[static_cast<size_t>(Wait::request)].front;
  Connection* slow = queues_[static_cast<size_t>(Wait::rest_of_request)].front;
  if (oldest == nullptr || (slow != nullptr && slow->since_ms <= oldest->since_ms)) oldest = slow;
  for (size_t i = 0; oldest == nullptr && i < queues_.size(); ++i) oldest = queues_[i].front;
  if (oldest == nullptr) return;
  counters_.closed_for_room.add();
  close(*oldest);
}

void HttpServer::close_expired() {
  const std::array<uint64_t, 5> limits_ms = {limits_.idle_ms, limits_.request_ms, limits_.answer_ms,
                                             kLingerMs, kLongAnswerMs};
  const uint64_t now_ms = uv_now(loop_);
  for (size_t i = 0; i < queues_.size(); ++i) {
    while (queues_[i].front != nullptr && now_ms - queues_[i].front->since_ms >= limits_ms[i]) {
      if (static_cast<Wait>(i) != Wait::client_to_close) counters_.closed_timeout.add();
      close(*queues_[i].front);
    }
  }
}

void HttpServer::wait_for(Connection& connection, Wait wait) {
  if (connection.closing) return;
  unlink(connection);
  connection.wait = wait;
  connection.since_ms = uv_now(loop_);
  Queue& queue = queues_[static_cast<size_t>(wait)];
  connection.previous = queue.back;
  (queue.back != nullptr ? queue.back->next : queue.front) = &connection;
  queue.back = &connection;
}

void HttpServer::unlink(Connection& connection) {
  Queue& queue = queues_[static_cast<size_t>(connection.wait)];
  if (connection.previous == nullptr && queue.front != &connection) return;  // in no queue yet
  (connection.previous != nullptr ? connection.previous->next : queue.front) = connection.next;
  (connection.next != nullptr ? connection.next->previous : queue.back) = connection.previous;
  connection.previous = nullptr;
  connection.next = nullptr;
}

}  // namespace shoal::node
