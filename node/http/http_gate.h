// HttpGate: who may use an HttpServer, and who is told of clients that misuse it. The server's thread only.

#pragma once

#include "common/endpoint.h"

namespace shoal::node {

class HttpGate {
 public:
  virtual ~HttpGate() = default;
  // Whether the client is served; asked for each connection and each request.
  virtual bool admits(const common::Endpoint& client) = 0;
  // It sent what is no HTTP request, and no browser was made to send by a web page.
  virtual void malformed(const common::Endpoint& client) = 0;
};

}  // namespace shoal::node
