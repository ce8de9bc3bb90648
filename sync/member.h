// Member: another node of the cluster as this one knows it, in one of its incarnations. What a part of the
// Cluster needs to know about a member is an Owned of that part.

#pragma once

#include <algorithm>
#include <bitset>
#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/endpoint.h"
#include "proto/sync_header.h"
#include "proto/sync_packet.h"
#include "sync/deltas_aside.h"
#include "sync/gaps.h"
#include "sync/heard_hashes.h"
#include "sync/keys.h"
#include "sync/loss_rate.h"
#include "sync/member_repair.h"
#include "sync/name_clash.h"
#include "sync/owned.h"
#include "sync/replay_window.h"
#include "sync/status.h"
#include "sync/token_bucket.h"

namespace shoal::sync {

template <class Wire>
class TableGossip;
struct AccessWire;
struct BanWire;
class Addresses;
class Clock;
class DeltaReceiver;
class DeltaSender;
class Departure;
class Detours;
class Donations;
class Heartbeats;
class Namesakes;
class Pulls;
class Relays;
class Repair;
class Sender;
class Sites;

constexpr int64_t kHeartbeatUs = 500'000;
constexpr int64_t kSuspectAfterUs = 5 * kHeartbeatUs;
constexpr int64_t kDownAfterUs = 15 * kHeartbeatUs;

// An echo, or an entry of its list, says that a member hears us: for this long.
constexpr int64_t kHearsUsUs = kDownAfterUs + 4 * kHeartbeatUs;

constexpr int64_t kLongAgoUs = std::numeric_limits<int64_t>::min() / 2;

// How recently a member has been heard; travels in member lists.
enum class Liveness : uint8_t { alive, suspect, down };

// Where a member is reached.
struct MemberReach {
  common::Endpoint address;  // where to send: what it advertises and is proven, or else its source address
  bool advertises = false;   // and that is proven
  // Where its packets come from and a challenge has reached it.
  common::Endpoint source;
  std::optional<common::Endpoint> moving_to{};       // its packets come from there now, unproven
  int64_t moving_us = kLongAgoUs;                    // when it was challenged there
  std::map<common::Endpoint, int64_t> reached_at{};  // other addresses that reach it, and when they did
  // What it advertises is used once a challenge has reached it there.
  std::optional<common::Endpoint> advertised{};
  int64_t next_proof_us = kLongAgoUs;  // it is challenged there next
  int64_t proof_pause_us = 0;
  proto::ChallengeNonce secret{};  // of challenges at its addresses
  int64_t secret_us = kLongAgoUs;  // when it was drawn
};

// What a member's heartbeats say.
struct MemberProfile {
  std::string name;  // empty before its first heartbeat, unless known from an earlier incarnation
  uint32_t peer_timeout_s = 0;
  std::vector<KeyId> key_ids;
  uint32_t protocol_minor = 0;
  std::string version;  // of its program
  uint32_t load_permille = 0;
  uint32_t loss_out_permille = 0;            // of our delta packets, as it reports
  int64_t hears_us_ago_ms = 0;               // it heard us last so long before its newest report
  bool web = false;                          // it takes records of web peers, and relays
  bool numbered = false;                     // it reads deltas whose info_hashes come by number
  bool sketches = false;                     // it answers pulls by sketches
  bool synced = false;                       // it reports that its state is complete
  std::string refused;                       // why no deltas are exchanged with it; empty: they are
  bool names_other_run = false;              // it takes us for another run of this node
  bool introduced = false;                   // its first heartbeat has arrived
  uint64_t newest_heartbeat = 0;             // control sequence; older ones say nothing new
  int64_t newest_heartbeat_us = kLongAgoUs;  // when it arrived
  uint32_t heartbeats = 0;                   // that said something new
  uint32_t list_parts = 0;                   // so many of its heartbeats name all members it knows
  uint32_t echo_us = 0;                      // send_us of its newest heartbeat
  Liveness logged_state = Liveness::alive;   // as last logged
  int64_t leave_answered_us = kLongAgoUs;    // when it was last told that we know it leaves
  uint32_t announces_per_s = 0;              // of its clients
  uint32_t interval_s = 0;                   // that it gives its clients
  bool logged_deaf = false;                  // as last logged: it does not hear us
  // Not while it is met: members that hear it, by what they say, and until when that holds.
  std::map<uint64_t, int64_t> heard_by;
};

// A member's clocks, by our monotonic one (milliseconds): cluster time, wall clock, when it started.
struct MemberClock {
  bool known = false;
  int64_t offset_ms = 0;
  int64_t wall_offset_ms = 0;
  int64_t started_ms = 0;
  // Its clock once showed that ours had stood still: for how long, and when it did.
  int64_t stood_still_ms = 0;
  int64_t stood_still_us = kLongAgoUs;
};

// A member's delta stream, as it arrives.
struct MemberStream {
  Gaps gaps;
  LossRate loss;
  uint64_t handled_lost = 0;  // of gaps.lost(), so many have been counted and logged
  int64_t next_nack_us = kLongAgoUs;
  HeardHashes heard;
  DeltasAside aside;
  uint64_t whole_up_to = 0;          // while deltas are aside: the packets up to here have none
  int64_t ask_from_us = kLongAgoUs;  // info_hashes are not asked for before
  uint64_t nacks_sent = 0;
  uint64_t deltas_received = 0;
  int64_t lag_us = 0;  // smoothed
};

// Our delta packets that a member has asked for.
struct MemberResend {
  // Asked for and not sent yet, at most.
  static constexpr size_t kAskedMax = 4096;

  std::set<uint64_t> asked;
  TokenBucket bucket;
  TokenBucket hashes;  // for info_hashes that it asks for: apart, as packets use up theirs
  int64_t gone_sent_us = kLongAgoUs;
};

// New bans that a member may tell of: a node that starts gets 100,000 within a minute.
constexpr int64_t kMemberBansPerS = 2'000;

// New origins that a member may forget: as many as are kept at once, then so many. Who makes void what others
// said, again and again, gets no further.
constexpr int64_t kMemberOriginsPerS = 1;
constexpr int64_t kMemberOriginsBurst = 64;

// How a member's changes of a replicated table compare with ours.
struct MemberTable {
  static constexpr int64_t kBurst = 65'536;

  TokenBucket bucket;                                      // bytes, for changes it asks for
  TokenBucket news{kMemberBansPerS, 2 * kMemberBansPerS};  // changes, where they are bounded
  TokenBucket origins{kMemberOriginsPerS, kMemberOriginsBurst};
  uint32_t digest = 0;    // as in its newest heartbeat; 0: it has none, or is of a version without them
  unsigned differed = 0;  // heartbeats in a row with a digest other than ours
};

struct MemberPulls {
  int64_t next_us = MemberRepair::kNeverUs;  // it is not pulled from before
  uint32_t fruitless = 0;                    // pulls in a row that brought nothing new
  uint32_t failed = 0;                       // pulls in a row that failed or were refused
  std::string trouble;                       // why the last one did not connect; empty: it did
};

// Pulls from a member with whom datagrams do not pass both ways.
struct MemberDetour {
  static constexpr int64_t kNeverUs = kLongAgoUs;

  int64_t deaf_since_us = kNeverUs;  // it is heard and does not hear us
  int64_t next_us = kNeverUs;
  uint32_t pulls = 0;           // that were good
  uint32_t failures = 0;        // since then
  common::Tick asked_tick = 0;  // the newest that the running pull brings
  common::Tick have_tick = 0;   // and the last good one brought
};

// Messages between web peers, to this member and from it.
struct MemberRelays {
  // A message is worth nothing after that.
  static constexpr int64_t kWaitUs = 2'000'000;
  static constexpr size_t kWaitingBytesMax = 256 * 1024;
  // Of messages of which some parts have come, with room for the others.
  static constexpr size_t kPartialBytesMax = 512 * 1024;

  struct Outgoing {
    uint64_t number;
    int64_t since_us;
    std::vector<uint8_t> bytes;
    uint32_t parts_sent;
  };
  struct Partial {
    int64_t since_us = 0;
    uint32_t parts = 0;
    std::bitset<proto::kRelayPartsMax> come;
    size_t size = 0;             // known once the last part has come
    std::vector<uint8_t> bytes;  // room for all parts
  };

  TokenBucket bucket;
  std::deque<Outgoing> waiting{};  // the oldest first
  size_t waiting_bytes = 0;
  uint64_t last_number = 0;
  std::map<uint64_t, Partial> partial{};  // by their numbers
  size_t partial_bytes = 0;
};

// Where a member is, and how delta packets get from this node to it, and on from this node.
struct MemberSite {
  std::string name{};                    // sync.site; empty: none, or of a version without sites
  bool same = false;                     // it is ours
  bool forwards = false;                 // our packets, to the others of its site
  bool by_forwarder = false;             // it gets our packets from the one that does
  int64_t direct_until_us = kLongAgoUs;  // it is sent them by this node till then
  bool asks = false;                     // it wants this node to pass its packets on
  bool asks_others = false;              // and another member of our site too
  TokenBucket asked;                     // of what it wants passed on
  // Of what is passed on to it: half the pace, so that it does not hold up our own. As much at once as any
  // origin may send.
  TokenBucket onward;
};

struct MemberRequests {
  uint64_t last = 0;  // sequence of its last request for a pull
};

class Member {
 public:
  // An address that reached it counts as reaching it for this long.
  static constexpr int64_t kReachedUs = 60'000'000;

  // Before the first measurement.
  static constexpr int64_t kRoundTripGuessUs = 50'000;

  // Who has answered by TCP is pulled from again long before that.
  static constexpr int64_t kAnswersUs = 90'000'000;

  // What takes longer is a node that stood still, not the network: packets wait in the receive buffer of a
  // stopped process.
  static constexpr int64_t kRoundTripMaxUs = 2'000'000;

  // It is reached at `at`.
  Member(uint64_t id, uint64_t incarnation, const common::Endpoint& at, int64_t pace_bytes_per_s,
         int64_t now_us);

  // The next incarnation of `known`, of whom only the name is kept.
  static Member restarted(const Member& known, uint64_t incarnation, const common::Endpoint& at,
                          int64_t pace_bytes_per_s, int64_t now_us);

  uint64_t id() const { return id_; }
  uint64_t incarnation() const { return incarnation_; }
  bool restarted() const { return restarted_; }  // we knew an earlier incarnation
  const common::Endpoint& address() const { return reach->address; }
  bool refused() const { return !profile->refused.empty(); }

  // Its name; its id in hex before its first heartbeat.
  std::string display_name() const;

  Liveness liveness(int64_t now_us) const;
  bool left() const { return left_; }
  int64_t started_us() const { return started_us_; }  // when its run began, by our clock
  int64_t heard_us() const { return heard_us_; }
  int64_t heard_by_group_us() const { return heard_by_group_us_; }

  // It is heard, and says that it hears us.
  bool hears_us(int64_t now_us) const { return now_us < hears_us_until_us_; }

  // It is heard, and does not hear us.
  bool misses_us(int64_t now_us) const {
    return !refused() && liveness(now_us) != Liveness::down && !hears_us(now_us);
  }

  // Other members say that they hear it.
  bool vouched(int64_t now_us) const {
    return std::any_of(profile->heard_by.begin(), profile->heard_by.end(),
                       [now_us](const auto& entry) { return now_us < entry.second; });
  }

  // It has answered us by TCP: it runs, whether or not its datagrams come.
  bool answers(int64_t now_us) const { return now_us < answers_until_us_; }

  // As far as we know: it may be that it hears us, and we do not hear it.
  bool may_hear_us(int64_t now_us) const {
    return liveness(now_us) != Liveness::down || (!left_ && (vouched(now_us) || answers(now_us)));
  }

  // It exchanges deltas with us, in both directions.
  bool met(int64_t now_us) const {
    return !refused() && liveness(now_us) != Liveness::down && hears_us(now_us);
  }

  // Down without having left.
  bool silent(int64_t now_us) const { return !left_ && liveness(now_us) == Liveness::down; }

  bool is_at(const common::Endpoint& where, int64_t now_us) const;

  bool hears_us_by_group(int64_t now_us) const { return now_us < hears_us_by_group_until_us_; }

  // Our deltas are sent to its own address.
  bool wants_unicast(int64_t now_us) const {
    return !refused() && may_hear_us(now_us) && !hears_us_by_group(now_us);
  }

  int64_t round_trip_us() const {
    return smoothed_round_trip_us_ == 0 ? kRoundTripGuessUs : smoothed_round_trip_us_;
  }
  int64_t measured_round_trip_us() const { return smoothed_round_trip_us_; }  // 0: not measured

  uint64_t datagrams_received() const { return datagrams_received_; }
  uint64_t bytes_received() const { return bytes_received_; }

  // What has been received of its deltas, or of everything else it sends.
  ReplayWindow& window(proto::SyncStream stream) {
    return stream == proto::SyncStream::deltas ? delta_window_ : control_window_;
  }

  void set_started(int64_t us) { started_us_ = us; }

  // It has proved that it is running now.
  void heard(int64_t now_us) { heard_us_ = now_us; }
  void count_datagram(size_t bytes) {
    ++datagrams_received_;
    bytes_received_ += bytes;
  }
  void heard_by_group(int64_t now_us) { heard_by_group_us_ = now_us; }
  void hears_us_until(int64_t us) { hears_us_until_us_ = us; }
  void answered(int64_t now_us) { answers_until_us_ = now_us + kAnswersUs; }
  void hears_us_by_group_until(int64_t us) { hears_us_by_group_until_us_ = us; }
  void add_round_trip(int64_t us);
  void set_left() { left_ = true; }

  // This node stood still for so long: that is not the member's silence.
  void excuse(int64_t stall_us);

  Owned<Addresses, MemberReach> reach;
  Owned<Heartbeats, MemberProfile> profile;
  Owned<Clock, MemberClock> clock;
  Owned<DeltaReceiver, MemberStream> stream;
  Owned<DeltaSender, MemberResend> resend;
  Owned<Sender, TokenBucket> pace;  // of all that is sent to it
  Owned<TableGossip<AccessWire>, MemberTable> access;
  Owned<TableGossip<BanWire>, MemberTable> bans;
  Owned<Repair, MemberRepair> repair;
  Owned<Pulls, MemberPulls> pulls;
  Owned<Detours, MemberDetour> detour;
  Owned<Donations, MemberRequests> requests;
  Owned<Relays, MemberRelays> relays;
  Owned<Sites, MemberSite> site;
  Owned<Namesakes, NameClash> clash;     // with another run that claims its id
  Owned<Departure, bool> knows_we_left;  // and has everything we sent

 private:
  uint64_t id_;
  uint64_t incarnation_;
  bool restarted_ = false;
  bool left_ = false;
  int64_t started_us_;
  int64_t heard_us_;
  int64_t hears_us_until_us_;
  int64_t answers_until_us_ = kLongAgoUs;
  int64_t heard_by_group_us_ = kLongAgoUs;
  int64_t hears_us_by_group_until_us_ = kLongAgoUs;
  int64_t smoothed_round_trip_us_ = 0;  // 0: not measured
  uint64_t datagrams_received_ = 0;
  uint64_t bytes_received_ = 0;
  ReplayWindow delta_window_{ReplayWindow::kDeltaWidth};
  ReplayWindow control_window_{ReplayWindow::kControlWidth};
};

// The buckets of a member at this pace.
TokenBucket resend_bucket(int64_t pace_bytes_per_s);
TokenBucket hashes_bucket(int64_t pace_bytes_per_s);
TokenBucket table_bucket(int64_t pace_bytes_per_s);
TokenBucket relay_bucket(int64_t pace_bytes_per_s);
TokenBucket onward_bucket(int64_t pace_bytes_per_s);

}  // namespace shoal::sync
