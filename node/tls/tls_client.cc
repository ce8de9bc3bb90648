#include "node/tls/tls_client.h"

#include <utility>

#include "common/check.h"
#include "common/endpoint.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

constexpr unsigned char kAlpn[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

}  // namespace

common::Result<TlsClient> TlsClient::make(const std::string& ca_file) {
  CHECK_INVARIANT(OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr) == 1);
  ERR_clear_error();
  SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  CHECK_INVARIANT(context != nullptr);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  // 0 is success here.
  CHECK_INVARIANT(SSL_CTX_set_alpn_protos(context.get(), kAlpn, sizeof kAlpn) == 0);
  const int trusted = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context.get())
                                      : SSL_CTX_load_verify_file(context.get(), ca_file.c_str());
  if (trusted != 1) {
    return common::fail((ca_file.empty() ? "the system's certificates" : printable(ca_file)) +
                        ": no trusted certificates: " + openssl_reason());
  }
  return TlsClient(std::move(context));
}

std::unique_ptr<TlsSession> TlsClient::connect(const std::string& host, SSL_SESSION* ticket) const {
  SslPtr ssl(SSL_new(context_.get()));
  CHECK_INVARIANT(ssl != nullptr);
  if (common::parse_address(host)) {
    (void)X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl.get()), host.c_str());
  } else {
    (void)SSL_set_tlsext_host_name(ssl.get(), host.c_str());
    (void)SSL_set1_host(ssl.get(), host.c_str());
  }
  if (ticket != nullptr) (void)SSL_set_session(ssl.get(), ticket);
  return std::make_unique<TlsSession>(std::move(ssl));
}

TlsTicketPtr ticket_of(const TlsSession& session) {
  // A copy: the session itself ends with a connection that is cut.
  SSL_SESSION* const current = SSL_get0_session(session.native());
  TlsTicketPtr ticket(current == nullptr ? nullptr : SSL_SESSION_dup(current));
  if (ticket && SSL_SESSION_is_resumable(ticket.get()) != 1) ticket.reset();
  return ticket;
}

}  // namespace shoal::node
