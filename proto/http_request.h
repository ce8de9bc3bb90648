// HTTP/1.x requests, as far as a tracker needs them: GET and HEAD (and for the admin endpoint POST) without a
// body, one head of bounded size.
//
// The parser keeps no state: it is given everything that has arrived and not been consumed, and says whether
// that begins with a request. The verdict does not depend on how the bytes were cut into reads: what is bad
// is bad from its first bad line (or control byte) on. No allocation, no copies. Any thread.
//
// Strict where lenience would let two programs see different requests (request smuggling): lines end in CR LF
// and nothing else, no folded lines, no space before a colon, no body of any kind. Bytes from 0x80 on pass in
// the target and in values: some clients forget to escape their info_hash.

#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "common/bytes.h"

namespace shoal::proto {

constexpr size_t kHttpHeadMax = 8192;   // request line, header lines and the empty line
constexpr size_t kHttpHeadersMax = 64;  // header lines

enum class HttpState : uint8_t { need_more, bad, request };
enum class HttpMethod : uint8_t { get, head, post };

// Views into the buffer; good until it changes.
struct HttpRequest {
  HttpState state = HttpState::need_more;

  // bad: 400, 405, 414, 431, 501 or 505. Answer it and close; nothing behind it can be trusted.
  int status = 0;

  // request
  HttpMethod method = HttpMethod::get;
  std::string_view path;   // from "/" up to "?", as sent
  std::string_view query;  // behind the first "?", may be empty
  int version_minor = 1;   // 0: HTTP/1.0; everything from 1.1 on counts as 1
  bool keep_alive = false;
  size_t consumed = 0;  // bytes of this request; the next one may stand behind
  std::string_view header_lines;

  // The value of a header without the blanks around it; `name` in any case. Of several headers of that name
  // it is the last: the one that the nearest proxy wrote.
  std::optional<std::string_view> header(std::string_view name) const;

  // Calls visit(value) for every header of that name, in order.
  template <class Visit>
  void for_each_header(std::string_view name, Visit visit) const {
    std::string_view rest = header_lines;
    while (const auto value = take_header(rest, name)) visit(*value);
  }

 private:
  // The value of the next header of that name; `rest` keeps the lines behind it.
  static std::optional<std::string_view> take_header(std::string_view& rest, std::string_view name);
};

// POST is refused with 405 unless `post`; its body must be empty like that of any other.
HttpRequest parse_http_request(common::ByteSpan buffer, bool post = false);

}  // namespace shoal::proto
