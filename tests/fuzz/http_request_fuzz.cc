// HTTP requests: the verdict does not depend on how the bytes are split, views stay inside the buffer, and
// pipelined requests are found one after the other. What their paths ask for follows from the segments.

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "common/check.h"
#include "proto/http_request.h"
#include "proto/tracker_path.h"

using namespace shoal;
using namespace shoal::proto;

namespace {

constexpr HttpRules kStrict;
constexpr HttpRules kLenient{.lenient = true, .bare_lf = true};

HttpRequest parse(std::string_view text, HttpRules rules) {
  return parse_http_request({reinterpret_cast<const uint8_t*>(text.data()), text.size()}, rules);
}

bool same(const HttpRequest& a, const HttpRequest& b) {
  return a.state == b.state && a.status == b.status && a.method == b.method && a.path == b.path &&
         a.query == b.query && a.version_minor == b.version_minor && a.keep_alive == b.keep_alive &&
         a.says_close == b.says_close && a.consumed == b.consumed && a.header_lines == b.header_lines;
}

TrackerVerb verb_of(std::string_view segment) {
  const std::string_view first = segment.substr(0, 6);
  if (segment.substr(0, 8) == "announce" || segment == "a") return TrackerVerb::announce;
  return first == "scrape" || segment == "s" || segment == "sc" ? TrackerVerb::scrape : TrackerVerb::none;
}

// The last segment that is not empty says it, or else the first.
void check_path(std::string_view path) {
  std::vector<std::string> segments;
  std::string again;  // without empty segments
  for (size_t at = 0; at < path.size();) {
    const size_t end = std::min(path.find('/', at), path.size());
    if (end > at) {
      segments.emplace_back(path.substr(at, end - at));
      again += "/" + segments.back();
    }
    at = end + 1;
  }
  const TrackerVerb verb = verb_of_path(path);
  TrackerVerb right = TrackerVerb::none;
  if (!segments.empty()) right = verb_of(segments.back());
  if (!segments.empty() && right == TrackerVerb::none) right = verb_of(segments.front());
  CHECK_INVARIANT(verb == right && verb_of_path(again) == right && verb_of_path(again + "//") == right);
}

// Feeds growing prefixes, as a connection would, until the first verdict.
HttpRequest parse_in_pieces(std::string_view text, size_t step, HttpRules rules) {
  for (size_t size = 0; size < text.size(); size += step) {
    const HttpRequest request = parse(text.substr(0, size), rules);
    if (request.state != HttpState::need_more) return request;
  }
  return parse(text, rules);
}

size_t body_size(const HttpRequest& request) {
  const auto length = request.header("content-length");
  return length ? static_cast<size_t>(std::stoul(std::string(*length))) : 0;
}

void check_request(std::string_view text, const HttpRequest& request, HttpRules rules) {
  const size_t body = body_size(request);
  CHECK_INVARIANT(body <= (rules.lenient ? kHttpBodyMax : 0));
  CHECK_INVARIANT(request.consumed <= text.size() && request.consumed >= body + 4);
  const std::string_view head = text.substr(0, request.consumed - body);
  CHECK_INVARIANT(head.size() <= kHttpHeadMax);
  CHECK_INVARIANT(head.ends_with(rules.bare_lf ? "\n" : "\r\n\r\n"));
  CHECK_INVARIANT(rules.lenient || head.find("\r\n\r\n") == head.size() - 4);
  CHECK_INVARIANT(head.find('\0') == std::string_view::npos);
  CHECK_INVARIANT(request.path.starts_with('/'));
  CHECK_INVARIANT(request.path.find_first_of("? \t\r\n") == std::string_view::npos);
  CHECK_INVARIANT(request.query.find_first_of(" \t\r\n") == std::string_view::npos);
  CHECK_INVARIANT(!request.header("transfer-encoding"));
  CHECK_INVARIANT(rules.lenient || request.version_minor == 0 || request.header("host"));
  CHECK_INVARIANT(!request.header("no such header"));
  check_path(request.path);

  // Written again from what was parsed, it parses the same.
  std::string again = request.method == HttpMethod::get ? "GET " : "HEAD ";
  again += std::string(request.path) + "?" + std::string(request.query);
  again += request.version_minor == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n";
  again += std::string(request.header_lines) + "\r\n";
  if (again.size() > kHttpHeadMax) return;
  again.resize(again.size() + body);
  const HttpRequest second = parse(again, rules);
  CHECK_INVARIANT(second.state == HttpState::request && second.consumed == again.size());
  CHECK_INVARIANT(second.path == request.path && second.query == request.query);
  CHECK_INVARIANT(second.method == request.method && second.keep_alive == request.keep_alive);
}

void check_stream(std::string_view text, HttpRules rules) {
  while (true) {
    const HttpRequest request = parse(text, rules);
    const size_t byte_wise_max = 1024;  // quadratic; larger inputs are split more coarsely
    CHECK_INVARIANT(same(request, parse_in_pieces(text, text.size() <= byte_wise_max ? 1 : 97, rules)));
    if (request.state == HttpState::bad) CHECK_INVARIANT(request.status >= 400 && request.status <= 505);
    if (request.state != HttpState::request) return;
    check_request(text, request, rules);
    text.remove_prefix(request.consumed);
  }
}

// What the strict rules accept, the lenient ones read alike.
void check_lenient_is_wider(std::string_view text) {
  const HttpRequest strict = parse(text, kStrict);
  if (strict.state == HttpState::request) CHECK_INVARIANT(same(strict, parse(text, kLenient)));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_path(text.substr(0, text.find(' ')));
  check_stream(text, kStrict);
  check_stream(text, kLenient);
  check_lenient_is_wider(text);
  return 0;
}
