// Owners of OpenSSL's objects, and its errors as text. Any thread.

#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>
#include <string>

namespace shoal::node {

template <auto release>
struct OpensslRelease {
  template <class T>
  void operator()(T* object) const {
    release(object);
  }
};

using BioPtr = std::unique_ptr<BIO, OpensslRelease<BIO_free_all>>;
using CertificatePtr = std::unique_ptr<X509, OpensslRelease<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, OpensslRelease<EVP_PKEY_free>>;
using SslContextPtr = std::unique_ptr<SSL_CTX, OpensslRelease<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, OpensslRelease<SSL_free>>;

// OpenSSL's own reason for the first error of this thread's queue, which it empties.
inline std::string openssl_reason() {
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  if (error == 0) return "unknown reason";
  const char* reason = ERR_reason_error_string(error);
  return reason != nullptr ? reason : "error " + std::to_string(ERR_GET_REASON(error));
}

}  // namespace shoal::node
