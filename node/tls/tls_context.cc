#include "node/tls/tls_context.h"

#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>

#include <algorithm>
#include <utility>

#include "common/check.h"
#include "common/text.h"
#include "node/text/printable.h"
#include "node/tls/tls_session.h"

namespace shoal::node {

namespace {

using common::fail;
using common::Result;

constexpr const char* kCiphers12 =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr const char* kCiphers13 =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
// Not P-384: a client that offers nothing else would make the node work ten times as much.
constexpr const char* kGroups = "X25519:P-256";

// The same on all nodes: a session may be resumed by any of them.
constexpr unsigned char kSessionContext[] = "shoal";

// ALPN: each name with its length in front.
constexpr unsigned char kHttp11[] = {8, 'h', 't', 't', 'p', '/', '1', '.', '1'};

int choose_protocol(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned offered_size, void* /*unused*/) {
  // For lack of an overlap it leaves something else in `out`.
  const int found = SSL_select_next_proto(const_cast<unsigned char**>(out), out_size, kHttp11, sizeof kHttp11,
                                          offered, offered_size);
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// The SNI of RFC 6066; an unknown name gets the first certificate, as without one.
int choose_certificate(SSL* ssl, int* /*alert*/, void* context) {
  const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
  std::string host(name);
  for (char& c : host) c = common::to_lower(c);
  const auto& of = *static_cast<const TlsContext*>(context);
  const size_t number = of.certificate_for(host);
  if (number > 0) SSL_set_SSL_CTX(ssl, of.context(number));
  return SSL_TLSEXT_ERR_OK;
}

// RFC 5077 4: AES-256-CBC, then HMAC-SHA-256. Returns what SSL_CTX_set_tlsext_ticket_key_evp_cb(3) says.
int ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
               int sealing) {
  static EVP_CIPHER* const kCipher = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  const TicketKeys* keys = static_cast<TlsSession*>(SSL_get_app_data(ssl))->ticket_keys();
  if (keys == nullptr || kCipher == nullptr) return 0;
  const sync::TicketKey* key = &keys->sealing();
  if (sealing == 0) key = keys->find(std::span<const uint8_t, 16>(name, 16));
  if (key == nullptr) return 0;
  if (sealing != 0) {
    std::copy(key->name.begin(), key->name.end(), name);
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(kCipher)) != 1) return -1;
  }
  char digest[] = "SHA256";
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<uint8_t*>(key->mac.data()),
                                        key->mac.size()),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
  if (EVP_MAC_CTX_set_params(mac, parameters) != 1) return -1;
  const int ready = sealing != 0 ? EVP_EncryptInit_ex2(cipher, kCipher, key->cipher.data(), iv, nullptr)
                                 : EVP_DecryptInit_ex2(cipher, kCipher, key->cipher.data(), iv, nullptr);
  if (ready != 1) return -1;
  // 2: a new ticket, for one of an older key, and with TLS 1.3 always (RFC 8446 C.4: it is used once). It
  // also acknowledges the client's Finished, whose request would otherwise wait for our delayed
  // acknowledgement.
  const bool fresh = key == &keys->sealing() && SSL_version(ssl) < TLS1_3_VERSION;
  return sealing != 0 || fresh ? 1 : 2;
}

Result<SslContextPtr> context_of(const TlsCertificate& pair, TlsVersion min_version, const TlsContext& all) {
  ERR_clear_error();
  SslContextPtr made(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* const context = made.get();
  const auto failed = [&](const char* what) {
    return fail("tracker.tls_certificates: " + pair.info.file + ": " + what + ": " + openssl_reason());
  };
  if (context == nullptr) return failed("OpenSSL");
  SSL_CTX_set_options(context, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_timeout(context, kTicketLifetimeS);
  SSL_CTX_set_num_tickets(context, 1);
  SSL_CTX_set_max_early_data(context, 0);
  const bool ruled =
      SSL_CTX_set_min_proto_version(context,
                                    min_version == TlsVersion::v1_3 ? TLS1_3_VERSION : TLS1_2_VERSION) == 1 &&
      SSL_CTX_set_cipher_list(context, kCiphers12) == 1 &&
      SSL_CTX_set_ciphersuites(context, kCiphers13) == 1 && SSL_CTX_set1_groups_list(context, kGroups) == 1 &&
      SSL_CTX_set_session_id_context(context, kSessionContext, sizeof kSessionContext - 1) == 1;
  if (!ruled) return failed("OpenSSL");
  if (SSL_CTX_use_certificate(context, pair.leaf.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, pair.key.get()) != 1)
    return failed("cannot be used");
  for (const CertificatePtr& issuer : pair.chain) {
    if (SSL_CTX_add1_chain_cert(context, issuer.get()) != 1) return failed("the chain cannot be used");
  }
  SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_alpn_select_cb(context, &choose_protocol, nullptr);
  SSL_CTX_set_tlsext_servername_callback(context, &choose_certificate);
  SSL_CTX_set_tlsext_servername_arg(context, const_cast<TlsContext*>(&all));
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, &ticket_key);
  TlsSession::watch(context);
  return made;
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::make(std::vector<TlsCertificate> certificates,
                                                           TlsVersion min_version) {
  CHECK_INVARIANT(!certificates.empty());
  // No openssl.cnf: all nodes keep the same rules, in a new root too.
  CHECK_INVARIANT(OPENSSL_init_ssl(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, nullptr) == 1);
  const std::shared_ptr<TlsContext> made(new TlsContext);
  made->contexts_.reserve(certificates.size());
  made->certificates_.reserve(certificates.size());
  for (TlsCertificate& pair : certificates) {
    auto context = context_of(pair, min_version, *made);
    if (!context) return tl::make_unexpected(context.error());
    made->contexts_.push_back(std::move(*context));
    made->certificates_.push_back(std::move(pair.info));
  }
  return made;
}

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const Options& options) {
  std::vector<TlsCertificate> pairs;
  const auto& tracker = options.tracker;
  CHECK_INVARIANT(tracker.tls_certificates.size() == tracker.tls_keys.size());
  if (tracker.tls_certificates.empty()) return std::shared_ptr<const TlsContext>();
  pairs.reserve(tracker.tls_certificates.size());
  for (size_t i = 0; i < tracker.tls_certificates.size(); ++i) {
    auto pair = load_tls_certificate(tracker.tls_certificates[i], tracker.tls_keys[i]);
    if (!pair) return tl::make_unexpected(pair.error());
    pairs.push_back(std::move(*pair));
  }
  return make(std::move(pairs), options.tls.min_version);
}

size_t TlsContext::certificate_for(std::string_view host) const {
  for (const bool exactly : {true, false}) {
    for (size_t i = 0; i < certificates_.size(); ++i) {
      const auto& names = certificates_[i].names;
      const bool found = std::any_of(names.begin(), names.end(), [&](const std::string& name) {
        return exactly ? name == host : tls_name_matches(name, host);
      });
      if (found) return i;
    }
  }
  return 0;
}

Result<void> check_dates(const TlsContext& fresh, const TlsContext* running, int64_t now_unix_s) {
  for (const TlsCertificateInfo& info : fresh.certificates()) {
    const auto is_this = [&](const TlsCertificateInfo& other) {
      return other.fingerprint == info.fingerprint;
    };
    if (!info.expired(now_unix_s)) continue;
    if (running != nullptr &&
        std::any_of(running->certificates().begin(), running->certificates().end(), is_this))
      continue;
    return fail("tracker.tls_certificates: " + printable(info.file) + ": has expired");
  }
  return {};
}

}  // namespace shoal::node
