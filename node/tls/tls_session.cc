#include "node/tls/tls_session.h"

#include <algorithm>
#include <array>
#include <utility>

#include "common/check.h"

namespace shoal::node {

namespace {

constexpr size_t kReadBytes = 16 << 10;  // a record

TlsFailure failure_of(unsigned long error) {
  switch (ERR_GET_REASON(error)) {
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_NO_SHARED_CIPHER:
    case SSL_R_NO_SUITABLE_KEY_SHARE:
    case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
    case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
    case SSL_R_NO_SUITABLE_GROUPS:
    case SSL_R_WRONG_VERSION_NUMBER:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
      return TlsFailure::version;
    case SSL_R_NO_APPLICATION_PROTOCOL:
      return TlsFailure::protocol;
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
      return TlsFailure::certificate;
    default:
      // Any other alert says that the client goes, not that it has sent anything wrong.
      return ERR_GET_LIB(error) == ERR_LIB_SSL && ERR_GET_REASON(error) >= SSL_AD_REASON_OFFSET
                 ? TlsFailure::cut
                 : TlsFailure::malformed;
  }
}

}  // namespace

// A BIO over the session's input and output: OpenSSL's memory BIOs would keep buffers of their own.
struct TlsSession::Io {
  static TlsSession& session(BIO* bio) { return *static_cast<TlsSession*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* out, int size) {
    common::ByteSpan& input = session(bio).input_;
    const size_t taken = std::min(input.size(), static_cast<size_t>(std::max(size, 0)));
    BIO_clear_retry_flags(bio);
    if (taken == 0) {
      BIO_set_retry_read(bio);
      return -1;
    }
    std::copy_n(input.begin(), taken, reinterpret_cast<uint8_t*>(out));
    input = input.subspan(taken);
    return static_cast<int>(taken);
  }

  static int write(BIO* bio, const char* data, int size) {
    BIO_clear_retry_flags(bio);
    // Outside a call nothing can be sent; OpenSSL sends nothing then.
    if (session(bio).output_ == nullptr) return -1;
    session(bio).output_->append(data, static_cast<size_t>(size));
    return size;
  }

  static long control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }

  static const BIO_METHOD* method() {
    static const BIO_METHOD* const made = [] {
      BIO_METHOD* of = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "shoal");
      CHECK_INVARIANT(of != nullptr);
      BIO_meth_set_read(of, &read);
      BIO_meth_set_write(of, &write);
      BIO_meth_set_ctrl(of, &control);
      BIO_meth_set_create(of, &create);
      return of;
    }();
    return made;
  }
};

TlsSession::TlsSession(TlsLayer layer) : layer_(std::move(layer)), ssl_(SSL_new(layer_.context->context(0))) {
  CHECK_INVARIANT(ssl_ != nullptr);
  attach();
  SSL_set_accept_state(ssl_.get());
}

TlsSession::TlsSession(SslPtr client) : ssl_(std::move(client)) {
  attach();
  SSL_set_connect_state(ssl_.get());
}

void TlsSession::attach() {
  BIO* bio = BIO_new(Io::method());
  CHECK_INVARIANT(bio != nullptr);
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_.get(), bio, bio);  // which owns it
  SSL_set_app_data(ssl_.get(), this);
}

void TlsSession::watch(SSL_CTX* context) { SSL_CTX_set_msg_callback(context, &TlsSession::on_message); }

void TlsSession::on_message(int written, int /*version*/, int type, const void* /*data*/, size_t /*size*/,
                            SSL* ssl, void* /*unused*/) {
  auto& session = *static_cast<TlsSession*>(SSL_get_app_data(ssl));
  if (written == 0 && type == SSL3_RT_HANDSHAKE && session.state_ == State::open) ++session.later_messages_;
}

TlsSession::Work TlsSession::receive(common::ByteSpan bytes, std::string& plain, std::string& out) {
  Work work;
  if (state_ == State::failed || state_ == State::closed) return work;
  ERR_clear_error();
  input_ = bytes;
  output_ = &out;
  if (state_ == State::handshaking) {
    const size_t out_before = out.size();
    handshake_bytes_ += bytes.size();
    if (handshake_bytes_ > kTlsHandshakeBytesMax) {
      state_ = State::failed;
    } else {
      shake();
    }
    const bool answered = out.size() > out_before && state_ != State::open;
    work.units = !answered ? kTlsStepUnits : resumed() ? kTlsResumedUnits : kTlsFullUnits;
  }
  if (state_ == State::open) read(plain, work);
  input_ = {};
  output_ = nullptr;
  return work;
}

void TlsSession::shake() {
  const int done = SSL_do_handshake(ssl_.get());
  if (done != 1) return fail(done);
  state_ = State::open;
  layer_ = {};
}

void TlsSession::read(std::string& plain, Work& work) {
  std::array<char, kReadBytes> buffer;
  for (;;) {
    size_t size = 0;
    const int done = SSL_read_ex(ssl_.get(), buffer.data(), buffer.size(), &size);
    ++work.records;
    const uint32_t most = protocol() == TlsProtocol::v1_3 ? kTlsLaterMessagesMax : 0;
    if (later_messages_ > most && SSL_is_server(ssl_.get()) == 1) {
      state_ = State::failed;
      return;
    }
    if (done != 1) return fail(done);
    plain.append(buffer.data(), size);
    // Another read would find nothing, and allocate a buffer to find it.
    if (input_.empty() && SSL_has_pending(ssl_.get()) == 0) return;
  }
}

void TlsSession::fail(int returned) {
  const int error = SSL_get_error(ssl_.get(), returned);
  if (error == SSL_ERROR_WANT_READ) return;
  if (error == SSL_ERROR_ZERO_RETURN) {
    // In the middle of a handshake it ends nothing that was begun.
    failure_ = TlsFailure::cut;
    state_ = state_ == State::open ? State::closed : State::failed;
    return;
  }
  reason_ = ERR_peek_error();
  failure_ = failure_of(reason_);
  ERR_clear_error();
  state_ = State::failed;
}

bool TlsSession::send(common::ByteSpan plain, std::string& out) {
  if (state_ != State::open && state_ != State::closed) return false;
  if (plain.empty()) return true;
  ERR_clear_error();
  output_ = &out;
  size_t written = 0;
  const int done = SSL_write_ex(ssl_.get(), plain.data(), plain.size(), &written);
  output_ = nullptr;
  if (done == 1 && written == plain.size()) return true;
  ERR_clear_error();
  state_ = State::failed;
  return false;
}

void TlsSession::close(std::string& out) {
  if (state_ != State::open && state_ != State::closed) return;
  output_ = &out;
  (void)SSL_shutdown(ssl_.get());
  output_ = nullptr;
  ERR_clear_error();
}

std::string TlsSession::error() const {
  const long verified = SSL_get_verify_result(ssl_.get());
  if (verified != X509_V_OK) return X509_verify_cert_error_string(verified);
  const char* reason = reason_ == 0 ? nullptr : ERR_reason_error_string(reason_);
  return reason != nullptr ? reason : "the TLS connection has failed";
}

}  // namespace shoal::node
