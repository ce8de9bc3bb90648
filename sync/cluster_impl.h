// The inside of Cluster: its state and the steps that work on it. cluster.cc has the public face and what is
// sent, cluster_receive.cc what happens to a datagram, cluster_heartbeat.cc the talk about members.

#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/prng.h"
#include "proto/sync_header.h"
#include "proto/sync_packet.h"
#include "sync/access_log.h"
#include "sync/cluster.h"
#include "sync/cluster_time.h"
#include "sync/complaints.h"
#include "sync/delta_log.h"
#include "sync/donation_desk.h"
#include "sync/keys.h"
#include "sync/membership.h"
#include "sync/newcomers.h"
#include "sync/pull.h"
#include "sync/retransmit_ring.h"
#include "sync/seal.h"
#include "sync/store_ticks.h"

namespace shoal::sync {

// Digests are told so often, and more often while something differs.
constexpr int64_t kDigestsUs = 5'000'000;
constexpr int64_t kDigestsSoonUs = 1'000'000;

// A starting node that gets nothing from members that could give goes without after this long; where they
// are only busy, after the second.
constexpr int64_t kBootstrapMaxUs = 60'000'000;
constexpr int64_t kBootstrapBusyMaxUs = 600'000'000;

// Digests that still differ after so long do not keep a node from serving.
constexpr int64_t kCheckMaxUs = 10'000'000;

// Nodes that count ticks farther apart than this take no records from each other.
constexpr common::Tick kTicksApartMax = 8;

enum class SnapshotState : uint8_t { held, loading, merged };

struct Cluster::Impl {
  Impl(Config settings, Swarms& swarm_store, Now now);

  // cluster.cc
  common::Tick tick(Now now) const { return common::tick_at(time.at_ms(now.mono_us), tick_ms); }
  void publish(Now now, std::span<const proto::OwnDelta> deltas, Outputs& out);
  // Sends what waits, as far as the pace allows.
  void flush(Now now, Outputs& out);
  void send_batch(Now now, size_t deltas_max, Outputs& out);
  // Bytes that every destination of the deltas may be sent now. Where one may be sent none, paced_until_us
  // says until when.
  int64_t paced_bytes(Now now);
  void advance(Now now, Outputs& out);
  Status status(Now now) const;
  void send(const common::Endpoint& to, const SealedPacket& packet, Outputs& out);
  void send(Member& to, const SealedPacket& packet, Outputs& out);
  void send_to_groups(const SealedPacket& packet, Outputs& out);
  // To every member that takes our deltas: by the groups, and by unicast where no group reaches.
  void broadcast(Now now, const SealedPacket& packet, Outputs& out);
  bool anyone_listening(Now now) const;
  int64_t deadline_us() const;
  // What has been announced here and not told, or is kept for resending, is not to be told any more.
  void forget_untold();
  // To be called first by all that takes a `now`.
  void note_stall(Now now, Outputs& out);

  // cluster_receive.cc
  void receive(Now now, const Received& datagram, Outputs& out);
  void apply(Now now, Member& member, const proto::SyncHeader& header, const Received& datagram,
             const proto::SyncPacket& packet, Outputs& out);
  void apply_deltas(Now now, Member& member, const proto::DeltaBatch& batch);
  // Whether it was sent about now, so that its stamps can be read.
  bool timely(Now now, const proto::DeltaBatch& batch) const;
  void hear_rival(Now now, Member& member, const proto::SyncHeader& header, const Received& datagram,
                  Outputs& out);
  void hear_namesake(Now now, const common::Endpoint& from, Outputs& out);
  void complain(Now now, Complaint kind, const std::string& message, const common::Endpoint& from,
                Outputs& out);

  // cluster_trust.cc
  void hear_newcomer(Now now, const proto::SyncHeader& header, const Received& datagram,
                     const proto::SyncPacket& packet, Outputs& out);
  void challenge(Now now, uint64_t incarnation, Newcomer& newcomer, const common::Endpoint& at, Outputs& out);
  // Those that have not answered yet.
  void challenge_newcomers(Now now, Outputs& out);
  void answer_challenge(Now now, const proto::Challenge& challenge, const common::Endpoint& to, Outputs& out);
  // A new member, or a new run of one we know; null: there is no room.
  Member* admit(Now now, const proto::SyncHeader& header, const common::Endpoint& at,
                const proto::ChallengeEcho& echo, const Newcomer& newcomer, Outputs& out);
  void answer_unproven(Now now, const proto::Challenge& challenge, const common::Endpoint& to, Outputs& out);
  // `at`: where the challenge reached it.
  void trust(Now now, const proto::SyncHeader& header, const Received& datagram,
             const proto::ChallengeEcho& echo, const Newcomer& newcomer, const common::Endpoint& at,
             Outputs& out);

  // cluster_addresses.cc
  // Asks it to prove that it is reached there.
  void challenge_at(Now now, Member& member, const common::Endpoint& to, Outputs& out);
  // A packet of its own, which nobody had before, came from there.
  void note_source(Now now, Member& member, const common::Endpoint& from, Outputs& out);
  void apply_echo(Now now, Member& member, const proto::ChallengeEcho& echo, const common::Endpoint& from,
                  Outputs& out);
  void take_address(Now now, Member& member, const common::Endpoint& at, Outputs& out);
  // Which member, or whether this node itself, is behind an address of sync.peers from which nothing comes: a
  // node with several addresses answers from one of them.
  void challenge_seeds(Now now, Outputs& out);
  // A packet of ours came back.
  void hear_own(const proto::SyncHeader& header, const Received& datagram);

  // cluster_keys.cc
  void set_keys(Now now, const std::vector<ClusterKey>& secrets, Outputs& out);
  // Says so if this member cannot open what we seal.
  void check_keys(Now now, const Member& member, Outputs& out);
  void hear_unauthentic(Now now, const proto::SyncHeader& header, const common::Endpoint& from, Outputs& out);

  // cluster_clock.cc
  struct ClockReading {
    int64_t cluster_ms;
    int64_t wall_ahead_ms;
    int64_t uptime_ms;
  };
  void note_clock(Now now, Member& member, const ClockReading& reading, int64_t round_trip_us, Outputs& out);
  void advance_time(Now now, Outputs& out);
  // Cluster time has been stepped.
  void keep_ages(Now now, int64_t stepped_ms);

  // cluster_repair.cc
  void repair_streams(Now now, Outputs& out);
  bool may_ask(const Member& member, int64_t now_us) const;
  void ask_again(Now now, Member& member, Outputs& out);
  void send_again(Now now, Member& member, Outputs& out);
  void apply_nack(Now now, Member& member, const proto::Nack& nack, Outputs& out);
  void apply_gone(Now now, Member& member, const proto::Gone& gone, Outputs& out);
  // Packets of this member are lost beyond resending: the one place where that is found out.
  void note_losses(Now now, Member& member, Outputs& out);
  // Brings repair_deadline_us forward to what this member needs.
  void plan_repair(Now now, const Member& member);
  void send_control(const common::Endpoint& to, const proto::SyncPacket& packet, Outputs& out);

  // cluster_leave.cc
  void leave(Now now, Outputs& out);
  bool left_in_order(Now now) const;
  // To the members that have not heard it yet; plans when to do so again.
  void send_leave(Now now, Outputs& out);
  // This member may not know yet that we left, or not have all that we told.
  bool to_be_told(const Member& member, int64_t now_us) const;
  void apply_leave(Now now, Member& member, const proto::Leave& leave, Outputs& out);

  // cluster_access.cc
  void publish_access(Now now, std::span<const proto::AccessChange> changes, Outputs& out);
  void apply_access_changes(Now now, const proto::AccessChanges& changes, Outputs& out);
  void apply_access_ask(Now now, Member& member, const proto::AccessAsk& ask, Outputs& out);
  // What a heartbeat says of the sender's changes.
  void note_access_digest(Now now, Member& member, uint32_t digest);
  // Asks a member whose changes are not ours.
  void reconcile_access(Now now, Outputs& out);

  // cluster_heartbeat.cc
  // Lists members from this id on, as many as fit.
  proto::Heartbeat make_heartbeat(Now now, uint64_t first_id) const;
  void send_heartbeats(Now now, Outputs& out);
  // One heartbeat at once to each address in `greetings`, which is emptied.
  void send_greetings(Now now, Outputs& out);
  std::vector<common::Endpoint> heartbeat_targets(Now now) const;
  void apply_heartbeat(Now now, Member& member, const proto::SyncHeader& header, const Received& datagram,
                       const proto::Heartbeat& heartbeat, Outputs& out);
  void introduce(Member& member, Outputs& out);
  void check_settings(Now now, Member& member, Outputs& out);
  void learn_members(Now now, Member& teller, const proto::Heartbeat& heartbeat, Outputs& out);
  void hear_about_us(Now now, Member& teller, const proto::Heartbeat& heartbeat,
                     const proto::MemberEntry& entry, Outputs& out);
  // Between our heartbeat that `entry` echoes and now; nothing if it echoes none.
  std::optional<int64_t> measure_round_trip(Now now, Member& member, const proto::MemberEntry& entry);
  void note_silence(Now now, Outputs& out);
  void note_silent_seeds(Now now, Outputs& out);

  // cluster_digests.cc
  void tell_digests(Now now, Outputs& out);
  void apply_digests(Now now, Member& member, const proto::Digests& digests, Outputs& out);
  void apply_cells_ask(Now now, Member& member, const proto::CellsAsk& ask, Outputs& out);
  void apply_cells(Now now, Member& member, const proto::CellDigests& told);
  void heal(Now now, Member& member, Outputs& out);
  void ask_cells(Now now, Member& member, const std::vector<common::Tick>& ticks, bool steady, Outputs& out);
  void pull_cells(Now now, Member& member, Outputs& out);
  // Ticks that differ steadily, and by something that this member may have and we lack.
  std::vector<common::Tick> worth_pulling(const MemberRepair& repair) const;
  bool may_pull_from(const Member& member, int64_t now_us) const;
  bool anyone_differs(int64_t now_us) const;

  // cluster_bootstrap.cc
  // Digests, pulls and phases: what is due of them, and when the next will be.
  void advance_pulls(Now now, Outputs& out);
  void plan_pulls(Now now);
  void advance_waiting(Now now, Outputs& out);
  void advance_checking(Now now, Outputs& out);
  // Before anything else is taken in, and stamped in a time that has been compared with the others': the
  // snapshot.
  bool snapshot_ready(Outputs& out);
  void become_synced(common::LogLevel level, const std::string& message, Outputs& out);
  // Every address of sync.peers is that of a node that has been heard, or our own.
  bool seeds_answered(int64_t now_us) const;
  // Back to the beginning: there is more to pull than digests should find.
  void begin_waiting(Now now);
  void begin_checking(Now now);
  // After a heartbeat of a member that was not known before.
  void note_met(Now now, const Member& member, int64_t uptime_ms, Outputs& out);
  // No member names another that we have not met.
  bool all_met(int64_t now_us) const;

  // cluster_pulls.cc
  // Pulls these parts, none: everything; `differences` is what they are to bring.
  void begin_pull(Now now, Member& member, std::vector<proto::PullPart> parts,
                  std::vector<Difference> differences, Outputs& out);
  void end_pull(Now now, bool good, const std::string& reason, Outputs& out);
  bool apply_frame(Now now, const proto::PullFrame& frame);
  void pull_received(Now now, uint64_t pull, common::ByteSpan bytes, Outputs& out);
  void pull_closed(Now now, uint64_t pull, bool reached, Outputs& out);
  std::unique_ptr<Donation> accept_pull(Now now, const common::Endpoint& from, common::ByteSpan request,
                                        Outputs& out);

  const Config config;
  StoreTicks swarms;
  const std::string wire_name;
  const uint64_t id;
  const ClusterTag tag;
  KeyRing keys;
  const int64_t tick_ms;
  const int64_t started_us;

  ClusterTime time;
  // Our monotonic clock had stood still for so long, as a member's showed at that moment.
  int64_t stood_still_ms = 0;
  int64_t stood_still_us = kLongAgoUs;
  Sealer sealer;
  DeltaLog log;
  AccessLog own_access;  // where the caller has none
  AccessLog& access;
  int64_t unsent_until_us = kLongAgoUs;  // what is published until then was announced before forget_untold()
  int64_t paced_until_us = kLongAgoUs;
  std::vector<TokenBucket> group_pace;  // by group
  RetransmitRing ring;
  Membership members;
  Newcomers newcomers;
  TokenBucket challenge_bucket{200, 64};  // challenges and echoes, not bytes
  std::vector<common::Endpoint> seeds;
  std::set<common::Endpoint> own_seeds;              // of those: our own
  std::map<common::Endpoint, int64_t> silent_seeds;  // nothing came from there since then
  std::vector<common::Endpoint> greetings;
  uint64_t seed_cursor = 0;  // id of the member from which the next are challenged at a silent seed
  common::Prng prng;
  const proto::ChallengeNonce own_secret;  // of the challenges that we pose to ourselves
  Complaints complaints;
  NameClash own_clash;
  int64_t called_us;  // when we were called last
  int64_t next_heartbeat_us;
  int64_t repair_deadline_us = Gaps::kNever;
  int64_t access_deadline_us = Gaps::kNever;
  int64_t access_asked_us = kLongAgoUs;
  bool access_in_step = false;
  uint64_t heartbeats = 0;   // rounds sent
  uint64_t list_cursor = 0;  // id from which the next heartbeat lists members
  uint32_t load_permille = 0;
  bool left = false;  // then next_heartbeat_us is when to say so again
  SyncPhase phase = SyncPhase::waiting;
  SnapshotState snapshot = config.snapshot ? SnapshotState::held : SnapshotState::merged;
  bool alone = false;          // synced, since there was nobody to pull from
  int64_t waiting_since_us;    // for the first time, or again
  int64_t alone_since_us;      // waiting: no member that could give has been known
  int64_t bootstrap_until_us;  // waiting: members that give nothing are put up with until then
  int64_t check_until_us = 0;  // checking
  int64_t next_digests_us = 0;
  bool ask_digests =
      false;  // a pull has brought news: the others are asked for theirs when we next tell ours
  int64_t pulls_deadline_us = 0;
  std::unique_ptr<Pull> pull;  // underway
  VainDifferences vain;
  uint64_t pull_number = 0;
  std::shared_ptr<DonationDesk> desk;
  Stats stats;
};

// "name" of a member, or its id in hex before the first heartbeat.
std::string display_name(const Member& member);

}  // namespace shoal::sync
