#include "tests/unit/support/test_certificates.h"

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>

#include "common/check.h"

namespace shoal::test {

namespace {

using node::BioPtr;
using node::CertificatePtr;
using node::KeyPtr;

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  return {data, static_cast<size_t>(size)};
}

BioPtr reader_of(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

void add_extension(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  CHECK_INVARIANT(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
  X509_EXTENSION_free(extension);
}

}  // namespace

CertificateText make_certificate(const CertificateWish& wish) {
  static int64_t serial = 1;
  const KeyPtr key(wish.rsa_bits > 0 ? EVP_RSA_gen(static_cast<unsigned>(wish.rsa_bits))
                                     : EVP_EC_gen("P-256"));
  const CertificatePtr made(X509_new());
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set_int64(X509_get_serialNumber(made.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), wish.starts_in_s);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), wish.ends_in_s);
  X509_set_pubkey(made.get(), key.get());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(wish.subject.c_str()), -1, -1, 0);
  std::string names;
  for (const std::string& name : wish.names) {
    names += (names.empty() ? "" : ",") + (name.starts_with("IP:") ? name : "DNS:" + name);
  }
  if (!names.empty()) add_extension(made.get(), NID_subject_alt_name, names);
  add_extension(made.get(), NID_basic_constraints, "critical,CA:TRUE");
  const EVP_PKEY* signer = key.get();
  KeyPtr issuer_key;
  if (wish.issuer != nullptr) {
    const CertificatePtr issuer(
        PEM_read_bio_X509(reader_of(wish.issuer->certificate).get(), nullptr, nullptr, nullptr));
    issuer_key.reset(PEM_read_bio_PrivateKey(reader_of(wish.issuer->key).get(), nullptr, nullptr, nullptr));
    X509_set_issuer_name(made.get(), X509_get_subject_name(issuer.get()));
    signer = issuer_key.get();
  } else {
    X509_set_issuer_name(made.get(), X509_get_subject_name(made.get()));
  }
  CHECK_INVARIANT(X509_sign(made.get(), const_cast<EVP_PKEY*>(signer), EVP_sha256()) > 0);
  const BioPtr certificate(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(certificate.get(), made.get());
  const BioPtr private_key(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(private_key.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  return {text_of(certificate.get()), text_of(private_key.get())};
}

node::TlsCertificate make_pair(const CertificateWish& wish) {
  const CertificateText text = make_certificate(wish);
  const TemporaryText certificate(text.certificate);
  const TemporaryText key(text.key);
  auto loaded = node::load_tls_certificate(certificate.path(), key.path());
  CHECK_INVARIANT(loaded.has_value());
  return std::move(*loaded);
}

TemporaryText::TemporaryText(const std::string& text) : path_("/tmp/shoal-test-XXXXXX") {
  const int file = mkstemp(path_.data());
  CHECK_INVARIANT(file >= 0 && write(file, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  close(file);
}

TemporaryText::~TemporaryText() { (void)std::remove(path_.c_str()); }

}  // namespace shoal::test
