// HttpReplyParser: an HTTP/1 response as it arrives, for the commands. Pure and bounded; the server may send
// anything. Bodies end by Content-Length or by the end of the connection; requests are HTTP/1.0, so that no
// server answers in chunks.

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
  // More bytes; true: the reply is complete and the rest is not looked at.
  common::Result<bool> feed(std::string_view bytes);

  // Nothing more comes.
  common::Result<HttpResponse> finish();

 private:
  common::Result<void> parse_head(std::string_view head);

  std::string buffer_;  // the head until it is whole, then the body
  bool in_body_ = false;
  int status_ = 0;
  std::optional<size_t> length_;  // of the body; none: until the end of the connection
};

}  // namespace shoal::node
