// Storm: everything that can go wrong with a cluster, drawn from one seed, while clients announce. Then it
// calms down, and what the cluster promises is checked: of all nodes; or, if the faults of the others never
// heal, of a core of nodes that hear each other.

#pragma once

#include <functional>
#include <queue>
#include <string>
#include <utility>
#include <vector>

#include "clients.h"
#include "common/prng.h"
#include "world.h"

namespace shoal::sim {

struct StormSettings {
  size_t nodes_min = 3;  // at the beginning
  size_t nodes_max = 6;
  bool heals = true;  // in the end everything, not only a core
};

class Storm {
 public:
  Storm(World& world, uint64_t seed, const StormSettings& settings = {});

  // Returns what is wrong; empty: nothing.
  std::vector<std::string> run();

  // What happened, one line each.
  const std::vector<std::string>& history() const { return history_; }
  const ClientCounts& counts() const { return clients_.counts(); }
  // Time from the heal until all nodes, or those of the core, held the same; -1: never.
  int64_t healed_after_us() const { return healed_after_us_; }

 private:
  struct Due {
    int64_t at_us;
    uint64_t order;
    std::function<void()> happen;
    bool operator>(const Due& other) const {
      return std::pair(at_us, order) > std::pair(other.at_us, other.order);
    }
  };

  // storm.cc
  int64_t seconds(double least, double most);
  bool chance(double probability) { return prng_.unit() < probability; }
  size_t some(const std::vector<size_t>& nodes) {
    return nodes[prng_.below(static_cast<uint32_t>(nodes.size()))];
  }
  std::vector<size_t> up() const;
  void later(int64_t us, std::function<void()> happen);
  void note(const std::string& what);
  void report(const std::string& problem);
  void run_until(int64_t until_us, bool clients_act = true);
  void set_up();
  NodeSettings draw_settings(size_t index);
  void draw_weather();
  void cause_event();
  void cut_in_two();
  void cut_one_way();
  void clog_link();
  void trouble_streams();
  void crash();
  void leave();
  void join();
  void freeze();
  void set_clock();
  void overflow();
  void burst();
  void move_clients();
  void ban_somebody();
  void draw_version(NodeSettings& settings);
  void bring_back(size_t node);
  void save_snapshots();
  void check_now();
  void note_logs();

  // storm_calm.cc
  void calm();
  // Two nodes or more, but not all.
  std::vector<size_t> draw_core();
  // Faults of a node outside the core that never heal.
  void trouble_for_good(size_t node);
  void cut_for_good(size_t node);
  void restart_for_good(size_t node);
  void agree(int64_t bound_us);
  void check_core();
  void check_repair();
  void check_rest();
  void check_bans();
  void count_work(size_t node);

  // What all runs of all nodes did, in sum.
  struct Work {
    uint64_t runs = 0;
    uint64_t delta_packets = 0;
    uint64_t resent = 0;
    uint64_t pulls = 0;
    uint64_t pulled = 0;
    uint64_t pulled_applied = 0;
  };

  World& world_;
  common::Prng prng_;
  common::Prng ban_prng_;
  const StormSettings settings_;
  common::Prng version_prng_;
  bool mixed_;     // some nodes are of before info_hashes could come by number, and sketches were known
  bool sketches_;  // wherever it can be done
  uint32_t peer_timeout_s_;
  Clients clients_;
  int64_t ends_us_;
  uint32_t shape_ = 0;  // 0 mesh, 1 multicast, 2 mixed
  bool sited_ = false;  // most nodes are in one of three sites
  bool calm_ = false;
  std::vector<size_t> core_;  // of whom the promises are checked
  std::priority_queue<Due, std::vector<Due>, std::greater<>> due_;
  uint64_t order_ = 0;
  std::vector<std::string> history_;
  std::vector<size_t> logs_noted_;  // by node
  std::vector<std::string> problems_;
  Work work_;
  int64_t healed_after_us_ = -1;
};

}  // namespace shoal::sim
