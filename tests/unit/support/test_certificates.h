// Certificates for tests of TLS: made anew, signed by themselves or by one another.

#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "node/tls/tls_certificate.h"

namespace shoal::test {

struct CertificateText {
  std::string certificate;  // PEM
  std::string key;          // PEM
};

struct CertificateWish {
  std::vector<std::string> names = {"tracker.example"};  // the SAN's; an address begins with "IP:"
  int64_t starts_in_s = -3600;
  int64_t ends_in_s = 86'400;
  const CertificateText* issuer = nullptr;  // null: itself
  std::string subject = "tracker.example";
  int rsa_bits = 0;  // 0: an EC key
};

CertificateText make_certificate(const CertificateWish& wish);

// The same, loaded.
node::TlsCertificate make_pair(const CertificateWish& wish);

// Writes a text to a new file in the folder for temporary files, and returns its path. Removed at the end.
class TemporaryText {
 public:
  explicit TemporaryText(const std::string& text);
  ~TemporaryText();
  TemporaryText(const TemporaryText&) = delete;
  TemporaryText& operator=(const TemporaryText&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace shoal::test
