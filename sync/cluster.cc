#include "sync/cluster.h"

#include <algorithm>
#include <limits>
#include <string>
#include <tuple>
#include <utility>

#include "common/check.h"
#include "common/prng.h"
#include "proto/sync_header.h"
#include "proto/sync_packet.h"
#include "sync/access_gossip.h"
#include "sync/addresses.h"
#include "sync/ban_gossip.h"
#include "sync/bootstrap.h"
#include "sync/challenges.h"
#include "sync/clock.h"
#include "sync/complaints.h"
#include "sync/delta_receiver.h"
#include "sync/delta_sender.h"
#include "sync/departure.h"
#include "sync/detours.h"
#include "sync/donations.h"
#include "sync/forgetting.h"
#include "sync/heartbeats.h"
#include "sync/key_checks.h"
#include "sync/live_runs.h"
#include "sync/membership.h"
#include "sync/messages.h"
#include "sync/named_peers.h"
#include "sync/namesakes.h"
#include "sync/pulls.h"
#include "sync/relays.h"
#include "sync/repair.h"
#include "sync/seal.h"
#include "sync/sender.h"
#include "sync/sites.h"
#include "sync/store_ticks.h"
#include "sync/trust.h"

namespace shoal::sync {

namespace {

// If called this much later than asked for, it was this node that stood still. Anything shorter makes no
// member suspect.
constexpr int64_t kStallUs = 2 * kHeartbeatUs;

// What was sent meanwhile may still be in our receive buffer: it is not asked for before that is read.
constexpr int64_t kAfterStallUs = 200'000;

// After a stall of so many ticks what was announced before it is not sent any more: stamps are read modulo
// 256.
constexpr int64_t kStampsKeepTicks = common::kLifetimeTicks / 2;

constexpr int64_t kNever = std::numeric_limits<int64_t>::max();

std::vector<ClusterKey> secrets(const Config& config) {
  CHECK_INVARIANT(!config.keys.empty() || config.insecure);
  return config.keys.empty() ? std::vector<ClusterKey>{insecure_key(config.cluster)} : config.keys;
}

// A secret of this run, apart from what else is drawn from the seed.
common::SipKey key_of_hashes(const Config& config) {
  common::Prng prng(config.seed ^ 0x6861736865732e00);
  common::SipKey key;
  for (uint8_t& byte : key) byte = static_cast<uint8_t>(prng.next() >> 32);
  return key;
}

}  // namespace

// The parts, which own their state; the path of a datagram to the part it is for; and the timers.
class Cluster::Impl {
 public:
  Impl(const Config& config, Swarms& store, Now now)
      : cluster_(config.cluster),
        identity_(config, now),
        keys_(secrets(config), cluster_),
        prng_(config.seed ^ identity_.incarnation ^ identity_.id),
        live_runs_(identity_.incarnation),
        swarms_(store, &live_runs_),
        members_(config.pace_bytes_per_s),
        clock_(identity_, members_, swarms_, complaints_, now, [this] { delta_sender_.forget_unsent(); }),
        sender_(identity_, keys_, members_, config.multicast_groups, config.pace_bytes_per_s),
        departure_(sender_, members_),
        forgetting_(sender_, members_, complaints_),
        relays_(identity_, sender_, members_, departure_),
        sites_(identity_, sender_, members_),
        delta_sender_(identity_, sender_, members_, clock_, swarms_, key_of_hashes(config)),
        delta_receiver_(identity_, sender_, clock_, swarms_, complaints_),
        challenges_(identity_, sender_, clock_, departure_),
        addresses_(identity_, keys_, members_, challenges_, complaints_, prng_),
        namesakes_(identity_, members_, sender_, challenges_, complaints_, prng_),
        trust_(identity_, members_, challenges_, namesakes_, delta_receiver_, complaints_, prng_),
        named_peers_(phase_, addresses_, members_, trust_, namesakes_, departure_),
        key_checks_(keys_, complaints_),
        ban_log_(config.ban_log != nullptr ? *config.ban_log : own_ban_log_),
        access_(config.access_log, sender_, members_, clock_, complaints_, prng_),
        bans_(&ban_log_, sender_, members_, clock_, complaints_, prng_),
        pulls_(sender_, keys_, members_, clock_, swarms_, departure_, pull_timer_, complaints_, prng_),
        repair_(identity_, phase_, sender_, members_, clock_, swarms_, pulls_, pull_timer_, prng_),
        bootstrap_(identity_, phase_, members_, addresses_, namesakes_, departure_, greetings_, repair_,
                   pulls_, pull_timer_, config.peers_named, config.snapshot),
        detours_(phase_, addresses_, members_, clock_, pulls_, sender_, departure_),
        donations_(identity_, keys_, members_, clock_, swarms_, departure_, config.donate_bytes_per_s),
        heartbeats_({identity_, keys_, members_, sender_, clock_, addresses_, delta_receiver_, access_, bans_,
                     key_checks_, bootstrap_, departure_, greetings_, sites_, complaints_}),
        called_us_(now.mono_us),
        next_heartbeat_us_(now.mono_us) {}

  void set_peers(std::vector<NamedPeer> peers) {
    // A new one is greeted at once.
    if (named_peers_.set(std::move(peers), called_us_)) next_heartbeat_us_ = kLongAgoUs;
  }

  void set_keys(Now now, const std::vector<ClusterKey>& secrets, Outputs& out);
  void set_pace(int64_t pace_bytes_per_s, int64_t donate_bytes_per_s);
  void set_load(uint32_t permille) { heartbeats_.set_load(permille); }
  void receive(Now now, const Received& datagram, Outputs& out);
  void publish(Now now, std::span<const proto::OwnDelta> deltas, Outputs& out);
  void publish_access(Now now, std::span<const proto::AccessChange> changes, Outputs& out) {
    access_.publish(now, changes, out);
  }
  void publish_access(Now now, const proto::ForgottenOrigin& origin, Outputs& out) {
    access_.publish_origin(now, origin, out);
  }
  void publish_bans(Now now, std::span<const proto::BanChange> changes, Outputs& out) {
    bans_.publish(now, changes, out);
  }
  void publish_bans(Now now, const proto::ForgottenOrigin& origin, Outputs& out) {
    bans_.publish_origin(now, origin, out);
  }
  void announce_client_load(Now now, const proto::ClientLoad& load, Outputs& out) {
    sender_.broadcast(now, load, out);
  }
  void relay(Now now, uint64_t run, std::span<const uint8_t> message, Outputs& out) {
    detect_stall(now, out);
    relays_.send(now, run, message, out);
  }
  bool is_live_run(uint64_t run) const { return live_runs_.contains(run); }
  void advance(Now now, Outputs& out);
  int64_t deadline_us() const;
  void leave(Now now, Outputs& out);
  Forgotten forget(Now now, std::string_view name, Outputs& out) {
    detect_stall(now, out);
    return forgetting_.forget(now, name, out);
  }
  bool left_in_order(Now now) const { return departure_.complete(now); }
  void pull_received(Now now, uint64_t pull, common::ByteSpan bytes, Outputs& out);
  void pull_closed(Now now, uint64_t pull, const std::string& trouble, Outputs& out);
  std::unique_ptr<Donation> accept_pull(Now now, common::ByteSpan request) {
    return donations_.accept(now, request);
  }
  int64_t time_offset_ms() const { return clock_.time().offset_ms(); }
  common::Tick store_ticks_behind() const { return swarms_.ahead(); }
  void snapshot_merged(Now now, bool held);
  Status status(Now now) const;

 private:
  // To be called first by all that take a `now`.
  void detect_stall(Now now, Outputs& out);

  // From anything at all to a delivered message, cheapest check first. Nothing is answered, and nothing of
  // what we know is changed, before a key has opened the packet.
  void receive_packet(Now now, const proto::SyncHeader& header, const Received& datagram, Outputs& out);
  void receive_from_stranger(Now now, const proto::SyncHeader& header, const Received& datagram,
                             const proto::SyncPacket& packet, Outputs& out);
  void deliver_to_parts(const Arrival& arrival, const proto::SyncPacket& packet, Outputs& out);

  // Asks for and sends again what is due, of all members.
  void resend_and_request(Now now, Outputs& out);
  // The same is done for this member no later than it needs.
  void schedule_resending(Now now, const Member& member);

  // Digests, pulls and phases: does what is due of them.
  void advance_pulls(Now now, Outputs& out);
  void pull_ended(Now now, const std::optional<Pulls::Ended>& ended, Outputs& out);
  // Sets the timer of advance_pulls() anew, if a part has asked for it.
  void plan_pulls(Now now);

  const std::string cluster_;
  const Identity identity_;
  KeyRing keys_;
  common::Prng prng_;
  LiveRuns live_runs_;
  StoreTicks swarms_;
  Complaints complaints_;
  Greetings greetings_;
  PullTimer pull_timer_;
  Phase phase_{SyncPhase::waiting};
  Membership members_;
  Clock clock_;
  Sender sender_;
  Departure departure_;
  Forgetting forgetting_;
  Relays relays_;
  Sites sites_;
  DeltaSender delta_sender_;
  DeltaReceiver delta_receiver_;
  Challenges challenges_;
  Addresses addresses_;
  Namesakes namesakes_;
  Trust trust_;
  NamedPeers named_peers_;
  KeyChecks key_checks_;
  BanLog own_ban_log_;
  BanLog& ban_log_;
  AccessGossip access_;
  BanGossip bans_;
  Pulls pulls_;
  Repair repair_;
  Bootstrap bootstrap_;
  Detours detours_;
  Donations donations_;
  Heartbeats heartbeats_;
  ReceiverStats stats_;
  uint64_t dropped_refused_ = 0;
  int64_t called_us_;          // when we were called last
  int64_t next_heartbeat_us_;  // once we left: when to say so again
  int64_t resend_us_ = kNever;
};

void Cluster::Impl::set_keys(Now now, const std::vector<ClusterKey>& secrets, Outputs& out) {
  detect_stall(now, out);
  const KeyRing next(secrets, cluster_);
  // So that what is kept for resending opens for members that drop the old key next.
  if (next.sealing().key != keys_.sealing().key) delta_sender_.reseal(keys_, next.sealing());
  keys_ = next;
  next_heartbeat_us_ = now.mono_us;
  for (const auto& [id, member] : members_.all()) key_checks_.check(now, member, out);
}

void Cluster::Impl::set_pace(int64_t pace_bytes_per_s, int64_t donate_bytes_per_s) {
  members_.set_pace(pace_bytes_per_s);
  sender_.set_pace(pace_bytes_per_s);
  delta_sender_.set_pace(pace_bytes_per_s);
  access_.set_pace(pace_bytes_per_s);
  bans_.set_pace(pace_bytes_per_s);
  relays_.set_pace(pace_bytes_per_s);
  sites_.set_pace(pace_bytes_per_s);
  donations_.set_pace(donate_bytes_per_s);
}

void Cluster::Impl::receive(Now now, const Received& datagram, Outputs& out) {
  detect_stall(now, out);
  ++stats_.datagrams_received;
  stats_.bytes_received += datagram.bytes.size();
  const auto header = proto::parse_sync_header(datagram.bytes);
  if (!header && header.error() == proto::SyncHeaderFault::other_major) {
    ++stats_.dropped_foreign;
    named_peers_.heard(now, datagram.from, {.kind = Strangeness::other_version, .major = datagram.bytes[3]});
    return complaints_.log(now, Complaint::other_major,
                           "sync datagrams of protocol version " + std::to_string(datagram.bytes[3]) +
                               " arrive, and this node speaks " + std::to_string(proto::kSyncMajor) +
                               ": all nodes need the same major version",
                           datagram.from, out);
  }
  if (!header || header->stream > proto::SyncStream::control || datagram.from.port == 0) {
    ++stats_.dropped_malformed;
    return;
  }
  if (header->cluster_tag != identity_.tag) {
    ++stats_.dropped_foreign;
    named_peers_.heard(now, datagram.from, {.kind = Strangeness::other_cluster, .key_id = header->key_id});
    return complaints_.log(now, Complaint::other_cluster,
                           "sync datagrams of another cluster arrive; is sync.cluster the same on all nodes?",
                           datagram.from, out);
  }
  if (header->node_id == identity_.id && header->incarnation == identity_.incarnation) {
    return addresses_.receive_own(now, *header, datagram);
  }
  receive_packet(now, *header, datagram, out);
  plan_pulls(now);
}

void Cluster::Impl::receive_packet(Now now, const proto::SyncHeader& header, const Received& datagram,
                                   Outputs& out) {
  Member* member = members_.find(header.node_id);
  if (member != nullptr && member->incarnation() == header.incarnation &&
      !member->window(header.stream).fresh(header.sequence)) {
    ++stats_.dropped_replayed;
    return;
  }
  const auto body = open_sealed(keys_, header, datagram.bytes);
  if (!body) {
    ++stats_.dropped_unauthentic;
    named_peers_.heard(now, datagram.from,
                       {.kind = keys_.holds(header.key_id) ? Strangeness::altered : Strangeness::other_key,
                        .key_id = header.key_id});
    return key_checks_.unauthentic(now, header, datagram.from, out);
  }
  // One that was silent for long has to prove itself again. Otherwise packets that were sent to others and
  // never reached us could be replayed to make a dead node look alive.
  const bool own_id = header.node_id == identity_.id;
  const bool strange = own_id || member == nullptr || header.incarnation != member->incarnation() ||
                       member->silent(now.mono_us);
  // Of a stranger's deltas only their sequence is of use: what they say need not be read, and proves nothing.
  const bool read = !strange || header.stream == proto::SyncStream::control;
  const auto packet = read ? proto::decode_sync_packet(*body) : proto::SyncPacket{};
  if (!packet) {
    ++stats_.dropped_malformed;
    return;
  }
  const bool forwarded = sites_.is_forwarded(now, header, member, datagram);
  if (forwarded && strange) return sites_.count_unknown();
  if (own_id) {
    ++dropped_refused_;
    return namesakes_.receive_own_id(now, header, *packet, datagram.from, out);
  }
  if (strange) return receive_from_stranger(now, header, datagram, *packet, out);
  ReplayWindow& window = member->window(header.stream);
  if (header.sequence > window.highest() && !forwarded) member->heard(now.mono_us);  // for the same reason
  window.mark(header.sequence);
  if (header.stream == proto::SyncStream::deltas) {
    delta_receiver_.arrived(now, *member, header.sequence, out);
  }
  deliver_to_parts({now, *member, header, datagram}, *packet, out);
  if (forwarded) {
    sites_.count_forwarded();
  } else if (header.stream == proto::SyncStream::deltas) {
    sites_.pass_on({now, *member, header, datagram}, out);
  }
  schedule_resending(now, *member);
  heartbeats_.send_greetings(now, out);
}

void Cluster::Impl::receive_from_stranger(Now now, const proto::SyncHeader& header, const Received& datagram,
                                          const proto::SyncPacket& packet, Outputs& out) {
  detours_.asked(now, datagram.from);
  const std::optional<Trust::Trusted> trusted = trust_.receive(now, header, datagram, packet, out);
  if (!trusted) return;
  Member& member = trusted->member;
  live_runs_.update(members_, now.mono_us, out);
  const auto& echo = std::get<proto::ChallengeEcho>(packet);
  addresses_.confirm(member, trusted->at);
  member.add_round_trip(trusted->round_trip_us);
  clock_.add_reading(now, member, {echo.unix_ms, echo.wall_ahead_ms, echo.uptime_ms}, trusted->round_trip_us,
                     out);
  delta_receiver_.announced(now, member, echo.delta_sequence);
  member.heard(now.mono_us);
  member.hears_us_until(now.mono_us + kHearsUsUs);
  ReplayWindow& window = member.window(proto::SyncStream::control);
  window.mark(header.sequence);
  deliver_to_parts({now, member, header, datagram}, packet, out);
  if (trusted->said && window.fresh(trusted->said->sequence)) {
    proto::SyncHeader said = header;
    said.sequence = trusted->said->sequence;
    window.mark(said.sequence);
    deliver_to_parts({now, member, said, {trusted->said->from, trusted->said->group, {}}},
                     trusted->said->heartbeat, out);
  }
  schedule_resending(now, member);
  repair_.trusted(now, member);
  greetings_.add(member.address());
  heartbeats_.send_greetings(now, out);
}

void Cluster::Impl::deliver_to_parts(const Arrival& arrival, const proto::SyncPacket& packet, Outputs& out) {
  arrival.member.count_datagram(arrival.datagram.bytes.size());
  if (const auto* echo = std::get_if<proto::ChallengeEcho>(&packet)) {
    Namesakes::hear(arrival.now, arrival.member, *echo);
  }
  if (const auto* challenge = std::get_if<proto::Challenge>(&packet);
      challenge && challenges_.is_for_us(*challenge)) {
    detours_.asked(arrival.now, arrival.datagram.from);
  }
  if (arrival.datagram.group) arrival.member.heard_by_group(arrival.now.mono_us);
  deliver(arrival, packet, out, heartbeats_, delta_receiver_, delta_sender_, challenges_, addresses_, repair_,
          access_, bans_, donations_, namesakes_, forgetting_, relays_);
}

void Cluster::Impl::publish(Now now, std::span<const proto::OwnDelta> deltas, Outputs& out) {
  detect_stall(now, out);
  delta_sender_.publish(now, deltas, out);
}

void Cluster::Impl::advance(Now now, Outputs& out) {
  detect_stall(now, out);
  if (now.mono_us >= delta_sender_.flush_us()) delta_sender_.flush(now, out);
  if (now.mono_us >= resend_us_) resend_and_request(now, out);
  if (now.mono_us >= access_.deadline_us()) access_.advance(now, out);
  if (now.mono_us >= bans_.deadline_us()) bans_.advance(now, out);
  if (now.mono_us >= relays_.deadline_us()) relays_.advance(now, out);
  if (now.mono_us >= pull_timer_.due_us()) advance_pulls(now, out);
  if (now.mono_us >= namesakes_.due_us()) {
    namesakes_.advance(now, out);
    trust_.challenge_again(now, out);
  }
  if (now.mono_us < next_heartbeat_us_) return;
  if (departure_.left()) {
    next_heartbeat_us_ = departure_.announce(now, out);
    return;
  }
  heartbeats_.log_states(now, out);
  live_runs_.update(members_, now.mono_us, out);
  relays_.forget_partial(now);
  addresses_.log_silent_seeds(now, out);
  named_peers_.advance(now, out);
  for (auto& [id, member] : members_.all()) delta_receiver_.sample(now, member, members_.all().size());
  delta_sender_.forget_old(now);
  clock_.advance(now, out);
  ban_log_.expire(clock_.at_ms(now));
  delta_sender_.publish(now, swarms_.restate(clock_.moment(now)), out);
  members_.forget(now.mono_us);
  trust_.forget(now);
  trust_.challenge_again(now, out);
  forgetting_.advance(now, out);
  detours_.advance(now, out);
  plan_pulls(now);
  sites_.advance(now);
  heartbeats_.send_round(now, out);
  // A tenth of jitter either way, so that nodes started together do not stay in step.
  next_heartbeat_us_ = now.mono_us + kHeartbeatUs * 9 / 10 + prng_.below(kHeartbeatUs / 5);
}

int64_t Cluster::Impl::deadline_us() const {
  return std::min({delta_sender_.flush_us(), resend_us_, pull_timer_.due_us(), access_.deadline_us(),
                   bans_.deadline_us(), relays_.deadline_us(), namesakes_.due_us(), next_heartbeat_us_});
}

void Cluster::Impl::resend_and_request(Now now, Outputs& out) {
  resend_us_ = kNever;
  for (auto& [id, member] : members_.all()) {
    delta_receiver_.request_missing(now, member, out);
    delta_sender_.resend(now, member, out);
    schedule_resending(now, member);
  }
}

void Cluster::Impl::schedule_resending(Now now, const Member& member) {
  resend_us_ =
      std::min({resend_us_, DeltaReceiver::request_us(member, now.mono_us), DeltaSender::resend_us(member)});
}

void Cluster::Impl::advance_pulls(Now now, Outputs& out) {
  donations_.follow_clock();
  pull_ended(now, pulls_.expire(now, out), out);
  repair_.pull_due_cells(now, out);
  repair_.advance_sketch(now, out);
  bootstrap_.advance(now, out);
  repair_.announce(now, out);
  pull_timer_.request_plan();
  plan_pulls(now);
}

void Cluster::Impl::pull_ended(Now now, const std::optional<Pulls::Ended>& ended, Outputs& out) {
  if (!ended) return;
  repair_.pull_ended(now, *ended);
  bootstrap_.pull_ended(now, *ended, out);
  detours_.pull_ended(now, *ended);
}

void Cluster::Impl::plan_pulls(Now now) {
  if (!pull_timer_.stale()) return;
  const int64_t announce_us = departure_.left() ? kNever : repair_.announce_us();
  const int64_t expire_us = pulls_.running() != nullptr ? pulls_.running()->deadline_us() : kNever;
  const int64_t due_us =
      std::min({announce_us, expire_us, repair_.cells_us(), repair_.sketch_us(now), bootstrap_.look_us(now)});
  pull_timer_.set(std::max(due_us, now.mono_us + 1));
}

void Cluster::Impl::leave(Now now, Outputs& out) {
  detect_stall(now, out);
  if (departure_.left()) return;
  delta_sender_.flush_all(now, out);
  departure_.begin();
  pulls_.abort(out);
  pull_timer_.request_plan();
  plan_pulls(now);
  next_heartbeat_us_ = departure_.announce(now, out);
}

void Cluster::Impl::pull_received(Now now, uint64_t pull, common::ByteSpan bytes, Outputs& out) {
  pull_ended(now, pulls_.received(now, pull, bytes, out), out);
  plan_pulls(now);
}

void Cluster::Impl::pull_closed(Now now, uint64_t pull, const std::string& trouble, Outputs& out) {
  pull_ended(now, pulls_.closed(now, pull, trouble, out), out);
  plan_pulls(now);
}

void Cluster::Impl::snapshot_merged(Now now, bool held) {
  if (held) named_peers_.held_before();
  bootstrap_.snapshot_merged();
  plan_pulls(now);
}

void Cluster::Impl::detect_stall(Now now, Outputs& out) {
  const int64_t late_us = now.mono_us - std::max(called_us_, deadline_us());
  called_us_ = now.mono_us;
  if (late_us < kStallUs) return;
  ++stats_.stalls;
  members_.excuse(late_us);
  for (auto& [id, member] : members_.all()) delta_receiver_.request_from(member, now.mono_us + kAfterStallUs);
  if (late_us >= kStampsKeepTicks * identity_.tick_ms * 1000) delta_sender_.forget_stalled(now);
  // After this long, what was sent first meanwhile is not kept for resending any more.
  if (late_us >= RetransmitRing::kKeepUs) bootstrap_.stalled(now);
  plan_pulls(now);
  if (!complaints_.due(Complaint::stall, now.mono_us)) return;
  out.logs.push_back({common::LogLevel::warn,
                      "this node itself stood still; members are not blamed for the silence",
                      {{"for_ms", std::to_string(late_us / 1000)}}});
}

Status Cluster::Impl::status(Now now) const {
  Status out;
  out.id = identity_.id;
  out.incarnation = identity_.incarnation;
  out.wall_ahead_ms = clock_.time().wall_ahead_ms();
  out.wall_off = clock_.time().wall_off();
  out.waiting = delta_sender_.waiting();
  out.phase = *phase_;
  if (out.phase == SyncPhase::bootstrapping && pulls_.running() != nullptr) {
    out.donor = pulls_.running()->purpose().member_name;
    out.percent = pulls_.running()->percent();
  }
  out.access_in_step = access_.in_step();
  for (const auto& [id, member] : members_.all()) {
    out.members.push_back(status_of(member, now));
    if (member.met(now.mono_us)) continue;
    for (const auto& [other, until_us] : member.profile->heard_by) {
      const auto found = members_.all().find(other);
      if (now.mono_us >= until_us || found == members_.all().end()) continue;
      out.members.back().heard_by.push_back(found->second.display_name());
    }
  }
  std::sort(out.members.begin(), out.members.end(), [](const MemberStatus& a, const MemberStatus& b) {
    return std::tie(a.name, a.id) < std::tie(b.name, b.id);
  });
  named_peers_.report(now, out);
  out.name_taken_by = namesakes_.taken_by(now.mono_us);
  out.namesake = namesakes_.claimant(now.mono_us);
  static_cast<SenderStats&>(out.stats) = sender_.stats();
  static_cast<ReceiverStats&>(out.stats) = stats_;
  static_cast<DeltaSenderStats&>(out.stats) = delta_sender_.stats();
  static_cast<DeltaReceiverStats&>(out.stats) = delta_receiver_.stats();
  static_cast<ClockStats&>(out.stats) = clock_.stats();
  static_cast<ChallengeStats&>(out.stats) = challenges_.stats();
  static_cast<TrustStats&>(out.stats) = trust_.stats();
  out.stats.access = access_.stats();
  out.stats.bans = bans_.stats();
  static_cast<RepairStats&>(out.stats) = repair_.stats();
  static_cast<PullStats&>(out.stats) = pulls_.stats();
  static_cast<DonationStats&>(out.stats) = donations_.stats();
  static_cast<RelayStats&>(out.stats) = relays_.stats();
  static_cast<SiteStats&>(out.stats) = sites_.stats();
  out.stats.web_records_refused = swarms_.refused();
  out.stats.web_deltas_kept = delta_sender_.web_deltas_kept();
  out.stats.dropped_repair = delta_sender_.dropped_repair() + repair_.dropped_repair();
  out.stats.dropped_refused = dropped_refused_ + trust_.dropped_refused() + repair_.dropped_refused() +
                              delta_receiver_.dropped_refused();
  return out;
}

Cluster::Cluster(const Config& config, Swarms& swarms, Now now)
    : impl_(std::make_unique<Impl>(config, swarms, now)) {}

Cluster::~Cluster() = default;

void Cluster::set_peers(std::vector<NamedPeer> peers) { impl_->set_peers(std::move(peers)); }

void Cluster::set_seeds(const std::vector<common::Endpoint>& seeds) {
  std::vector<NamedPeer> peers;
  peers.reserve(seeds.size());
  for (const common::Endpoint& seed : seeds) peers.push_back({to_string(seed), {seed}, {}});
  set_peers(std::move(peers));
}

void Cluster::set_keys(Now now, const std::vector<ClusterKey>& keys, Outputs& out) {
  impl_->set_keys(now, keys, out);
}

void Cluster::set_pace(int64_t pace_bytes_per_s, int64_t donate_bytes_per_s) {
  impl_->set_pace(pace_bytes_per_s, donate_bytes_per_s);
}

void Cluster::set_load(uint32_t permille) { impl_->set_load(permille); }

void Cluster::receive(Now now, const Received& datagram, Outputs& out) { impl_->receive(now, datagram, out); }

void Cluster::publish(Now now, std::span<const proto::OwnDelta> deltas, Outputs& out) {
  impl_->publish(now, deltas, out);
}

void Cluster::publish_access(Now now, std::span<const proto::AccessChange> changes, Outputs& out) {
  impl_->publish_access(now, changes, out);
}

void Cluster::publish_access(Now now, const proto::ForgottenOrigin& origin, Outputs& out) {
  impl_->publish_access(now, origin, out);
}

void Cluster::publish_bans(Now now, std::span<const proto::BanChange> changes, Outputs& out) {
  impl_->publish_bans(now, changes, out);
}

void Cluster::publish_bans(Now now, const proto::ForgottenOrigin& origin, Outputs& out) {
  impl_->publish_bans(now, origin, out);
}

void Cluster::announce_client_load(Now now, uint32_t announces_per_s, uint32_t interval_s, Outputs& out) {
  impl_->announce_client_load(now, {announces_per_s, interval_s}, out);
}

void Cluster::relay(Now now, uint64_t run, std::span<const uint8_t> message, Outputs& out) {
  impl_->relay(now, run, message, out);
}

bool Cluster::is_live_run(uint64_t run) const { return impl_->is_live_run(run); }

void Cluster::advance(Now now, Outputs& out) { impl_->advance(now, out); }

int64_t Cluster::deadline_us() const { return impl_->deadline_us(); }

void Cluster::leave(Now now, Outputs& out) { impl_->leave(now, out); }

Forgotten Cluster::forget(Now now, std::string_view name, Outputs& out) {
  return impl_->forget(now, name, out);
}

bool Cluster::left_in_order(Now now) const { return impl_->left_in_order(now); }

void Cluster::pull_received(Now now, uint64_t pull, common::ByteSpan bytes, Outputs& out) {
  impl_->pull_received(now, pull, bytes, out);
}

void Cluster::pull_closed(Now now, uint64_t pull, const std::string& trouble, Outputs& out) {
  impl_->pull_closed(now, pull, trouble, out);
}

std::unique_ptr<Donation> Cluster::accept_pull(Now now, common::ByteSpan request) {
  return impl_->accept_pull(now, request);
}

int64_t Cluster::time_offset_ms() const { return impl_->time_offset_ms(); }

common::Tick Cluster::store_ticks_behind() const { return impl_->store_ticks_behind(); }

void Cluster::snapshot_merged(Now now, bool held) { impl_->snapshot_merged(now, held); }

Status Cluster::status(Now now) const { return impl_->status(now); }

}  // namespace shoal::sync
