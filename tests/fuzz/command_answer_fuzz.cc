// Servers' answers to `shoal probe`, `status`, `top`, `access` and `drain`. The first byte tells where to
// split the stream in two: the reply must not depend on it. The body is then read as bencoding and as JSON;
// only printable text comes out.

#include <algorithm>
#include <string>
#include <string_view>

#include "common/check.h"
#include "node/cli/admin_client.h"
#include "node/cli/answer_text.h"
#include "node/cli/status_table.h"
#include "node/probe/http_response.h"
#include "node/probe/probe.h"
#include "node/probe/probe_all.h"

using namespace shoal::node;

namespace {

// The reply of a stream that arrives in two pieces, or the error.
shoal::common::Result<HttpResponse> reply_of(std::string_view first, std::string_view second) {
  HttpReplyParser parser;
  for (const std::string_view piece : {first, second}) {
    const auto complete = parser.feed(piece);
    if (!complete) return tl::make_unexpected(complete.error());
    if (*complete) break;
  }
  return parser.finish();
}

void check_printable(std::string_view text) {
  for (const char c : text) CHECK_INVARIANT((c >= 0x20 && c < 0x7f) || c == '\n');
}

void check_body(std::string_view body) {
  if (const auto announce = parse_announce_body(body)) {
    CHECK_INVARIANT(announce->peers.size() <= std::min(announce->peers_told, kProbePeersMax));
  } else {
    check_printable(announce.error().message);
  }
  const auto scrape = parse_scrape_body(body, {});
  if (!scrape) check_printable(scrape.error().message);
  if (const auto status = parse_status(body)) {
    const std::string table = status_table(*status, false);
    CHECK_INVARIANT(table.ends_with('\n'));
    check_printable(table);
    for (const std::string& text : {access_changes_text(*status), access_verdicts_text(*status),
                                    top_text(*status, false), result_text(*status)}) {
      check_printable(text);
    }
    for (const NamedAddress& member : member_addresses(*status, 6969)) check_printable(member.name);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view stream(reinterpret_cast<const char*>(data + 1), size - 1);
  const size_t cut = stream.size() * data[0] / 255;
  const auto whole = reply_of(stream, "");
  const auto pieces = reply_of(stream.substr(0, cut), stream.substr(cut));
  CHECK_INVARIANT(whole.has_value() == pieces.has_value());
  if (whole) {
    CHECK_INVARIANT(whole->status == pieces->status && whole->body == pieces->body);
    check_body(whole->body);
  } else {
    check_printable(whole.error().message);
  }
  check_body(stream);
  return 0;
}
