#include "node/probe/http_client.h"

#include <array>

#include "node/config/option_values.h"
#include "node/probe/client_socket.h"

namespace shoal::node {

namespace {

template <class Stream>
common::Result<HttpResponse> exchange(Stream& socket, std::string_view method, std::string_view host,
                                      std::string_view target, std::string_view headers, Deadline deadline) {
  const std::string request =
      std::string(method) + " " + std::string(target) + " HTTP/1.0\r\nHost: " + std::string(host) +
      "\r\nUser-Agent: shoal\r\nConnection: close\r\n" + std::string(headers) + "\r\n";
  const auto bytes = common::ByteSpan(reinterpret_cast<const uint8_t*>(request.data()), request.size());
  if (auto sent = socket.send(bytes, deadline); !sent) return tl::make_unexpected(sent.error());
  HttpReplyParser parser;
  std::array<uint8_t, 16384> buffer;
  for (;;) {
    const auto received = socket.receive(buffer, deadline);
    if (!received) return tl::make_unexpected(received.error());
    if (*received == 0) return parser.finish();
    const auto complete = parser.feed({reinterpret_cast<const char*>(buffer.data()), *received});
    if (!complete) return tl::make_unexpected(complete.error());
    if (*complete) return parser.finish();
  }
}

common::Result<HttpResponse> exchange_over(ClientSocket& socket, TlsAsk* tls, std::string_view method,
                                           std::string_view host, std::string_view target,
                                           std::string_view headers, Deadline deadline) {
  if (tls == nullptr) return exchange(socket, method, host, target, headers, deadline);
  auto stream = TlsStream::connect(socket, *tls, deadline);
  if (!stream) return tl::make_unexpected(stream.error());
  return exchange(*stream, method, host, target, headers, deadline);
}

common::Result<HttpResponse> ask(std::string_view method, const HostPort& server, std::string_view target,
                                 std::string_view headers, std::chrono::milliseconds timeout, TlsAsk* tls) {
  const Deadline deadline = std::chrono::steady_clock::now() + timeout;
  const auto addresses = resolve(server, Transport::tcp);
  if (!addresses) return tl::make_unexpected(addresses.error());
  common::Error last;
  for (const common::Endpoint& address : *addresses) {
    auto socket = ClientSocket::connect(address, Transport::tcp, deadline);
    if (socket) return exchange_over(*socket, tls, method, to_string(server), target, headers, deadline);
    last = socket.error();
  }
  return tl::make_unexpected(last);
}

}  // namespace

common::Result<HttpResponse> http_get(const common::Endpoint& server, std::string_view host,
                                      std::string_view target, std::chrono::milliseconds timeout,
                                      TlsAsk* tls) {
  const Deadline deadline = std::chrono::steady_clock::now() + timeout;
  auto socket = ClientSocket::connect(server, Transport::tcp, deadline);
  if (!socket) return tl::make_unexpected(socket.error());
  return exchange_over(*socket, tls, "GET", host, target, {}, deadline);
}

common::Result<HttpResponse> http_get(const HostPort& server, std::string_view target,
                                      std::chrono::milliseconds timeout, TlsAsk* tls) {
  return ask("GET", server, target, {}, timeout, tls);
}

common::Result<HttpResponse> http_post(const HostPort& server, std::string_view target,
                                       std::chrono::milliseconds timeout, std::string_view headers,
                                       TlsAsk* tls) {
  return ask("POST", server, target, headers, timeout, tls);
}

}  // namespace shoal::node
