// Clients: BitTorrent clients outside of a World's cluster, and what they may expect of it. Each peer begins
// at some node, announces itself again and again, mostly there, perhaps completes once, and perhaps stops
// once and for ever. Most only ask nodes that are ready.
//
// What a client was last taken at its word for, is held by a node. That node may lose it: by a crash without
// a snapshot, or with one that is older. Then it counts as lost, unless another node that runs, or the
// snapshot of one that does not, has it too: the cluster cannot know better. (Packets underway may still
// carry it; they are given no credit.) A lost word binds nobody; the client's next one does.

#pragma once

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
  int64_t life_us = 0;  // those that stop do so within this time
};

// Over all of a run: how many of what was checked, and what bound nobody, by reason.
struct ClientCounts {
  uint64_t announces = 0;
  uint64_t unanswered = 0;     // no node was ready
  uint64_t lives = 0;          // peers that had to be found everywhere
  uint64_t lives_lost = 0;     // their last word was lost with its node
  uint64_t lives_aged = 0;     // not announced for too long
  uint64_t stops = 0;          // peers that must not be found anywhere
  uint64_t stops_unknown = 0;  // no node that heard it knew the peer: by design there is no record
  uint64_t stops_lost = 0;
  uint64_t stops_outdone = 0;  // stamped earlier than what was announced before elsewhere: clocks differ
  uint64_t misdated = 0;       // a ready node's time was wrong by far while it might have had a say

  ClientCounts& operator+=(const ClientCounts& other);
};

std::string to_string(const ClientCounts& counts);

class Clients {
 public:
  Clients(World& world, uint64_t seed, const ClientSettings& settings);

  // New ones, at `home` or anywhere, whose first announces are spread over `spread_us`.
  void add(size_t count, int64_t spread_us, std::optional<size_t> home);

  // When the next one has something to say, and what it does then.
  int64_t next_us() const;
  void act();

  // A node's memory may have gone; to be called after it has.
  void note_loss();

  // A ready node counts other ticks than the world does, by more than stamps can tell: where the only nodes
  // left start with wrong clocks, theirs is the cluster's time, and what was stamped before cannot be
  // compared.
  void note_time();

  // From here on completed peers may be counted twice: a node was away for so long that it forgets peers that
  // others keep; when it learns of them again it cannot know that it has counted them.
  void excuse_counts() { counts_excused_ = true; }

  // Remembers which nodes have a stop on record, and says which of them hand the peer out after all; empty:
  // none. A node that starts again may have forgotten.
  std::string look();
  void forget_held(size_t node);

  // At the end, when all nodes are up and agree.
  void check(std::vector<std::string>& problems);

  size_t size() const { return clients_.size(); }
  const ClientCounts& counts() const { return counts_; }

 private:
  struct Client {
    PeerKey key;
    size_t home = 0;
    bool roams = false;
    bool hasty = false;  // asks nodes that are not ready, too
    bool seeder = false;
    int64_t interval_us = 0;
    int64_t complete_us = INT64_MAX;
    int64_t stop_us = INT64_MAX;
    bool repeats = false;  // says "completed" twice: the first answer is late
    // The last word that a node has on record.
    bool told = false;
    bool stopped = false;   // whatever any node made of it
    bool recorded = false;  // ... a stop
    bool outdone = false;
    bool lost = false;
    bool misdated = false;
    common::Tick stamp = 0;       // of the last word
    common::Tick live_stamp = 0;  // the latest one of a peer that is there
    uint32_t held = 0;            // by node: it has the stop on record
    uint32_t counted = 0;         // by node: it has it on record as completed
  };

  std::optional<size_t> choose_node(const Client& client);
  void say(size_t index, proto::Event event);
  void plan(size_t index, int64_t at_us) { due_.emplace(at_us, index); }
  bool misdates(size_t node) const;
  void look_at_completed(Client& client);
  bool holds(size_t node, const Client& client) const;
  void check_one(const Client& client, std::vector<std::string>& problems);
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

// The tick a node means by a stamp.
common::Tick tick_of(common::Tick now, common::Stamp stamp);

}  // namespace shoal::sim
