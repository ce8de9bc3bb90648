// TlsSession: one TLS connection as a state machine (OpenSSL's), without sockets: bytes of the network in,
// bytes for the network and plain bytes out. It keeps nothing between two calls but what OpenSSL does: the
// beginning of a record, until the rest has come. One thread.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "common/bytes.h"
#include "node/tls/openssl_ptr.h"
#include "node/tls/tls_context.h"
#include "node/tls/tls_counters.h"

namespace shoal::node {

// What an endless client could have a handshake take in.
constexpr size_t kTlsHandshakeBytesMax = 32 << 10;
// Messages of the handshake protocol after the handshake: updates of keys (RFC 8446 4.6.3), each some work.
// In TLS 1.2 there are none but renegotiation.
constexpr uint32_t kTlsLaterMessagesMax = 16;

// What OpenSSL keeps while a record has come in part, be it one byte of it.
constexpr size_t kTlsRecordBytes = 17 << 10;

// What a step of a handshake costs, in units of about 50 us on a CPU of 2020 with a key of 2048 bits RSA.
constexpr size_t kTlsFullUnits = 16;
constexpr size_t kTlsResumedUnits = 3;
constexpr size_t kTlsStepUnits = 1;

class TlsSession {
 public:
  enum class State : uint8_t {
    handshaking,
    open,
    closed,  // the other side has said that it sends no more (close_notify)
    failed,
  };

  // What a call did, for a budget.
  struct Work {
    size_t records = 0;
    size_t units = 0;  // of the handshake
  };

  // The server's side. `layer.context` is not null.
  explicit TlsSession(TlsLayer layer);
  // The client's side: an SSL object that is set up but for its input and output.
  explicit TlsSession(SslPtr client);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // Takes bytes from the network, all of them; without any, a client begins. Appends what they say to `plain`
  // (no more than the bytes and one record), and what is to be sent to `out`, an alert too if the session has
  // failed.
  Work receive(common::ByteSpan bytes, std::string& plain, std::string& out);

  // Appends `plain` to `out`, sealed. Only while it is open or closed. False: it has failed.
  bool send(common::ByteSpan plain, std::string& out);

  // Appends the close_notify: nothing is sent after it.
  void close(std::string& out);

  State state() const { return state_; }
  // Whether a record has come in part. After its five bytes of header OpenSSL says that nothing is pending.
  bool holds_record() const {
    return SSL_has_pending(ssl_.get()) == 1 || SSL_rstate_string(ssl_.get())[1] == 'B';
  }
  // Once it is not handshaking any more.
  bool resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  TlsProtocol protocol() const {
    return SSL_version(ssl_.get()) == TLS1_3_VERSION ? TlsProtocol::v1_3 : TlsProtocol::v1_2;
  }
  // Why it has failed.
  TlsFailure failure() const { return failure_; }
  // A client's failure in words.
  std::string error() const;

  SSL* native() const { return ssl_.get(); }
  // Null after the handshake: then no ticket is sealed or opened any more.
  const TicketKeys* ticket_keys() const { return layer_.tickets.get(); }
  // Has the contexts of sessions tell them of their messages.
  static void watch(SSL_CTX* context);

 private:
  struct Io;  // OpenSSL's view of the network

  void attach();
  void shake();
  void read(std::string& plain, Work& work);
  void fail(int returned);
  static void on_message(int written, int version, int type, const void* data, size_t size, SSL* ssl,
                         void* unused);

  TlsLayer layer_;                 // until the handshake is over
  common::ByteSpan input_;         // not read yet; empty between two calls
  std::string* output_ = nullptr;  // null between two calls
  SslPtr ssl_;
  size_t handshake_bytes_ = 0;
  uint32_t later_messages_ = 0;
  unsigned long reason_ = 0;  // OpenSSL's
  State state_ = State::handshaking;
  TlsFailure failure_ = TlsFailure::malformed;
};

}  // namespace shoal::node
