#include "node/tracker/web_tracker.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "common/bytes.h"
#include "common/web_address.h"
#include "node/os/monotonic.h"
#include "node/tracker/client_address.h"
#include "node/websocket/offer_origins.h"
#include "node/websocket/websocket_handshake.h"
#include "node/websocket/websocket_stream.h"

namespace shoal::node {

using common::Endpoint;
using common::Family;
using common::InfoHash;
using proto::WebsocketClose;
using proto::WebsocketOpcode;

namespace {

// Of a message. Ten offers take 10 to 40 KB.
constexpr uint32_t kWebMessageMax = 96 << 10;
// Work of a message in steps of HttpLimits: it is read byte by byte and written anew, and each offer is a
// message of its own.
constexpr size_t kMessageSteps = 2;
// To read a message, when its last byte has come.
constexpr size_t kBytesPerStep = 512;
// To stop in so many swarms, when the connection ends.
constexpr size_t kStopsPerStep = 4;

}  // namespace

// One connection.
class WebTracker::Peer final : public Upgraded, public WebsocketStream::Reader {
 public:
  Peer(WebTracker& tracker, UpgradedLink& link, uint64_t connection, const Endpoint& client, bool of_page)
      : tracker_(tracker),
        link_(link),
        connection_(connection),
        client_(client),
        of_page_(of_page),
        stream_(kWebMessageMax) {
    tracker_.peers_.emplace(connection, this);
    tracker_.counters_.opened.add();
  }

  ~Peer() override {
    for (const InfoHash& swarm : swarms_) tracker_.stop(*this, swarm);
    tracker_.peers_.erase(connection_);
    tracker_.counters_.closed.add();
  }

  Took received(common::ByteSpan bytes, std::string& out) override {
    const size_t sent_before = sent_;
    const size_t read_before = read_;
    const WebsocketStream::Took took = stream_.receive(bytes, *this, out);
    if (took.violated) {
      tracker_.counters_.violations.add();
      if (took.broken || !of_page_) tracker_.gate_.malformed(client_);
    }
    return {.steps = took.frames + kMessageSteps * (took.messages + sent_ - sent_before) +
                     (read_ - read_before) / kBytesPerStep,
            .whole = took.messages > 0,
            .over = took.over};
  }

  void ask(std::string& out) override {
    origins_.forget_old(monotonic_ms());
    proto::append_websocket_frame(out, WebsocketOpcode::ping, {});
  }

  void leave(std::string& out) override { stream_.close(WebsocketClose::going_away, out); }
  size_t kept_bytes() const override { return stream_.kept_bytes(); }
  bool unfinished() const override { return stream_.unfinished(); }
  size_t parting_steps() const override { return 1 + swarms_.size() / kStopsPerStep; }

  WebsocketClose message(std::string_view text, std::string& out) override {
    if (!tracker_.gate_.admits(client_)) {
      tracker_.counters_.banned.add();
      return WebsocketClose::policy;
    }
    if (!tracker_.tracker_.settings().options.websocket) return WebsocketClose::going_away;
    read_ += text.size();
    tracker_.request(*this, text, out);
    return WebsocketClose::normal;
  }

  bool is_in(const InfoHash& swarm) const {
    return std::find(swarms_.begin(), swarms_.end(), swarm) != swarms_.end();
  }

  WebTracker& tracker_;
  UpgradedLink& link_;
  const uint64_t connection_;
  const Endpoint client_;
  // A browser names the page whose script it runs, and any page can have its visitors say anything here: what
  // is said is no offence of theirs.
  const bool of_page_;
  WebsocketStream stream_;
  std::vector<InfoHash> swarms_;
  OfferOrigins origins_;
  size_t sent_ = 0;  // messages to other peers
  size_t read_ = 0;  // bytes of messages
};

WebTracker::WebTracker(Tracker& tracker, const ClusterClock& clock, HttpGate& gate, WebHub& hub,
                       uint16_t worker, WebCounters& counters)
    : tracker_(tracker), clock_(clock), gate_(gate), hub_(hub), worker_(worker), counters_(counters) {}

WebTracker::~WebTracker() = default;

Upgrade WebTracker::upgrade(const proto::HttpRequest& request, const Endpoint& connected, UpgradedLink& link,
                            bool room, std::string& out) {
  const TrackerSettings& settings = tracker_.settings();
  if (!settings.options.websocket) return {};
  WebsocketOpening opening = judge_websocket(request, settings.websocket.origins);
  if (opening == WebsocketOpening::none) return {};
  const auto client = client_of(request, connected, settings.proxies);
  if (opening == WebsocketOpening::accepted && !room) opening = WebsocketOpening::no_room;
  // Of a connection's own client the server has asked.
  const bool admitted =
      client && !tracker_.denies(*client) && (*client == connected || gate_.admits(*client));
  if (opening == WebsocketOpening::bad) {
    counters_.refused_bad.add();
  } else if (opening == WebsocketOpening::origin) {
    counters_.refused_origin.add();
  } else if (!admitted) {
    counters_.refused_address.add();
    opening = WebsocketOpening::origin;
  } else if (opening == WebsocketOpening::no_room) {
    counters_.refused_room.add();
  }
  append_websocket_opening(out, request, opening);
  if (opening != WebsocketOpening::accepted) return {.answered = true, .upgraded = nullptr};
  const uint64_t connection = common::web_connection(worker_, next_number_++);
  return {.answered = true,
          .upgraded = std::make_unique<Peer>(*this, link, connection, *client,
                                             proto::may_be_of_browser(request.header_lines))};
}

void WebTracker::fail(std::string_view reason, std::string& out) {
  counters_.failures.add();
  std::optional<InfoHash> info_hash;
  if (request_.info_hashes.size() == 1) info_hash = request_.info_hashes.front();
  text_.clear();
  proto::append_web_failure(text_, request_.action, info_hash, reason);
  proto::append_websocket_frame(out, WebsocketOpcode::text, text_);
}

void WebTracker::request(Peer& peer, std::string_view text, std::string& out) {
  proto::parse_web_request(text, tracker_.settings().websocket.offers_per_announce, request_);
  const auto now_us = static_cast<uint64_t>(monotonic_us());
  OffenceWatch* const offences = peer.of_page_ ? nullptr : tracker_.settings().offences;
  if (tracker_.limits_requests() && !tracker_.settings().proxies.networks.contains(peer.client_) &&
      tracker_.over_rate(peer.client_, true, now_us, offences)) {
    return fail("too many requests", out);
  }
  if (request_.error != proto::WebRequestError::none) {
    if (!peer.of_page_) gate_.malformed(peer.client_);
    return fail(to_string(request_.error), out);
  }
  if (request_.action == proto::WebAction::scrape) return scrape(peer, out);
  if (request_.answer) return answer(peer);
  announce(peer, out);
}

void WebTracker::announce(Peer& peer, std::string& out) {
  proto::AnnounceRequest& request = request_.announce;
  request.port = common::kWebPort;
  if (const Refusal refusal = tracker_.refuses(request, peer.client_); refusal != Refusal::none) {
    return fail(to_string(refusal), out);
  }
  const bool stops = request.event == proto::Event::stopped;
  const bool is_in = peer.is_in(request.info_hash);
  if (!is_in && !stops && peer.swarms_.size() >= tracker_.settings().websocket.swarms_per_connection) {
    return fail("too many torrents on one connection", out);
  }
  const auto offers = static_cast<uint32_t>(request_.offers.size());
  const WebAnnounced announced = store(peer, request, stops ? 0 : offers);
  const proto::AnnounceAnswer& stored = announced.answer;
  if (stored.full) return fail(to_string(Refusal::full), out);
  if (stops) {
    std::erase(peer.swarms_, request.info_hash);
  } else if (!is_in) {
    peer.swarms_.push_back(request.info_hash);
  }
  counters_.announces.add();
  counters_.offers_made.add(offers);
  if (OffenceWatch* offences = tracker_.settings().offences; offences != nullptr && !peer.of_page_) {
    tracker_.watch(offences, peer.client_, request, stored, static_cast<uint64_t>(monotonic_us()));
  }
  text_.clear();
  proto::append_web_announce_answer(text_, {.info_hash = request.info_hash,
                                            .counts = stored.counts,
                                            .interval_s = stored.interval_s,
                                            .warning = tracker_.settings().options.warning});
  proto::append_websocket_frame(out, WebsocketOpcode::text, text_);

  constexpr size_t kSize = common::compact_size(Family::web);
  for (size_t i = 0; (i + 1) * kSize <= announced.peers.size() && i < request_.offers.size(); ++i) {
    common::ByteReader in(announced.peers.subspan(i * kSize, kSize));
    const uint64_t run = in.u64();
    hub_.send(run, proto::write_web_relay({.to = in.u64(),
                                           .from = peer.connection_,
                                           .signal = proto::WebSignal::offer,
                                           .info_hash = request.info_hash,
                                           .offer_id = request_.offers[i].offer_id,
                                           .peer_id = request.peer_id,
                                           .sdp = request_.offers[i].sdp}));
    counters_.offers_sent.add();
    ++peer.sent_;
  }
}

WebAnnounced WebTracker::store(const Peer& peer, const proto::AnnounceRequest& request, uint32_t want) {
  peer_bytes_.resize(std::max(peer_bytes_.size(), want * common::compact_size(Family::web)));
  return tracker_.announce_web(request, common::to_endpoint({hub_.run(), peer.connection_}), want,
                               clock_.announce_moments(), peer_bytes_);
}

void WebTracker::answer(Peer& peer) {
  counters_.answers.add();
  const auto to = peer.origins_.take(request_.answer->offer_id, monotonic_ms());
  if (!to || tracker_.hides(request_.announce.info_hash)) return counters_.answers_unknown.add();
  hub_.send(to->run, proto::write_web_relay({.to = to->connection,
                                             .from = peer.connection_,
                                             .signal = proto::WebSignal::answer,
                                             .info_hash = request_.announce.info_hash,
                                             .offer_id = request_.answer->offer_id,
                                             .peer_id = request_.announce.peer_id,
                                             .sdp = request_.answer->sdp}));
  ++peer.sent_;
}

void WebTracker::scrape(Peer& peer, std::string& out) {
  if (tracker_.denies(peer.client_)) return fail(to_string(Refusal::network), out);
  counters_.scrapes.add();
  std::array<proto::ScrapedSwarm, proto::kWebScrapeMax> swarms;
  size_t count = 0;
  for (const InfoHash& hash : request_.info_hashes) swarms[count++] = {hash, tracker_.scrape_web(hash)};
  text_.clear();
  proto::append_web_scrape_answer(text_, std::span(swarms).first(count),
                                  tracker_.settings().websocket.interval_s);
  proto::append_websocket_frame(out, WebsocketOpcode::text, text_);
}

// The connection is closed: nobody is answered.
void WebTracker::stop(const Peer& peer, const InfoHash& info_hash) {
  proto::AnnounceRequest request;
  request.info_hash = info_hash;
  request.event = proto::Event::stopped;
  request.left = proto::kLeftUnknown;
  request.port = common::kWebPort;
  store(peer, request, 0);
}

bool WebTracker::deliver() {
  if (passed_on_ == batch_.size()) {
    batch_.clear();
    passed_on_ = 0;
    hub_.inbox(worker_).take(batch_);
  }
  const size_t end = std::min(batch_.size(), passed_on_ + kDeliveredAtOnce);
  for (; passed_on_ < end; ++passed_on_) {
    pass_on(batch_[passed_on_]);
    std::vector<uint8_t>().swap(batch_[passed_on_].bytes);
  }
  if (passed_on_ < batch_.size()) return true;
  std::vector<WebMessage>().swap(batch_);
  passed_on_ = 0;
  // What has come since may have woken us for this turn already.
  hub_.inbox(worker_).take(batch_);
  return !batch_.empty();
}

void WebTracker::pass_on(const WebMessage& message) {
  const auto relay = proto::parse_web_relay(message.bytes);
  if (!relay) return counters_.malformed.add();
  const auto found = peers_.find(relay->to);
  if (found == peers_.end() || !found->second->is_in(relay->info_hash)) return counters_.gone.add();
  const bool offer = relay->signal == proto::WebSignal::offer;
  text_.clear();
  proto::append_web_signal(text_, *relay);
  frame_.clear();
  proto::append_websocket_frame(frame_, WebsocketOpcode::text, text_);
  // Here the peer may go.
  if (!found->second->link_.send(frame_)) return counters_.unread.add();
  (offer ? counters_.offers_delivered : counters_.answers_delivered).add();
  if (!offer) return;
  const auto still = peers_.find(relay->to);
  if (still != peers_.end() &&
      !still->second->origins_.add(relay->offer_id, {message.from_run, relay->from}, monotonic_ms())) {
    counters_.offers_pushed.add();
  }
}

}  // namespace shoal::node
