#include "node/tracker/tracker.h"

#include <algorithm>

#include "common/loopback.h"
#include "node/tracker/peer_address.h"

namespace shoal::node {

using proto::Event;

namespace {

// For a peer that is stored and no seeder: its record is new, and no other live one is there.
bool is_new_and_alone(const PeerAnswer& stored) {
  return stored.renewed_ticks < 0 && stored.limit == Limit::none && stored.counts.leechers == 1 &&
         stored.counts.seeders == 0;
}

// Takes loopback peers out of the answer; returns how many.
uint32_t keep_reachable(const PeerAnswer& stored, const PeerBuffers& buffers, proto::AnnounceAnswer& answer) {
  uint32_t removed = 0;
  const auto remove = [&](std::span<uint8_t> buffer, uint32_t peers, common::Family family) {
    const size_t stride = common::compact_size(family);
    const size_t left = remove_loopback(buffer.first(peers * stride), family);
    removed += peers - static_cast<uint32_t>(left / stride);
    return common::ByteSpan(buffer.first(left));
  };
  answer.peers_v4 = remove(buffers.v4, stored.peers_v4, common::Family::v4);
  answer.peers_v6 = remove(buffers.v6, stored.peers_v6, common::Family::v6);
  return removed;
}

}  // namespace

uint32_t Tracker::peers_wanted(const proto::AnnounceRequest& request, uint32_t fits) const {
  if (request.event == Event::stopped) return 0;
  const uint32_t wanted = request.numwant.value_or(settings_->options.numwant_default);
  return std::min({wanted, settings_->peers_max, fits});
}

Refusal Tracker::judge(const proto::AnnounceRequest& request, const common::Endpoint& peer) {
  const Refusal refusal = policy_->judge(request, peer);
  if (refusal != Refusal::none) counters_.refused[static_cast<size_t>(refusal)].add();
  return refusal;
}

bool Tracker::over_rate(const common::Endpoint& client, bool proven, uint64_t now_us,
                        OffenceWatch* offences) {
  RequestLimiter& limiter = *settings_->limiter;
  const Limit limit = proven ? limiter.charge(client, now_us) : limiter.check(client, now_us);
  if (limit != Limit::none) counters_.limits[index_of(limit)].add();
  // One of so many pays for all: the others of a flood only read.
  if (limit == Limit::requests_per_s_per_address && proven && offences != nullptr &&
      ++over_rate_ % kOverRateSample == 0) {
    offences->charge(client, proto::Offence::over_rate, now_us, kOverRateSample);
  }
  return limit != Limit::none;
}

uint32_t Tracker::settled_interval_s() const {
  return settings_->adapted_interval_s == nullptr
             ? settings_->options.interval_s
             : settings_->adapted_interval_s->load(std::memory_order_relaxed);
}

uint32_t Tracker::jittered(uint32_t interval_s) {
  const double spread = settings_->options.interval_jitter * (2 * prng_.unit() - 1);
  return std::max(1U, static_cast<uint32_t>(interval_s * (1 + spread)));
}

void Tracker::count(Event event) {
  switch (event) {
    case Event::started:
      counters_.started.add();
      break;
    case Event::completed:
      counters_.completed.add();
      break;
    case Event::stopped:
      counters_.stopped.add();
      break;
    case Event::none:
    case Event::paused:
      counters_.regular.add();
      break;
  }
}

// Inlined: an announce over UDP must not pay for being told apart from that of a web peer.
[[gnu::always_inline]] inline bool Tracker::refuses_full(const PeerAnswer& stored,
                                                         proto::AnnounceAnswer& answer) {
  if (stored.limit == Limit::none) return false;
  counters_.limits[index_of(stored.limit)].add();
  answer.full = stored.limit != Limit::peers_per_swarm;
  if (answer.full) counters_.refused[static_cast<size_t>(Refusal::full)].add();
  return answer.full;
}

[[gnu::always_inline]] inline void Tracker::count_stored(const proto::AnnounceRequest& request,
                                                         const PeerAnswer& stored) {
  count(request.event);
  if (++announces_ % kClientSample == 0) counters_.clients[client_number(request.peer_id)].add();
  if (stored.downloaded) counters_.downloads.add();
  if (stored.renewed_ticks >= 0) counters_.renewed[renewal_slot(stored.renewed_ticks)].add();
  if (stored.delta && queue_ != nullptr) {
    counters_.deltas.add();
    queue_->push({*stored.delta, stored.refreshed});
  }
}

proto::AnnounceAnswer Tracker::announce(SwarmRef ref, const proto::AnnounceRequest& request,
                                        const common::Endpoint& source, uint32_t want_v4, uint32_t want_v6,
                                        const AnnounceMoments& now, const PeerBuffers& buffers) {
  PeerAnnounce announce;
  announce.info_hash = request.info_hash;
  announce.peer = source;
  announce.peer.port = request.port;
  announce.event = request.event;
  announce.seeder = request.left == 0;
  announce.want_v4 = want_v4;
  announce.want_v6 = want_v6;
  announce.live_lead = now.live_lead();
  const bool storable = request.port != 0 && can_be_peer(source);
  const common::Moment moment = request.event == Event::stopped ? now.stopped : now.live;
  const PeerAnswer stored = storable ? store_.announce(ref, announce, moment, prng_, buffers)
                                     : store_.peek(ref, announce, prng_, buffers);
  if (!storable) counters_.unstorable.add();

  proto::AnnounceAnswer answer;
  if (refuses_full(stored, answer)) return answer;
  count_stored(request, stored);

  answer.fresh =
      request.event != Event::stopped && stored.renewed_ticks < 0 && storable && stored.limit == Limit::none;
  answer.alone = request.event == Event::started && is_new_and_alone(stored) && storable && request.left != 0;
  answer.interval_s = answer.alone ? jittered(std::min(kAloneIntervalS, settled_interval_s())) : interval_s();
  answer.counts = stored.counts;
  answer.peers_v4 = buffers.v4.first(stored.peers_v4 * common::compact_size(common::Family::v4));
  answer.peers_v6 = buffers.v6.first(stored.peers_v6 * common::compact_size(common::Family::v6));
  uint32_t peers = stored.peers_v4 + stored.peers_v6;
  if (store_.has_had_loopback() && !common::is_loopback(source)) {
    peers -= keep_reachable(stored, buffers, answer);
  }
  counters_.peers_sent.add(peers);
  return answer;
}

WebAnnounced Tracker::announce_web(const proto::AnnounceRequest& request, const common::Endpoint& source,
                                   uint32_t want, const AnnounceMoments& now, std::span<uint8_t> buffer) {
  PeerAnnounce announce;
  announce.info_hash = request.info_hash;
  announce.peer = source;
  announce.event = request.event;
  announce.seeder = request.left == 0;
  announce.want_web = want;
  announce.live_lead = now.live_lead();
  const PeerAnswer stored =
      store_.announce_web(store_.locate_web(request.info_hash), announce,
                          request.event == Event::stopped ? now.stopped : now.live, prng_, {{}, {}, buffer});
  WebAnnounced announced;
  proto::AnnounceAnswer& answer = announced.answer;
  if (refuses_full(stored, answer)) return announced;
  count_stored(request, stored);
  answer.fresh = request.event != Event::stopped && stored.renewed_ticks < 0 && stored.limit == Limit::none;
  answer.interval_s = jittered(settings_->websocket.interval_s);
  answer.counts = stored.counts;
  announced.peers = buffer.first(stored.peers_web * common::compact_size(common::Family::web));
  counters_.peers_sent.add(stored.peers_web);
  return announced;
}

}  // namespace shoal::node
