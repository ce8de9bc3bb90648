// HTTP requests: the verdict does not depend on how the bytes are split, views stay inside the buffer, and
// pipelined requests are found one after the other.

#include <algorithm>
#include <string>
#include <string_view>

#include "common/check.h"
#include "proto/http_request.h"

using namespace shoal;
using namespace shoal::proto;

namespace {

HttpRequest parse(std::string_view text) {
  return parse_http_request({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

bool same(const HttpRequest& a, const HttpRequest& b) {
  return a.state == b.state && a.status == b.status && a.method == b.method && a.path == b.path &&
         a.query == b.query && a.version_minor == b.version_minor && a.keep_alive == b.keep_alive &&
         a.consumed == b.consumed && a.header_lines == b.header_lines;
}

// Feeds growing prefixes, as a connection would, until the first verdict.
HttpRequest parse_in_pieces(std::string_view text, size_t step) {
  for (size_t size = 0; size < text.size(); size += step) {
    const HttpRequest request = parse(text.substr(0, size));
    if (request.state != HttpState::need_more) return request;
  }
  return parse(text);
}

void check_request(std::string_view text, const HttpRequest& request) {
  CHECK_INVARIANT(request.consumed >= 4 && request.consumed <= std::min(text.size(), kHttpHeadMax));
  const std::string_view head = text.substr(0, request.consumed);
  CHECK_INVARIANT(head.ends_with("\r\n\r\n"));
  CHECK_INVARIANT(head.find("\r\n\r\n") == head.size() - 4);
  CHECK_INVARIANT(head.find('\0') == std::string_view::npos);
  CHECK_INVARIANT(request.path.starts_with('/'));
  CHECK_INVARIANT(request.path.find_first_of("? \t") == std::string_view::npos);
  CHECK_INVARIANT(request.query.find_first_of(" \t\r\n") == std::string_view::npos);
  CHECK_INVARIANT(!request.header("transfer-encoding"));
  const auto length = request.header("content-length");
  CHECK_INVARIANT(!length || length->find_first_not_of('0') == std::string_view::npos);
  CHECK_INVARIANT(request.version_minor == 0 || request.header("host"));
  CHECK_INVARIANT(!request.header("no such header"));

  // Written again from what was parsed, it parses the same.
  std::string again = request.method == HttpMethod::get ? "GET " : "HEAD ";
  again += std::string(request.path) + "?" + std::string(request.query);
  again += request.version_minor == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n";
  again += std::string(request.header_lines) + "\r\n";
  if (again.size() > kHttpHeadMax) return;
  const HttpRequest second = parse(again);
  CHECK_INVARIANT(second.state == HttpState::request && second.consumed == again.size());
  CHECK_INVARIANT(second.path == request.path && second.query == request.query);
  CHECK_INVARIANT(second.method == request.method && second.keep_alive == request.keep_alive);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  while (true) {
    const HttpRequest request = parse(text);
    const size_t byte_wise_max = 1024;  // quadratic; larger inputs are split more coarsely
    CHECK_INVARIANT(same(request, parse_in_pieces(text, text.size() <= byte_wise_max ? 1 : 97)));
    if (request.state == HttpState::bad) CHECK_INVARIANT(request.status >= 400 && request.status <= 505);
    if (request.state != HttpState::request) return 0;
    check_request(text, request);
    text.remove_prefix(request.consumed);
  }
}
