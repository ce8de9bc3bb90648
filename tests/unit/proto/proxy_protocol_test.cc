#include "proto/proxy_protocol.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "common/hex.h"

using namespace shoal;
using proto::ProxyHeader;
using proto::ProxyState;

namespace {

using Bytes = std::vector<uint8_t>;

ProxyHeader parse(const Bytes& bytes) { return proto::parse_proxy_header(bytes); }
ProxyHeader parse(const std::string& text) { return parse(Bytes(text.begin(), text.end())); }

Bytes hex(const std::string& text) {
  Bytes out(text.size() / 2);
  REQUIRE(common::from_hex(text, out));
  return out;
}

// Every prefix needs more bytes, and bytes that follow change nothing.
void check_cuts(const Bytes& header, const ProxyHeader& expected) {
  for (size_t size = 0; size < header.size(); ++size) {
    CAPTURE(size);
    CHECK(parse(Bytes(header.begin(), header.begin() + static_cast<ptrdiff_t>(size))).state ==
          ProxyState::need_more);
  }
  Bytes more = header;
  for (const char c : std::string("GET / HTTP/1.1\r\n")) more.push_back(static_cast<uint8_t>(c));
  for (const Bytes& bytes : {header, more}) {
    const ProxyHeader parsed = parse(bytes);
    CHECK(parsed.state == ProxyState::header);
    CHECK(parsed.client == expected.client);
    CHECK(parsed.consumed == header.size());
  }
}

const std::string kSignature = "0d0a0d0a000d0a515549540a";
const std::string kTcp4 = kSignature + "2111000c" + "c0000201" + "c6336401" + "d431" + "0050";

}  // namespace

TEST_CASE("PROXY version 1") {
  const auto client4 = *common::parse_endpoint("192.0.2.1:56324");
  const auto client6 = *common::parse_endpoint("[2001:db8::1]:56324");
  const auto check = [](const std::string& line, std::optional<common::Endpoint> client) {
    CAPTURE(line);
    check_cuts(Bytes(line.begin(), line.end()), {ProxyState::header, client, line.size()});
  };
  check("PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n", client4);
  check("PROXY TCP6 2001:db8::1 2001:db8::2 56324 443\r\n", client6);
  check("PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.1 56324 443\r\n", client4);
  check("PROXY UNKNOWN\r\n", std::nullopt);
  check("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n", std::nullopt);
}

TEST_CASE("PROXY version 1: malformed headers") {
  for (const std::string line :
       {"GET / HTTP/1.1\r\n", "proxy TCP4 192.0.2.1 198.51.100.1 1 2\r\n", "PROXY\r\n", "PROXY \r\n",
        "PROXY TCP4\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 1\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 \r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 1 2 3\r\n",
        "PROXY TCP4  192.0.2.1 198.51.100.1 1 2\r\n", "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 01 2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 65536 2\r\n",
        "PROXY TCP4 192.0.2.1 198.51.100.1 -1 2\r\n", "PROXY TCP4 192.0.2.01 198.51.100.1 1 2\r\n",
        "PROXY UDP4 192.0.2.1 198.51.100.1 1 2\r\n", "PROXY TCP4 192.0.2.1 198.51.100.1 1 2\n",
        "PROXY TCP4 localhost 198.51.100.1 1 2\r\n", "PROXYTCP4\r\n"}) {
    CAPTURE(line);
    CHECK(parse(line).state == ProxyState::bad);
  }
  CHECK(parse("PROXY UNKNOWN " + std::string(92, 'x')).state == ProxyState::need_more);
  CHECK(parse("PROXY UNKNOWN " + std::string(93, 'x')).state == ProxyState::bad);
}

TEST_CASE("PROXY version 2") {
  const auto client4 = *common::parse_endpoint("192.0.2.1:54321");
  check_cuts(hex(kTcp4), {ProxyState::header, client4, 28});
  // With an extension (TLV) behind the addresses.
  check_cuts(hex(kSignature + "21110013" + "c0000201c6336401d4310050" + "04000411223344"),
             {ProxyState::header, client4, 35});
  check_cuts(hex(kSignature + "21210024" + "20010db8000000000000000000000001" +
                 "20010db8000000000000000000000002" + "d4310050"),
             {ProxyState::header, *common::parse_endpoint("[2001:db8::1]:54321"), 52});
  // Health checks of the proxy itself, and connections it knows nothing of.
  check_cuts(hex(kSignature + "20000000"), {ProxyState::header, std::nullopt, 16});
  check_cuts(hex(kSignature + "2011000cc0000201c6336401d4310050"), {ProxyState::header, std::nullopt, 28});
  check_cuts(hex(kSignature + "21000000"), {ProxyState::header, std::nullopt, 16});
}

TEST_CASE("PROXY version 2: malformed headers") {
  for (const std::string& text :
       {kSignature + "1111000c", kSignature + "2211000c", kSignature + "21", kSignature + "2112000c",
        kSignature + "21310024", kSignature + "2111000b", kSignature + "21210023", kSignature + "2111fff0",
        kSignature + "21110ff1", std::string("0d0a0d0a000d0a515549540b"), std::string("0d0a0d0a0d0a")}) {
    CAPTURE(text);
    // One byte of command alone is not yet bad if it is a good one.
    const bool short_good = text == kSignature + "21";
    CHECK(parse(hex(text)).state == (short_good ? ProxyState::need_more : ProxyState::bad));
  }
}
