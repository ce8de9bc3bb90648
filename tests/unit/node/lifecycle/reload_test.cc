#include "node/lifecycle/reload.h"

#include <doctest/doctest.h>

#include <string>

#include "node/config/resolve_options.h"
#include "tests/unit/support/test_certificates.h"

using namespace shoal;
using namespace shoal::node;
using test::make_certificate;
using test::TemporaryText;

namespace {

using Prepared = tl::expected<Reload, ReloadFailure>;

Options options_with(const TemporaryText& certificate, const TemporaryText& key) {
  Options options = default_options();
  options.tracker.tls_certificates = {certificate.path()};
  options.tracker.tls_keys = {key.path()};
  return options;
}

Prepared prepare(const Options& options, const TlsContext* running) {
  return prepare_reload(options, running, [&] { return common::Result<Options>(options); });
}

bool has_expired(const Prepared& prepared) {
  return !prepared && prepared.error().part == ReloadFailure::Part::certificates &&
         prepared.error().reason.find("has expired") != std::string::npos;
}

}  // namespace

TEST_CASE("reload: a certificate that has expired is refused, unless it serves already") {
  const auto old_text = make_certificate({.ends_in_s = -60});
  const auto other_text = make_certificate({.ends_in_s = -60});
  const auto good_text = make_certificate({});
  const TemporaryText old_certificate(old_text.certificate);
  const TemporaryText old_key(old_text.key);
  const TemporaryText other_certificate(other_text.certificate);
  const TemporaryText other_key(other_text.key);
  const TemporaryText good_certificate(good_text.certificate);
  const TemporaryText good_key(good_text.key);
  const Options old = options_with(old_certificate, old_key);
  const Options other = options_with(other_certificate, other_key);
  const Options good = options_with(good_certificate, good_key);
  CHECK(has_expired(prepare(old, nullptr)));
  const auto running = TlsContext::load(old);
  REQUIRE(running);
  const Prepared same = prepare(old, running->get());
  REQUIRE_MESSAGE(same, same.error().reason);
  CHECK(same->tls != nullptr);
  CHECK(has_expired(prepare(other, running->get())));
  CHECK(prepare(good, running->get()));
  CHECK(prepare(good, nullptr));
}

TEST_CASE("reload: it warns of a key that costs much") {
  const auto text = make_certificate({.rsa_bits = 3072});
  const TemporaryText certificate(text.certificate);
  const TemporaryText key(text.key);
  const Prepared prepared = prepare(options_with(certificate, key), nullptr);
  REQUIRE_MESSAGE(prepared, prepared.error().reason);
  REQUIRE_FALSE(prepared->warnings.empty());
  CHECK(prepared->warnings.back().find("has an RSA key of 3072 bits") != std::string::npos);
}
