// A WebTorrent client's message: what is read of it stays within its bounds and can be written again, and
// what we write is JSON.

#include <string>
#include <string_view>

#include "common/check.h"
#include "proto/json_reader.h"
#include "proto/web_tracker_json.h"

using namespace shoal;
using namespace shoal::proto;

namespace {

constexpr size_t kOffersMax = 4;

bool is_json(std::string_view text) {
  JsonReader json(text);
  json.skip();
  return json.finish();
}

void check_signal(const WebRequest& request, WebSignal signal, const OfferId& id, std::string_view sdp) {
  CHECK_INVARIANT(!sdp.empty() && sdp.size() <= kWebSdpMax && is_json_text(sdp));
  const WebRelay relay{.signal = signal,
                       .info_hash = request.announce.info_hash,
                       .offer_id = id,
                       .peer_id = request.announce.peer_id,
                       .sdp = sdp};
  const auto bytes = write_web_relay(relay);
  const auto read = parse_web_relay(bytes);
  CHECK_INVARIANT(read && read->sdp == sdp && read->offer_id == id && read->signal == signal);
  std::string text;
  append_web_signal(text, *read);
  CHECK_INVARIANT(is_json(text));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  WebRequest request;
  parse_web_request(text, kOffersMax, request);
  CHECK_INVARIANT(request.offers.size() <= kOffersMax && request.info_hashes.size() <= kWebScrapeMax);
  if (request.error == WebRequestError::none) {
    CHECK_INVARIANT(is_json(text) && request.action != WebAction::none && !request.info_hashes.empty());
    for (const WebOffer& offer : request.offers)
      check_signal(request, WebSignal::offer, offer.offer_id, offer.sdp);
    if (request.answer && request.action == WebAction::announce) {
      check_signal(request, WebSignal::answer, request.answer->offer_id, request.answer->sdp);
    }
  }
  std::string out;
  append_web_failure(out, request.action, request.announce.info_hash, text.substr(0, 100));
  CHECK_INVARIANT(is_json(out));
  return 0;
}
