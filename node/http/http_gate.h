// HttpGate: who may use an HttpServer, and who is told of clients that misuse it. The server's thread only.

#pragma once

#include "common/endpoint.h"

namespace shoal::node {

class HttpGate {
 public:
  virtual ~HttpGate() = default;
  // Whether the client is served; asked for each connection and each request.
  virtual bool admits(const common::Endpoint& client) = 0;
  // It sent what is no HTTP request or no TLS, or has too many handshakes under way, and no web page can have
  // made its browser do so.
  virtual void malformed(const common::Endpoint& client) = 0;
};

}  // namespace shoal::node
