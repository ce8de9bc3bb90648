// HttpServer: HTTP/1.x connections on one libuv loop: reading, pipelining, keep-alive, limits. What is
// answered is the handler's. One thread; a slow client costs a little memory, never the thread.
//
// Work: in each turn of the loop a connection may do so much and all of them together so much (TurnWork). One
// whose turn is over before its input is waits in a queue, first come, first served, and the bytes that it
// sends wait in the kernel. So whoever else is on the loop waits for one turn at most, whatever is pipelined.
//
// TLS is a layer between the socket and all this, for connections of listeners that want it: what has been
// read is opened before it is looked at, and answers are sealed. Nothing is allocated for a handshake until
// the client's first record is there. Handshakes are work for strangers, so they have a budget of their own
// in each turn and a queue, may last so long, and so many may be under way, in all and of one address.
//
// A connection that has been upgraded (Upgraded) leaves the parser and stays in all else. What it is sent
// unasked while its client does not read is kept up to a bound; beyond that it is not taken.
//
// Memory: all connections share one read buffer and one answer buffer. A connection keeps bytes of its own
// only while its input is not finished (bounded by the parser's limits), while the kernel has not taken all
// of an answer, or while an answer is streamed; in the last two cases it is not read from. What all keep is
// bounded too: above that, whoever has been waited for longest is closed. Whoever does not read is reset, so
// that the kernel keeps nothing either.

#pragma once

#include <uv.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/endpoint.h"
#include "common/network.h"
#include "node/http/http_counters.h"
#include "node/http/http_gate.h"
#include "node/http/linked_queue.h"
#include "node/http/streamed_answer.h"
#include "node/http/turn_budget.h"
#include "node/http/upgraded.h"
#include "node/limits/address_connections.h"
#include "node/net/listener.h"
#include "node/net/timer.h"
#include "node/os/file_descriptor.h"
#include "node/tls/tls_context.h"
#include "node/tls/tls_session.h"
#include "proto/http_request.h"

namespace shoal::node {

class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  // Appends the whole response to `out`, with "Connection: close" unless request.keep_alive, and returns
  // null; or returns what makes it.
  virtual std::unique_ptr<StreamedAnswer> answer(const proto::HttpRequest& request,
                                                 const common::Endpoint& client, std::string& out) = 0;

  // Asked first. If the request is for another protocol: appends the answer, and returns what the connection
  // becomes unless it is refused. `room`: false: there are as many of them as may be.
  virtual Upgrade upgrade(const proto::HttpRequest& /*request*/, const common::Endpoint& /*client*/,
                          UpgradedLink& /*link*/, bool /*room*/, std::string& /*out*/) {
    return {};
  }
};

struct HttpLimits {
  size_t connections_max = 4096;
  uint64_t idle_ms = 60'000;     // without a byte of the next request
  uint64_t request_ms = 10'000;  // from a request's first byte to its last
  uint64_t answer_ms = 10'000;   // for the client to take an answer, or a piece of a streamed one
  // In a turn of the loop: a connection, and all of them. About 2 ms at the dearest requests.
  TurnWork connection_turn{.steps = 32, .bytes = 16 << 10};
  TurnWork turn{.steps = 512, .bytes = 256 << 10};
  // Input and answers that wait for clients, in all; the beginnings of TLS records, too.
  size_t waiting_bytes_max = 16 << 20;
  // For the whole of a streamed answer, and the rate at which it must be read; 0: no limit.
  uint64_t streamed_ms = 0;
  uint64_t streamed_bytes_per_s = 128 << 10;
  // Handshakes of TLS: how long one may take, how many may be under way (the oldest is closed for a new one),
  // and what is done of them in a turn, in units of TlsSession: a full one, or a few resumed ones.
  uint64_t handshake_ms = 10'000;
  size_t handshakes_max = 1024;
  size_t handshake_turn_units = kTlsFullUnits;
  // Not null: refuses a handshake of a client that has too many under way. Must outlive the server.
  AddressConnections* handshakes_per_address = nullptr;
  // Upgraded connections: how many may be; after how long without a byte their clients are asked whether they
  // are there; and how long they may take to answer.
  size_t upgraded_max = 0;
  uint64_t ask_ms = 50'000;
  uint64_t asked_ms = 20'000;
  proto::HttpRules rules{};  // for what clients send themselves; connections of proxies have no bare LF
  // Not null: refuses connections of a client that has too many. Must outlive the server.
  AddressConnections* per_address = nullptr;
};

class HttpServer {
 public:
  // The loop must run on this thread; handler and counters outlive the server.
  HttpServer(uv_loop_t* loop, const HttpLimits& limits, HttpHandler& handler, HttpCounters& counters);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Accepts connections from a listening socket, which begin with a TLS handshake if `tls`.
  void listen(FileDescriptor socket, bool tls = false);

  // What new connections of TLS use from now on; before the first of them comes.
  void set_tls(TlsLayer layer) { tls_ = std::move(layer); }

  // While it is true, a connection is closed after the last answer to what its client has sent so far. So
  // clients with keep-alive connections go elsewhere before they are cut off. `draining` must outlive the
  // server; any thread may set it.
  void close_when(const std::atomic<bool>& draining) { draining_ = &draining; }

  // False: from now on each answer is the last on its connection, whatever the client asks for. Connections
  // that are upgraded go on.
  void keep_alive(bool keep) { keep_alive_ = keep; }

  // Asked of all clients but trusted proxies. Outlives the server.
  void set_gate(HttpGate* gate) { gate_ = gate; }

  // From now on, new connections from these networks are not counted by address. With `header` they begin
  // with a PROXY protocol header, and the client that it names is counted.
  void expect_proxies(std::shared_ptr<const common::NetworkSet> proxies, bool header) {
    proxies_ = std::move(proxies);
    proxy_header_ = header;
  }

  // Closes listeners and connections; the server must live until the loop has run the close callbacks.
  void stop();

 private:
  struct Connection;
  struct Queues;
  // What a connection waits for. Each queue is ordered by when the wait began, so time-outs check the front
  // only.
  enum class Wait : uint8_t {
    request,
    rest_of_request,
    client_to_read,
    client_to_close,
    streamed_answer,
    handshake,
    upgraded,        // for the next byte of an upgraded connection
    upgraded_asked,  // the same, and the client has been asked for it
  };
  static constexpr size_t kWaits = 8;
  // forced: what the client has not read is dropped with the connection, in the kernel too.
  enum class Close : uint8_t { in_order, forced };

  static void on_turn(uv_prepare_t* handle);
  static void on_alloc(uv_handle_t* handle, size_t suggested, uv_buf_t* buffer);
  static void on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer);
  static void on_written(uv_write_t* request, int status);

  void accept(FileDescriptor socket, const common::Endpoint& client, bool tls);
  bool admit(Connection& connection);
  bool admit_handshake(Connection& connection);
  void begin_turn();
  void resume(Connection& connection);
  void postpone(Connection& connection);
  bool may_work(Connection& connection);
  bool may_read(Connection& connection);
  void charge(Connection& connection, size_t bytes, size_t steps = 1);
  void read_once(Connection& connection);
  void received(Connection& connection, common::ByteSpan bytes);
  void received_plain(Connection& connection, common::ByteSpan bytes);
  void received_upgraded(Connection& connection, common::ByteSpan bytes);
  void received_sealed(Connection& connection, common::ByteSpan bytes);
  bool begin_session(Connection& connection, common::ByteSpan bytes);
  void open_sealed(Connection& connection, common::ByteSpan bytes);
  void hold_record(Connection& connection);
  static bool is_between_requests(const Connection& connection);
  void end_handshake(Connection& connection, std::optional<TlsFailure> failure);
  void refuse_handshake(Connection& connection);
  void blame(const Connection& connection);
  size_t send_now(Connection& connection, const std::string& bytes);
  void answer_input(Connection& connection, common::ByteSpan bytes, bool kept);
  common::ByteSpan answer_all(Connection& connection, common::ByteSpan input);
  bool take_proxy_header(Connection& connection, common::ByteSpan& input);
  bool take_upgrade(Connection& connection, const proto::HttpRequest& request);
  void take_upgraded(Connection& connection, common::ByteSpan bytes);
  void wait_upgraded(Connection& connection, bool whole);
  bool send_unasked(Connection& connection, std::string_view bytes);
  void ask_upgraded(Connection& connection);
  void leave_upgraded(Connection& connection);
  void end_upgraded(Connection& connection);
  void keep(Connection& connection, common::ByteSpan rest, bool kept);
  // `sent`: what it has sent, as far as it has been received.
  void refuse(Connection& connection, int status, common::ByteSpan sent);
  bool shut_out(const Connection& connection);
  void begin_long_answer(Connection& connection, std::unique_ptr<StreamedAnswer> answer);
  void piece_made(Connection& connection, std::string piece, bool more);
  void send_answers(Connection& connection);
  void send_unsent(Connection& connection);
  void all_sent(Connection& connection);
  void start_reading(Connection& connection);
  void stop_reading(Connection& connection);
  void close_in_order(Connection& connection);
  void close(Connection& connection, Close how);
  Connection* longest_waited_for() const;
  void make_room();
  void count_waiting(Connection& connection);
  void bound_waiting();
  void close_expired();
  void wait_for(Connection& connection, Wait wait);
  bool is_draining() const { return draining_ != nullptr && draining_->load(std::memory_order_relaxed); }
  bool trusted(const common::Endpoint& client) const {
    return proxies_ != nullptr && proxies_->contains(client);
  }

  uv_loop_t* const loop_;
  const HttpLimits limits_;
  HttpHandler& handler_;
  HttpCounters& counters_;
  const std::atomic<bool>* draining_ = nullptr;
  std::shared_ptr<const common::NetworkSet> proxies_;
  bool proxy_header_ = false;
  bool keep_alive_ = true;
  HttpGate* gate_ = nullptr;  // null: everybody is served
  Timer timer_;
  uv_prepare_t turns_;
  uv_idle_t go_on_;  // active while connections wait for their turn: the loop does not sleep
  std::vector<std::unique_ptr<Listener>> listeners_;
  const std::unique_ptr<Queues> queues_;
  TlsLayer tls_;
  uint64_t turn_ = 1;
  TurnBudget budget_;       // left of this turn
  size_t handshake_units_;  // the same
  size_t handshakes_ = 0;   // under way
  size_t connections_ = 0;
  size_t upgraded_ = 0;  // of these
  size_t waiting_bytes_ = 0;
  std::vector<char> read_buffer_;
  std::string out_;
  std::string plain_;   // what the bytes just read say, opened
  std::string sealed_;  // what goes to the network
};

}  // namespace shoal::node
