// Clients: BitTorrent clients outside a World's cluster, and what they may expect of it. Each peer starts at
// some node, announces again and again, mostly there, may complete once, and may stop once, for good. Some
// are restless: they stop and start in bursts, each time at another node; or they are moved, and announce at
// one node after the other without a stop. Most ask only nodes that are ready.
//
// A client's last announce that was accepted is its word; a node has it on record. That node may lose it: in
// a crash without a snapshot, or with an older one. Then it counts as lost, unless another running node, or
// the snapshot of a stopped one, has it too: the cluster cannot know better. (Packets underway may still
// carry it; they do not count.) A lost word obliges nobody; the client's next one does.

#pragma once

#include <bitset>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/prng.h"
#include "world.h"

namespace shoal::sim {

struct ClientSettings {
  uint32_t swarms = 12;
  int64_t interval_min_us = 0;
  int64_t interval_max_us = 0;
  int64_t life_us = 0;  // clients that stop do so within this time
};

// Of a whole run: how many of each were checked, and how many were exempt, by reason.
struct ClientCounts {
  uint64_t announces = 0;
  uint64_t unanswered = 0;     // no node was ready
  uint64_t lives = 0;          // peers that had to be found everywhere
  uint64_t lives_lost = 0;     // exempt: their last word was lost with its node
  uint64_t lives_aged = 0;     // exempt: not announced for too long
  uint64_t stops = 0;          // peers that must not be found anywhere
  uint64_t stops_unknown = 0;  // exempt: no node that heard it knew the peer, so by design there is no record
  uint64_t stops_lost = 0;
  uint64_t stops_outdone = 0;  // exempt: an earlier announce elsewhere has a later moment, as clocks differ,
  uint64_t lives_outdone = 0;  // or as it came less than a moment before, or was one of a fast burst
  uint64_t flips = 0;          // stops and starts in bursts
  uint64_t moves = 0;          // announces right after one at another node
  uint64_t misdated = 0;       // exempt: the time of a ready node that may have mattered was far off

  ClientCounts& operator+=(const ClientCounts& other);
};

std::string to_string(const ClientCounts& counts);

class Clients {
 public:
  Clients(World& world, uint64_t seed, const ClientSettings& settings);

  // Adds clients, at `home` or anywhere; their first announces are spread over `spread_us`.
  void add(size_t count, int64_t spread_us, std::optional<size_t> home);

  // Some of them announce at other nodes, several times within a tick.
  void move(size_t count);

  // When the next client acts, and what it does then.
  int64_t next_us() const;
  void act();

  // Call it after a node may have lost its memory.
  void note_loss() { note_loss(world_.everyone()); }

  // What none of these nodes has counts as lost, but for what one of them has been told since then and had no
  // reason to lose.
  void note_loss(const std::vector<size_t>& nodes, int64_t since_us = INT64_MAX);

  // A ready node's ticks differ from the world's by more than stamps can express: if the only nodes left
  // start with wrong clocks, theirs becomes the cluster's time, and older stamps cannot be compared.
  void note_time();

  // From here on completed peers may be counted twice: a node was away for so long that it forgets peers that
  // others keep, and when it learns of them again it cannot know that it has counted them.
  void excuse_counts() { counts_excused_ = true; }

  // Remembers which nodes have a stop on record, and returns which of them hand the peer out all the same;
  // empty: none. A node that starts again may have forgotten it.
  std::string check_stops();
  void forget_held(size_t node);

  // The final check, when these nodes are up and agree.
  void check(const std::vector<size_t>& nodes, std::vector<std::string>& problems);

  size_t size() const { return clients_.size(); }
  const ClientCounts& counts() const { return counts_; }

 private:
  // What a record says, in the order in which records win.
  struct Word {
    common::Moment moment;
    int rank = 0;  // of its role
    auto operator<=>(const Word&) const = default;
  };

  // A bit for each node.
  using Nodes = std::bitset<256>;

  struct Client {
    PeerKey key;
    size_t home = 0;
    size_t last_node = 0;  // it announced at this one
    int64_t plan_us = 0;   // when it acts next
    uint32_t moves = 0;    // left of those within a tick
    bool roams = false;
    bool hasty = false;  // also asks nodes that are not ready
    bool restless = false;
    uint32_t flips = 0;  // left of this burst
    bool seeder = false;
    int64_t interval_us = 0;
    int64_t complete_us = INT64_MAX;
    int64_t stop_us = INT64_MAX;
    bool repeats = false;  // sends "completed" twice, as if the first answer were late
    // The last word, which a node has on record.
    bool told = false;
    int64_t told_us = 0;
    bool stopped = false;   // whether or not a node recorded it
    bool ended = false;     // stopped for good
    bool recorded = false;  // a node recorded the stop
    bool outdone = false;
    bool lost = false;
    bool misdated = false;
    Word word;      // the last
    Word greatest;  // the one that wins over all others
    Nodes held;     // they have the stop on record
    Nodes counted;  // they have the peer on record as completed
  };

  static Word word_of(const Record& record, common::Tick now) {
    return {record.moment(now), proto::rank_of(record.state.role)};
  }
  std::optional<size_t> choose_node(const Client& client);
  void announce(size_t index, proto::Event event);
  void plan(size_t index, int64_t at_us) {
    clients_[index].plan_us = at_us;
    due_.emplace(at_us, index);
  }
  bool misdates(size_t node) const;
  void note_completed(Client& client);
  bool holds(size_t node, const Client& client) const;
  void check_one(const Client& client, const std::vector<size_t>& nodes, std::vector<std::string>& problems);
  std::string name(const Client& client) const;

  World& world_;
  common::Prng prng_;
  ClientSettings settings_;
  std::vector<common::InfoHash> swarms_;
  std::vector<Client> clients_;
  using Due = std::pair<int64_t, size_t>;
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  std::map<common::InfoHash, uint32_t> completed_;
  bool counts_excused_ = false;
  std::set<common::InfoHash> excused_;  // a node has forgotten a completed peer that another keeps
  std::vector<size_t> ready_;
  int64_t ready_us_ = -1;
  ClientCounts counts_;
};

}  // namespace shoal::sim
