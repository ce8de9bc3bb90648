#include "node/http/http_server.h"

#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "common/check.h"
#include "node/http/read_pace.h"
#include "node/http/streamed_answer_pump.h"
#include "node/os/monotonic.h"
#include "node/tls/tls_hello.h"
#include "proto/http_answer.h"
#include "proto/proxy_protocol.h"

namespace shoal::node {

using common::bytes_of;
using common::ByteSpan;

namespace {

// Read at once. Larger requests take several reads.
constexpr size_t kPieceBytes = 4 << 10;
// Kept of a connection's input: an incomplete request, or what came after the requests of one turn.
constexpr size_t kInputMax = 12 << 10;
static_assert(kInputMax > proto::kHttpHeadMax + proto::kHttpBodyMax && kInputMax > proto::kProxyHeaderMax);
static_assert(kInputMax > kTlsHelloMax);
// The work of opening a record, whatever is in it, as bytes of a request.
constexpr size_t kRecordCost = 256;
// Answers made before the kernel is asked to take them.
constexpr size_t kAnswersAtOnce = 8 << 10;
// What an upgraded connection is sent unasked and its client has not read, before more of it is not taken.
constexpr size_t kUnaskedMax = 64 << 10;
constexpr size_t kOutKeptBytes = 256 << 10;  // a larger answer buffer is given back

// The kernel's buffers, which it doubles: room for the usual answers, so that a connection that is not read
// costs little. A streamed answer needs more, or it would crawl over a long way.
constexpr int kSendBufferBytes = 16 << 10;
constexpr int kReceiveBufferBytes = 16 << 10;
constexpr int kStreamBufferBytes = 512 << 10;

constexpr uint64_t kLongAnswerMs = 600'000;  // for us to make a piece
constexpr uint64_t kCloseMs = 1'000;   // after an error, for the client to read the answer before we close
constexpr uint64_t kLookEveryS = 1;    // at time-outs, while there are connections
constexpr size_t kExpiredAtOnce = 64;  // closed before the loop goes on

void set_socket_option(int fd, int level, int name, int value) {
  setsockopt(fd, level, name, &value, sizeof value);
}

size_t room_for(const std::string& kept) {
  return std::min(kPieceBytes, kInputMax - std::min(kInputMax, kept.size()));
}

// A web page can have a browser send requests, to any port; `sent` is one's head, or the beginning of it.
bool may_be_of_browser(ByteSpan sent) {
  const std::string_view head(reinterpret_cast<const char*>(sent.data()), sent.size());
  return proto::may_be_of_browser(head.substr(0, proto::kHttpHeadMax));
}

// Whether the kernel holds bytes that the client has not acknowledged.
bool is_unread(int fd) {
  int bytes = 0;
  return ioctl(fd, SIOCOUTQ, &bytes) == 0 && bytes > 0;
}

// Whether it holds bytes that we have not read.
bool has_sent_more(int fd) {
  int bytes = 0;
  return ioctl(fd, SIOCINQ, &bytes) == 0 && bytes > 0;
}

}  // namespace

struct HttpServer::Connection final : UpgradedLink {
  uv_tcp_t tcp;
  uv_write_t write;
  HttpServer* server = nullptr;
  QueueLink<Connection> waits;            // in the queue of `wait`
  QueueLink<Connection> turns;            // in the queue of those whose turn comes
  QueueLink<Connection> handshake_turns;  // the same for handshakes
  std::unique_ptr<TlsSession> tls;        // null: no TLS, or not begun
  uint64_t since_ms = 0;                  // when the present wait began
  uint64_t turn = 0;                      // in which `budget` holds
  TurnBudget budget;
  common::Endpoint client;
  std::string kept;                    // input that is not answered
  std::string unsent;                  // the end of an answer
  std::string unasked;                 // to be sent after it, if it is upgraded
  std::unique_ptr<Upgraded> upgraded;  // null: HTTP
  size_t waiting_bytes = 0;            // of all these and of a record's beginning, as counted
  std::unique_ptr<StreamedAnswerPump> streamed_answer;  // being made; null: none
  ReadPace pace{0};
  uint64_t streamed_since_ms = 0;
  int fd = -1;
  Wait wait = Wait::request;
  proto::HttpRules rules;
  bool reading = false;
  bool unfinished = false;  // `kept` may hold a complete request
  bool streaming = false;   // `unsent` is a piece of a streamed answer
  bool proxy_header_due = false;
  bool closing = false;
  bool secure = false;             // of a TLS listener
  bool handshaking = false;        // in handshakes_
  bool handshake_counted = false;  // in limits_.handshakes_per_address
  bool opened = false;             // its handshake has ended well
  bool goodbye_made = false;       // the close_notify; it may still be in `unsent`
  bool half_closed = false;        // the client sends no more: close after the last answer
  bool counted = false;            // in limits_.per_address
  bool last_answer = false;        // close when it is sent
  bool cut_short = false;          // and the client has not asked for that: it may have sent more
  bool linger =
      false;  // the client may still be sending: do not close at once, a reset would lose the answer

  uv_stream_t* stream() { return reinterpret_cast<uv_stream_t*>(&tcp); }
  bool send(std::string_view bytes) override { return server->send_unasked(*this, bytes); }
};

struct HttpServer::Queues {
  using Waits = LinkedQueue<Connection, &Connection::waits>;
  using Turns = LinkedQueue<Connection, &Connection::turns>;
  using HandshakeTurns = LinkedQueue<Connection, &Connection::handshake_turns>;

  std::array<Waits, kWaits> of;
  Turns turns;
  HandshakeTurns handshake_turns;

  Waits& waiting_for(Wait wait) { return of[static_cast<size_t>(wait)]; }
};

HttpServer::HttpServer(uv_loop_t* loop, const HttpLimits& limits, HttpHandler& handler,
                       HttpCounters& counters)
    : loop_(loop),
      limits_(limits),
      handler_(handler),
      counters_(counters),
      timer_(loop, [this] { close_expired(); }),
      queues_(std::make_unique<Queues>()),
      budget_(limits.turn),
      handshake_units_(limits.handshake_turn_units),
      read_buffer_(kPieceBytes) {
  CHECK_INVARIANT(uv_prepare_init(loop, &turns_) == 0);
  CHECK_INVARIANT(uv_idle_init(loop, &go_on_) == 0);
  turns_.data = this;
  CHECK_INVARIANT(uv_prepare_start(&turns_, &HttpServer::on_turn) == 0);
}

HttpServer::~HttpServer() = default;

void HttpServer::listen(FileDescriptor socket, bool tls) {
  // Connections inherit these. The last: the kernel drops a connection, one that we have closed too, when the
  // client has acknowledged nothing for so long.
  set_socket_option(socket.get(), SOL_SOCKET, SO_SNDBUF, kSendBufferBytes);
  set_socket_option(socket.get(), SOL_SOCKET, SO_RCVBUF, kReceiveBufferBytes);
  set_socket_option(socket.get(), IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(limits_.answer_ms));
  listeners_.push_back(std::make_unique<Listener>(
      loop_, std::move(socket),
      Listener::Hooks{.accepted =
                          [this, tls](FileDescriptor connection, const common::Endpoint& client) {
                            accept(std::move(connection), client, tls);
                          },
                      .tried =
                          [this](int error) {
                            if (error != 0) counters_.accept_failures.add();
                            counters_.accept_error.set(error);
                          }}));
}

void HttpServer::stop() {
  timer_.close();
  uv_close(reinterpret_cast<uv_handle_t*>(&turns_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&go_on_), nullptr);
  for (const auto& listener : listeners_) listener->stop();
  for (Queues::Waits& queue : queues_->of) {
    while (!queue.empty()) {
      if (queue.front()->upgraded) leave_upgraded(*queue.front());
      close(*queue.front(), Close::in_order);
    }
  }
}

void HttpServer::accept(FileDescriptor socket, const common::Endpoint& client, bool tls) {
  const bool full = connections_ >= limits_.connections_max;
  auto owned = std::make_unique<Connection>();
  owned->server = this;
  owned->fd = socket.get();
  owned->client = client;
  CHECK_INVARIANT(uv_tcp_init(loop_, &owned->tcp) == 0);
  CHECK_INVARIANT(uv_tcp_open(&owned->tcp, socket.release()) == 0);
  Connection& connection = *owned.release();  // freed in its close callback
  connection.tcp.data = &connection;
  ++connections_;
  if (!timer_.is_active()) timer_.start_every_s(kLookEveryS);
  counters_.connections_accepted.add();
  const bool proxy = trusted(connection.client);
  connection.rules = limits_.rules;
  if (proxy) connection.rules.bare_lf = false;
  connection.proxy_header_due = proxy_header_ && proxy;
  connection.secure = tls;
  // A refused connection must not displace another.
  if (!connection.proxy_header_due && !admit(connection)) return;
  if (full) make_room();
  if (!tls) {
    wait_for(connection, Wait::request);
  } else {
    Queues::Waits& others = queues_->waiting_for(Wait::handshake);
    if (handshakes_ >= limits_.handshakes_max && !others.empty()) {
      end_handshake(*others.front(), TlsFailure::room);
      close(*others.front(), Close::forced);
    }
    connection.handshaking = true;
    ++handshakes_;
    wait_for(connection, Wait::handshake);
  }
  // Its request is often there by now. Who is answered and closed at once need not be watched.
  if (may_read(connection)) {
    read_once(connection);
  } else {
    start_reading(connection);
  }
}

// Counts a connection once its client's address is known; false: it was one too many and is closed.
bool HttpServer::admit(Connection& connection) {
  if (shut_out(connection)) {
    refuse_handshake(connection);
    close(connection, Close::forced);
    return false;
  }
  if (trusted(connection.client)) return true;
  if (connection.secure && !admit_handshake(connection)) return false;
  if (limits_.per_address == nullptr) return true;
  const AddressConnections::Entry entry = limits_.per_address->enter(connection.client);
  connection.counted = entry == AddressConnections::Entry::counted;
  if (entry != AddressConnections::Entry::refused) return true;
  counters_.refused_per_address.add();
  refuse_handshake(connection);
  close(connection, Close::forced);
  return false;
}

bool HttpServer::admit_handshake(Connection& connection) {
  if (limits_.handshakes_per_address == nullptr) return true;
  const AddressConnections::Entry entry = limits_.handshakes_per_address->enter(connection.client);
  connection.handshake_counted = entry == AddressConnections::Entry::counted;
  if (entry != AddressConnections::Entry::refused) return true;
  end_handshake(connection, TlsFailure::address);
  blame(connection);
  close(connection, Close::forced);
  return false;
}

// One that has begun with the header of a proxy, for what is known of the client now.
void HttpServer::refuse_handshake(Connection& connection) {
  if (connection.handshaking) end_handshake(connection, TlsFailure::address);
}

// The client has done something that none does by itself.
void HttpServer::blame(const Connection& connection) {
  if (gate_ != nullptr && !trusted(connection.client)) gate_->malformed(connection.client);
}

// None: it has come to its end.
void HttpServer::end_handshake(Connection& connection, std::optional<TlsFailure> failure) {
  if (failure) counters_.tls.failed[static_cast<size_t>(*failure)].add();
  if (std::exchange(connection.handshaking, false)) --handshakes_;
  if (std::exchange(connection.handshake_counted, false))
    limits_.handshakes_per_address->leave(connection.client);
}

void HttpServer::on_turn(uv_prepare_t* handle) { static_cast<HttpServer*>(handle->data)->begin_turn(); }

// Each that waits has one turn, as far as the budget goes; the others keep their places. The first handshake
// comes before all requests: those who pipeline without end would leave none of the budget for it.
void HttpServer::begin_turn() {
  ++turn_;
  budget_ = TurnBudget(limits_.turn);
  handshake_units_ = limits_.handshake_turn_units;
  const auto serve = [this](auto& queue, bool may) {
    Connection* const next = queue.front();
    if (next == nullptr || next->turn == turn_ || budget_.is_used_up() || !may) return false;
    queue.remove(*next);
    resume(*next);
    return true;
  };
  serve(queues_->handshake_turns, true);
  while (serve(queues_->turns, true)) {
  }
  while (serve(queues_->handshake_turns, handshake_units_ > 0)) {
  }
  if (queues_->turns.empty() && queues_->handshake_turns.empty()) uv_idle_stop(&go_on_);
}

void HttpServer::resume(Connection& connection) {
  // Something was sent unasked meanwhile, and the client does not read it: it is read from again when it has.
  if (!connection.unsent.empty()) return;
  if (connection.unfinished) {
    answer_input(connection, bytes_of(connection.kept), true);
  } else {
    read_once(connection);
  }
}

// Its turn is over: what it sends waits in the kernel until the next.
void HttpServer::postpone(Connection& connection) {
  stop_reading(connection);
  if (connection.handshaking) {
    counters_.tls.postponed.add();
    if (!connection.handshake_turns.linked) queues_->handshake_turns.push_back(connection);
  } else {
    counters_.postponed.add();
    if (!connection.turns.linked) queues_->turns.push_back(connection);
  }
  CHECK_INVARIANT(uv_idle_start(&go_on_, [](uv_idle_t* /*handle*/) {}) == 0);
}

bool HttpServer::may_work(Connection& connection) {
  if (connection.turn != turn_) {
    connection.turn = turn_;
    connection.budget = TurnBudget(limits_.connection_turn);
  }
  return !budget_.is_used_up() && !connection.budget.is_used_up();
}

bool HttpServer::may_read(Connection& connection) {
  return may_work(connection) && (!connection.handshaking || handshake_units_ > 0);
}

void HttpServer::charge(Connection& connection, size_t bytes, size_t steps) {
  budget_.charge(bytes, steps);
  connection.budget.charge(bytes, steps);
}

// Room of no bytes makes libuv report UV_ENOBUFS without reading.
void HttpServer::on_alloc(uv_handle_t* handle, size_t /*suggested*/, uv_buf_t* buffer) {
  Connection& connection = *static_cast<Connection*>(handle->data);
  HttpServer& server = *connection.server;
  const size_t room = server.may_read(connection) ? room_for(connection.kept) : 0;
  *buffer = uv_buf_init(server.read_buffer_.data(), static_cast<unsigned>(room));
}

void HttpServer::on_read(uv_stream_t* stream, ssize_t size, const uv_buf_t* buffer) {
  Connection& connection = *static_cast<Connection*>(stream->data);
  if (size == UV_ENOBUFS) {
    connection.server->postpone(connection);
  } else if (size < 0) {
    if (size == UV_ETIMEDOUT) connection.server->counters_.closed_timeout.add();  // TCP_USER_TIMEOUT
    connection.server->close(connection, Close::in_order);
  } else if (size > 0) {
    const auto* data = reinterpret_cast<const uint8_t*>(buffer->base);
    connection.server->received(connection, ByteSpan(data, static_cast<size_t>(size)));
  }
}

// What libuv would do once the loop has found that there are bytes. What can be answered is watched after
// that, if it is still there.
void HttpServer::read_once(Connection& connection) {
  may_work(connection);
  const size_t room = room_for(connection.kept);
  const ssize_t size = read(connection.fd, read_buffer_.data(), room);
  if (size > 0) {
    if (connection.secure || connection.wait == Wait::client_to_close) start_reading(connection);
    received(connection,
             ByteSpan(reinterpret_cast<const uint8_t*>(read_buffer_.data()), static_cast<size_t>(size)));
  } else if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
    charge(connection, 0);
    start_reading(connection);
  } else {
    close(connection, Close::in_order);
  }
}

void HttpServer::received(Connection& connection, ByteSpan bytes) {
  counters_.bytes_received.add(bytes.size());
  if (connection.wait == Wait::client_to_close) return charge(connection, bytes.size());
  if (connection.secure) return received_sealed(connection, bytes);
  received_plain(connection, bytes);
}

void HttpServer::received_plain(Connection& connection, ByteSpan bytes) {
  if (connection.upgraded) return received_upgraded(connection, bytes);
  const bool kept = !connection.kept.empty();
  if (kept) {
    connection.kept.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    bytes = bytes_of(connection.kept);
  }
  // An incomplete request is looked at from its beginning each time.
  charge(connection, bytes.size());
  answer_input(connection, bytes, kept);
}

void HttpServer::received_upgraded(Connection& connection, ByteSpan bytes) {
  may_work(connection);
  out_.clear();
  take_upgraded(connection, bytes);
  count_waiting(connection);
  if (out_.empty()) {
    all_sent(connection);
  } else {
    send_answers(connection);
  }
  bound_waiting();
}

void HttpServer::received_sealed(Connection& connection, ByteSpan bytes) {
  if (connection.tls) return open_sealed(connection, bytes);
  charge(connection, bytes.size());
  handshake_units_ -= std::min(handshake_units_, kTlsStepUnits);
  connection.kept.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const bool begun = begin_session(connection, bytes_of(connection.kept));
  if (connection.closing) return;
  if (begun) std::string().swap(connection.kept);
  count_waiting(connection);
  bound_waiting();
}

// What comes before the session: the header of a proxy, and the ClientHello. False: not complete yet, or the
// connection is over.
bool HttpServer::begin_session(Connection& connection, ByteSpan bytes) {
  if (connection.proxy_header_due) {
    const size_t size = bytes.size();
    if (!take_proxy_header(connection, bytes)) return false;
    connection.kept.erase(0, size - bytes.size());
    bytes = bytes_of(connection.kept);
  }
  const TlsHello hello = scan_tls_hello(bytes);
  if (hello == TlsHello::need_more) return false;
  if (hello == TlsHello::bad) {
    end_handshake(connection, TlsFailure::not_tls);
    if (begins_as_tls(bytes) || !may_be_of_browser(bytes)) blame(connection);
    close(connection, Close::in_order);
    return false;
  }
  connection.tls = std::make_unique<TlsSession>(tls_);
  open_sealed(connection, bytes);
  return true;
}

void HttpServer::open_sealed(Connection& connection, ByteSpan bytes) {
  TlsSession& session = *connection.tls;
  plain_.clear();
  sealed_.clear();
  const TlsSession::Work work = session.receive(bytes, plain_, sealed_);
  charge(connection, bytes.size() + work.records * kRecordCost);
  handshake_units_ -= std::min(handshake_units_, work.units);
  const TlsSession::State state = session.state();
  const bool opened =
      connection.handshaking && state != TlsSession::State::handshaking && state != TlsSession::State::failed;
  if (opened) {
    connection.opened = true;
    end_handshake(connection, std::nullopt);
    (session.resumed() ? counters_.tls.resumed : counters_.tls.full).add();
    counters_.tls.opened[static_cast<size_t>(session.protocol())].add();
    wait_for(connection, Wait::request);
  }
  // The kernel has room: nothing waits to be sent while we read. Who fills it with answers that it does not
  // read has no business with more of the protocol's own messages.
  const bool sent = sealed_.empty() || send_now(connection, sealed_) == sealed_.size();
  if (state == TlsSession::State::failed && connection.handshaking) {
    end_handshake(connection, session.failure());
    if (session.failure() == TlsFailure::malformed) blame(connection);
  } else if (state == TlsSession::State::failed) {
    counters_.tls.broken.add();
  }
  if (!sent || state == TlsSession::State::failed)
    return close(connection, sent ? Close::in_order : Close::forced);
  // Below, the session may be gone with the connection.
  if (!plain_.empty()) received_plain(connection, bytes_of(plain_));
  if (connection.closing) return;
  if (state != TlsSession::State::closed) return hold_record(connection);
  connection.half_closed = true;
  if (!connection.streamed_answer && connection.unsent.empty() && !connection.unfinished)
    close_in_order(connection);
}

// The beginning of a record is that of a request: it costs memory, so the rest is not waited for as long as
// the next request is.
void HttpServer::hold_record(Connection& connection) {
  const bool between = is_between_requests(connection);
  const Wait idle = connection.upgraded ? Wait::upgraded : Wait::request;
  if (between && connection.wait == Wait::rest_of_request) {
    wait_for(connection, idle);  // the record was none of a request
  } else if (!between && (connection.wait == idle || connection.wait == Wait::upgraded_asked)) {
    wait_for(connection, Wait::rest_of_request);
  }
  count_waiting(connection);
  bound_waiting();
}

bool HttpServer::is_between_requests(const Connection& connection) {
  const bool whole = connection.upgraded ? !connection.upgraded->unfinished() : connection.kept.empty();
  return whole && (!connection.tls || !connection.tls->holds_record());
}

// How many bytes the kernel has taken.
size_t HttpServer::send_now(Connection& connection, const std::string& bytes) {
  uv_buf_t buffer = uv_buf_init(const_cast<char*>(bytes.data()), static_cast<unsigned>(bytes.size()));
  const int written = uv_try_write(connection.stream(), &buffer, 1);
  const size_t sent = written > 0 ? static_cast<size_t>(written) : 0;
  counters_.bytes_sent.add(sent);
  return sent;
}

// `kept`: the bytes are those of connection.kept.
void HttpServer::answer_input(Connection& connection, ByteSpan bytes, bool kept) {
  may_work(connection);
  out_.clear();
  const ByteSpan rest = answer_all(connection, bytes);
  if (connection.closing) return;
  const bool answered = rest.size() != bytes.size();
  if (connection.upgraded) {
    count_waiting(connection);
  } else if (rest.empty()) {
    wait_for(connection, Wait::request);
  } else if (answered || connection.wait != Wait::rest_of_request) {
    wait_for(connection, Wait::rest_of_request);  // a later byte of the same request does not extend the time
  }
  keep(connection, rest, kept);
  if (out_.empty()) {
    all_sent(connection);
  } else {
    send_answers(connection);
  }
  bound_waiting();
}

// Answers complete requests of `input` as far as the connection's turn goes, up to one with a long answer;
// returns what is left: the beginning of a request, or nothing, or whatever stands behind the last one.
ByteSpan HttpServer::answer_all(Connection& connection, ByteSpan input) {
  connection.unfinished = false;
  if (connection.proxy_header_due && !take_proxy_header(connection, input)) return input;
  while (!input.empty() && !connection.last_answer) {
    if (connection.streamed_answer || !may_work(connection) || out_.size() >= kAnswersAtOnce) {
      connection.unfinished = true;
      break;
    }
    proto::HttpRequest request = proto::parse_http_request(input, connection.rules);
    if (request.state == proto::HttpState::need_more) return input;
    if (request.state == proto::HttpState::bad) {
      refuse(connection, request.status, input);
      break;
    }
    if (shut_out(connection)) {
      proto::append_http_error(out_, 403);
      connection.last_answer = true;
      break;
    }
    const bool more = request.consumed < input.size();
    const bool wants_more = request.keep_alive;
    if (!keep_alive_ || (is_draining() && !more)) request.keep_alive = false;
    if (!keep_alive_) request.says_close = false;  // RFC 9112, 9.3: then every answer says so
    connection.cut_short = wants_more && !request.keep_alive;
    if (take_upgrade(connection, request)) {
      input = input.subspan(request.consumed);
      connection.linger = connection.last_answer && !input.empty();
      if (!connection.upgraded) continue;
      take_upgraded(connection, input);
      return {};
    }
    const size_t out_before = out_.size();
    const int64_t start_us = monotonic_us();
    auto streamed_answer = handler_.answer(request, connection.client, out_);
    counters_.request_time.add(static_cast<uint64_t>(monotonic_us() - start_us));
    charge(connection, out_.size() - out_before);
    if (streamed_answer && request.version_minor == 0) request.keep_alive = false;
    if (streamed_answer) begin_long_answer(connection, std::move(streamed_answer));
    input = input.subspan(request.consumed);
    connection.last_answer = !request.keep_alive;
    connection.linger = connection.last_answer && !input.empty();
  }
  return connection.last_answer ? ByteSpan{} : input;
}

// False: the request asks for no other protocol.
bool HttpServer::take_upgrade(Connection& connection, const proto::HttpRequest& request) {
  const bool room = upgraded_ < limits_.upgraded_max && !is_draining();
  const size_t out_before = out_.size();
  Upgrade upgrade = handler_.upgrade(request, connection.client, connection, room, out_);
  if (!upgrade.answered) return false;
  charge(connection, out_.size() - out_before);
  connection.last_answer = !upgrade.upgraded && !request.keep_alive;
  if (upgrade.upgraded) ++upgraded_;
  connection.upgraded = std::move(upgrade.upgraded);
  return true;
}

void HttpServer::take_upgraded(Connection& connection, ByteSpan bytes) {
  const size_t out_before = out_.size();
  const Upgraded::Took took = connection.upgraded->received(bytes, out_);
  const bool leaves = is_draining() && took.whole && !took.over;
  if (leaves) connection.upgraded->leave(out_);
  connection.last_answer = took.over || leaves;
  connection.linger = connection.last_answer;
  charge(connection, bytes.size() + out_.size() - out_before, 1 + took.steps);
  wait_upgraded(connection, took.whole);
}

// `whole`: a message has come to its end, and if another has begun, it has its own time.
void HttpServer::wait_upgraded(Connection& connection, bool whole) {
  if (is_between_requests(connection)) {
    wait_for(connection, Wait::upgraded);
  } else if (whole || connection.wait != Wait::rest_of_request) {
    wait_for(connection, Wait::rest_of_request);
  }
}

void HttpServer::end_upgraded(Connection& connection) {
  if (!connection.upgraded) return;
  charge(connection, 0, connection.upgraded->parting_steps());
  --upgraded_;
  connection.upgraded.reset();
}

bool HttpServer::send_unasked(Connection& connection, std::string_view bytes) {
  if (connection.closing || connection.last_answer) return false;
  if (connection.unasked.size() + bytes.size() > kUnaskedMax) return false;
  if (connection.tls) {
    if (!connection.tls->send(bytes_of(bytes), connection.unasked)) {
      close(connection, Close::forced);
      return false;
    }
  } else {
    connection.unasked += bytes;
  }
  if (connection.unsent.empty()) {
    std::string now;
    now.swap(connection.unasked);
    uv_buf_t buffer = uv_buf_init(now.data(), static_cast<unsigned>(now.size()));
    const int written = uv_try_write(connection.stream(), &buffer, 1);
    if (written < 0 && written != UV_EAGAIN) {
      close(connection, Close::forced);
      return false;
    }
    const size_t sent = written > 0 ? static_cast<size_t>(written) : 0;
    counters_.bytes_sent.add(sent);
    if (sent == now.size()) return true;
    connection.unsent.assign(now, sent);
    connection.streaming = false;
    send_unsent(connection);
  } else {
    count_waiting(connection);
  }
  bound_waiting();
  return true;
}

void HttpServer::ask_upgraded(Connection& connection) {
  std::string question;
  connection.upgraded->ask(question);
  count_waiting(connection);
  wait_for(connection, Wait::upgraded_asked);
  send_unasked(connection, question);
}

void HttpServer::leave_upgraded(Connection& connection) {
  if (!connection.unsent.empty() || connection.last_answer) return;
  out_.clear();
  connection.upgraded->leave(out_);
  sealed_.clear();
  if (connection.tls && !connection.tls->send(bytes_of(out_), sealed_)) return;
  if (connection.tls) connection.tls->close(sealed_);
  (void)send_now(connection, connection.tls ? sealed_ : out_);
}

void HttpServer::keep(Connection& connection, ByteSpan rest, bool kept) {
  if (rest.empty()) {
    std::string().swap(connection.kept);
  } else if (kept) {
    connection.kept.erase(0, connection.kept.size() - rest.size());
  } else {
    connection.kept = std::string(reinterpret_cast<const char*>(rest.data()), rest.size());
  }
  count_waiting(connection);
}

bool HttpServer::shut_out(const Connection& connection) {
  return gate_ != nullptr && !trusted(connection.client) && !gate_->admits(connection.client);
}

void HttpServer::refuse(Connection& connection, int status, ByteSpan sent) {
  counters_.bad_requests.add();
  // A web page may make a browser ask for too long a target as well: there the header lines have not come.
  if (status != 414 && !may_be_of_browser(sent)) blame(connection);
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
    if (connection.secure) {
      end_handshake(connection, TlsFailure::not_tls);
      close(connection, Close::in_order);
    } else {
      refuse(connection, 400, input);
    }
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
  set_socket_option(connection.fd, SOL_SOCKET, SO_SNDBUF, kStreamBufferBytes);
  connection.pace = ReadPace(limits_.streamed_bytes_per_s);
  connection.streamed_since_ms = uv_now(loop_);
  connection.streamed_answer = std::make_unique<StreamedAnswerPump>(
      loop_, std::move(answer),
      [this, &connection](std::string piece, bool more) { piece_made(connection, std::move(piece), more); });
}

void HttpServer::piece_made(Connection& connection, std::string piece, bool more) {
  if (more && limits_.streamed_ms > 0 && uv_now(loop_) - connection.streamed_since_ms > limits_.streamed_ms) {
    counters_.closed_slow.add();
    return close(connection, Close::forced);
  }
  // What the client got so far must not pass for all of it, or be followed by another response.
  if (!more && connection.streamed_answer->cut()) return close(connection, Close::forced);
  if (connection.tls && !piece.empty()) {
    if (!connection.tls->send(bytes_of(piece), connection.unsent)) return close(connection, Close::forced);
  } else {
    connection.unsent = std::move(piece);
  }
  if (!more) {
    connection.streamed_answer.reset();
    set_socket_option(connection.fd, SOL_SOCKET, SO_SNDBUF, kSendBufferBytes);
  }
  if (connection.unsent.empty()) {
    all_sent(connection);
  } else {
    connection.streaming = true;
    send_unsent(connection);
  }
  bound_waiting();
}

void HttpServer::send_answers(Connection& connection) {
  std::string* bytes = &out_;
  if (connection.tls) {
    sealed_.clear();
    if (!connection.tls->send(bytes_of(out_), sealed_)) return close(connection, Close::forced);
    bytes = &sealed_;
  }
  uv_buf_t buffer = uv_buf_init(bytes->data(), static_cast<unsigned>(bytes->size()));
  const int written = uv_try_write(connection.stream(), &buffer, 1);
  if (written < 0 && written != UV_EAGAIN) return close(connection, Close::forced);
  const size_t sent = written > 0 ? static_cast<size_t>(written) : 0;
  counters_.bytes_sent.add(sent);
  if (sent == bytes->size()) {
    all_sent(connection);
  } else {
    connection.unsent.assign(*bytes, sent);
    connection.streaming = false;
    send_unsent(connection);
  }
  if (out_.capacity() > kOutKeptBytes) std::string().swap(out_);
  if (sealed_.capacity() > kOutKeptBytes) std::string().swap(sealed_);
}

void HttpServer::send_unsent(Connection& connection) {
  uv_buf_t rest = uv_buf_init(connection.unsent.data(), static_cast<unsigned>(connection.unsent.size()));
  stop_reading(connection);
  wait_for(connection, Wait::client_to_read);
  count_waiting(connection);
  if (uv_write(&connection.write, connection.stream(), &rest, 1, &HttpServer::on_written) != 0) {
    close(connection, Close::forced);
  }
}

void HttpServer::on_written(uv_write_t* request, int status) {
  Connection& connection = *static_cast<Connection*>(request->handle->data);
  HttpServer& server = *connection.server;
  if (connection.closing) return;
  if (status != 0) {
    if (status == UV_ETIMEDOUT) server.counters_.closed_timeout.add();  // TCP_USER_TIMEOUT
    return server.close(connection, Close::forced);
  }
  const size_t size = connection.unsent.size();
  server.counters_.bytes_sent.add(size);
  std::string().swap(connection.unsent);
  server.count_waiting(connection);
  if (connection.streaming && !connection.pace.took(size, uv_now(server.loop_) - connection.since_ms)) {
    server.counters_.closed_slow.add();
    return server.close(connection, Close::forced);
  }
  server.all_sent(connection);
}

// The client has been sent all that has been made.
void HttpServer::all_sent(Connection& connection) {
  if (connection.streamed_answer) {
    stop_reading(connection);
    wait_for(connection, Wait::streamed_answer);
    connection.streamed_answer->make();
  } else if (!connection.unasked.empty()) {
    connection.unsent.swap(connection.unasked);
    connection.streaming = false;
    send_unsent(connection);
  } else if (connection.last_answer || (connection.half_closed && !connection.unfinished)) {
    close_in_order(connection);
  } else if (connection.upgraded) {
    if (connection.wait == Wait::client_to_read) wait_upgraded(connection, true);
    // One that waits for its turn is read from then.
    if (!connection.turns.linked) start_reading(connection);
  } else {
    if (connection.wait == Wait::client_to_read || connection.wait == Wait::streamed_answer) {
      wait_for(connection, is_between_requests(connection) ? Wait::request : Wait::rest_of_request);
    }
    if (connection.unfinished) {
      postpone(connection);
    } else {
      start_reading(connection);
    }
  }
}

void HttpServer::start_reading(Connection& connection) {
  if (std::exchange(connection.reading, true)) return;
  if (uv_read_start(connection.stream(), &HttpServer::on_alloc, &HttpServer::on_read) != 0) {
    close(connection, Close::forced);
  }
}

void HttpServer::stop_reading(Connection& connection) {
  if (std::exchange(connection.reading, false)) uv_read_stop(connection.stream());
}

void HttpServer::close_in_order(Connection& connection) {
  if (connection.tls && !std::exchange(connection.goodbye_made, true)) {
    sealed_.clear();
    connection.tls->close(sealed_);
    const size_t sent = send_now(connection, sealed_);
    if (sent < sealed_.size()) {
      // The kernel is still full of the answer; without this the client could not know that it is whole.
      connection.unsent.assign(sealed_, sent);
      connection.streaming = false;
      return send_unsent(connection);
    }
  }
  if (connection.cut_short && !connection.linger) {
    connection.linger = !is_between_requests(connection) || has_sent_more(connection.fd);
  }
  if (!connection.linger) return close(connection, Close::in_order);
  // Whoever it was is gone now, not when the client has noticed.
  end_upgraded(connection);
  std::string().swap(connection.kept);
  count_waiting(connection);
  shutdown(connection.fd, SHUT_WR);
  wait_for(connection, Wait::client_to_close);
  start_reading(connection);
}

void HttpServer::close(Connection& connection, Close how) {
  if (connection.closing) return;
  connection.closing = true;
  // Half an answer must not look whole: to HTTP/1.0 a streamed one ends with the connection.
  const bool cut = !connection.unsent.empty() || connection.streamed_answer;
  if (cut || (how == Close::forced && is_unread(connection.fd))) {
    const linger none{.l_onoff = 1, .l_linger = 0};
    setsockopt(connection.fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
  }
  connection.streamed_answer.reset();
  queues_->waiting_for(connection.wait).remove(connection);
  queues_->turns.remove(connection);
  queues_->handshake_turns.remove(connection);
  if (connection.handshaking) end_handshake(connection, TlsFailure::cut);
  if (connection.handshake_counted) end_handshake(connection, std::nullopt);
  if (connection.tls && connection.opened)
    counters_.tls.closed[static_cast<size_t>(connection.tls->protocol())].add();
  end_upgraded(connection);
  connection.tls.reset();
  waiting_bytes_ -= std::exchange(connection.waiting_bytes, 0);
  if (connection.counted) limits_.per_address->leave(connection.client);
  --connections_;
  counters_.connections_closed.add();
  uv_close(reinterpret_cast<uv_handle_t*>(&connection.tcp), [](uv_handle_t* handle) {
    const std::unique_ptr<Connection> freed(static_cast<Connection*>(handle->data));
  });
}

// The connection that has kept us waiting longest: idle, in the middle of a request or of an answer. With one
// queue for each, clients that never finish would outlive all others.
HttpServer::Connection* HttpServer::longest_waited_for() const {
  Connection* longest = nullptr;
  for (const Wait wait : {Wait::rest_of_request, Wait::client_to_read, Wait::request, Wait::handshake}) {
    Connection* const front = queues_->waiting_for(wait).front();
    if (front != nullptr && (longest == nullptr || front->since_ms < longest->since_ms)) longest = front;
  }
  return longest;
}

void HttpServer::make_room() {
  Connection* oldest = longest_waited_for();
  for (size_t i = 0; oldest == nullptr && i < kWaits; ++i) oldest = queues_->of[i].front();
  if (oldest == nullptr) return;
  counters_.closed_for_room.add();
  if (oldest->handshaking) end_handshake(*oldest, TlsFailure::room);
  close(*oldest, Close::forced);
}

void HttpServer::count_waiting(Connection& connection) {
  const size_t record = connection.tls && connection.tls->holds_record() ? kTlsRecordBytes : 0;
  const size_t upgraded = connection.upgraded ? connection.upgraded->kept_bytes() : 0;
  const size_t now = common::heap_bytes(connection.kept) + common::heap_bytes(connection.unsent) +
                     common::heap_bytes(connection.unasked) + record + upgraded;
  waiting_bytes_ += now - std::exchange(connection.waiting_bytes, now);
}

// Idle connections keep nothing, so they stay.
void HttpServer::bound_waiting() {
  while (waiting_bytes_ > limits_.waiting_bytes_max) {
    Connection* longest = queues_->waiting_for(Wait::client_to_read).front();
    for (const Wait wait : {Wait::rest_of_request, Wait::handshake}) {
      Connection* const slow = queues_->waiting_for(wait).front();
      if (longest == nullptr || (slow != nullptr && slow->since_ms < longest->since_ms)) longest = slow;
    }
    if (longest == nullptr) return;
    counters_.closed_for_memory.add();
    if (longest->handshaking) end_handshake(*longest, TlsFailure::room);
    close(*longest, Close::forced);
  }
}

void HttpServer::close_expired() {
  if (connections_ == 0) return timer_.stop();
  const std::array<uint64_t, kWaits> limits_ms = {limits_.idle_ms, limits_.request_ms, limits_.answer_ms,
                                                  kCloseMs,        kLongAnswerMs,      limits_.handshake_ms,
                                                  limits_.ask_ms,  limits_.asked_ms};
  const uint64_t now_ms = uv_now(loop_);
  size_t left = kExpiredAtOnce;
  for (size_t i = 0; i < kWaits; ++i) {
    const Queues::Waits& queue = queues_->of[i];
    while (!queue.empty() && now_ms - queue.front()->since_ms >= limits_ms[i]) {
      if (left == 0) return timer_.start(1);
      const Upgraded* const upgraded = queue.front()->upgraded.get();
      left -= std::min(left, upgraded != nullptr ? upgraded->parting_steps() : 1);
      const auto wait = static_cast<Wait>(i);
      if (wait == Wait::upgraded) {
        ask_upgraded(*queue.front());
        continue;
      }
      if (wait == Wait::handshake) {
        end_handshake(*queue.front(), TlsFailure::time);
      } else if (wait != Wait::client_to_close) {
        counters_.closed_timeout.add();
      }
      close(*queue.front(), Close::forced);
    }
  }
  if (!timer_.is_active()) timer_.start_every_s(kLookEveryS);
}

void HttpServer::wait_for(Connection& connection, Wait wait) {
  if (connection.closing) return;
  queues_->waiting_for(connection.wait).remove(connection);
  connection.wait = wait;
  connection.since_ms = uv_now(loop_);
  queues_->waiting_for(wait).push_back(connection);
}

}  // namespace shoal::node
