// SwarmScan: reads the counts of all swarms, batch by batch, in bounded memory, holding a shard's lock only
// briefly. Each swarm comes once; one that is added or removed meanwhile may be missing. One thread at a
// time.

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
    by_info_hash,  // sorted across batches, too: one pass over the store per batch
  };

  // The most swarms in a batch; a quarter more are in memory (32 bytes each).
  static constexpr size_t kBatchMax = 16'384;

  // The store must outlive the scan.
  SwarmScan(const SwarmStore& store, Order order);

  // The next batch, sorted by info_hash; empty: the scan is complete. Valid until the next call.
  std::span<const proto::ScrapedSwarm> next();

 private:
  static constexpr size_t kRoom = kBatchMax + kBatchMax / 4;

  // Swarms read under one hold of a lock: some microseconds.
  static constexpr size_t kStep = 256;

  void collect(size_t shard);
  void take(std::span<const proto::ScrapedSwarm> swarms);
  void keep_lowest();

  const SwarmStore& store_;
  const Order order_;
  size_t shard_ = 0;                      // the next to read, with Order::any
  std::optional<common::InfoHash> last_;  // the last hash returned: of this shard, or of all
  std::optional<common::InfoHash> most_;  // this pass ignores hashes from here on
  std::vector<proto::ScrapedSwarm> batch_;
};

}  // namespace shoal::node
