// HttpReplyParser: parses an HTTP/1 response as it arrives, for the commands. Pure and bounded; the server
// may send anything. A body ends at its Content-Length or at the end of the connection. Requests use
// HTTP/1.0, so that servers do not answer in chunks.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "common/result.h"

namespace shoal::node {

constexpr size_t kHttpReplyHeadMax = 64 << 10;
constexpr size_t kHttpReplyBodyMax = 16 << 20;

struct HttpResponse {
  int status = 0;
  std::string body;
};

class HttpReplyParser {
 public:
  // Adds bytes. True: the reply is complete; the rest is ignored.
  common::Result<bool> feed(std::string_view bytes);

  // Returns the reply at the end of the connection, or when feed() returned true.
  common::Result<HttpResponse> finish();

 private:
  common::Result<void> parse_head(std::string_view head);

  std::string buffer_;  // the head until it is complete, then the body
  bool in_body_ = false;
  int status_ = 0;
  std::optional<size_t> length_;  // of the body; none: until the end of the connection
};

}  // namespace shoal::node
