#include "node/tls/tls_certificate.h"

#include <openssl/pem.h>
#include <sodium/utils.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <utility>

#include "common/bytes.h"
#include "common/endpoint.h"
#include "common/hex.h"
#include "common/text.h"
#include "node/os/files.h"
#include "node/text/printable.h"

namespace shoal::node {

namespace {

using common::fail;
using common::Result;

constexpr size_t kPemBytesMax = 128 << 10;
constexpr size_t kChainMax = 10;             // certificates of a file
constexpr size_t kChainBytesMax = 12 << 10;  // in a handshake: the kernel takes it at once
constexpr size_t kNamesMax = 1000;
constexpr int kRsaBitsUsual = 2048;

constexpr const char* kCertificates = "tracker.tls_certificates: ";
constexpr const char* kKeys = "tracker.tls_keys: ";

// OpenSSL would ask for a passphrase at the terminal.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

BioPtr reader_of(const std::string& text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

Result<std::vector<CertificatePtr>> read_chain(const std::string& file) {
  const auto text = read_text_file(file, kPemBytesMax);
  if (!text) return fail(kCertificates + text.error().message);
  const BioPtr reader = reader_of(*text);
  std::vector<CertificatePtr> found;
  ERR_clear_error();
  size_t bytes = 0;
  for (;;) {
    CertificatePtr one(PEM_read_bio_X509(reader.get(), nullptr, nullptr, nullptr));
    if (!one) break;
    bytes += static_cast<size_t>(std::max(0, i2d_X509(one.get(), nullptr)));
    found.push_back(std::move(one));
    if (found.size() > kChainMax || bytes > kChainBytesMax) {
      return fail(kCertificates + printable(file) + ": the chain is too long: at most " +
                  std::to_string(kChainMax) + " certificates and " + std::to_string(kChainBytesMax) +
                  " bytes");
    }
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (!at_end) return fail(kCertificates + printable(file) + ": is damaged: " + openssl_reason());
  ERR_clear_error();
  if (found.empty()) return fail(kCertificates + printable(file) + ": has no certificate in PEM format");
  return found;
}

Result<KeyPtr> read_key(const std::string& file) {
  auto text = read_text_file(file, kPemBytesMax);
  if (!text) return fail(kKeys + text.error().message);
  const BioPtr reader = reader_of(*text);
  bool asked = false;
  ERR_clear_error();
  KeyPtr key(PEM_read_bio_PrivateKey(reader.get(), nullptr, &no_passphrase, &asked));
  sodium_memzero(text->data(), text->size());
  ERR_clear_error();
  if (asked)
    return fail(kKeys + printable(file) +
                ": is encrypted: a node cannot ask for the passphrase; store it in clear");
  if (!key) return fail(kKeys + printable(file) + ": has no private key in PEM format");
  return key;
}

int64_t unix_s(const ASN1_TIME* time) {
  tm parts{};
  return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : 0;
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = common::to_lower(c);
  return out;
}

std::string address_text(const ASN1_OCTET_STRING& address) {
  const common::ByteSpan bytes(ASN1_STRING_get0_data(&address),
                               static_cast<size_t>(ASN1_STRING_length(&address)));
  if (bytes.size() != 4 && bytes.size() != 16) return "";
  return common::address_to_string(common::make_endpoint(bytes, 0));
}

std::vector<std::string> names_of(const X509& certificate) {
  std::vector<std::string> names;
  auto* found =
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
  const size_t count =
      std::min<size_t>(kNamesMax, found == nullptr ? 0 : static_cast<size_t>(sk_GENERAL_NAME_num(found)));
  names.reserve(count);
  for (size_t i = 0; i < count; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(found, static_cast<int>(i));
    std::string text;
    if (name->type == GEN_DNS) {
      text = lower({reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                    static_cast<size_t>(ASN1_STRING_length(name->d.dNSName))});
    } else if (name->type == GEN_IPADD) {
      text = address_text(*name->d.iPAddress);
    }
    if (!text.empty()) names.push_back(printable(text, 256));
  }
  GENERAL_NAMES_free(found);
  return names;
}

std::string subject_of(X509& certificate) {
  std::array<char, 256> text{};
  const int size = X509_NAME_get_text_by_NID(X509_get_subject_name(&certificate), NID_commonName, text.data(),
                                             static_cast<int>(text.size()));
  return size > 0 ? printable(std::string_view(text.data(), static_cast<size_t>(size)), 256) : "";
}

TlsCertificateInfo info_of(const std::string& file, X509& certificate) {
  TlsCertificateInfo info;
  info.file = file;
  info.names = names_of(certificate);
  info.subject = subject_of(certificate);
  if (info.subject.empty() && !info.names.empty()) info.subject = info.names.front();
  const EVP_PKEY* const key = X509_get0_pubkey(&certificate);
  if (key != nullptr && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA) info.rsa_bits = EVP_PKEY_get_bits(key);
  info.not_before_unix_s = unix_s(X509_get0_notBefore(&certificate));
  info.not_after_unix_s = unix_s(X509_get0_notAfter(&certificate));
  std::array<uint8_t, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (X509_digest(&certificate, EVP_sha256(), digest.data(), &size) == 1)
    info.fingerprint = common::to_hex(common::ByteSpan(digest).first(size));
  return info;
}

}  // namespace

Result<TlsCertificate> load_tls_certificate(const std::string& certificate_file,
                                            const std::string& key_file) {
  auto chain = read_chain(certificate_file);
  if (!chain) return tl::make_unexpected(chain.error());
  auto key = read_key(key_file);
  if (!key) return tl::make_unexpected(key.error());
  TlsCertificate pair;
  pair.leaf = std::move(chain->front());
  chain->erase(chain->begin());
  pair.chain = std::move(*chain);
  pair.key = std::move(*key);
  pair.info = info_of(certificate_file, *pair.leaf);
  if (X509_check_private_key(pair.leaf.get(), pair.key.get()) != 1) {
    ERR_clear_error();
    return fail(kKeys + printable(key_file) + ": is not the key of " + printable(certificate_file));
  }
  X509* issued = pair.leaf.get();
  for (const CertificatePtr& issuer : pair.chain) {
    if (X509_check_issued(issuer.get(), issued) != X509_V_OK) {
      return fail(kCertificates + printable(certificate_file) +
                  ": the chain is out of order: each certificate must be followed by the one that issued it "
                  "(the server's own comes first)");
    }
    issued = issuer.get();
  }
  return pair;
}

void warn_of_slow_key(const TlsCertificateInfo& info, std::vector<std::string>& warnings) {
  if (info.rsa_bits <= kRsaBitsUsual) return;
  warnings.push_back("tracker.tls_certificates: " + printable(info.file) + ": has an RSA key of " +
                     std::to_string(info.rsa_bits) +
                     " bits: each handshake costs several times as much as with 2048; EC P-256 is cheaper");
}

bool tls_name_matches(std::string_view name, std::string_view host) {
  if (!name.starts_with("*.")) return name == host;
  const size_t dot = host.find('.');
  return dot != std::string_view::npos && dot > 0 && host.substr(dot) == name.substr(1);
}

}  // namespace shoal::node
