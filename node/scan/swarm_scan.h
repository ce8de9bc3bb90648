// SwarmScan: the counts of all swarms, batch by batch, in bounded memory and with short holds of the shards'
// locks. Each swarm comes once; one that comes or goes meanwhile may be among them or not. One thread, but
// any.

#pragma once

#include <optional>
#include <span>
#include <vector>

#include "node/store/swarm_store.h"

namespace shoal::node {

class SwarmScan {
 public:
  enum class Order {
    any,           // one pass over the store
    by_info_hash,  // rising from batch to batch as well: a pass over the store per batch
  };

  // Swarms in a batch, at most; a quarter more are in memory (32 bytes each).
  static constexpr size_t kBatchMax = 16'384;

  // The store must outlive the scan.
  SwarmScan(const SwarmStore& store, Order order);

  // The next batch, rising by info_hash; empty: that was all. Good until the next call.
  std::span<const proto::ScrapedSwarm> next();

 private:
  static constexpr size_t kRoom = kBatchMax + kBatchMax / 4;

  // Under one hold of a lock: some microseconds.
  static constexpr size_t kStep = 256;

  void collect(size_t shard);
  void take(std::span<const proto::ScrapedSwarm> swarms);
  void keep_lowest();

  const SwarmStore& store_;
  const Order order_;
  size_t shard_ = 0;                      // the next one, with Order::any
  std::optional<common::InfoHash> last_;  // of what has been given out, in this shard or in all
  std::optional<common::InfoHash> most_;  // nothing from here on is looked for in this pass
  std::vector<proto::ScrapedSwarm> batch_;
};

}  // namespace shoal::node
