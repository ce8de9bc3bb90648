// Connections of a real HttpServer, over loopback: what a client sends arrives in any pieces, alone or beside
// another client that sends the same in other pieces, in plain, by TLS, or behind the header of a proxy. Each
// gets exactly the answers that a reader of the whole text would give, in order, up to the request that ends
// the connection, and nothing after that; also when it upgrades to WebSocket on the way, or reads nothing
// before it has sent everything. The server's memory is bounded, and it keeps nothing of who has gone.
// Streamed answers, which another thread makes, are left out.
//
// The first byte says how the text comes, the second in which pieces.

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/check.h"
#include "common/prng.h"
#include "node/http/http_server.h"
#include "node/net/sockets.h"
#include "node/os/monotonic.h"
#include "node/tls/tls_hello.h"
#include "node/websocket/websocket_handshake.h"
#include "node/websocket/websocket_stream.h"
#include "proto/http_answer.h"
#include "proto/proxy_protocol.h"
#include "tests/fuzz/heap.h"
#include "tests/fuzz/tls_layer.h"
#include "tests/websocket/websocket_echo.h"

using namespace shoal;
using namespace shoal::node;
using common::Endpoint;

namespace {

constexpr size_t kTextMax = 12 << 10;
constexpr uint64_t kNeverMs = 3'600'000;
// Within which everything has arrived, and how often we look without anything new before we take it that
// nothing comes for now.
constexpr int64_t kArrivesMs = 30'000;
constexpr int kIdleTurns = 3;
constexpr size_t kBigBytes = 40'000;
constexpr uint32_t kMessageMax = 300;
// What a server may keep of a few clients and their answers, and these clients and the model keep themselves.
constexpr size_t kMemoryMax = 6 << 20;
constexpr size_t kLeftMax = 1 << 20;

class Handler final : public HttpHandler {
 public:
  std::unique_ptr<StreamedAnswer> answer(const proto::HttpRequest& request, const Endpoint& client,
                                         std::string& out) override {
    std::string text = std::string(request.path) + "?" + std::string(request.query) + " of " +
                       common::address_to_string(client);
    if (request.path == "/big") text.resize(kBigBytes, '.');
    proto::append_text(out, proto::reply_to(request), 200, text);
    return nullptr;
  }
  Upgrade upgrade(const proto::HttpRequest& request, const Endpoint& /*client*/, UpgradedLink& /*link*/,
                  bool room, std::string& out) override {
    WebsocketOpening opening = judge_websocket(request, {});
    if (opening == WebsocketOpening::accepted && !room) opening = WebsocketOpening::no_room;
    append_websocket_opening(out, request, opening);
    return {.answered = opening != WebsocketOpening::none,
            .upgraded = opening == WebsocketOpening::accepted
                            ? std::make_unique<test::WebsocketEcho>(kMessageMax, "close")
                            : nullptr};
  }
};

struct Gate final : HttpGate {
  bool admits(const Endpoint& /*client*/) override { return true; }
  void malformed(const Endpoint& /*client*/) override {}
};

// How a text comes.
struct Way {
  explicit Way(uint8_t byte)
      : secure((byte & 3) == 1),
        raw_tls((byte & 3) == 2),
        header((byte & 3) == 3 || (secure && (byte & 128) != 0)),
        last_only((byte & 4) != 0),
        two((byte & 8) != 0),
        narrow((byte & 16) != 0),
        reads_late((byte & 32) != 0),
        says_end(secure && (byte & 64) != 0) {}
  bool secure;      // by TLS
  bool raw_tls;     // the text is what a client of TLS sends, as it is
  bool header;      // it begins with the header of a proxy
  bool last_only;   // the server keeps no connection
  bool two;         // two clients
  bool narrow;      // the server that does little in a turn, and is strict
  bool reads_late;  // when all is sent
  bool says_end;    // with a close_notify
};

// What a client is to get.
struct Expected {
  std::string text;
  bool closed = false;
};

class NoLink final : public UpgradedLink {
 public:
  bool send(std::string_view /*bytes*/) override { return false; }
};

Expected expected_of(std::string_view text, const Way& way, proto::HttpRules rules) {
  Expected out;
  Handler handler;
  NoLink link;
  Endpoint client = common::make_endpoint_v4(0x7f000001, 1);
  if (way.header) {
    rules.bare_lf = false;
    const proto::ProxyHeader header = proto::parse_proxy_header(common::bytes_of(text));
    if (header.state == proto::ProxyState::need_more) return out;
    if (header.state == proto::ProxyState::bad) {
      out.closed = true;
      if (!way.secure) proto::append_http_error(out.text, 400);
      return out;
    }
    if (header.client) client = *header.client;
    text.remove_prefix(header.consumed);
  }
  while (!text.empty() && !out.closed) {
    proto::HttpRequest request = proto::parse_http_request(common::bytes_of(text), rules);
    if (request.state == proto::HttpState::need_more) break;
    if (request.state == proto::HttpState::bad) {
      proto::append_http_error(out.text, request.status);
      out.closed = true;
      break;
    }
    text.remove_prefix(request.consumed);
    if (way.last_only) request.keep_alive = request.says_close = false;
    const Upgrade upgrade = handler.upgrade(request, client, link, true, out.text);
    if (upgrade.upgraded) {
      const Upgraded::Took took = upgrade.upgraded->received(common::bytes_of(text), out.text);
      out.closed = took.over;
      break;
    }
    if (!upgrade.answered) (void)handler.answer(request, client, out.text);
    out.closed = !request.keep_alive;
  }
  if (way.says_end) out.closed = true;
  return out;
}

HttpLimits limits_of(bool narrow) {
  HttpLimits limits;
  limits.connections_max = 8;
  limits.idle_ms = limits.request_ms = limits.answer_ms = limits.handshake_ms = kNeverMs;
  limits.ask_ms = limits.asked_ms = kNeverMs;
  limits.upgraded_max = 8;
  limits.rules = narrow ? proto::HttpRules{} : proto::HttpRules{.lenient = true, .bare_lf = true};
  if (narrow) {
    limits.connection_turn = {.steps = 2, .bytes = 300};
    limits.turn = {.steps = 3, .bytes = 500};
  }
  return limits;
}

struct Server {
  Server(uv_loop_t* loop, bool is_narrow)
      : limits(limits_of(is_narrow)), http(loop, limits, handler, counters) {
    http.set_gate(&gate);
    for (const bool tls : {false, true}) {
      auto socket = open_tcp(common::make_endpoint_v4(0x7f000001, 0), PortUse::alone);
      CHECK_INVARIANT(socket.has_value());
      ports[tls ? 1 : 0] = local_endpoint(socket->get()).port;
      http.listen(std::move(*socket), tls);
    }
  }
  // Changes with whatever the server does.
  uint64_t doings() const {
    return counters.connections_accepted.value() + counters.connections_closed.value() +
           counters.bytes_received.value() + counters.bytes_sent.value() + counters.postponed.value() +
           counters.tls.postponed.value();
  }
  uint64_t open() const {
    return counters.connections_accepted.value() - counters.connections_closed.value();
  }

  const HttpLimits limits;
  Handler handler;
  Gate gate;
  HttpCounters counters;
  HttpServer http;
  std::array<uint16_t, 2> ports{};
};

// They serve all inputs.
struct Servers {
  Servers() {
    std::signal(SIGPIPE, SIG_IGN);
    CHECK_INVARIANT(uv_loop_init(&loop) == 0);
    const TlsLayer layer = test::made_layer();
    for (const bool narrow : {false, true}) {
      of[narrow ? 1 : 0] = std::make_unique<Server>(&loop, narrow);
      of[narrow ? 1 : 0]->http.set_tls(layer);
    }
    proxies = std::make_shared<common::NetworkSet>(
        std::vector<common::Network>{*common::parse_network("127.0.0.0/8")});
    client_context.reset(SSL_CTX_new(TLS_client_method()));
  }
  uv_loop_t loop{};
  std::array<std::unique_ptr<Server>, 2> of;
  std::shared_ptr<const common::NetworkSet> proxies;
  SslContextPtr client_context;
};
Servers& servers() {
  static auto* const made = new Servers;
  return *made;
}

class Client {
 public:
  Client(uint16_t port, std::string_view text, const Way& way, uint64_t seed)
      : way_(way), prng_(seed), fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK_INVARIANT(connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    // Small pieces for some, large ones for others.
    largest_ = static_cast<uint32_t>(2 + (text.size() >> (seed % 8)));
    if (way.secure && way.header) {
      const proto::ProxyHeader header = proto::parse_proxy_header(common::bytes_of(text));
      const bool good = header.state == proto::ProxyState::header;
      to_send_ = text.substr(0, good ? header.consumed : text.size());
      text.remove_prefix(to_send_.size());
      if (!good) return;
    }
    if (!way.secure) {
      to_send_ = text;
      return;
    }
    text_ = text;
    session_ = std::make_unique<TlsSession>(SslPtr(SSL_new(servers().client_context.get())));
    session_->receive({}, got_, to_send_);
  }
  // What is left of it is reset, so that no port stays in use.
  ~Client() {
    const linger none{.l_onoff = 1, .l_linger = 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &none, sizeof none);
    close(fd_);
  }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Sends a piece, if there is one.
  void send_piece() {
    seal_piece();
    if (is_sent()) return;
    const size_t size = std::min<size_t>(1 + prng_.below(largest_), to_send_.size());
    const ssize_t sent = send(fd_, to_send_.data(), size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      CHECK_INVARIANT(errno == EAGAIN || errno == EPIPE || errno == ECONNRESET);
      if (errno != EAGAIN) closed_ = true;
      return;
    }
    sent_ += static_cast<size_t>(sent);
    to_send_.erase(0, static_cast<size_t>(sent));
  }
  bool is_sent() const { return closed_ || (to_send_.empty() && text_.empty() && !ends_later()); }

  // Takes what has come. False: nothing has.
  bool receive() {
    std::array<char, 65536> buffer;
    const ssize_t size = recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return false;
    if (size <= 0) {
      const bool before = std::exchange(closed_, true);
      reset_ = reset_ || size < 0;
      return !before;
    }
    const std::string_view bytes(buffer.data(), static_cast<size_t>(size));
    received_ += bytes.size();
    // Else the kernel waits before it says so, and the server with it.
    const int on = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof on);
    if (session_) {
      session_->receive(common::bytes_of(bytes), got_, to_send_);
    } else {
      got_ += bytes;
    }
    return true;
  }
  // While the handshake goes on it must.
  bool must_receive() const { return session_ && session_->state() == TlsSession::State::handshaking; }

  const std::string& got() const { return got_; }
  bool closed() const { return closed_; }
  bool reset() const { return reset_; }
  size_t sent() const { return sent_; }
  size_t received() const { return received_; }

 private:
  bool ends_later() const { return session_ && way_.says_end && !ended_; }
  // A record of some of the text, once there is a session.
  void seal_piece() {
    if (!session_ || session_->state() != TlsSession::State::open || !to_send_.empty()) return;
    if (!text_.empty()) {
      const size_t size = std::min<size_t>(1 + prng_.below(largest_), text_.size());
      CHECK_INVARIANT(session_->send(common::bytes_of(std::string_view(text_).substr(0, size)), to_send_));
      text_.erase(0, size);
    } else if (ends_later()) {
      session_->close(to_send_);
      ended_ = true;
    }
  }

  const Way way_;
  common::Prng prng_;
  const int fd_;
  uint32_t largest_ = 1;
  std::string to_send_;  // bytes for the network
  std::string text_;     // to be sealed yet
  std::unique_ptr<TlsSession> session_;
  std::string got_;
  size_t sent_ = 0;
  size_t received_ = 0;
  bool closed_ = false;
  bool reset_ = false;
  bool ended_ = false;
};

class Scene {
 public:
  Scene(std::string_view text, uint8_t how, uint8_t cuts)
      : way_(how), server_(*servers().of[way_.narrow ? 1 : 0]) {
    server_.http.keep_alive(!way_.last_only);
    server_.http.expect_proxies(way_.header ? servers().proxies : nullptr, way_.header);
    const uint16_t port = server_.ports[way_.secure || way_.raw_tls ? 1 : 0];
    for (size_t i = 0; i < (way_.two ? 2 : 1); ++i)
      clients_.push_back(std::make_unique<Client>(port, text, way_, cuts + 11 * i));
  }

  void run() {
    // Until nothing is left to send, or to be answered to go on.
    const int64_t until_ms = monotonic_ms() + kArrivesMs;
    while (!std::all_of(clients_.begin(), clients_.end(), [](const auto& one) { return one->is_sent(); })) {
      for (const auto& one : clients_) one->send_piece();
      settle(!way_.reads_late);
      CHECK_INVARIANT(monotonic_ms() < until_ms);
    }
    while (!is_complete() && monotonic_ms() < until_ms) settle(true);
  }

  // All that was sent has been taken, and all that the server has sent has come; or a connection is over.
  bool is_complete() const {
    size_t sent = 0;
    size_t received = 0;
    bool closed = false;
    for (const auto& one : clients_) {
      sent += one->sent();
      received += one->received();
      closed = closed || one->closed();
    }
    return closed || (server_.counters.bytes_received.value() - received_before_ == sent &&
                      server_.counters.bytes_sent.value() - sent_before_ == received);
  }

  const std::vector<std::unique_ptr<Client>>& clients() const { return clients_; }
  const Server& server() const { return server_; }

  // Runs the server, and has the clients read, until nothing happens any more.
  void settle(bool read) {
    for (int idle = 0; idle < kIdleTurns;) {
      const uint64_t before = server_.doings();
      uv_run(&servers().loop, UV_RUN_NOWAIT);
      bool more = server_.doings() != before;
      for (const auto& one : clients_) more = ((read || one->must_receive()) && one->receive()) || more;
      CHECK_INVARIANT(fuzz::allocated_bytes() <= memory_before_ + kMemoryMax);
      idle = more ? 0 : idle + 1;
    }
  }

 private:
  const Way way_;
  Server& server_;
  const size_t memory_before_ = fuzz::allocated_bytes();
  const uint64_t received_before_ = server_.counters.bytes_received.value();
  const uint64_t sent_before_ = server_.counters.bytes_sent.value();
  std::vector<std::unique_ptr<Client>> clients_;
};

void check_raw_tls(const Client& client, std::string_view text) {
  const TlsHello hello = scan_tls_hello(common::bytes_of(text));
  if (hello == TlsHello::bad) CHECK_INVARIANT(client.closed());
  if (hello != TlsHello::whole) CHECK_INVARIANT(client.got().empty());
  if (hello == TlsHello::need_more) CHECK_INVARIANT(!client.closed());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 2, std::min(size - 2, kTextMax));
  const Way way(data[0]);
  Servers& all = servers();
  static const size_t before = fuzz::allocated_bytes();
  Server& server = *all.of[way.narrow ? 1 : 0];
  {
    const Expected expected = expected_of(text, way, server.limits.rules);
    Scene scene(text, data[0], data[1]);
    scene.run();
    const int64_t until_ms = monotonic_ms() + kArrivesMs;
    for (const auto& client : scene.clients()) {
      if (way.raw_tls) {
        if (scan_tls_hello(common::bytes_of(text)) == TlsHello::bad)
          while (!client->closed() && monotonic_ms() < until_ms) scene.settle(true);
        check_raw_tls(*client, text);
        continue;
      }
      const auto missing = [&] {
        return !client->reset() &&
               (client->got().size() < expected.text.size() || client->closed() != expected.closed);
      };
      while (missing() && monotonic_ms() < until_ms) scene.settle(true);
      // Who sends on after his last request may lose answers.
      CHECK_INVARIANT(client->got() == expected.text ||
                      (client->reset() && expected.text.starts_with(client->got())));
      CHECK_INVARIANT(client->closed() == expected.closed);
    }
  }
  const int64_t until_ms = monotonic_ms() + kArrivesMs;
  while (server.open() > 0 && monotonic_ms() < until_ms) uv_run(&all.loop, UV_RUN_NOWAIT);
  uv_run(&all.loop, UV_RUN_NOWAIT);
  CHECK_INVARIANT(server.open() == 0);
  CHECK_INVARIANT(fuzz::allocated_bytes() <= before + kLeftMax);
  return 0;
}
