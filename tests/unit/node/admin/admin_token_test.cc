#include "node/admin/admin_token.h"

#include <doctest/doctest.h>

#include <string>

using namespace shoal;

namespace {

const std::string kToken = "0123456789abcdef";
const common::Endpoint kLoopback = common::make_endpoint_v4(0x7f000001, 1);
const common::Endpoint kElsewhere = common::make_endpoint_v4(0xc0000201, 1);

// The status of the refusal; 0: allowed.
int status(const std::string& token, const common::Endpoint& client, const std::string& headers) {
  const std::string text = "POST /v1/drain HTTP/1.1\r\nHost: x\r\n" + headers + "\r\n";
  const auto* data = reinterpret_cast<const uint8_t*>(text.data());
  const auto request = proto::parse_http_request({data, text.size()}, {.post = true});
  REQUIRE(request.state == proto::HttpState::request);
  const auto refusal = node::refuses_change(token, request, client);
  return refusal ? refusal->status : 0;
}

}  // namespace

TEST_CASE("admin token: without one, only programs on this machine are allowed") {
  CHECK(status("", kLoopback, "") == 0);
  CHECK(status("", kElsewhere, "") == 403);
  CHECK(status("", kElsewhere, "Authorization: Bearer \r\n") == 403);
  CHECK(status("", kLoopback, "Origin: http://evil.example\r\n") == 403);
  common::Endpoint loopback6{common::Family::v6, {}, 1};
  loopback6.address[15] = 1;
  CHECK(status("", loopback6, "") == 0);
  loopback6.address[0] = 0x20;
  CHECK(status("", loopback6, "") == 403);
}

TEST_CASE("admin token: without one, nothing that a proxy forwards is allowed") {
  for (const std::string header :
       {"Forwarded: for=127.0.0.1", "X-Forwarded-For: 127.0.0.1",
        "x-forwarded-for:", "X-Forwarded-Proto: http", "X-Real-IP: 127.0.0.1", "Via: 1.1 proxy"}) {
    CAPTURE(header);
    CHECK(status("", kLoopback, header + "\r\n") == 403);
    CHECK(status(kToken, kLoopback, header + "\r\nAuthorization: Bearer " + kToken + "\r\n") == 0);
  }
}

TEST_CASE("admin token: with one, whoever has it, from anywhere") {
  for (const auto& client : {kLoopback, kElsewhere}) {
    CHECK(status(kToken, client, "Authorization: Bearer " + kToken + "\r\n") == 0);
    CHECK(status(kToken, client, "") == 401);
    CHECK(status(kToken, client, "Authorization: Bearer\r\n") == 401);
    CHECK(status(kToken, client, "Authorization: Bearer " + kToken + "0\r\n") == 401);
    CHECK(status(kToken, client, "Authorization: Bearer 0123456789abcdeF\r\n") == 401);
    CHECK(status(kToken, client, "Authorization: Bearer 0123456789abcde\r\n") == 401);
    CHECK(status(kToken, client, "Authorization: Basic " + kToken + "\r\n") == 401);
  }
}

TEST_CASE("admin token: the file has exactly one token line") {
  const auto parse = [](const std::string& text) { return node::parse_admin_token("FILE", text); };
  CHECK(parse(kToken) == kToken);
  CHECK(parse("# of the flock\r\n\r\n" + kToken + "\r\n\n") == kToken);
  for (const std::string& text :
       {std::string(), std::string("# nothing\n"), std::string("short\n"), kToken + "\n" + kToken + "\n",
        std::string("0123456789 abcdef\n"), kToken + "\xc3\xa4\n", std::string(257, 'x') + "\n"}) {
    CAPTURE(text);
    const auto token = parse(text);
    REQUIRE(!token);
    CHECK(token.error().message.rfind("FILE: ", 0) == 0);
  }
  CHECK(parse(std::string(256, 'x')).has_value());
}
