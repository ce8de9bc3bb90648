// The client's address, from proxies and from clients: the PROXY protocol, X-Forwarded-For, Forwarded, ip= in
// an announce. Whatever the bytes, without a trusted proxy the client is the connection's address.

#include <string>
#include <string_view>
#include <vector>

#include "common/check.h"
#include "node/tracker/client_address.h"
#include "proto/forwarded.h"
#include "proto/http_query.h"
#include "proto/proxy_protocol.h"

using namespace shoal;

namespace {

void check_proxy_header(common::ByteSpan bytes) {
  const proto::ProxyHeader whole = proto::parse_proxy_header(bytes);
  for (size_t size = 0; size < bytes.size() && size < 300; ++size) {
    const proto::ProxyHeader part = proto::parse_proxy_header(bytes.first(size));
    if (part.state == proto::ProxyState::need_more) continue;
    CHECK_INVARIANT(part.state == whole.state && part.client == whole.client &&
                    part.consumed == whole.consumed);
    if (part.state == proto::ProxyState::header) CHECK_INVARIANT(part.consumed <= size);
  }
  if (whole.state == proto::ProxyState::need_more) CHECK_INVARIANT(bytes.size() < proto::kProxyHeaderMax);
}

void check_headers(std::string_view text) {
  static const auto trusted = [](const char* header) {
    const std::vector<common::Network> networks = {*common::parse_network("10.0.0.0/8")};
    return node::TrustedProxies{common::NetworkSet(networks), header};
  };
  std::string request = "GET / HTTP/1.1\r\nHost: x\r\n";
  for (const char c : text) request += c == '\n' ? std::string("\r\n") : std::string(1, c);
  request += "\r\n\r\n";
  const proto::HttpRequest parsed =
      proto::parse_http_request({reinterpret_cast<const uint8_t*>(request.data()), request.size()});
  if (parsed.state != proto::HttpState::request) return;
  const common::Endpoint proxy = *common::parse_address("10.0.0.1");
  const common::Endpoint stranger = *common::parse_address("192.0.2.1");
  for (const char* header : {"X-Forwarded-For", "Forwarded"}) {
    const node::TrustedProxies proxies = trusted(header);
    CHECK_INVARIANT(node::client_of(parsed, stranger, proxies) == stranger);
    const proto::Hops hops = proto::read_hops(parsed, header);
    const auto client = node::client_of(parsed, proxy, proxies);
    if (hops.size() == 0) CHECK_INVARIANT(client == proxy);
    if (hops.size() == 0) continue;
    const auto nearest = proto::parse_hop(hops[0]);
    if (!nearest) CHECK_INVARIANT(!client);
    if (nearest && !proxies.networks.contains(*nearest)) CHECK_INVARIANT(client == nearest);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_proxy_header({data, size});
  check_headers(text);
  if (const auto hop = proto::parse_hop(text)) {
    CHECK_INVARIANT(proto::parse_hop(common::address_to_string(*hop)) == hop);
  }
  if (const auto address = proto::parse_announced_address(text)) CHECK_INVARIANT(address->port == 0);
  return 0;
}
