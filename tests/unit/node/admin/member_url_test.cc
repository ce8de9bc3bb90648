#include "node/admin/page/member_url.h"

#include <doctest/doctest.h>

#include "node/config/option_values.h"

using namespace shoal;

TEST_CASE("member URL: name and address are filled in") {
  const auto v4 = *common::parse_endpoint("192.0.2.1:6970");
  const auto v6 = *common::parse_endpoint("[2001:db8::1]:6970");
  CHECK(node::member_url("http://{name}:9697/", "b", v4) == "http://b:9697/");
  CHECK(node::member_url("https://x/{name}/?at={address}", "b", v4) == "https://x/b/?at=192.0.2.1");
  CHECK(node::member_url("http://{address}:9697/", "b", v6) == "http://[2001:db8::1]:9697/");
}

TEST_CASE("member URL: a hostile name stays one word") {
  const auto v4 = *common::parse_endpoint("192.0.2.1:6970");
  CHECK(node::member_url("http://{name}/", "a/b@c:d?e#f\" {address}\xff", v4) ==
        "http://a%2Fb%40c%3Ad%3Fe%23f%22%20%7Baddress%7D%FF/");
  CHECK(node::member_url(std::string(990, 'x') + "{name}", std::string(255, '\xff'), v4).size() <
        node::kMemberUrlMax);
}

TEST_CASE("member URL: which patterns are allowed") {
  for (const char* good : {"http://{name}/", "https://x.example/{name}/", "http://{address}:9697/",
                           "http://{name}.{address}/"}) {
    CAPTURE(good);
    CHECK(node::is_member_url(good));
  }
  for (const char* bad :
       {"", "http://x/", "{name}", "javascript:{name}", "http://{name}{name}/", "http://{host}/",
        "http://{name}/{", "http://{name}/ ", "http://{name}/\"", "//{name}/"}) {
    CAPTURE(bad);
    CHECK(!node::is_member_url(bad));
  }
}
