// Tracker: handles a worker's announces and scrapes, independently of the protocol. One object per worker.

#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "common/endpoint.h"
#include "common/prng.h"
#include "node/access/announce_policy.h"
#include "node/bans/ban_index.h"
#include "node/cluster/delta_queue.h"
#include "node/limits/request_limiter.h"
#include "node/store/cluster_clock.h"
#include "node/store/swarm_store.h"
#include "node/tracker/tracker_settings.h"
#include "node/tracker/worker_counters.h"
#include "proto/announce.h"

namespace shoal::node {

// The answer to a web peer. The peers are 18 bytes each: common/web_address.h.
struct WebAnnounced {
  proto::AnnounceAnswer answer;
  common::ByteSpan peers;
};

class Tracker {
 public:
  // `queue` is null when there is no sync channel. All references outlive the tracker.
  Tracker(const TrackerSettings& settings, SwarmStore& store, DeltaQueue* queue, AnnounceCounters& counters,
          uint64_t seed)
      : settings_(std::make_shared<const TrackerSettings>(settings)),
        store_(store),
        queue_(queue),
        counters_(counters),
        prng_(seed) {}

  SwarmStore& store() { return store_; }
  const TrackerSettings& settings() const { return *settings_; }
  std::shared_ptr<const TrackerSettings> shared_settings() const { return settings_; }
  void set_settings(std::shared_ptr<const TrackerSettings> settings) { settings_ = std::move(settings); }

  // Null: nothing is forbidden.
  void set_policy(std::shared_ptr<const AnnouncePolicy> policy) { policy_ = std::move(policy); }

  // Null: nobody is banned.
  void set_bans(std::shared_ptr<const BanIndex> bans) { bans_ = std::move(bans); }
  const BanIndex* bans() const { return bans_.get(); }

  // Whether `peer` may not announce this, and why. Counted.
  Refusal refuses(const proto::AnnounceRequest& request, const common::Endpoint& peer) {
    return policy_ == nullptr ? Refusal::none : judge(request, peer);
  }

  // Whether that address may be announced for a client.
  bool admits(const common::Endpoint& peer) const {
    return policy_ == nullptr || policy_->judge_address(peer) == Refusal::none;
  }

  // Whether the client is in a denied network.
  bool denies(const common::Endpoint& client) const { return policy_ != nullptr && policy_->denies(client); }

  // A swarm that is not served must not be scraped.
  bool hides(const common::InfoHash& hash) const { return policy_ != nullptr && !policy_->allows(hash); }

  // Whether over_rate() needs to be called at all.
  bool limits_requests() const { return settings_->limiter != nullptr && settings_->limiter->on(); }

  // Whether this request exceeds the client's limit and gets no answer; counts it. `proven`: the sender's
  // address is verified; if not, the request is not counted against the client, who may not have sent it.
  // `offences`: told of one in kOverRateSample that are verified, as of so many; null: nobody is.
  bool over_rate(const common::Endpoint& client, bool proven, uint64_t now_us, OffenceWatch* offences);

  // Tells of an announce of this client, whose address is verified, and its answer, right after announce():
  // of what is new in it, and of one in kClientSample of the others, for their clients. `offences`: null:
  // nobody is told.
  void watch(OffenceWatch* offences, const common::Endpoint& client, const proto::AnnounceRequest& request,
             const proto::AnnounceAnswer& answer, uint64_t now_us) const {
    if (offences == nullptr || (!answer.fresh && announces_ % kClientSample != 0)) return;
    const bool new_swarm = answer.fresh && answer.counts.seeders + answer.counts.leechers == 1;
    offences->announced(client, {request.info_hash, request.peer_id, answer.fresh, new_swarm}, now_us);
  }

  // The maximum number of peers for the client, if `fits` peers fit into its answer.
  uint32_t peers_wanted(const proto::AnnounceRequest& request, uint32_t fits) const;

  // `source` is the client's address; its port is not used. Without a port in the request, or from an address
  // that no peer can have, the answer is the same and nothing is stored. The peer spans of the answer point
  // into `buffers`.
  proto::AnnounceAnswer announce(SwarmRef ref, const proto::AnnounceRequest& request,
                                 const common::Endpoint& source, uint32_t want_v4, uint32_t want_v6,
                                 const AnnounceMoments& now, const PeerBuffers& buffers);

  // The same of a web peer, among web peers: `source` is its connection. `buffer` holds `want` peers.
  WebAnnounced announce_web(const proto::AnnounceRequest& request, const common::Endpoint& source,
                            uint32_t want, const AnnounceMoments& now, std::span<uint8_t> buffer);

  // Zeros for a swarm that is unknown or not served.
  proto::SwarmCounts scrape(SwarmRef ref, const common::InfoHash& info_hash) const {
    return hides(info_hash) ? proto::SwarmCounts{} : store_.scrape(ref, info_hash);
  }

  // Of its web peers.
  proto::SwarmCounts scrape_web(const common::InfoHash& info_hash) const {
    return hides(info_hash) ? proto::SwarmCounts{}
                            : store_.scrape_web(store_.locate_web(info_hash), info_hash);
  }

  // Seconds until the next announce, spread by the jitter so that clients do not all return at once.
  uint32_t interval_s() { return jittered(settled_interval_s()); }

  // The same for a leecher that has just started and is all that the swarm has: another one that starts at
  // another node in the same second would otherwise not be told of it for half an hour, nor the other way
  // round.
  static constexpr uint32_t kAloneIntervalS = 60;

 private:
  uint32_t settled_interval_s() const;
  uint32_t jittered(uint32_t interval_s);
  void count(proto::Event event);
  bool refuses_full(const PeerAnswer& stored, proto::AnnounceAnswer& answer);
  void count_stored(const proto::AnnounceRequest& request, const PeerAnswer& stored);
  Refusal judge(const proto::AnnounceRequest& request, const common::Endpoint& peer);

  std::shared_ptr<const TrackerSettings> settings_;
  SwarmStore& store_;
  DeltaQueue* const queue_;
  AnnounceCounters& counters_;
  common::Prng prng_;
  uint32_t announces_ = 0;  // modulo 2^32
  uint32_t over_rate_ = 0;  // verified ones, modulo 2^32
  std::shared_ptr<const AnnouncePolicy> policy_;
  std::shared_ptr<const BanIndex> bans_;
};

}  // namespace shoal::node
