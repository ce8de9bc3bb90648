// A TLS layer with a certificate of its own, for the fuzz targets of what a client sends first.

#pragma once

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <utility>
#include <vector>

#include "common/check.h"
#include "node/tls/ticket_keys.h"
#include "node/tls/tls_context.h"

namespace shoal::test {

inline node::TlsLayer made_layer() {
  using namespace node;
  TlsCertificate pair;
  pair.key.reset(EVP_EC_gen("P-256"));
  pair.leaf.reset(X509_new());
  X509_set_version(pair.leaf.get(), X509_VERSION_3);
  ASN1_INTEGER_set_int64(X509_get_serialNumber(pair.leaf.get()), 1);
  X509_gmtime_adj(X509_getm_notBefore(pair.leaf.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(pair.leaf.get()), 86'400);
  X509_set_pubkey(pair.leaf.get(), pair.key.get());
  CHECK_INVARIANT(X509_sign(pair.leaf.get(), pair.key.get(), EVP_sha256()) > 0);
  std::vector<TlsCertificate> pairs;
  pairs.push_back(std::move(pair));
  auto context = TlsContext::make(std::move(pairs), TlsVersion::v1_2);
  CHECK_INVARIANT(context.has_value());
  return {*context, TicketSource({}).keys(1)};
}

}  // namespace shoal::test
