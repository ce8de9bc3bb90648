// The bytes of a TLS client, before its handshake and after it. Whatever they are: the session takes them
// all, what it puts out and keeps is bounded, nothing follows a failure, and without a handshake there is no
// text.

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/check.h"
#include "node/tls/tls_session.h"
#include "tests/fuzz/tls_layer.h"

using namespace shoal;
using namespace shoal::node;
using State = TlsSession::State;

namespace {

constexpr size_t kRecordMax = 17 << 10;
// A server's flight and its alert, with a small certificate.
constexpr size_t kFlightMax = 4 << 10;

const TlsLayer& layer() {
  static const TlsLayer made = test::made_layer();
  return made;
}

void feed(TlsSession& session, std::string_view bytes, size_t piece) {
  size_t taken = 0;
  size_t out_bytes = 0;
  std::string plain;
  std::string out;
  while (!bytes.empty()) {
    const std::string_view next = bytes.substr(0, piece);
    bytes.remove_prefix(next.size());
    const bool over = session.state() == State::failed || session.state() == State::closed;
    plain.clear();
    out.clear();
    session.receive(common::bytes_of(next), plain, out);
    taken += next.size();
    out_bytes += out.size();
    CHECK_INVARIANT(!over || (plain.empty() && out.empty()));
    CHECK_INVARIANT(plain.size() <= next.size() + kRecordMax);
    CHECK_INVARIANT(session.state() != State::handshaking || plain.empty());
    CHECK_INVARIANT(out_bytes <= 2 * kFlightMax + 4 * taken);
  }
}

// A client and a server that have shaken hands.
void open(TlsSession& server, TlsSession& client) {
  std::string plain;
  std::string to_server;
  std::string to_client;
  client.receive({}, plain, to_server);
  while (!to_server.empty() || !to_client.empty()) {
    server.receive(common::bytes_of(std::exchange(to_server, {})), plain, to_client);
    client.receive(common::bytes_of(std::exchange(to_client, {})), plain, to_server);
  }
  CHECK_INVARIANT(server.state() == State::open && client.state() == State::open && plain.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2 || size > 64 << 10) return 0;
  // The first byte says how the rest comes.
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t piece = (data[0] & 0x3f) == 0 ? bytes.size() : (data[0] & 0x3f);
  TlsSession server(layer());
  if ((data[0] & 0x80) != 0) {
    const SslContextPtr context(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_max_proto_version(context.get(), (data[0] & 0x40) != 0 ? TLS1_3_VERSION : TLS1_2_VERSION);
    TlsSession client(SslPtr(SSL_new(context.get())));
    open(server, client);
    feed(server, bytes, piece);
  } else {
    feed(server, bytes, piece);
    CHECK_INVARIANT(server.state() != State::open);
  }
  return 0;
}
