// TlsContext: what a server needs for TLS: its certificates, by SNI, and the rules: TLS 1.2 and 1.3 with
// ciphers that seal and authenticate at once (AEAD) and forward secrecy, ALPN http/1.1; no compression, no
// renegotiation, no early data, no cache of sessions (resumption is by ticket). Built by any thread, then
// immutable; a reload puts a new one in its place, and connections go on with what they began with.

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "common/result.h"
#include "node/config/options.h"
#include "node/tls/ticket_keys.h"
#include "node/tls/tls_certificate.h"

namespace shoal::node {

class TlsContext {
 public:
  // At least one certificate; the first is for clients that name no host, or one that no certificate has.
  static common::Result<std::shared_ptr<const TlsContext>> make(std::vector<TlsCertificate> certificates,
                                                                TlsVersion min_version);
  // Reads tracker.tls_certificates and tracker.tls_keys. Without any, null.
  static common::Result<std::shared_ptr<const TlsContext>> load(const Options& options);

  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  const std::vector<TlsCertificateInfo>& certificates() const { return certificates_; }
  // The number of the certificate for a host, in lower case: one with the very name before one with *.
  size_t certificate_for(std::string_view host) const;

  // For TlsSession.
  SSL_CTX* context(size_t number) const { return contexts_[number].get(); }

 private:
  TlsContext() = default;

  std::vector<TlsCertificateInfo> certificates_;
  std::vector<SslContextPtr> contexts_;  // of each certificate
};

// Fails if one of `fresh` has expired, unless the same certificate is in `running` (null: nothing runs).
common::Result<void> check_dates(const TlsContext& fresh, const TlsContext* running, int64_t now_unix_s);

// What a server is given, and passes on to each new session.
struct TlsLayer {
  std::shared_ptr<const TlsContext> context;  // null: no TLS
  std::shared_ptr<const TicketKeys> tickets;
};

}  // namespace shoal::node
