// A certificate with its chain and private key, read from PEM files and checked: by nodes at start and at a
// reload, and by `shoal config --check`.

#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.h"
#include "node/tls/openssl_ptr.h"

namespace shoal::node {

// What an operator wants to know of it. Plain values.
struct TlsCertificateInfo {
  std::string file;
  std::string subject;             // its common name, or its first name
  std::vector<std::string> names;  // of its SAN: DNS names in lower case (*.example.org too), and addresses
  int64_t not_before_unix_s = 0;
  int64_t not_after_unix_s = 0;
  std::string fingerprint;  // SHA-256, in hexadecimal
  int rsa_bits = 0;         // 0: another kind of key

  bool expired(int64_t now_unix_s) const { return now_unix_s > not_after_unix_s; }
};

struct TlsCertificate {
  TlsCertificateInfo info;
  CertificatePtr leaf;
  std::vector<CertificatePtr> chain;  // the issuer of the leaf first; without the root, or with it
  KeyPtr key;
};

// Reads a pair. Fails if a file cannot be read or holds something else, the key is another certificate's or
// is encrypted, or a certificate of the chain has not been issued by the next. It does not look at dates. The
// error begins with tracker.tls_certificates or tracker.tls_keys.
common::Result<TlsCertificate> load_tls_certificate(const std::string& certificate_file,
                                                    const std::string& key_file);

// Adds a warning if its handshakes hold up a worker's loop for much longer than those of other keys.
void warn_of_slow_key(const TlsCertificateInfo& info, std::vector<std::string>& warnings);

// Whether a certificate with this name is for this host: the same name, or *. and all of it but the first
// label. `host` in lower case.
bool tls_name_matches(std::string_view name, std::string_view host);

}  // namespace shoal::node
