// TlsClient: the client's side, for the commands: verifies the server's chain and name, and can resume with a
// ticket. One thread.

#pragma once

#include <memory>
#include <string>

#include "common/result.h"
#include "node/tls/openssl_ptr.h"
#include "node/tls/tls_session.h"

namespace shoal::node {

using TlsTicketPtr = std::unique_ptr<SSL_SESSION, OpensslRelease<SSL_SESSION_free>>;

class TlsClient {
 public:
  // `ca_file`: PEM certificates that are trusted; empty: those of the system.
  static common::Result<TlsClient> make(const std::string& ca_file);

  // `host`: a name or an address, which the certificate must have. `ticket` may be null.
  std::unique_ptr<TlsSession> connect(const std::string& host, SSL_SESSION* ticket) const;

 private:
  explicit TlsClient(SslContextPtr context) : context_(std::move(context)) {}

  SslContextPtr context_;
};

// What the server gave to resume the session with; null: nothing. With TLS 1.3 it comes after the handshake.
TlsTicketPtr ticket_of(const TlsSession& session);

}  // namespace shoal::node
