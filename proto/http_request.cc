#include "proto/http_request.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstring>

#include "common/text.h"

namespace shoal::proto {

using common::ByteSpan;
using common::equals_ignoring_case;
using common::is_digit;
using common::to_lower;
using common::trim_blanks;

namespace {

constexpr auto kTokenBytes = [] {
  std::array<bool, 256> token{};
  for (uint8_t c = '0'; c <= '9'; ++c) token[c] = true;
  for (uint8_t c = 'A'; c <= 'Z'; ++c) token[c] = true;
  for (uint8_t c = 'a'; c <= 'z'; ++c) token[c] = true;
  for (const char c : std::string_view("!#$%&'*+-.^_`|~")) token[static_cast<uint8_t>(c)] = true;
  return token;
}();

bool is_token(char c) { return kTokenBytes[static_cast<uint8_t>(c)]; }

// Characters allowed in a Host header: no blanks, none that begin another part of a URL, no lists.
bool is_host(char c) { return std::string_view(" \t,/?#@").find(c) == std::string_view::npos; }

// One memchr; find_first_of would check byte by byte.
bool has(std::string_view text, char c) { return text.find(c) != std::string_view::npos; }

bool is_control(char c) {
  const auto byte = static_cast<uint8_t>(c);
  return (byte < 0x20 && c != '\t') || byte == 0x7f;
}

// The first control byte other than a tab, from `at` on, or text.size(). Eight bytes at a time: in each step
// the lowest byte that is marked is below 0x20 or 0x7f, borrows can only mark bytes above it.
size_t find_control(std::string_view text, size_t at) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  while (text.size() - at >= 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + at, 8);
    const uint64_t below_blank = (word - kOnes * 0x20) & ~word;
    const uint64_t differs = word ^ (kOnes * 0x7f);
    const uint64_t marks = (below_blank | ((differs - kOnes) & ~differs)) & (kOnes * 0x80);
    if (marks == 0) {
      at += 8;
      continue;
    }
    at += static_cast<size_t>(std::countr_zero(marks)) / 8;
    if (text[at] != '\t') return at;
    ++at;
  }
  while (at < text.size() && !is_control(text[at])) ++at;
  return at;
}

// What the header lines said; checked at the end of the head.
struct HeadFacts {
  int hosts = 0;
  int content_lengths = 0;
  size_t content_length = 0;  // cut to kHttpBodyMax + 1
  bool transfer_encoding = false;
  bool close = false;
  bool keep_alive = false;
};

constexpr int kFine = 0;
constexpr size_t kEmptyLinesMax = 4;  // before a request

int read_target(std::string_view target, HttpRequest& request) {
  constexpr std::string_view kScheme = "http://";
  if (!target.starts_with('/')) {
    if (!equals_ignoring_case(target.substr(0, kScheme.size()), kScheme)) return 400;
    target.remove_prefix(kScheme.size());
    const size_t authority = target.find_first_of("/?");
    if (authority == 0 || target.empty()) return 400;
    target.remove_prefix(std::min(authority, target.size()));
  }
  const size_t question = target.find('?');
  request.path = target.substr(0, question);
  if (request.path.empty()) request.path = "/";
  if (question != std::string_view::npos) request.query = target.substr(question + 1);
  return kFine;
}

int read_version(std::string_view version, HttpRequest& request) {
  if (version.size() != 8 || !version.starts_with("HTTP/") || !is_digit(version[5]) || version[6] != '.' ||
      !is_digit(version[7])) {
    return 400;
  }
  if (version[5] != '1') return 505;
  request.version_minor = version[7] == '0' ? 0 : 1;
  return kFine;
}

int read_request_line(std::string_view line, bool post, HttpRequest& request) {
  const size_t method_end = line.find(' ');
  const size_t target_end = line.rfind(' ');
  if (method_end == std::string_view::npos || method_end == 0 || target_end <= method_end + 1) return 400;
  const std::string_view method = line.substr(0, method_end);
  const std::string_view target = line.substr(method_end + 1, target_end - method_end - 1);
  if (has(target, ' ') || has(target, '\t')) return 400;
  if (!std::all_of(method.begin(), method.end(), is_token)) return 400;
  if (const int status = read_version(line.substr(target_end + 1), request)) return status;
  if (method == "GET") {
    request.method = HttpMethod::get;
  } else if (method == "HEAD") {
    request.method = HttpMethod::head;
  } else if (post && method == "POST") {
    request.method = HttpMethod::post;
  } else {
    return 405;
  }
  return read_target(target, request);
}

void read_connection(std::string_view list, HeadFacts& facts) {
  while (!list.empty()) {
    const size_t end = std::min(list.find(','), list.size());
    const std::string_view option = trim_blanks(list.substr(0, end));
    if (equals_ignoring_case(option, "close")) facts.close = true;
    if (equals_ignoring_case(option, "keep-alive")) facts.keep_alive = true;
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

int read_content_length(std::string_view digits, HeadFacts& facts) {
  if (++facts.content_lengths > 1) return 400;
  if (digits.empty() || !std::all_of(digits.begin(), digits.end(), is_digit)) return 400;
  uint64_t length = 0;
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  const bool large = read.ec != std::errc() || length > kHttpBodyMax;
  facts.content_length = large ? kHttpBodyMax + 1 : static_cast<size_t>(length);
  return kFine;
}

int read_header_line(std::string_view line, HeadFacts& facts) {
  const size_t colon =
      static_cast<size_t>(std::find_if_not(line.begin(), line.end(), is_token) - line.begin());
  if (colon == 0 || colon == line.size() || line[colon] != ':') return 400;
  const std::string_view name = line.substr(0, colon);
  switch (name.size()) {
    case 4:
      if (equals_ignoring_case(name, "host")) {
        const std::string_view host = trim_blanks(line.substr(colon + 1));
        if (++facts.hosts > 1 || !std::all_of(host.begin(), host.end(), is_host)) return 400;
      }
      break;
    case 10:
      if (equals_ignoring_case(name, "connection")) read_connection(line.substr(colon + 1), facts);
      break;
    case 14:
      if (equals_ignoring_case(name, "content-length")) {
        return read_content_length(trim_blanks(line.substr(colon + 1)), facts);
      }
      break;
    case 17:
      if (equals_ignoring_case(name, "transfer-encoding")) facts.transfer_encoding = true;
      break;
    default:
      break;
  }
  return kFine;
}

int judge_head(const HeadFacts& facts, HttpRules rules, HttpRequest& request) {
  if (facts.transfer_encoding) return facts.content_lengths > 0 ? 400 : 501;
  if (facts.content_length > 0 && !rules.lenient) return 400;
  if (facts.content_length > kHttpBodyMax) return 413;
  if (request.version_minor >= 1 && facts.hosts == 0 && !rules.lenient) return 400;
  request.says_close = facts.close;
  request.keep_alive = !facts.close && (request.version_minor >= 1 || facts.keep_alive);
  return kFine;
}

HttpRequest bad(int status) {
  HttpRequest request;
  request.state = HttpState::bad;
  request.status = status;
  return request;
}

}  // namespace

HttpRequest parse_http_request(ByteSpan buffer, HttpRules rules) {
  const std::string_view text(reinterpret_cast<const char*>(buffer.data()),
                              std::min(buffer.size(), kHttpHeadMax));
  HttpRequest request;
  HeadFacts facts;
  size_t first_header = 0;
  size_t line_start = 0;
  size_t lines = 0;
  size_t empty_lines = 0;
  while (true) {
    const size_t line_end = find_control(text, line_start);
    const bool cr = line_end < text.size() && text[line_end] == '\r';
    const size_t line_feed = line_end + (cr ? 1 : 0);
    if (line_feed >= text.size()) {
      if (text.size() == kHttpHeadMax) return bad(lines == 0 ? 414 : 431);
      return {};
    }
    if (text[line_feed] != '\n' || !(cr || rules.bare_lf)) return bad(400);
    const std::string_view line = text.substr(line_start, line_end - line_start);
    line_start = line_feed + 1;
    int status = kFine;
    if (lines == 0) {
      if (line.empty() && rules.lenient && ++empty_lines <= kEmptyLinesMax) continue;
      status = read_request_line(line, rules.post, request);
      first_header = line_start;
    } else if (line.empty()) {
      request.header_lines = text.substr(first_header, line_end - first_header);
      break;
    } else {
      status = lines > kHttpHeadersMax ? 431 : read_header_line(line, facts);
    }
    if (status != kFine) return bad(status);
    ++lines;
  }
  if (const int status = judge_head(facts, rules, request)) return bad(status);
  if (buffer.size() - line_start < facts.content_length) return {};
  request.state = HttpState::request;
  request.consumed = line_start + facts.content_length;
  return request;
}

std::optional<std::string_view> HttpRequest::take_header(std::string_view& rest, std::string_view name) {
  while (!rest.empty()) {
    const size_t end = rest.find('\n');
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() <= name.size() || line[name.size()] != ':') continue;
    const bool same = std::equal(name.begin(), name.end(), line.begin(),
                                 [](char a, char b) { return to_lower(a) == to_lower(b); });
    if (same) return trim_blanks(line.substr(name.size() + 1));
  }
  return std::nullopt;
}

std::optional<std::string_view> HttpRequest::header(std::string_view name) const {
  std::optional<std::string_view> last;
  for_each_header(name, [&](std::string_view value) { last = value; });
  return last;
}

bool may_be_of_browser(std::string_view head) {
  constexpr char kTlsHandshake = 0x16;
  constexpr std::array<std::string_view, 4> kNames = {
      "origin:", "referer:", "sec-fetch-site:", "accept-language:"};
  if (head.starts_with(kTlsHandshake)) return true;
  while (!head.empty()) {
    const size_t end = std::min(head.find('\n'), head.size());
    const std::string_view line = head.substr(0, end);
    const bool named = std::any_of(kNames.begin(), kNames.end(), [line](std::string_view name) {
      return equals_ignoring_case(line.substr(0, name.size()), name);
    });
    if (named) return true;
    head.remove_prefix(std::min(end + 1, head.size()));
  }
  return false;
}

}  // namespace shoal::proto
