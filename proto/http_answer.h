// The tracker's complete HTTP answers: status line, headers and bencoded body (BEP 3, 7, 23, 24, 31, 48).
// Each function appends one response to `out`, so pipelined answers follow each other; a caller that clears
// and keeps `out` causes no allocation. Any thread.

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "common/bytes.h"
#include "common/info_hash.h"
#include "proto/announce.h"
#include "proto/http_request.h"

namespace shoal::proto {

// The properties of the request that shape every answer. HEAD gets only the headers, with the length of the
// answer to GET.
struct HttpReply {
  HttpMethod method = HttpMethod::get;
  int version_minor = 1;
  bool keep_alive = false;
  bool says_close = false;  // in HTTP/1.1, so the answer need not
};

inline HttpReply reply_to(const HttpRequest& request) {
  return {request.method, request.version_minor, request.keep_alive, request.says_close};
}

struct HttpAnnounceAnswer {
  AnnounceAnswer answer;
  uint32_t min_interval_s = 0;   // 0: left out
  common::ByteSpan external_ip;  // 4 or 16 bytes (BEP 24); empty: left out
  bool compact = true;
  std::string_view warning{};  // shown to the client's user (BEP 3); empty: none
};

// Answers to announces and scrapes, which is what a tracker sends all day, have no Content-Type: no client
// looks at it, and a browser takes what begins with "d" for text or bytes, never for a page.
//
// Compact: `peers` and `peers6` are strings, both always present. Otherwise `peers` is a list of dictionaries
// with ip and port of both families (no peer id) and `peers6` is empty.
void append_announce_answer(std::string& out, const HttpReply& reply, const HttpAnnounceAnswer& announce);

// `swarms` sorted by info_hash, each once. min_request_interval_s 0: left out.
void append_scrape_answer(std::string& out, const HttpReply& reply, std::span<const ScrapedSwarm> swarms,
                          uint32_t min_request_interval_s = 0);

// BEP 31's advice: minutes until the client may ask again, or never.
struct RetryIn {
  bool never = false;
  uint32_t minutes = 0;
};

// A bencoded failure with status 200, which clients show to their users.
void append_failure(std::string& out, const HttpReply& reply, std::string_view reason,
                    std::optional<RetryIn> retry_in = std::nullopt);

// Any other answer: content of any type and status. The type is at most 64 characters. `headers`: more header
// lines, each with its line end.
void append_content(std::string& out, const HttpReply& reply, int status, std::string_view content_type,
                    std::string_view content, std::string_view headers = {});

// Redirects the client: status 302. `url` is printable ASCII without blanks.
void append_redirect(std::string& out, const HttpReply& reply, std::string_view url);

// The same with plain text.
void append_text(std::string& out, const HttpReply& reply, int status, std::string_view text);

// The head of an answer with status 200 whose size is not known in advance. HTTP/1.1: the body follows by
// append_chunk() and ends with kLastChunk. HTTP/1.0: it follows verbatim and ends with the connection, as
// `reply` must say. `content_encoding` may be empty, and is at most 16 characters. `headers`: more header
// lines, each with its line end.
void append_stream_head(std::string& out, const HttpReply& reply, std::string_view content_type,
                        std::string_view content_encoding, std::string_view headers = {});

// Not for an empty body: that would be the last chunk.
void append_chunk(std::string& out, std::string_view body);
constexpr std::string_view kLastChunk = "0\r\n\r\n";

// A bencoded failure with status 429: the client sends too many requests. Retry-After has the same time in
// seconds (RFC 9110, 10.2.3).
void append_too_often(std::string& out, const HttpReply& reply, std::string_view reason,
                      uint32_t retry_in_minutes);

// The answer to a malformed request: the status and its name as text; closes the connection.
void append_http_error(std::string& out, int status);

// "Not Found" for 404; for the statuses shoal answers with. Unknown ones: "Error".
std::string_view http_status_text(int status);

}  // namespace shoal::proto
