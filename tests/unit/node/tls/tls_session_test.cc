#include "node/tls/tls_session.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "node/tls/tls_client.h"
#include "node/tls/tls_hello.h"
#include "tests/unit/support/test_certificates.h"

using namespace shoal;
using namespace shoal::node;
using State = TlsSession::State;

namespace {

std::shared_ptr<const TlsContext> context_with(std::vector<TlsCertificate> pairs,
                                               TlsVersion least = TlsVersion::v1_2) {
  auto made = TlsContext::make(std::move(pairs), least);
  REQUIRE(made);
  return *made;
}

std::shared_ptr<const TlsContext> simple_context(TlsVersion least = TlsVersion::v1_2) {
  std::vector<TlsCertificate> pairs;
  pairs.push_back(test::make_pair({}));
  return context_with(std::move(pairs), least);
}

sync::TicketRoot root(uint8_t filled) {
  sync::TicketRoot made;
  made.fill(filled);
  return made;
}

std::shared_ptr<const TicketKeys> tickets_of(const std::vector<sync::TicketRoot>& roots,
                                             uint64_t epoch = 100) {
  return TicketSource(roots).keys(epoch);
}

// A client that believes anything.
struct ClientWish {
  int most = TLS1_3_VERSION;
  std::string host = "tracker.example";
  std::string alpn = "http/1.1";
  SSL_SESSION* ticket = nullptr;
  std::string foreign_ticket = {};  // of no session; empty: none
};

// In TLS 1.3 a ticket is the identity of a key that both sides have.
int offer_foreign_ticket(SSL* ssl, const EVP_MD* /*digest*/, const unsigned char** id, size_t* id_size,
                         SSL_SESSION** session) {
  static constexpr std::array<unsigned char, 2> kAes128GcmSha256 = {0x13, 0x01};
  static constexpr std::array<unsigned char, 32> kKey = {1};
  const auto& ticket = *static_cast<const std::string*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
  *session = SSL_SESSION_new();
  SSL_SESSION_set1_master_key(*session, kKey.data(), kKey.size());
  SSL_SESSION_set_cipher(*session, SSL_CIPHER_find(ssl, kAes128GcmSha256.data()));
  SSL_SESSION_set_protocol_version(*session, TLS1_3_VERSION);
  *id = reinterpret_cast<const unsigned char*>(ticket.data());
  *id_size = ticket.size();
  return 1;
}

std::unique_ptr<TlsSession> client_of(const ClientWish& wish) {
  const SslContextPtr context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_max_proto_version(context.get(), wish.most);
  SSL_CTX_set_security_level(context.get(), 0);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_VERSION);
  SslPtr ssl(SSL_new(context.get()));
  SSL_set_tlsext_host_name(ssl.get(), wish.host.c_str());
  if (!wish.alpn.empty()) {
    const std::string names = static_cast<char>(wish.alpn.size()) + wish.alpn;
    SSL_set_alpn_protos(ssl.get(), reinterpret_cast<const unsigned char*>(names.data()),
                        static_cast<unsigned>(names.size()));
  }
  if (wish.ticket != nullptr) SSL_set_session(ssl.get(), wish.ticket);
  if (!wish.foreign_ticket.empty() && wish.most == TLS1_3_VERSION) {
    SSL_CTX_set_app_data(context.get(), const_cast<std::string*>(&wish.foreign_ticket));
    SSL_set_psk_use_session_callback(ssl.get(), &offer_foreign_ticket);
  } else if (!wish.foreign_ticket.empty()) {
    std::string bytes = wish.foreign_ticket;
    SSL_set_session_ticket_ext(ssl.get(), bytes.data(), static_cast<int>(bytes.size()));
  }
  return std::make_unique<TlsSession>(std::move(ssl));
}

// Both ends, and what has arrived at each.
struct Link {
  std::unique_ptr<TlsSession> server;
  std::unique_ptr<TlsSession> client;
  std::string to_server;  // on its way, sealed
  std::string to_client;
  std::string at_server;  // opened
  std::string at_client;
  size_t units = 0;

  Link(const std::shared_ptr<const TlsContext>& context, const std::shared_ptr<const TicketKeys>& tickets,
       const ClientWish& wish)
      : server(std::make_unique<TlsSession>(TlsLayer{context, tickets})), client(client_of(wish)) {}

  // Carries what is on its way, `piece` bytes at a time, until all is still. The client begins.
  void carry(size_t piece = 1 << 20) {
    if (client->state() == State::handshaking) client->receive({}, at_client, to_server);
    while (!to_server.empty() || !to_client.empty()) {
      deliver(to_server, piece,
              [&](common::ByteSpan bytes) { units += server->receive(bytes, at_server, to_client).units; });
      deliver(to_client, piece,
              [&](common::ByteSpan bytes) { client->receive(bytes, at_client, to_server); });
    }
  }

  template <class Take>
  static void deliver(std::string& way, size_t piece, Take take) {
    const std::string bytes = std::exchange(way, {});
    for (size_t at = 0; at < bytes.size(); at += piece) {
      take(common::bytes_of(std::string_view(bytes).substr(at, piece)));
    }
  }

  bool is_open() const { return server->state() == State::open && client->state() == State::open; }
};

// A request and its answer.
void exchange(Link& link, size_t piece = 1 << 20) {
  REQUIRE(link.client->send(common::bytes_of("ping"), link.to_server));
  link.carry(piece);
  CHECK(link.at_server == "ping");
  REQUIRE(link.server->send(common::bytes_of("pong"), link.to_client));
  link.carry(piece);
  CHECK(link.at_client == "pong");
}

}  // namespace

TEST_CASE("tls session: a handshake and an exchange, in pieces of every small size") {
  const auto context = simple_context();
  const auto tickets = tickets_of({root(1)});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const size_t piece : {1, 2, 3, 5, 7, 64, 1460}) {
      CAPTURE(version);
      CAPTURE(piece);
      Link link(context, tickets, {.most = version});
      link.carry(piece);
      REQUIRE(link.is_open());
      CHECK_FALSE(link.server->resumed());
      CHECK(link.server->protocol() == (version == TLS1_3_VERSION ? TlsProtocol::v1_3 : TlsProtocol::v1_2));
      CHECK(link.server->ticket_keys() == nullptr);
      exchange(link, piece);
    }
  }
}

TEST_CASE("tls session: every split of the client's first flight") {
  const auto context = simple_context();
  const auto tickets = tickets_of({root(1)});
  for (size_t at = 1; at < 300; ++at) {
    Link link(context, tickets, {});
    link.client->receive({}, link.at_client, link.to_server);
    const std::string hello = std::exchange(link.to_server, {});
    REQUIRE(at < hello.size());
    link.server->receive(common::bytes_of(std::string_view(hello).substr(0, at)), link.at_server,
                         link.to_client);
    REQUIRE(link.to_client.empty());
    link.server->receive(common::bytes_of(std::string_view(hello).substr(at)), link.at_server,
                         link.to_client);
    link.carry();
    REQUIRE(link.is_open());
  }
}

TEST_CASE("tls session: a full handshake costs more than a resumed one") {
  const auto context = simple_context();
  const auto tickets = tickets_of({root(1)});
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Link first(context, tickets, {.most = version});
    first.carry();
    exchange(first);
    CHECK(first.units >= kTlsFullUnits);
    const TlsTicketPtr ticket = ticket_of(*first.client);
    REQUIRE(ticket);
    CHECK(SSL_SESSION_get_max_early_data(ticket.get()) == 0);
    CHECK(SSL_SESSION_get_timeout(ticket.get()) == kTicketLifetimeS);
    Link second(context, tickets, {.most = version, .ticket = ticket.get()});
    second.carry();
    REQUIRE(second.is_open());
    CHECK(second.server->resumed());
    CHECK(second.units < kTlsFullUnits);
    exchange(second);
  }
}

TEST_CASE("tls session: another node resumes, before and after the keys rotate, and a stranger does not") {
  const auto here = simple_context();
  const auto there = simple_context();  // another certificate
  struct Case {
    std::shared_ptr<const TicketKeys> keys;
    bool resumes;
  };
  const std::vector<Case> cases = {
      {tickets_of({root(1)}), true},                // another node
      {tickets_of({root(1)}, 101), true},           // an epoch later
      {tickets_of({root(1)}, 99), true},            // a clock that is behind
      {tickets_of({root(1)}, 102), false},          // too late
      {tickets_of({root(1)}, 98), false},           //
      {tickets_of({root(1), root(2)}), true},       // the new key is known
      {tickets_of({root(2), root(1)}), true},       // it seals
      {tickets_of({root(2), root(1)}, 101), true},  // and the epoch is another
      {tickets_of({root(2)}), false},               // the old key is gone
      {tickets_of({}), false},                      // a node by itself
  };
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (size_t i = 0; i < cases.size(); ++i) {
      CAPTURE(version);
      CAPTURE(i);
      Link first(here, tickets_of({root(1)}), {.most = version});
      first.carry();
      exchange(first);
      const TlsTicketPtr ticket = ticket_of(*first.client);
      REQUIRE(ticket);
      Link second(there, cases[i].keys, {.most = version, .ticket = ticket.get()});
      second.carry();
      REQUIRE(second.is_open());
      CHECK(second.server->resumed() == cases[i].resumes);
      exchange(second);
    }
  }
}

TEST_CASE("tls session: a ticket of an older key is renewed") {
  const auto context = simple_context();
  Link first(context, tickets_of({root(1)}), {.most = TLS1_2_VERSION});
  first.carry();
  const TlsTicketPtr old_ticket = ticket_of(*first.client);
  Link second(context, tickets_of({root(2), root(1)}), {.most = TLS1_2_VERSION, .ticket = old_ticket.get()});
  second.carry();
  CHECK(second.server->resumed());
  const TlsTicketPtr new_ticket = ticket_of(*second.client);
  Link third(context, tickets_of({root(2)}), {.most = TLS1_2_VERSION, .ticket = new_ticket.get()});
  third.carry();
  CHECK(third.server->resumed());
}

TEST_CASE("tls session: with TLS 1.3 each resumed connection gives a ticket of its own") {
  const auto context = simple_context();
  const auto tickets = tickets_of({root(1)});
  const auto ticket_bytes = [](const TlsTicketPtr& ticket) {
    const unsigned char* bytes = nullptr;
    size_t size = 0;
    SSL_SESSION_get0_ticket(ticket.get(), &bytes, &size);
    return std::string(reinterpret_cast<const char*>(bytes), size);
  };
  Link first(context, tickets, {});
  first.carry();
  const TlsTicketPtr ticket = ticket_of(*first.client);
  Link second(context, tickets, {.ticket = ticket.get()});
  second.carry();
  CHECK(second.server->resumed());
  const TlsTicketPtr next = ticket_of(*second.client);
  REQUIRE(next);
  CHECK(ticket_bytes(next) != ticket_bytes(ticket));
}

TEST_CASE("tls session: the certificate is chosen by SNI") {
  std::vector<TlsCertificate> pairs;
  pairs.push_back(test::make_pair({.names = {"first.example"}}));
  pairs.push_back(test::make_pair({.names = {"*.wild.example"}}));
  pairs.push_back(test::make_pair({.names = {"one.wild.example", "IP:192.0.2.1"}}));
  const auto context = context_with(std::move(pairs));
  const auto tickets = tickets_of({});
  const std::vector<std::pair<std::string, size_t>> wanted = {
      {"first.example", 0}, {"a.wild.example", 1},    {"ONE.wild.example", 2}, {"a.b.wild.example", 0},
      {"wild.example", 0},  {"elsewhere.example", 0}, {"192.0.2.1", 2}};
  for (const auto& [host, number] : wanted) {
    CAPTURE(host);
    Link link(context, tickets, {.host = host});
    link.carry();
    REQUIRE(link.is_open());
    const CertificatePtr shown(SSL_get1_peer_certificate(link.client->native()));
    CHECK(X509_cmp(shown.get(), SSL_CTX_get0_certificate(context->context(number))) == 0);
  }
}

TEST_CASE("tls session: versions and protocols that are not spoken") {
  const auto tickets = tickets_of({});
  struct Case {
    TlsVersion least;
    ClientWish wish;
    std::optional<TlsFailure> failure;
  };
  const std::vector<Case> cases = {
      {TlsVersion::v1_2, {.most = TLS1_1_VERSION}, TlsFailure::version},
      {TlsVersion::v1_3, {.most = TLS1_2_VERSION}, TlsFailure::version},
      {TlsVersion::v1_3, {}, std::nullopt},
      {TlsVersion::v1_2, {.alpn = "h2"}, TlsFailure::protocol},
      {TlsVersion::v1_2, {.alpn = ""}, std::nullopt},
  };
  for (const Case& one : cases) {
    Link link(simple_context(one.least), tickets, one.wish);
    link.carry();
    CHECK(link.is_open() == !one.failure.has_value());
    if (one.failure) {
      CHECK(link.server->state() == State::failed);
      CHECK(link.server->failure() == *one.failure);
      CHECK(link.client->state() == State::failed);  // it was sent an alert
    }
  }
}

TEST_CASE("tls session: close_notify goes both ways, and its lack is not one") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Link link(simple_context(), tickets_of({}), {.most = version});
    link.carry();
    REQUIRE(link.client->send(common::bytes_of("last"), link.to_server));
    link.client->close(link.to_server);
    link.carry();
    CHECK(link.at_server == "last");
    CHECK(link.server->state() == State::closed);
    // It may still answer.
    REQUIRE(link.server->send(common::bytes_of("answer"), link.to_client));
    link.server->close(link.to_client);
    link.carry();
    CHECK(link.at_client == "answer");
    CHECK(link.client->state() == State::closed);
  }
}

TEST_CASE("tls session: who says in the middle of a handshake that he goes has not opened anything") {
  struct Case {
    std::string alert;
    TlsFailure failure;
  };
  const std::vector<Case> cases = {
      {{21, 3, 3, 0, 2, 1, 0}, TlsFailure::cut},          // close_notify
      {{21, 3, 3, 0, 2, 2, 80}, TlsFailure::cut},         // internal_error
      {{21, 3, 3, 0, 2, 2, 48}, TlsFailure::certificate}  // unknown_ca
  };
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    for (const Case& one : cases) {
      Link link(simple_context(), tickets_of({}), {.most = version});
      link.client->receive({}, link.at_client, link.to_server);
      link.server->receive(common::bytes_of(link.to_server), link.at_server, link.to_client);
      REQUIRE(link.server->state() == State::handshaking);
      link.server->receive(common::bytes_of(one.alert), link.at_server, link.to_client);
      CHECK(link.server->state() == State::failed);
      CHECK(link.server->failure() == one.failure);
    }
  }
}

TEST_CASE("tls session: it says whether it holds the beginning of a record") {
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    Link link(simple_context(), tickets_of({}), {.most = version});
    link.carry();
    REQUIRE(link.is_open());
    CHECK_FALSE(link.server->holds_record());
    REQUIRE(link.client->send(common::bytes_of("ping"), link.to_server));
    const std::string record = std::exchange(link.to_server, {});
    for (size_t size = 1; size <= record.size(); ++size) {
      CAPTURE(size);
      link.server->receive(common::bytes_of(record.substr(size - 1, 1)), link.at_server, link.to_client);
      CHECK(link.server->holds_record() == (size < record.size()));
    }
    CHECK(link.at_server == "ping");
  }
}

TEST_CASE("tls session: garbage, and records that were changed or cut") {
  const auto context = simple_context();
  const auto tickets = tickets_of({});
  Link link(context, tickets, {});
  std::string sent;
  link.client->receive({}, link.at_client, sent);
  for (size_t at = 0; at < sent.size(); ++at) {
    std::string changed = sent;
    changed[at] = static_cast<char>(changed[at] ^ 0x41);
    TlsSession server(TlsLayer{context, tickets});
    std::string plain;
    std::string out;
    server.receive(common::bytes_of(changed), plain, out);
    CHECK(server.state() != State::open);
    CHECK(plain.empty());
    TlsSession cut(TlsLayer{context, tickets});
    out.clear();
    cut.receive(common::bytes_of(std::string_view(sent).substr(0, at)), plain, out);
    CHECK(cut.state() == State::handshaking);
    CHECK(out.empty());
  }
  // After the handshake.
  link.to_server = sent;
  link.carry();
  REQUIRE(link.is_open());
  REQUIRE(link.client->send(common::bytes_of("secret"), link.to_server));
  link.to_server.back() = static_cast<char>(link.to_server.back() ^ 1);
  link.carry();
  CHECK(link.at_server.empty());
  CHECK(link.server->state() == State::failed);
}

TEST_CASE("tls session: a record that is longer than any may be") {
  Link link(simple_context(), tickets_of({}), {});
  link.carry();
  REQUIRE(link.is_open());
  const std::string head = {23, 3, 3, 0x7f, 0x7f};
  link.server->receive(common::bytes_of(head), link.at_server, link.to_client);
  CHECK(link.server->state() == State::failed);
}

TEST_CASE("tls session: renegotiation is refused") {
  Link link(simple_context(), tickets_of({}), {.most = TLS1_2_VERSION});
  link.carry();
  REQUIRE(link.is_open());
  SSL_renegotiate(link.client->native());
  link.client->send(common::bytes_of("x"), link.to_server);
  link.carry();
  CHECK(link.server->state() == State::failed);
}

TEST_CASE("tls session: some updates of keys, but not any number of them") {
  Link link(simple_context(), tickets_of({}), {});
  link.carry();
  exchange(link);
  for (uint32_t i = 0; i <= kTlsLaterMessagesMax; ++i) {
    CHECK(link.server->state() == State::open);
    SSL_key_update(link.client->native(), SSL_KEY_UPDATE_REQUESTED);
    link.client->send(common::bytes_of("x"), link.to_server);
    link.carry();
  }
  CHECK(link.server->state() == State::failed);
}

TEST_CASE("tls session: a handshake that never ends is bounded") {
  TlsSession server(TlsLayer{simple_context(), tickets_of({})});
  std::string plain;
  std::string out;
  size_t sent = 0;
  // A ClientHello of 8 KiB, in records of one byte after its head.
  std::string next = {22, 3, 1, 0, 4, 1, 0, 0x1f, static_cast<char>(0xff)};
  while (server.state() == State::handshaking && sent < 10 * kTlsHandshakeBytesMax) {
    server.receive(common::bytes_of(next), plain, out);
    sent += next.size();
    next = {22, 3, 1, 0, 1, 0};
  }
  CHECK(server.state() == State::failed);
  CHECK(sent > kTlsHandshakeBytesMax);
  CHECK(sent <= kTlsHandshakeBytesMax + 16);
}

TEST_CASE("tls session: long messages go through in records, each way") {
  Link link(simple_context(), tickets_of({}), {});
  link.carry();
  const std::string text(100'000, 'x');
  REQUIRE(link.client->send(common::bytes_of(text), link.to_server));
  link.carry(4096);
  CHECK(link.at_server == text);
  REQUIRE(link.server->send(common::bytes_of(text), link.to_client));
  link.carry(4096);
  CHECK(link.at_client == text);
}

TEST_CASE("tls client: the chain and the name are verified") {
  const test::CertificateText authority = test::make_certificate({.names = {}, .subject = "authority"});
  const test::TemporaryText ca(authority.certificate);
  const auto client = TlsClient::make(ca.path());
  REQUIRE(client);
  std::vector<TlsCertificate> pairs;
  pairs.push_back(test::make_pair({.names = {"tracker.example", "IP:192.0.2.1"}, .issuer = &authority}));
  const auto context = context_with(std::move(pairs));
  const auto connects = [&](const std::string& host, const std::shared_ptr<const TlsContext>& to) {
    Link link(to, tickets_of({}), {});
    link.client = client->connect(host, nullptr);
    link.carry();
    return link.is_open() ? std::string() : link.client->error();
  };
  CHECK(connects("tracker.example", context).empty());
  CHECK(connects("192.0.2.1", context).empty());
  CHECK(connects("other.example", context) == "hostname mismatch");
  CHECK(connects("192.0.2.2", context) == "IP address mismatch");
  CHECK(connects("tracker.example", simple_context()) == "self-signed certificate");
  std::vector<TlsCertificate> old;
  old.push_back(test::make_pair({.ends_in_s = -60, .issuer = &authority}));
  CHECK(connects("tracker.example", context_with(std::move(old))) == "certificate has expired");
}

TEST_CASE("tls hello: whole, cut, and something else") {
  Link link(simple_context(), tickets_of({}), {});
  std::string hello;
  link.client->receive({}, link.at_client, hello);
  for (size_t size = 0; size < hello.size(); ++size) {
    CHECK(scan_tls_hello(common::bytes_of(std::string_view(hello).substr(0, size))) == TlsHello::need_more);
  }
  CHECK(scan_tls_hello(common::bytes_of(hello)) == TlsHello::whole);
  CHECK(scan_tls_hello(common::bytes_of(hello + "more")) == TlsHello::whole);
  CHECK(scan_tls_hello(common::bytes_of("GET / HTTP/1.1\r\n\r\n")) == TlsHello::bad);
  for (const size_t at : {0, 1, 5}) {
    std::string changed = hello;
    changed[at] = 99;
    CHECK(scan_tls_hello(common::bytes_of(changed)) == TlsHello::bad);
  }
  // Lengths that OpenSSL would take.
  std::string long_record = hello;
  long_record[3] = 0x40;
  CHECK(scan_tls_hello(common::bytes_of(long_record)) == TlsHello::bad);
  std::string long_message = hello;
  long_message[6] = 1;
  CHECK(scan_tls_hello(common::bytes_of(long_message)) == TlsHello::bad);
}

TEST_CASE("tls hello: tickets that are somebody else's, and those that are too long") {
  const auto context = simple_context();
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    CAPTURE(version);
    const auto hello_with = [&](size_t size) {
      const ClientWish wish{.most = version, .foreign_ticket = std::string(size, 't')};
      Link link(context, tickets_of({}), wish);
      link.client->receive({}, link.at_client, link.to_server);
      return link.to_server;
    };
    const size_t most = kTlsHelloMax - (hello_with(1000).size() - 1000);
    REQUIRE(hello_with(most).size() == kTlsHelloMax);
    CHECK(scan_tls_hello(common::bytes_of(hello_with(most))) == TlsHello::whole);
    REQUIRE(hello_with(most + 1).size() == kTlsHelloMax + 1);
    CHECK(scan_tls_hello(common::bytes_of(hello_with(most + 1))) == TlsHello::bad);
    const ClientWish wish{.most = version, .foreign_ticket = std::string(most, 't')};
    Link link(context, tickets_of({}), wish);
    link.carry();
    REQUIRE(link.is_open());
    CHECK_FALSE(link.server->resumed());
    exchange(link);
  }
}
