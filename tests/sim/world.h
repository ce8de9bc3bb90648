// World: a cluster of real sync::Cluster over real stores, on a simulated network and clock. Everything that
// happens follows from the seed.

#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/prng.h"
#include "sim_swarms.h"
#include "sync/access_log.h"
#include "sync/ban_log.h"
#include "sync/cluster.h"
#include "sync/keys.h"

namespace shoal::sim {

using SharedBytes = std::shared_ptr<const std::vector<uint8_t>>;

// What the network does to every datagram. Different delays reorder.
struct Weather {
  double loss = 0;
  double duplicate = 0;
  int64_t delay_min_us = 200;
  int64_t delay_max_us = 2'000;
};

struct NodeSettings {
  std::string name;
  std::string cluster = "sim";
  std::string site;
  std::vector<sync::ClusterKey> keys;  // the first seals
  std::vector<size_t> seeds;           // indices of nodes whose addresses it is given
  std::vector<size_t> groups;          // multicast groups of the world it joins
  int64_t clock_offset_ms = 0;
  int64_t donate_bytes_per_s = 20'000'000;
  uint32_t peer_timeout_s = 2700;
  bool advertises = false;
  uint8_t protocol_major = 1;
  int64_t pace_bytes_per_s = sync::Config().pace_bytes_per_s;
  bool snapshots = false;  // has a snapshot file: read at start, written when it leaves and by save()
  int64_t load_us = 0;     // how long reading it takes
  bool keeps_map = true;   // SimSwarms
  bool numbered = true;    // false: as before info_hashes could come by number
  sync::Sketching sketching = sync::Sketching::usual;
};

struct SimNode {
  NodeSettings settings;
  common::Endpoint address;               // it sends from here
  std::vector<common::Endpoint> also_at;  // other addresses at which it is reached
  uint64_t restarts = 0;
  std::unique_ptr<SimSwarms> swarms;
  std::unique_ptr<sync::AccessLog> access;
  std::unique_ptr<sync::BanLog> bans;
  std::unique_ptr<sync::Cluster> cluster;  // null: not running
  std::vector<sync::LogEvent> logs;
  std::vector<sync::Relayed> relayed;  // what came for web peers
  common::Tick expired_at = 0;
  bool frozen = false;
  int64_t stood_us = 0;             // how long its monotonic clock has stood still
  bool merged = false;              // the file has been merged; until then it is not written
  std::vector<uint8_t> snapshot;    // the file; empty: none yet
  std::map<PeerKey, Record> saved;  // what it holds
  common::Tick saved_tick = 0;
  int64_t saved_ahead_ms = 0;  // how far its time was ahead of the world's then
  std::set<PeerKey> misdated;  // merged from a snapshot in another time than that they were saved in
  int64_t cpu_ns = 0;          // while World::measures_cpu: of this node's sync layer and store
};

class World {
 public:
  explicit World(uint64_t seed) : prng_(seed) {}

  Weather weather;

  // Called for each datagram sent to one address; may be empty.
  std::function<void(size_t from, const common::Endpoint& to)> watch;

  // Called for each datagram that is on its way from one node to another, before any is lost; may be empty.
  std::function<void(size_t from, size_t to, common::ByteSpan bytes)> watch_links;

  // How much longer datagrams take from one node to another; may be empty.
  std::function<int64_t(size_t from, size_t to)> distance_us;

  // Counts SimNode::cpu_ns.
  bool measures_cpu = false;

  // While recording: every datagram sent, with its sender.
  bool recording = false;
  std::vector<std::pair<size_t, SharedBytes>> recorded;

  // Starts a node; returns its index.
  size_t start(NodeSettings settings);
  // Ends it without a word; its memory is lost.
  void crash(size_t node);
  void stop(size_t node);  // leaves in good order
  void restart(size_t node);

  // Writes the snapshot of a running node.
  void save(size_t node);

  // Stops the process: it does nothing, and arriving datagrams fill its receive buffer.
  void freeze(size_t node) { nodes_[node]->frozen = true; }
  void thaw(size_t node);
  // The machine stood still, for this long, and with it its monotonic clock.
  void thaw(size_t node, int64_t stood_us);

  // Gives it the addresses of these nodes instead.
  void set_seeds(size_t node, const std::vector<size_t>& seeds);
  void set_keys(size_t node, std::vector<sync::ClusterKey> keys);

  // Drops every datagram from one to the other until healed. A symmetric cut is two of them.
  void cut(size_t from, size_t to) { cuts_.insert({from, to}); }
  // The same, but streams pass.
  void cut_datagrams(size_t from, size_t to) { datagram_cuts_.insert({from, to}); }
  // Lets this much pass; the rest waits in a buffer, and what finds no room there is lost.
  void clog(size_t from, size_t to, int64_t bytes_per_s, int64_t buffer_bytes) {
    clogs_[{from, to}] = {bytes_per_s, buffer_bytes, 0};
  }
  void heal() {
    cuts_.clear();
    datagram_cuts_.clear();
    clogs_.clear();
  }
  // Heals one link, in this direction.
  void heal(size_t from, size_t to) {
    cuts_.erase({from, to});
    datagram_cuts_.erase({from, to});
    clogs_.erase({from, to});
  }

  // Streams of this node, as a donor, carry nothing until unclogged.
  void clog(size_t donor) { clogged_.insert(donor); }
  void unclog() { clogged_.clear(); }

  void unclog(size_t donor) { clogged_.erase(donor); }

  // Flips a bit in one of the next pieces that a stream of this donor carries.
  void damage_stream(size_t donor) { damaged_.insert(donor); }

  // This node answers every sketch by this number: so many records differ, more than it could tell.
  void lie_about_sketches(size_t donor, uint32_t differing) { liars_[donor] = differing; }

  // Requests for pulls that were sent, with their senders.
  std::vector<std::pair<size_t, SharedBytes>> requests;

  // Whether the donor would answer this request if it arrived from nowhere.
  bool request_answered(size_t donor, const std::vector<uint8_t>& request);

  // The number of open streams.
  size_t streams() const { return streams_.size(); }

  void run_for(int64_t us);
  // Runs until the condition holds, tested every 10 ms of virtual time; false after `limit_us`.
  bool run_until(const std::function<bool()>& condition, int64_t limit_us);

  // Runs for `us` with `count` random announces to random running nodes among `nodes`.
  void announce_for(int64_t us, size_t count, const std::vector<size_t>& nodes);

  // As an operator asks one node for.
  sync::Forgotten forget(size_t node, const std::string& name);

  // Changes the access list on a running node, which says that `made_by` did it; nothing: itself.
  void change_access(size_t node, const common::InfoHash& hash, bool listed,
                     std::optional<uint64_t> made_by = {});
  // Bans an address on a running node, or lifts its ban. False: the table is full.
  bool ban(size_t node, const proto::BanPrefix& prefix, const proto::BanTerm& term,
           std::optional<uint64_t> made_by = {});
  // Makes void on a running node what another one, or proto::kEverybody, changed: the access list, or bans.
  void forget_access_of(size_t node, uint64_t node_id);
  void forget_bans_of(size_t node, uint64_t node_id);
  // By which the changes of a node are stamped.
  static uint64_t stamp_id(size_t node) { return node + 1; }
  // Announces to one node, if it runs.
  void announce(size_t node, const node::PeerAnnounce& announce);

  // Sends a message of a web peer of this node to the node of that run.
  void relay(size_t from, uint64_t run, const std::vector<uint8_t>& message);

  // Delivers a datagram from nowhere.
  void inject(size_t to, const common::Endpoint& from, std::vector<uint8_t> bytes);

  SimNode& node(size_t index) { return *nodes_[index]; }
  bool runs(size_t node) const { return nodes_[node]->cluster && !nodes_[node]->frozen; }
  size_t size() const { return nodes_.size(); }
  int64_t now_us() const { return now_us_; }
  sync::Now now_of(size_t node) const;
  // What a correct clock shows.
  int64_t unix_ms() const;
  // How far its time is ahead of the world's.
  int64_t ahead_ms(size_t node) const { return cluster_ms(node) - unix_ms(); }
  // As the node counts it.
  int64_t cluster_ms(size_t node) const {
    return nodes_[node]->cluster->time_offset_ms() + now_of(node).mono_us / 1000;
  }
  // As the node counts it, and as its store counts it.
  common::Tick tick(size_t node) const;
  common::Moment moment(size_t node, int64_t later_ms = 0) const;
  common::Moment store_moment(size_t node, int64_t later_ms) const {
    return moment(node, later_ms) + -nodes_[node]->cluster->store_ticks_behind() * common::kMomentsPerTick;
  }
  common::Tick store_tick(size_t node) const {
    return tick(node) - nodes_[node]->cluster->store_ticks_behind();
  }
  // What a running node has of a peer, stamped as the node counts it; or nothing.
  std::optional<Record> record(size_t node, const PeerKey& key) const;
  std::map<PeerKey, Record> records(size_t node) const;
  sync::Status status(size_t node) const { return nodes_[node]->cluster->status(now_of(node)); }
  common::Prng& prng() { return prng_; }

  // Every running node of `nodes` knows every other as alive and takes its deltas.
  bool meshed(const std::vector<size_t>& nodes) const;

  // From here on other swarms are announced, and difference() compares only those: what a node missed of the
  // old ones may rightly change its view of a later announce.
  void new_swarms() {
    touched_.clear();
    first_swarm_ += kSwarms;
  }
  // The first record that two of the nodes hold differently; empty: none.
  std::string difference(const std::vector<size_t>& nodes) const;

  // The same for all records that digests compare, whether announced lately or not.
  std::string difference_in_all(const std::vector<size_t>& nodes) const;

  // Drops the deltas of announces, as if the workers' queues were full.
  bool queues_overflow = false;

  // The indices of all nodes.
  std::vector<size_t> everyone() const;

 private:
  struct Flight {
    int64_t at_us;
    uint64_t order;
    size_t from;
    size_t to;
    common::Endpoint source;
    std::optional<size_t> group;  // the receiver's index
    SharedBytes bytes;
    bool operator>(const Flight& other) const {
      return std::pair(at_us, order) > std::pair(other.at_us, other.order);
    }
  };

  struct Clog {
    int64_t bytes_per_s;
    int64_t buffer_bytes;
    int64_t free_us;
  };

  // Few enough that the nodes keep announcing each other's peers.
  static constexpr uint32_t kSwarms = 40;
  static constexpr uint32_t kPeers = 30;

  // A pull underway: a TCP connection from the puller to the donor.
  struct Stream {
    size_t puller = 0;
    uint64_t pull = 0;
    uint64_t puller_run = 0;
    size_t donor = 0;
    std::unique_ptr<sync::Donation> donation;
    int64_t arrives_us = 0;  // when the last piece so far arrives; pieces stay in order
  };
  using StreamKey = std::pair<size_t, uint64_t>;  // puller, pull

  struct Event {
    int64_t at_us;
    uint64_t order;
    std::function<void()> happen;
    bool operator>(const Event& other) const {
      return std::pair(at_us, order) > std::pair(other.at_us, other.order);
    }
  };

  // world_streams.cc
  void later(int64_t at_us, std::function<void()> happen) {
    events_.push({at_us, order_++, std::move(happen)});
  }
  int64_t stream_delay_us();
  void open_stream(size_t puller, const sync::PullStart& start);
  void donate(StreamKey key);
  void carry(Stream& stream, std::vector<uint8_t> bytes, bool last);
  // The lie of a liar about this request; empty: it answers.
  std::vector<uint8_t> lie(size_t donor, const std::vector<uint8_t>& request) const;
  void end_stream(StreamKey key, bool tell_puller, const std::string& trouble = "");
  void end_donations_of(size_t donor);
  // A connection that is not made after this long is given up, as PullClient does.
  static constexpr int64_t kConnectUs = 5'000'000;
  // A node that leaves stays at most this long to answer requests.
  static constexpr int64_t kLingerUs = 1'000'000;

  // Datagrams that a frozen process finds when it continues; about what Linux keeps.
  static constexpr size_t kReceiveBuffer = 150;

  // When the node wants to be called, by the world's clock.
  int64_t deadline_us(size_t node) const {
    return nodes_[node]->cluster->deadline_us() + nodes_[node]->stood_us;
  }
  // The nodes that are reached there.
  std::vector<size_t> nodes_at(const common::Endpoint& address) const;
  void launch(size_t node);
  bool load(size_t node);  // world_snapshots.cc; SnapshotHeader::held
  void advance(size_t node);
  void drain(size_t node, sync::Outputs& out);
  void fly(size_t from, size_t to, std::optional<size_t> group, const SharedBytes& bytes);
  void land(const Flight& flight);
  bool step(int64_t until_us);
  void announce_random(size_t node);

  common::Prng prng_;
  int64_t now_us_ = 1'000'000;
  uint64_t order_ = 0;
  std::vector<std::unique_ptr<SimNode>> nodes_;
  std::map<size_t, std::vector<Flight>> buffered_;  // for frozen nodes
  std::priority_queue<Flight, std::vector<Flight>, std::greater<>> flights_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::map<StreamKey, Stream> streams_;
  std::set<size_t> clogged_;
  std::set<size_t> damaged_;
  std::map<size_t, uint32_t> liars_;
  std::set<std::pair<size_t, size_t>> cuts_;
  std::set<std::pair<size_t, size_t>> datagram_cuts_;
  std::map<std::pair<size_t, size_t>, Clog> clogs_;
  uint32_t first_swarm_ = 0;
  std::set<PeerKey> touched_;
};

}  // namespace shoal::sim
