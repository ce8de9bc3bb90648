// HTTP/1.x requests, as far as a tracker needs them: GET and HEAD (and POST for the admin endpoint), with a
// head of bounded size and no body worth reading.
//
// The parser keeps no state: it is given everything that has arrived and not been consumed, and says whether
// that begins with a request. The result does not depend on how the bytes were split into reads: a bad
// request is bad from its first bad line (or control byte) on. No allocation, no copies. Any thread.
//
// Strict where leniency would let two programs see different requests (request smuggling): no folded lines,
// no space before a colon, no chunked body, one length at most; lines end in CR LF, or in LF alone where no
// proxy stands between. Bytes from 0x80 on are allowed in the target and in values: some clients forget to
// escape their info_hash.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/bytes.h"

namespace shoal::proto {

constexpr size_t kHttpHeadMax = 8192;   // request line, header lines and the empty line
constexpr size_t kHttpHeadersMax = 64;  // header lines
constexpr size_t kHttpBodyMax = 1024;   // the body that a lenient parser skips

enum class HttpState : uint8_t { need_more, bad, request };
enum class HttpMethod : uint8_t { get, head, post };

// Views into the buffer; valid until it changes.
struct HttpRequest {
  HttpState state = HttpState::need_more;

  // bad: 400, 405, 413, 414, 431, 501 or 505. Answer it and close; nothing after it can be trusted.
  int status = 0;

  // request
  HttpMethod method = HttpMethod::get;
  std::string_view path;   // from "/" up to "?", as sent
  std::string_view query;  // after the first "?", may be empty
  int version_minor = 1;   // 0: HTTP/1.0; everything from 1.1 on counts as 1
  bool keep_alive = false;
  bool says_close = false;  // the client has said that it is its last on this connection
  size_t consumed = 0;      // bytes of this request with its body; the next one may follow
  std::string_view header_lines;

  // The value of a header without the blanks around it; `name` in any case. Of several headers of that name
  // the last: the nearest proxy added it.
  std::optional<std::string_view> header(std::string_view name) const;

  // Calls visit(value) for every header of that name, in order.
  template <class Visit>
  void for_each_header(std::string_view name, Visit visit) const {
    std::string_view rest = header_lines;
    while (const auto value = take_header(rest, name)) visit(*value);
  }

 private:
  // The value of the next header of that name; `rest` keeps the lines after it.
  static std::optional<std::string_view> take_header(std::string_view& rest, std::string_view name);
};

// What is accepted beyond the strict form: GET and HEAD of one line after the other in CR LF, with Host in
// HTTP/1.1, and no body.
struct HttpRules {
  bool post = false;  // else 405; its body must be empty
  // Programs that are not browsers: a few empty lines before a request, HTTP/1.1 without Host, a body of at
  // most kHttpBodyMax whose Content-Length says so; it is skipped.
  bool lenient = false;
  // Lines that end in LF alone. Not behind a proxy: what it takes for one header line could be two here, and
  // the second might name a client.
  bool bare_lf = false;
};

HttpRequest parse_http_request(common::ByteSpan buffer, HttpRules rules = {});

// Whether a browser may have sent this: any web page can make it send what its user knows nothing of. `head`:
// what a connection began with, or header lines. It has a header that browsers send and other clients do not,
// or is the beginning of TLS, as for an https:// address.
bool may_be_of_browser(std::string_view head);

}  // namespace shoal::proto
