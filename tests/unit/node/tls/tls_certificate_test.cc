#include "node/tls/tls_certificate.h"

#include <doctest/doctest.h>

#include <ctime>
#include <string>
#include <vector>

#include "node/tls/tls_context.h"
#include "tests/unit/support/test_certificates.h"

using namespace shoal;
using namespace shoal::node;
using test::make_certificate;
using test::TemporaryText;

namespace {

// The error without the paths; empty: none.
std::string error_of(const std::string& certificate, const std::string& key) {
  const TemporaryText certificate_file(certificate);
  const TemporaryText key_file(key);
  const auto loaded = load_tls_certificate(certificate_file.path(), key_file.path());
  if (loaded) return "";
  std::string text = loaded.error().message;
  for (const std::string& path : {certificate_file.path(), key_file.path()}) {
    for (size_t at = text.find(path); at != std::string::npos; at = text.find(path))
      text.replace(at, path.size(), "F");
  }
  return text;
}

}  // namespace

TEST_CASE("tls certificate: a pair, what it is for and until when") {
  const auto text =
      make_certificate({.names = {"Tracker.example", "*.b.example", "IP:192.0.2.1", "IP:2001:db8::1"}});
  const TemporaryText certificate(text.certificate);
  const TemporaryText key(text.key);
  const auto pair = load_tls_certificate(certificate.path(), key.path());
  REQUIRE(pair);
  CHECK(pair->info.names ==
        std::vector<std::string>{"tracker.example", "*.b.example", "192.0.2.1", "2001:db8::1"});
  CHECK(pair->info.subject == "tracker.example");
  CHECK(pair->info.fingerprint.size() == 64);
  const int64_t now = std::time(nullptr);
  CHECK(pair->info.not_after_unix_s - now > 86'000);
  CHECK_FALSE(pair->info.expired(now));
  CHECK(pair->info.expired(now + 90'000));
}

TEST_CASE("tls certificate: one file may hold both") {
  const auto text = make_certificate({});
  const TemporaryText both(text.key + text.certificate);
  CHECK(load_tls_certificate(both.path(), both.path()));
}

TEST_CASE("tls certificate: files that cannot be used, and why") {
  const auto one = make_certificate({});
  const auto other = make_certificate({});
  CHECK(error_of(one.certificate, one.key).empty());
  CHECK(error_of(one.certificate, other.key) == "tracker.tls_keys: F: is not the key of F");
  CHECK(error_of("", one.key) == "tracker.tls_certificates: F: has no certificate in PEM format");
  CHECK(error_of(one.key, one.key) == "tracker.tls_certificates: F: has no certificate in PEM format");
  CHECK(error_of(one.certificate, one.certificate) ==
        "tracker.tls_keys: F: has no private key in PEM format");
  std::string damaged = one.certificate;
  damaged[100] = damaged[100] == 'A' ? 'B' : 'A';
  damaged.insert(120, "@");
  CHECK(error_of(damaged, one.key).starts_with("tracker.tls_certificates: F: is damaged"));
  CHECK_FALSE(load_tls_certificate("/nowhere/a", "/nowhere/b"));
}

TEST_CASE("tls certificate: a chain in order, and out of it") {
  const auto top = make_certificate({.names = {}, .subject = "top"});
  const auto middle = make_certificate({.names = {}, .issuer = &top, .subject = "middle"});
  const auto leaf = make_certificate({.issuer = &middle});
  CHECK(error_of(leaf.certificate + middle.certificate, leaf.key).empty());
  CHECK(error_of(leaf.certificate + middle.certificate + top.certificate, leaf.key).empty());
  CHECK(error_of(leaf.certificate + top.certificate, leaf.key).find("out of order") != std::string::npos);
  CHECK(error_of(leaf.certificate + top.certificate + middle.certificate, leaf.key).find("out of order") !=
        std::string::npos);
  CHECK(error_of(middle.certificate + leaf.certificate, leaf.key).find("is not the key of") !=
        std::string::npos);
  std::string long_chain = leaf.certificate;
  for (int i = 0; i < 20; ++i) long_chain += middle.certificate;
  CHECK(error_of(long_chain, leaf.key).find("too long") != std::string::npos);
}

TEST_CASE("tls certificate: names") {
  CHECK(tls_name_matches("a.example", "a.example"));
  CHECK_FALSE(tls_name_matches("a.example", "b.a.example"));
  CHECK(tls_name_matches("*.a.example", "b.a.example"));
  CHECK_FALSE(tls_name_matches("*.a.example", "a.example"));
  CHECK_FALSE(tls_name_matches("*.a.example", ".a.example"));
  CHECK_FALSE(tls_name_matches("*.a.example", "c.b.a.example"));
  CHECK_FALSE(tls_name_matches("*.a.example", ""));
}

TEST_CASE("tls context: an expired certificate is refused, but not the one that serves") {
  const auto make = [](int64_t ends_in_s) {
    std::vector<TlsCertificate> pairs;
    pairs.push_back(test::make_pair({.ends_in_s = ends_in_s}));
    return *TlsContext::make(std::move(pairs), TlsVersion::v1_2);
  };
  const auto good = make(3600);
  const auto old = make(-60);
  const int64_t now = std::time(nullptr);
  CHECK(check_dates(*good, nullptr, now));
  CHECK_FALSE(check_dates(*old, nullptr, now));
  CHECK_FALSE(check_dates(*old, good.get(), now));
  CHECK(check_dates(*old, old.get(), now));
  CHECK_FALSE(check_dates(*good, old.get(), now + 7200));
}
