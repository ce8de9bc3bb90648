#include "proto/http_answer.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "common/address_text.h"
#include "common/check.h"
#include "common/endpoint.h"
#include "proto/bencode.h"

namespace shoal::proto {

using common::ByteSpan;
using common::Family;

namespace {

// Room for the status line and the headers, and for the fixed parts of a body.
constexpr size_t kHeadRoom = 256;
constexpr size_t kBodyRoom = 256;

// "d2:ip39:" + an IPv6 address + "4:porti65535ee", generously.
constexpr size_t kPeerDictMax = 72;
// "20:" + info_hash + "d8:completei4294967295e10:downloadedi4294967295e10:incompletei4294967295ee"
constexpr size_t kScrapedMax = 112;

constexpr std::string_view kPlainText = "text/plain";

class HeadWriter {
 public:
  explicit HeadWriter(std::string& out, size_t start) : begin_(out.data() + start), at_(begin_) {}

  void text(std::string_view text) { at_ = std::copy(text.begin(), text.end(), at_); }
  void number(size_t value) { at_ = std::to_chars(at_, at_ + 20, value).ptr; }
  size_t size() const { return static_cast<size_t>(at_ - begin_); }

 private:
  char* begin_;
  char* at_;
};

void write_status_line(HeadWriter& head, int status) {
  if (status == 200) return head.text("HTTP/1.1 200 OK\r\n");
  head.text("HTTP/1.1 ");
  head.number(static_cast<size_t>(status));
  head.text(" ");
  head.text(http_status_text(status));
  head.text("\r\n");
  if (status == 401) head.text("WWW-Authenticate: Bearer\r\n");
  if (status == 405) head.text("Allow: GET, HEAD\r\n");
}

void write_connection(HeadWriter& head, const HttpReply& reply) {
  if (!reply.keep_alive) {
    if (!reply.says_close || reply.version_minor == 0) head.text("Connection: close\r\n");
  } else if (reply.version_minor == 0) {
    head.text("Connection: keep-alive\r\n");
  }
  head.text("\r\n");
}

void write_head(HeadWriter& head, const HttpReply& reply, int status, std::string_view content_type,
                std::string_view headers, size_t body_size) {
  write_status_line(head, status);
  if (!content_type.empty()) {
    head.text("Content-Type: ");
    head.text(content_type);
    head.text("\r\n");
  }
  head.text("Content-Length: ");
  head.number(body_size);
  head.text("\r\n");
  head.text(headers);
  write_connection(head, reply);
}

// The body is written first, after room for the head, because the head contains its size; then it is moved
// up.
template <class WriteBody>
void append_response(std::string& out, const HttpReply& reply, int status, size_t body_max,
                     WriteBody write_body, std::string_view content_type = {},
                     std::string_view headers = {}) {
  const size_t start = out.size();
  const size_t head_room = kHeadRoom + headers.size();
  out.resize(start + head_room + body_max);
  char* const body_start = out.data() + start + head_room;
  BencodeWriter body({reinterpret_cast<uint8_t*>(body_start), body_max});
  write_body(body);
  CHECK_INVARIANT(body.ok());

  HeadWriter head(out, start);
  write_head(head, reply, status, content_type, headers, body.size());
  CHECK_INVARIANT(head.size() <= head_room);
  const size_t sent_body = reply.method == HttpMethod::head ? 0 : body.size();
  std::memmove(out.data() + start + head.size(), body_start, sent_body);
  out.resize(start + head.size() + sent_body);
}

template <class Number>
char* write_number(Number value, char* out) {
  return std::to_chars(out, out + 20, value).ptr;
}

char* write_text(std::string_view text, char* out) { return std::copy(text.begin(), text.end(), out); }

// Each dictionary is put together first: a writer that checks its room for every part of it would cost more
// than all else of the answer.
void write_peer_dicts(BencodeWriter& body, ByteSpan peers, Family family) {
  const size_t stride = common::compact_size(family);
  const size_t address = common::address_size(family);
  std::array<char, common::kAddressTextMax> ip;
  std::array<char, kPeerDictMax> dict;
  for (; peers.size() >= stride; peers = peers.subspan(stride)) {
    const auto port = static_cast<uint16_t>(peers[address] << 8 | peers[address + 1]);
    const char* const ip_end =
        common::write_address(common::make_endpoint(peers.first(address), port), ip.data());
    char* at = write_text("d2:ip", dict.data());
    at = write_number(ip_end - ip.data(), at);
    *at++ = ':';
    at = write_text({ip.data(), ip_end}, at);
    at = write_text("4:porti", at);
    at = write_number(port, at);
    at = write_text("ee", at);
    body.raw({dict.data(), at});
  }
}

}  // namespace

void append_announce_answer(std::string& out, const HttpReply& reply, const HttpAnnounceAnswer& announce) {
  const AnnounceAnswer& answer = announce.answer;
  const size_t peers = answer.peers_v4.size() / common::compact_size(Family::v4) +
                       answer.peers_v6.size() / common::compact_size(Family::v6);
  const size_t peers_max =
      announce.compact ? answer.peers_v4.size() + answer.peers_v6.size() : peers * kPeerDictMax;
  append_response(out, reply, 200, kBodyRoom + announce.warning.size() + peers_max, [&](BencodeWriter& body) {
    body.begin_dict();
    body.entry("complete", answer.counts.seeders);
    body.entry("downloaded", answer.counts.completed);
    if (!announce.external_ip.empty()) {
      body.bytes("external ip");
      body.bytes(announce.external_ip);
    }
    body.entry("incomplete", answer.counts.leechers);
    body.entry("interval", answer.interval_s);
    if (announce.min_interval_s != 0) body.entry("min interval", announce.min_interval_s);
    body.bytes("peers");
    if (announce.compact) {
      body.bytes(answer.peers_v4);
      body.bytes("peers6");
      body.bytes(answer.peers_v6);
    } else {
      body.begin_list();
      write_peer_dicts(body, answer.peers_v4, Family::v4);
      write_peer_dicts(body, answer.peers_v6, Family::v6);
      body.end();
      body.bytes("peers6");
      body.bytes("");
    }
    if (!announce.warning.empty()) {
      body.bytes("warning message");
      body.bytes(announce.warning);
    }
    body.end();
  });
}

void append_scrape_answer(std::string& out, const HttpReply& reply, std::span<const ScrapedSwarm> swarms,
                          uint32_t min_request_interval_s) {
  append_response(out, reply, 200, kBodyRoom + swarms.size() * kScrapedMax, [&](BencodeWriter& body) {
    body.begin_dict();
    body.bytes("files");
    body.begin_dict();
    for (const ScrapedSwarm& swarm : swarms) {
      body.bytes(swarm.info_hash.bytes);
      body.begin_dict();
      body.entry("complete", swarm.counts.seeders);
      body.entry("downloaded", swarm.counts.completed);
      body.entry("incomplete", swarm.counts.leechers);
      body.end();
    }
    body.end();
    if (min_request_interval_s != 0) {
      body.bytes("flags");
      body.begin_dict();
      body.entry("min_request_interval", min_request_interval_s);
      body.end();
    }
    body.end();
  });
}

namespace {

void append_failure_as(int status, std::string& out, const HttpReply& reply, std::string_view reason,
                       std::optional<RetryIn> retry_in, std::string_view headers = {}) {
  const auto write_body = [&](BencodeWriter& body) {
    body.begin_dict();
    body.bytes("failure reason");
    body.bytes(reason);
    if (retry_in) {
      body.bytes("retry in");
      if (retry_in->never) {
        body.bytes("never");
      } else {
        body.integer(retry_in->minutes);
      }
    }
    body.end();
  };
  append_response(out, reply, status, kBodyRoom + reason.size(), write_body, kPlainText, headers);
}

}  // namespace

void append_failure(std::string& out, const HttpReply& reply, std::string_view reason,
                    std::optional<RetryIn> retry_in) {
  append_failure_as(200, out, reply, reason, retry_in);
}

void append_too_often(std::string& out, const HttpReply& reply, std::string_view reason,
                      uint32_t retry_in_minutes) {
  const std::string retry_after = "Retry-After: " + std::to_string(uint64_t{retry_in_minutes} * 60) + "\r\n";
  append_failure_as(429, out, reply, reason, RetryIn{.minutes = retry_in_minutes}, retry_after);
}

void append_stream_head(std::string& out, const HttpReply& reply, std::string_view content_type,
                        std::string_view content_encoding, std::string_view headers) {
  CHECK_INVARIANT(reply.version_minor >= 1 || !reply.keep_alive);
  const size_t start = out.size();
  out.resize(start + kHeadRoom + headers.size());
  HeadWriter head(out, start);
  write_status_line(head, 200);
  head.text("Content-Type: ");
  head.text(content_type);
  if (!content_encoding.empty()) {
    head.text("\r\nContent-Encoding: ");
    head.text(content_encoding);
  }
  head.text("\r\nVary: Accept-Encoding\r\n");
  head.text(headers);
  if (reply.version_minor >= 1) head.text("Transfer-Encoding: chunked\r\n");
  write_connection(head, reply);
  CHECK_INVARIANT(head.size() <= kHeadRoom + headers.size());
  out.resize(start + head.size());
}

void append_chunk(std::string& out, std::string_view body) {
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), body.size(), 16).ptr;
  out.append(digits.data(), end);
  out += "\r\n";
  out += body;
  out += "\r\n";
}

void append_redirect(std::string& out, const HttpReply& reply, std::string_view url) {
  const size_t start = out.size();
  out.resize(start + kHeadRoom + url.size());
  HeadWriter head(out, start);
  write_status_line(head, 302);
  head.text("Location: ");
  head.text(url);
  head.text("\r\nContent-Length: 0\r\n");
  write_connection(head, reply);
  out.resize(start + head.size());
}

void append_text(std::string& out, const HttpReply& reply, int status, std::string_view text) {
  append_content(out, reply, status, kPlainText, text);
}

void append_content(std::string& out, const HttpReply& reply, int status, std::string_view content_type,
                    std::string_view content, std::string_view headers) {
  append_response(
      out, reply, status, content.size(), [&](BencodeWriter& body) { body.raw(content); }, content_type,
      headers);
}

void append_http_error(std::string& out, int status) {
  std::string text(http_status_text(status));
  text += '\n';
  append_text(out, HttpReply{}, status, text);
}

std::string_view http_status_text(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 302:
      return "Found";
    case 304:
      return "Not Modified";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 421:
      return "Misdirected Request";
    case 426:
      return "Upgrade Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "Error";
  }
}

}  // namespace shoal::proto
