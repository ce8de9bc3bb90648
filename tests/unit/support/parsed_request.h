// ParsedRequest: an HTTP request with the header lines that a test gives, and the text that its views point
// into.

#pragma once

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "proto/http_request.h"

namespace shoal::test {

class ParsedRequest {
 public:
  explicit ParsedRequest(const std::vector<std::string>& lines) {
    for (const std::string& line : lines) text_ += line + "\r\n";
    text_ += "\r\n";
    request_ = proto::parse_http_request({reinterpret_cast<const uint8_t*>(text_.data()), text_.size()});
    REQUIRE(request_.state == proto::HttpState::request);
  }
  ParsedRequest(const ParsedRequest&) = delete;
  ParsedRequest& operator=(const ParsedRequest&) = delete;

  const proto::HttpRequest& operator*() const { return request_; }

 private:
  std::string text_ = "GET / HTTP/1.1\r\nHost: x\r\n";
  proto::HttpRequest request_;
};

}  // namespace shoal::test
